"""From where a world draws its levels, and the behaviours that there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
