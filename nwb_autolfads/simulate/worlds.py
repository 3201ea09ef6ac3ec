"""Worlds: sessions whose levels are all drawn at random, to learn whether an estimate holds where nothing was tuned.

The twelve development worlds are for choosing defaults. The twelve test worlds are for the table of a release: whoever
chooses anything by them makes them worthless.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.simulate.config import SimulationConfig
from nwb_autolfads.simulate.session import SHORTEST_S, simulate_session

N_WORLDS = 12
DEVELOPMENT_SEED, TEST_SEED = 2019, 2017


@dataclass(frozen=True)
class Range:
    """From where a level is drawn: evenly, or evenly in its logarithm; off (0) in a share of the worlds.

    With ``times`` the number drawn is a factor on that level; with ``whole`` it is rounded.
    """

    low: float
    high: float
    log: bool = False
    off: float = 0.0
    times: str = ""
    whole: bool = False

    def __str__(self) -> str:
        about = [f"{self.low:g} to {self.high:g}"]
        about += [f"times `{self.times}`"] if self.times else []
        about += ["logarithmic"] if self.log else []
        return ", ".join([*about, *([f"off in {self.off:.0%}"] if self.off else [])])

    def at(self, quantile: float, levels: Mapping[str, Any]) -> float:
        """Return the value at a quantile (0 to 1), to three digits, given the levels drawn before."""
        if quantile < self.off:
            return 0.0
        part = (quantile - self.off) / (1 - self.off)
        low, high = (self.low, self.high + 1) if self.whole else (self.low, self.high)
        value = low * (high / low) ** part if self.log else low + (high - low) * part
        if self.whole:
            return int(value)
        return float(f"{value * levels.get(self.times, 1.0):.3g}")

    def holds(self, value: float, levels: Mapping[str, Any]) -> bool:
        """Say whether a level may have this value where the others are as given."""
        factor = value / levels.get(self.times, 1.0)
        return bool(self.low <= factor <= self.high or (self.off > 0 and value == 0))


@dataclass(frozen=True)
class Choice:
    """What a level is chosen from, each with the same chance; what is there several times is likelier."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return " or ".join(map(self._told, dict.fromkeys(self.values)))

    def _told(self, value: Any) -> str:
        times, name = self.values.count(value), f"{value:g}" if isinstance(value, float) else str(value)
        return name if times == 1 else f"{name} ({times} of {len(self.values)})"

    def at(self, quantile: float, levels: Mapping[str, Any]) -> Any:
        """Return the choice at a quantile (0 to 1)."""
        return self.values[int(quantile * len(self.values))]

    def holds(self, value: Any, levels: Mapping[str, Any]) -> bool:
        """Say whether a level may have this value."""
        return value in self.values


BEHAVIOURS = {
    "stepping": ("locomotion_bout_s",),
    "reaching": ("reach_bout_s",),
    "isometric": ("isometric_bout_s",),
    "mixed": ("locomotion_bout_s", "burst_bout_s", "isometric_bout_s"),
}
"""The bouts of each; the others are off."""

FURTHER_BEHAVIOURS = {
    "free": ("free_bout_s",),
    "everything": ("locomotion_bout_s", "burst_bout_s", "reach_bout_s", "isometric_bout_s", "free_bout_s"),
}
"""Those of further worlds, which are neither of the development nor of the test worlds."""

MOVEMENTS = {"stepping": ("cycle_duration_s", "steps", 1.0), "reaching": ("reach_duration_s", "reaches", 2.0)}
"""Behaviours of single movements: the level that says how long one takes, the table of the file that lists them, and
how many times as long it takes from one to the next.
"""

DURATION_S = Range(30, 600, log=True)
TRIAL = Range(0.6, 0.95, off=0.4)
"""Length of a trial over that of a movement, of stepping and reaching; 0: the recording is taken as it runs."""

FEWEST_TRIALS = 30
"""A session that is cut into trials is long enough for about so many, even a shortened one."""

RANGES: dict[str, Range | Choice] = {
    "locomotion_bout_s": Range(5, 60, log=True),
    "reach_bout_s": Range(5, 60, log=True),
    "isometric_bout_s": Range(3, 40, log=True),
    "burst_bout_s": Range(2, 10, log=True),
    "rest_s": Range(0.3, 6, log=True),
    "cycle_duration_s": Range(0.25, 3, log=True),
    "cycle_duration_cv": Range(0.02, 0.2),
    "brief_burst_rate_hz": Range(0.5, 6, log=True),
    "brief_burst_ms": Range(20, 300, log=True),
    "reach_duration_s": Range(0.25, 3, log=True),
    "pulse_width_scale": Range(0.7, 3, log=True),
    "pulse_edge_scale": Range(0.8, 3, log=True, times="cycle_duration_s"),
    "tremor_depth": Range(0.1, 0.6, off=0.5),
    "tremor_low_hz": Range(8, 25),
    "tremor_high_hz": Range(1.15, 1.5, times="tremor_low_hz"),
    "n_muscles": Range(4, 16, whole=True),
    "n_synergies": Range(2, 8, whole=True),
    "n_burst_commands": Range(1, 2, whole=True, off=0.6),
    "n_tremor_commands": Range(1, 2, whole=True, off=0.6),
    "tone": Range(0.001, 0.06, log=True),
    "burst_amplitude_cv": Range(0.1, 0.6),
    "command_modulation": Range(0.1, 0.6, off=0.5),
    "command_modulation_hz": Range(1.5, 20, log=True),
    "private_modulation": Range(0.05, 0.5, off=0.5),
    "private_modulation_hz": Range(1.5, 20, log=True),
    "emg_generator": Choice(("am", "motor_units")),
    "emg_rate_hz": Choice((1000.0, 2000.0)),
    "emg_amplitude_uv": Range(50, 1000, log=True),
    "emg_amplitude_spread": Range(0.1, 1.0),
    "carrier_shape": Choice(("shwedyk", "band")),
    "carrier_low_hz": Range(20, 65, log=True),
    "carrier_high_hz": Range(1.6, 6, log=True, times="carrier_low_hz"),
    "carrier_roughness": Range(0.05, 0.5, off=0.3),
    "motor_units_per_muscle": Range(5, 250, log=True, whole=True),
    "recruitment_range": Range(5, 100, log=True),
    "full_recruitment": Range(0.3, 0.9),
    "motor_unit_amplitude_range": Range(2, 60, log=True),
    "motor_unit_distance_spread": Range(0, 1.2),
    "discharge_min_hz": Range(4, 15),
    "discharge_max_hz": Range(2.5, 6, times="discharge_min_hz"),
    "interspike_interval_cv": Range(0.02, 0.5, log=True),
    "action_potential_ms": Range(0.75, 5, log=True),
    "crosstalk": Range(0.02, 0.5, log=True, off=0.3),
    "mains_hz": Choice((50, 60)),
    "mains_uv": Range(0.01, 0.5, log=True, off=0.15, times="emg_amplitude_uv"),
    "mains_harmonics": Range(3, 40, log=True, whole=True),
    "movement_artifact_uv": Range(0.1, 10, log=True, off=0.15, times="emg_amplitude_uv"),
    "movement_artifact_hz": Range(6, 60),
    "common_mode_uv": Range(0.3, 5, log=True, off=0.45, times="emg_amplitude_uv"),
    "common_mode_per_minute": Range(1, 120, log=True),
    "common_mode_spread": Range(0, 0.8),
    "white_noise_uv": Range(0.001, 0.8, log=True, times="emg_amplitude_uv"),
}
"""From where a world draws each level; limb and cortex are as they are by default, for EMG does not know them."""

FURTHER_RANGES: dict[str, Range | Choice] = {
    "free_bout_s": Range(5, 60, log=True),
    "free_hz": Range(0.7, 10, log=True),
    "free_slope": Range(2, 8),
    "free_depth": Range(0.3, 1.5, log=True),
    "free_shape": Choice(("exponential", "rectified")),
    "electrodes_per_muscle": Choice((1, 1, 1, 2, 3)),
}
"""Levels that only further worlds draw; in others they are as they are by default."""


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
    return [world.shortened(seconds) for world in draw_worlds(DEVELOPMENT_SEED, name="development")]


def test_worlds(seconds: float | None = None) -> list[World]:  # noqa: PT028 - not a test of pytest's
    """Return the twelve worlds that nothing is chosen by, their sessions at most so many seconds long."""
    return [world.shortened(seconds) for world in draw_worlds(TEST_SEED, name="test")]
