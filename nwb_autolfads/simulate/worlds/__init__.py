"""Worlds: sessions whose levels are all drawn at random, to learn whether an estimate holds where nothing was tuned.

The twelve development worlds are for choosing defaults. The twelve test worlds are for the table of a release: whoever
chooses anything by them makes them worthless.
"""

from nwb_autolfads.simulate.worlds.ranges import (
    BEHAVIOURS,
    FURTHER_BEHAVIOURS,
    FURTHER_RANGES,
    RANGES,
    Choice,
    Range,
)
from nwb_autolfads.simulate.worlds.world import (
    DEVELOPMENT_SEED,
    FURTHER_SEED,
    TEST_SEED,
    World,
    development_worlds,
    draw_worlds,
    further_worlds,
    test_worlds,
)

__all__ = [
    "BEHAVIOURS",
    "DEVELOPMENT_SEED",
    "FURTHER_BEHAVIOURS",
    "FURTHER_RANGES",
    "FURTHER_SEED",
    "RANGES",
    "TEST_SEED",
    "Choice",
    "Range",
    "World",
    "development_worlds",
    "draw_worlds",
    "further_worlds",
    "test_worlds",
]
