"""How well bursts are found: onsets and offsets against the true activation of simulated worlds, and cycles of walking.

``python benchmarks/onsets.py --worlds development`` tries thresholds, from which the defaults were chosen. ``python
benchmarks/onsets.py --worlds test`` is for the table of a release, never to choose anything: the defaults of
`nwb_autolfads.find_onsets`, on rectified EMG and on estimates of it. ``--walking FOLDER`` counts bursts per gait cycle
of a real recording, whose stance phases are known.

A true burst is where the true activation lies above a tenth of the way from its 0.05 to its 0.99 quantile for at least
25 ms, with pauses shorter than that bridged. A burst that was found is matched with the nearest true one whose onset is
within 150 ms, each with one at most.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import world_signals
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBHDF5IO
from rows import head, line
from worlds import recording

import nwb_autolfads as nal
from nwb_autolfads.bursts.find import Method, lasting

Floats = NDArray[np.float64]
INPUTS = ("rectified EMG", "low-pass 20 Hz", "Wiener", "state space")
THRESHOLDS: dict[Method, tuple[float, ...]] = {
    "double_threshold": (2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0),
    "likelihood_ratio": (6.0, 12.0, 18.0, 24.0, 36.0, 48.0),
}
HEIGHT, LOW, HIGH = 0.1, 0.05, 0.99
SHORTEST_S, NEAR_S = 0.025, 0.15


@dataclass(frozen=True)
class Found:
    """What was found of the true bursts of a muscle: errors of onsets and offsets (s), and how many there are."""

    onsets: Floats
    offsets: Floats
    n_true: int
    n_found: int

    @property
    def n_matched(self) -> int:
        """Bursts that were found."""
        return len(self.onsets)

    @classmethod
    def together(cls, parts: list[Found]) -> Found:
        """Return the sum over muscles and worlds."""
        onsets, offsets = (np.concatenate([getattr(each, name) for each in parts]) for name in ("onsets", "offsets"))
        return cls(onsets, offsets, sum(each.n_true for each in parts), sum(each.n_found for each in parts))

    @property
    def f1(self) -> float:
        """Harmonic mean of the share of true bursts that were found, and of found ones that are true."""
        return 2 * self.n_matched / max(1, self.n_true + self.n_found)

    def cells(self) -> list[object]:
        """Return what a row of the table says of it."""
        if not self.n_matched:
            return ["", "", "", "", 1.0, self.n_found / max(1, self.n_true), 0.0]
        onset, offset = 1000 * self.onsets, 1000 * self.offsets
        return [
            float(np.median(onset)),
            float(np.median(np.abs(onset))),
            float(np.median(offset)),
            float(np.median(np.abs(offset))),
            1 - self.n_matched / self.n_true,
            (self.n_found - self.n_matched) / self.n_true,
            self.f1,
        ]


COLUMNS = (
    "onset (ms)",
    "its size (ms)",
    "offset (ms)",
    "its size (ms)",
    "missed",
    "extra",
    "F1",
)


def estimates_of(emg: xr.DataArray, inputs: tuple[str, ...] = INPUTS) -> dict[str, xr.DataArray]:
    """Return what bursts are looked for in, by its name."""
    estimators = {
        "low-pass 20 Hz": nal.LowPass(20.0),
        "Wiener": nal.WienerSmoother(),
        "state space": nal.StateSpaceSmoother(),
    }
    return {
        name: emg if name == "rectified EMG" else estimators[name].fit(emg).estimate(emg)["activation"]
        for name in inputs
    }


def true_bursts(truth: xr.DataArray) -> Floats:
    """Return onset and offset (s) of the bursts of a muscle, (burst, 2)."""
    values, time = truth.values, truth["time"].values
    low, high = np.quantile(values, [LOW, HIGH])
    step = float(np.median(np.diff(time)))
    found = lasting(values > low + HEIGHT * (high - low), max(1, round(SHORTEST_S / step)))
    return np.array([(time[begin], time[begin] + step * (end - begin)) for begin, end in found]).reshape(-1, 2)


def match(true: Floats, found: Floats) -> Found:
    """Match bursts, (burst, 2) each (s): nearest onsets first, each burst once."""
    distance = np.abs(true[:, None, 0] - found[None, :, 0])
    pairs: list[tuple[np.intp, np.intp]] = []
    for at in np.argsort(distance, axis=None):
        one, other = np.unravel_index(at, distance.shape)
        if distance[one, other] > NEAR_S:
            break
        if all(one != a and other != b for a, b in pairs):
            pairs.append((one, other))
    errors = np.array([found[b] - true[a] for a, b in pairs]).reshape(-1, 2)
    return Found(errors[:, 0], errors[:, 1], len(true), len(found))


def bursts_in(values: xr.DataArray, method: Method, threshold: float | None) -> dict[str, Floats]:
    """Return onset and offset (s) of what is found in each muscle; none where no rest can be told."""
    found = {}
    for muscle in values["muscle"].values:
        try:
            bursts = nal.find_onsets(values.sel(muscle=[muscle]), method=method, threshold=threshold)
        except nal.SignalError:
            found[str(muscle)] = np.empty((0, 2))
            continue
        found[str(muscle)] = np.column_stack([bursts["onset"].values, bursts["offset"].values]).reshape(-1, 2)
    return found


def in_worlds(options: argparse.Namespace) -> Iterator[tuple[str, dict[str, xr.DataArray], dict[str, Floats]]]:
    """Yield each world's name, what bursts are looked for in, and its true bursts by muscle; trials are left out."""
    with tempfile.TemporaryDirectory() as folder:
        for world in world_signals.SETS[options.worlds](options.seconds):
            if world.trial_table:
                continue
            emg, truth = recording(world, 0, Path(folder) / "session.nwb")
            usable = emg["muscle"].values[emg["usable"].values]
            emg = emg.sel(muscle=usable)
            first, last = float(emg["time"][0]), float(emg["time"][-1])
            truth = truth.sel(time=slice(first, last))
            yield world.name, estimates_of(emg), {str(name): true_bursts(truth.sel(muscle=name)) for name in usable}


def score_worlds(options: argparse.Namespace) -> None:
    """Print a row for each input, method and threshold."""
    tried = THRESHOLDS if options.worlds == "development" else dict.fromkeys(THRESHOLDS, (None,))
    parts: dict[tuple[str, Method, float | None], list[Found]] = {}
    n_worlds = 0
    for world, inputs, true in in_worlds(options):
        n_worlds += 1
        print(world, flush=True)
        for name, values in inputs.items():
            for method, thresholds in tried.items():
                for threshold in thresholds:
                    bursts = bursts_in(values, method, threshold)
                    parts.setdefault((name, method, threshold), []).extend(
                        match(true[muscle], bursts[muscle]) for muscle in true
                    )
    every = {key: Found.together(each) for key, each in parts.items()}
    print(f"\n{next(iter(every.values())).n_true} bursts in {n_worlds} worlds\n")
    head("input", "method", "threshold", *COLUMNS)
    for (name, method, threshold), found in every.items():
        line(name, method.replace("_", " "), "default" if threshold is None else f"{threshold:g}", *found.cells())


def score_walking(folder: Path) -> None:
    """Print how many bursts there are in a gait cycle, and how regular the phase of their onsets is."""
    for path in sorted(folder.glob("*.nwb")):
        with NWBHDF5IO(path, "r") as io:
            starts = np.asarray(io.read().intervals["stance_phases"]["start_time"][:])
        emg = nal.preprocess(nal.open_emg(path, path="acquisition/EMG"))
        emg = emg.sel(muscle=emg["muscle"].values[emg["usable"].values])
        print(f"\n{path.name}: {len(starts) - 1} whole gait cycles, {emg.sizes['muscle']} muscles\n")
        head(
            "input",
            "method",
            "bursts per cycle",
            "least",
            "most",
            "muscles with one or two",
            "spread of onsets (% of a cycle)",
        )
        for name, values in estimates_of(emg).items():
            for method in THRESHOLDS:
                found = bursts_in(values, method, None)
                inside = {m: each[(each[:, 0] >= starts[0]) & (each[:, 0] < starts[-1])] for m, each in found.items()}
                per_cycle = np.array([len(each) for each in inside.values()]) / (len(starts) - 1)
                regular = float(np.mean((per_cycle > 0.8) & (per_cycle < 2.2)))
                spread = np.median([_spread(each[:, 0], starts) for each in inside.values()])
                cells = (float(np.median(per_cycle)), float(per_cycle.min()), float(per_cycle.max()), regular)
                line(name, method.replace("_", " "), *cells, float(100 * spread))


def _spread(onsets: Floats, starts: Floats) -> float:
    """Return how far, in cycles, onsets are from the nearest onset of the other cycles, on average."""
    cycle = np.searchsorted(starts, onsets, side="right") - 1
    phase = (onsets - starts[cycle]) / np.diff(starts)[cycle]
    apart = []
    for each, of in zip(phase, cycle, strict=True):
        others = phase[cycle != of]
        if len(others):
            away = np.abs(others - each)
            apart.append(np.min(np.minimum(away, 1 - away)))
    return float(np.mean(apart)) if apart else np.nan


def main(arguments: list[str] | None = None) -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", choices=list(world_signals.SETS))
    parser.add_argument("--seconds", type=float, default=60.0, help="longest session")
    parser.add_argument("--walking", type=Path, help="folder of recordings with stance phases")
    options = parser.parse_args(arguments)
    if options.worlds:
        score_worlds(options)
    if options.walking:
        score_walking(options.walking)


if __name__ == "__main__":
    main()
