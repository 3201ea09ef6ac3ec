"""What every figure, page and picture has in common: the palette, the unit that is shown, what a band holds."""

from __future__ import annotations

# Okabe & Ito 2008: told apart with every common colour blindness, and in grey.
VERMILION, BLUE, GREEN, PURPLE, ORANGE, SKY = "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
COLOURS = (VERMILION, BLUE, GREEN, PURPLE, ORANGE, SKY)
SIGNAL, WARNING = BLUE, VERMILION

# As text on white, vermilion and green are darker: contrast of 4.5 to 1 or more (WCAG 2.2, 1.4.3).
WARNING_TEXT, GOOD_TEXT = "#A33C00", "#00664A"

BLACK, TEXT, QUIET_TEXT = "#000000", "#222222", "#555555"
CONTROL_GREY, EMG_GREY, LINE_GREY, FAINT_GREY = "#999999", "#BBBBBB", "#CCCCCC", "#E5E5E5"
# For a page in the dark: greys, and a green with the same contrast there.
NIGHT, NIGHT_BOX, NIGHT_LINE, NIGHT_GOOD = "#1B1B1B", "#262626", "#444444", "#3FCFA2"
PAPER_GREY, PAPER_BLUE, WHITE = "#F6F6F6", "#F5F8FB", "#FFFFFF"

NINETY_PERCENT = 1.645
"""Standard deviations of a normal distribution on either side of its mean that hold 90 % of it."""


def display_unit(unit: str) -> tuple[float, str]:
    """Return the factor from a unit to the one shown, and its name: microvolts for volts, the size that EMG has."""
    return (1e6, "µV") if unit in {"V", "volts"} else (1.0, unit or "scaled")
