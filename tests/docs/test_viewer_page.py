"""The page on the viewer holds what the program does: its Python runs, its keys and limits are those of the code."""

import re
from pathlib import Path

import pytest
from docs.test_readme import ROOT, blocks, call

from nwb_autolfads import simulate_session
from nwb_autolfads.viewer import moments, trials
from nwb_autolfads.viewer.signals import pyramid

PAGE = "docs/viewer.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")


@pytest.mark.slow
def test_its_python_runs(tmp_path, monkeypatch, capsys):
    graph = pytest.importorskip("plotly.graph_objects", reason="the extra `viewer` is not installed")
    shown = []
    monkeypatch.setattr(graph.Figure, "show", lambda figure: shown.append(figure))
    monkeypatch.chdir(tmp_path)
    simulate_session("session.nwb", duration=25.0)
    call(["run", "session.nwb", "--estimator", "lowpass"])
    (code,) = blocks(PAGE, "python")
    exec(code, {})
    assert len(shown) == 3
    assert "muscle" in capsys.readouterr().out


def test_its_numbers_are_those_of_the_code():
    assert f"blocks of {pyramid._FINEST_KEPT} samples" in TEXT
    megabytes = 4 * 4 * pyramid._MOST_KEPT / 1e6
    assert f"at most {megabytes:.0f} MB for each signal" in TEXT
    assert (moments.MOST_MOMENTS, moments.WINDOW_S, moments._REST) == (20, 1.0, 0.05)
    assert "The twenty worst are listed" in TEXT
    assert trials.MOST_TRIALS == 100
    assert "a hundred spread evenly are drawn" in TEXT


def test_its_keys_are_those_of_the_page():
    script = (ROOT / "nwb_autolfads" / "viewer" / "assets" / "input.js").read_text(encoding="utf-8")
    for key in ("Home", "End", "PageUp", "PageDown", "ArrowLeft", "ArrowRight"):
        assert key in script
    for key in re.findall(r"`(\S)`", TEXT.split("## Moving")[1].split("##")[0]):
        assert re.search(rf'(["\s]){re.escape(key)}\1?"?: "', script), key


def test_its_pictures_are_there_and_small():
    for name in re.findall(r"\]\((\S+\.png)\)", TEXT):
        assert 10_000 < Path(ROOT / "docs" / name).stat().st_size < 200_000
