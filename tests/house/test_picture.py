"""The picture of the house shows the rooms and the arrows that the source has."""

import importlib.util
from pathlib import Path

import pytest
from house.test_rules import ALLOWED

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def house():
    spec = importlib.util.spec_from_file_location("house_picture", DOCS / "house.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_as_the_source_is_now(house):
    assert house.PICTURE.read_text(encoding="utf-8") == house.draw(), "Draw it again: python docs/house.py"


def test_rooms_and_arrows_are_those_of_the_rules(house):
    assert set(house.rooms()) == set(ALLOWED) - {"__init__"}
    found = house.arrows(set(house.rooms()))
    assert {room: names - ALLOWED[room] for room, names in found.items() if names - ALLOWED[room]} == {}
    assert "lfads" in found["search"]
    assert all(house.rooms().values())


def test_an_arrow_is_left_out_where_a_chain_says_the_same_and_rooms_stand_below_their_users(house):
    graph = {
        "cli": {"commands", "model"},
        "commands": {"model", "tools"},
        "model": {"base"},
        "tools": set(),
        "base": set(),
    }
    assert house.without_detours(graph)["cli"] == {"commands"}
    assert house.without_detours(graph)["commands"] == {"model", "tools"}
    assert house.floors(graph) == [["cli"], ["commands"], ["model", "tools"], ["base"]]
