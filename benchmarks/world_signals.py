"""Whether worlds surround real recordings: the same statistics of both, a table and a figure."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from contraction import Contraction
from numpy.typing import NDArray
from signal_statistics import STATISTICS, signal_statistics

import nwb_autolfads as nal
from nwb_autolfads.palette import BLACK, BLUE, CONTROL_GREY, VERMILION
from nwb_autolfads.simulate import worlds
from nwb_autolfads.simulate.worlds import World

RECORDINGS = {
    "walking, 13 muscles": ("walk13/ID0012_TW_01.nwb", "acquisition/EMG"),
    "gait, 14 muscles": ("gait14/test_small.nwb", None),
    "knee 3Amar": ("knee4/3Amar.nwb", "acquisition/EMG"),
    "knee 4Amar": ("knee4/4Amar.nwb", "acquisition/EMG"),
    "knee 5Amar": ("knee4/5Amar.nwb", "acquisition/EMG"),
    "knee 6Asen": ("knee4/6Asen.nwb", "acquisition/EMG"),
    "knee 10Npie": ("knee4/10Npie.nwb", "acquisition/EMG"),
    "physiology": ("spike2/physiology.smr", "FDI,soleus,RC,abdo"),
    "biomechanics": ("spike2/biomech0deg.smr", None),
}
HD_EMG = "HD-EMG"

AT_REST_DB = 3.0
"""A channel whose amplitude changes by less is at rest: it has no activation to estimate, and is left out."""

SETS = {"development": worlds.development_worlds, "test": worlds.test_worlds}
"""Those that are compared with recordings."""
LOGARITHMIC = {"noise_ms", "kurtosis", "median_hz", "bandwidth_hz", "burst_ms"}
Channels = dict[str, list[float]]
"""One number for each channel that is not at rest, by statistic."""


def measure(data: Path, hd_emg: Path | None, seconds: float) -> dict[str, dict[str, Channels]]:
    """Describe every recording that is there, and every world of both sets."""
    found: dict[str, dict[str, Channels]] = {"recordings": {}, **{which: {} for which in SETS}}
    for name, emg, rate in recordings(data, hd_emg):
        found["recordings"][name] = channels(emg, rate)
        print(name, flush=True)
    for which, draw in SETS.items():
        for world in draw(seconds):
            found[which][world.name] = channels(*session(world))
            print(world.name, flush=True)
    return found


def recordings(data: Path, hd_emg: Path | None) -> Iterator[tuple[str, NDArray, float]]:
    """Give each real recording's raw EMG (n_samples, n_channels) and its rate (Hz)."""
    for name, (file, path) in RECORDINGS.items():
        if (data / file).exists():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what each file takes for granted is told by the tests
                recording = nal.open_emg(data / file, path=path)
            yield name, recording.read(0, recording.segments[0].n_samples), recording.rate
    if hd_emg is not None:
        contraction = Contraction.read(hd_emg)
        yield HD_EMG, contraction.emg, contraction.rate


def session(world: World) -> tuple[NDArray, float]:
    """Return the raw EMG of a world's session, and its rate (Hz)."""
    with tempfile.TemporaryDirectory() as folder:
        recording = nal.open_emg(world.simulate(Path(folder) / "session.nwb"), path="acquisition/EMG")
        return recording.read(0, recording.segments[0].n_samples), recording.rate


def channels(emg: NDArray, rate: float) -> Channels:
    """Return the statistics of the channels that are not at rest."""
    moving = signal_statistics(emg, rate)["signal_to_noise_db"] >= AT_REST_DB
    if not moving.any():
        return {name: [] for name in STATISTICS}
    statistics = signal_statistics(emg[:, moving], rate)
    return {name: [float(f"{value:.4g}") for value in values] for name, values in statistics.items()}


def outside(found: dict[str, dict[str, Channels]], which: str, statistic: str) -> list[str]:
    """Return the recordings whose median channel lies outside what the channels of a set of worlds show."""
    shown = _pooled(found[which], statistic)
    least, largest = min(shown), max(shown)
    return [name for name, median in _medians(found, statistic).items() if not least <= median <= largest]


def table(found: dict[str, dict[str, Channels]]) -> str:
    """Write what recordings and worlds have, and which recordings lie outside, as a Markdown table."""
    lines = ["| statistic | recordings | development worlds | test worlds | recordings outside |", "|---" * 5 + "|"]
    for statistic, title in STATISTICS.items():
        medians = _medians(found, statistic).values()
        pooled = {which: _pooled(found[which], statistic) for which in SETS}
        left_out = [f"{name} ({which})" for which in SETS for name in outside(found, which, statistic)]
        cells = [f"{min(medians):.3g} to {max(medians):.3g}"]
        cells += [f"{min(shown):.3g} to {max(shown):.3g}" for shown in pooled.values()]
        lines.append(f"| {title} | {' | '.join(cells)} | {', '.join(left_out) or 'none'} |")
    return "\n".join(lines)


def figure(found: dict[str, dict[str, Channels]], path: Path) -> None:
    """Draw every channel as a small dot, the median of each recording and world as a large one."""
    rows = {"recordings": VERMILION, "development": BLUE, "test": CONTROL_GREY}
    made, axes = plt.subplots(2, 4, figsize=(15, 5.6), layout="constrained")
    scatter = np.random.default_rng(0)
    for axis, (statistic, title) in zip(axes.flat, STATISTICS.items(), strict=True):
        for row, (which, colour) in enumerate(rows.items()):
            for values in found[which].values():
                of_channels = np.array(values[statistic], float)
                height = -row + scatter.uniform(-0.3, 0.3)
                axis.plot(of_channels, np.full(len(of_channels), height), ".", color=colour, alpha=0.35, ms=3)
                median = np.median(of_channels[np.isfinite(of_channels)]) if np.isfinite(of_channels).any() else np.nan
                axis.plot(median, height, "o", color=colour, mec=BLACK, mew=0.5, ms=6)
        medians = _medians(found, statistic).values()
        axis.axvspan(min(medians), max(medians), color=VERMILION, alpha=0.08, lw=0)
        axis.set_xlabel(title)
        axis.set_yticks([0, -1, -2], ["real", "development\nworlds", "test\nworlds"])
        if statistic in LOGARITHMIC:
            axis.set_xscale("log")
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_formatter("")
            low, high = axis.get_xlim()
            ticks = [mark * 10**power for power in range(-1, 4) for mark in (1, 2, 5)]
            axis.set_xticks([tick for tick in ticks if low <= tick <= high])
    made.savefig(path, dpi=110)
    plt.close(made)


def described(found: dict[str, dict[str, Channels]]) -> dict[str, Any]:
    """Return what is kept of a measurement: all channels, and who lies outside."""
    left_out = {which: {s: outside(found, which, s) for s in STATISTICS} for which in SETS}
    return {"channels": found, "outside": left_out}


def _medians(found: dict[str, dict[str, Channels]], statistic: str) -> dict[str, float]:
    """Return the median channel of each recording; one without other channels has no correlation with them."""
    by_name = {name: np.array(values[statistic], float) for name, values in found["recordings"].items()}
    return {name: float(np.nanmedian(values)) for name, values in by_name.items() if np.isfinite(values).any()}


def _pooled(by_name: dict[str, Channels], statistic: str) -> list[float]:
    values = np.concatenate([values[statistic] for values in by_name.values()])
    return values[np.isfinite(values)].tolist()
