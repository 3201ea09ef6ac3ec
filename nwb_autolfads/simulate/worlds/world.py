"""A world, and how worlds are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.simulate.config import SimulationConfig
from nwb_autolfads.simulate.session import SHORTEST_S, simulate_session
from nwb_autolfads.simulate.worlds.ranges import (
    BEHAVIOURS,
    DURATION_S,
    FEWEST_TRIALS,
    FURTHER_BEHAVIOURS,
    FURTHER_RANGES,
    MOVEMENTS,
    RANGES,
    TRIAL,
    Choice,
    Range,
)

N_WORLDS = 12
DEVELOPMENT_SEED, TEST_SEED, FURTHER_SEED = 2019, 2017, 2026


class World(BaseModel):
    """One world: the levels of the simulator, and how its recording is used.

    Raises
    ------
    ConfigError
        If a level is out of its bounds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Set and number.")
    seed: int = Field(ge=0, description="Of the session.")
    behaviour: str = Field(description="stepping, reaching, isometric or mixed; of further worlds: free or everything.")
    duration_s: float = Field(ge=SHORTEST_S, le=600, description="Length of the session.")
    trial_ms: float = Field(ge=0, le=3000, description="Length of a trial around a movement; 0: taken as it runs.")
    levels: SimulationConfig

    def simulate(self, path: str | PathLike[str], *, repeat: int = 0, overwrite: bool = False) -> Path:
        """Write a session of this world, see `simulate_session`; each ``repeat`` is a new one of the same levels."""
        seed = self.seed + 100_000 * repeat
        return simulate_session(path, seed=seed, duration=self.duration_s, config=self.levels, overwrite=overwrite)

    def shortened(self, seconds: float | None) -> World:
        """Return the same world with sessions of at most so many seconds (2 or more), but enough for its trials."""
        if seconds is None:
            return self
        if not seconds >= SHORTEST_S:
            raise ConfigError(f"{seconds:g} s asked", obj="seconds", way_out=f"Give {SHORTEST_S:g} s or more")
        enough = _long_enough(self.behaviour, self.trial_ms, self.levels.model_dump())
        return self.model_copy(update={"duration_s": min(self.duration_s, max(float(seconds), enough))})

    @property
    def trial_table(self) -> str | None:
        """Which table of a session's ``intervals`` has the movements that trials lie around; None without trials."""
        return MOVEMENTS[self.behaviour][1] if self.trial_ms else None


def draw_worlds(seed: int, n: int = N_WORLDS, *, name: str = "world", further: bool = False) -> list[World]:
    """Draw worlds that together fill all ranges.

    Each range is cut in n equal parts, and each world gets one part of each, at random: a Latin hypercube (McKay,
    Beckman and Conover 1979). So few worlds already hold small and large values of every level.

    Parameters
    ----------
    seed : int
        Decides all of them.
    n : int
        How many, 1 to 1000.
    name : str
        Of the set; a world is called by it and its number.
    further : bool
        Draw further worlds instead: commands vary freely in them, all the time or beside all other behaviours, and
        several electrodes may lie over one muscle.

    Returns
    -------
    list of World

    Raises
    ------
    ConfigError
        If the seed is negative or there are too few or too many.
    """
    if seed < 0 or not 1 <= n <= 1000:
        raise ConfigError(f"seed {seed}, {n} worlds", obj="draw_worlds", way_out="Give a seed of 0 or more, 1 to 1000")
    rng = np.random.default_rng(seed)
    behaviours, ranges = (FURTHER_BEHAVIOURS, RANGES | FURTHER_RANGES) if further else (BEHAVIOURS, RANGES)
    drawn = ("behaviour", "duration_s", "trial", *ranges)
    quantiles = {level: (rng.permutation(n) + rng.uniform(size=n)) / n for level in drawn}
    return [
        _world(f"{name} {i + 1}", 1000 * seed + i, behaviours, ranges, {x: float(quantiles[x][i]) for x in drawn})
        for i in range(n)
    ]


def _world(
    name: str,
    seed: int,
    behaviours: Mapping[str, tuple[str, ...]],
    ranges: Mapping[str, Range | Choice],
    quantiles: Mapping[str, float],
) -> World:
    behaviour = Choice(tuple(behaviours)).at(quantiles["behaviour"], {})
    levels: dict[str, Any] = {}
    for level, range_ in ranges.items():
        levels[level] = range_.at(quantiles[level], levels)
    for bout in {level for level in ranges if level.endswith("bout_s")} - set(behaviours[behaviour]):
        levels[bout] = 0.0
    # As many commands as muscles would leave nothing that one muscle tells of another.
    levels["n_synergies"] = min(levels["n_synergies"], levels["n_muscles"] - 1)
    part = TRIAL.at(quantiles["trial"], {})
    trial_ms = round(1000.0 * part * levels[MOVEMENTS[behaviour][0]]) if behaviour in MOVEMENTS else 0
    return World(
        name=name,
        seed=seed,
        behaviour=behaviour,
        duration_s=max(DURATION_S.at(quantiles["duration_s"], {}), _long_enough(behaviour, trial_ms, levels)),
        trial_ms=trial_ms,
        levels=SimulationConfig(**levels),
    )


def _long_enough(behaviour: str, trial_ms: float, levels: Mapping[str, Any]) -> float:
    """Return how long (s) a session of such levels takes for `FEWEST_TRIALS`; 0 where it is not cut into trials."""
    if not trial_ms:
        return 0.0
    movement, _, apart = MOVEMENTS[behaviour]
    (bout,) = BEHAVIOURS[behaviour]
    return round(FEWEST_TRIALS * apart * levels[movement] * (1 + levels["rest_s"] / levels[bout]), 1)


def development_worlds(seconds: float | None = None) -> list[World]:
    """Return the twelve worlds by which defaults may be chosen, their sessions at most so many seconds long."""
    return _shortened(draw_worlds(DEVELOPMENT_SEED, name="development"), seconds)


def test_worlds(seconds: float | None = None) -> list[World]:  # noqa: PT028 - not a test of pytest's
    """Return the twelve worlds that nothing is chosen by, their sessions at most so many seconds long."""
    return _shortened(draw_worlds(TEST_SEED, name="test"), seconds)


def further_worlds(seconds: float | None = None) -> list[World]:
    """Return twelve worlds of further kinds (`draw_worlds`), their sessions at most so many seconds long."""
    return _shortened(draw_worlds(FURTHER_SEED, name="further", further=True), seconds)


def _shortened(worlds: list[World], seconds: float | None) -> list[World]:
    return [world.shortened(seconds) for world in worlds]
