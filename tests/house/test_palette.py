"""Colours stand in one file, and nowhere else."""

import ast
import re
from pathlib import Path

import pytest

from nwb_autolfads import palette

ROOT = Path(__file__).resolve().parents[2]
PALETTE = ROOT / "nwb_autolfads" / "palette.py"
HEX = re.compile(r"#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})(?![\w-])|\btab:[a-z]+|\b(?:rgb|hsl)a?\(", re.IGNORECASE)
ARGUMENTS = {"c", "color", "mec", "mfc", "ec", "fc", "facecolor", "edgecolor", "markeredgecolor", "markerfacecolor"}


def colours_in(text, *, python):
    """Return the colours that a source spells: as numbers, of matplotlib's tables, or as a word where one is drawn."""
    found = HEX.findall(text)
    if python:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.keyword) and node.arg in ARGUMENTS and isinstance(node.value, ast.Constant):
                found.append(node.value.value)
    return [colour for colour in found if colour != "none"]


def test_no_source_spells_a_colour_but_the_palette():
    sources = [*(ROOT / "nwb_autolfads").rglob("*"), *(ROOT / "docs").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    spelt = {
        path.relative_to(ROOT).as_posix(): colours_in(path.read_text(encoding="utf-8"), python=path.suffix == ".py")
        for path in sources
        if path.suffix in {".py", ".j2", ".js", ".css"} and path != PALETTE
    }
    assert {place: colours for place, colours in spelt.items() if colours} == {}


@pytest.mark.parametrize("text", ["x = '#0072b2'", "x = 'a{color:#ccc;}'", "plot(color='red')", "x = ['tab:red']"])
def test_a_colour_is_found_however_it_is_spelt(text):
    assert colours_in(text, python=True)


def test_text_can_be_read_on_white_and_on_paper():
    for text in (palette.TEXT, palette.QUIET_TEXT, palette.WARNING_TEXT, palette.GOOD_TEXT):
        for paper in (palette.WHITE, palette.PAPER_GREY, palette.PAPER_BLUE):
            assert contrast(text, paper) >= 4.5


def contrast(one, other):
    """Return how much lighter the lighter one is (WCAG 2.2: contrast ratio of relative luminances)."""

    def luminance(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
