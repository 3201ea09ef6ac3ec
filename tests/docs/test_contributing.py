"""CONTRIBUTING names files that exist, and the hooks before a commit are the checks of `make test`."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = (
    "An estimator",
    "An observation model",
    "A masking",
    "A score",
    "A section of the report",
    "A signal of the viewer",
    "A layout of NWB files",
)


def files_in(text):
    """Return what looks like a path of the project: in backticks or a link, with a slash or a known ending."""
    named = re.findall(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:md|py|toml))`", text) + re.findall(r"\]\(([^):]+)\)", text)
    return [name for name in named if not name.startswith("http")]


def missing(text):
    return [name for name in files_in(text) if not (ROOT / name).exists()]


def test_every_file_that_is_named_exists():
    assert missing(PAGE.replace("`tests/<room>/`", "")) == []
    assert missing("`nwb_autolfads/gone.py` and [a link](docs/gone.svg), not [this](README.md)") == [
        "nwb_autolfads/gone.py",
        "docs/gone.svg",
    ]


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_recipe_names_code_and_tests(recipe):
    (text,) = re.findall(rf"^### {recipe}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    files = files_in(text)
    assert len(files) >= 4
    assert any(name.startswith("nwb_autolfads/") for name in files)
    assert any(name.startswith("tests/") for name in files)


def test_the_recipes_are_all_there():
    assert re.findall(r"^### (.+)$", PAGE, re.MULTILINE) == list(RECIPES)


def test_the_hooks_are_the_checks_of_make_test_and_need_no_network():
    (repository,) = YAML(typ="safe").load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    hooks = [hook["entry"].replace(" --force-exclude", "") for hook in repository["hooks"]]
    (recipe,) = re.findall(r"^test: .*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    checks = re.findall(r"\$\(BIN\)/(.*)", recipe)
    assert hooks == [re.sub(r"( --check)? \.$", "", check) for check in checks if not check.startswith("pytest")]
