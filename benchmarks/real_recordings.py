"""Scores on real recordings, where no truth is known: what activation says about knee angle and gait phase."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBHDF5IO
from scipy import signal

import nwb_autolfads as nal
from nwb_autolfads.evaluation.decoding.ridge import decode
from nwb_autolfads.segments import Segments

Floats = NDArray[np.float64]
Makers = Mapping[str, Callable[[], Any]]
"""An estimator by its name; a new one for each recording."""
RATE = 50.0  # of the decoding: knee angles change slowly
LAGS_S = (-0.2, -0.1, 0.0, 0.1, 0.2, 0.3)
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FOLDS, GUARD_S = 4, 0.5
PHASES = 50


@dataclass(frozen=True)
class KneeSession:
    """One person's EMG and the angle of the knee.

    Attributes
    ----------
    name : str
    emg : DataArray, (time, muscle)
    time, angle : ndarray, (bin,)
        s and degrees, at `RATE`.
    """

    name: str
    emg: xr.DataArray
    time: Floats
    angle: Floats

    @classmethod
    def read(cls, path: Path) -> KneeSession:
        """Preprocess the EMG of a file, and low-pass its angle."""
        emg = nal.preprocess(nal.open_emg(path, path="acquisition/EMG"))
        with NWBHDF5IO(path, "r") as io:
            series = io.read().processing["behavior"]["BehavioralTimeSeries"]["joint_angles"]
            angle = np.asarray(series.data[:, 0], dtype=float)
            angle_time = (series.starting_time or 0.0) + np.arange(len(angle)) / series.rate
        angle = signal.sosfiltfilt(signal.butter(4, 6.0, fs=1 / np.diff(angle_time[:2])[0], output="sos"), angle)
        time = np.arange(emg["time"].values[0], min(emg["time"].values[-1], angle_time[-1]), 1 / RATE)
        return cls(path.stem, emg, time, np.interp(time, angle_time, angle))

    def r2(self, estimate: xr.Dataset) -> tuple[float, float]:
        """Decode the angle from all muscles by ridge regression over lags, on contiguous folds.

        The second number is of what is left of angle and activation when their averages over the cycles of movement
        are taken from them: what is told of the single cycle. A cycle runs from one prominent peak of the angle to the
        next.
        """
        activation = np.nan_to_num(estimate["activation"].values).astype(float)
        predictors, phase = _at(self.time, self.emg["time"].values, activation), _cycle_phase(self.angle)
        without = np.stack([column - _cycle_average(column, phase) for column in predictors.T], axis=1)
        single = _decoding_r2(without, self.angle - _cycle_average(self.angle, phase), self.time)
        return _decoding_r2(predictors, self.angle, self.time), single


def knee_sessions(folder: Path, names: Collection[str] = ()) -> Iterator[KneeSession]:
    """Read the people of a folder, or some of them, one after the other."""
    for path in sorted(folder.glob("*.nwb")):
        if not names or path.stem in names:
            yield KneeSession.read(path)


def score_knee_sessions(folder: Path, makers: Makers) -> dict[str, dict[str, dict[str, float]]]:
    """Decode the knee angle from the activation that each estimator gives; see `KneeSession.r2`."""
    scores: dict[str, dict[str, dict[str, float]]] = {
        "knee angle, total R2": {},
        "knee angle, R2 without the cycle": {},
    }
    for session in knee_sessions(folder):
        for name, make in makers.items():
            found = session.r2(make().fit(session.emg).estimate(session.emg))
            for by_estimator, r2 in zip(scores.values(), found, strict=True):
                by_estimator.setdefault(name, {})[session.name] = r2
    return {title: with_mean(by_estimator) for title, by_estimator in scores.items() if by_estimator}


def score_walking(folder: Path, makers: Makers) -> dict[str, dict[str, dict[str, float]]]:
    """Return the share of each muscle's variance that gait phase explains: mean, least and largest over muscles.

    Phase runs from one start of stance to the next; the average over cycles is compared with the whole.
    """
    scores: dict[str, dict[str, float]] = {}
    for path in sorted(folder.glob("*.nwb")):
        with NWBHDF5IO(path, "r") as io:
            starts = np.asarray(io.read().intervals["stance_phases"]["start_time"][:])
        emg = nal.preprocess(nal.open_emg(path, path="acquisition/EMG"))
        for name, make in makers.items():
            activation = make().fit(emg).estimate(emg)["activation"].values.astype(float)
            grid = np.concatenate([np.linspace(*pair, PHASES, endpoint=False) for pair in pairwise(starts)])
            cycles = _at(grid, emg["time"].values, activation).reshape(len(starts) - 1, PHASES, -1)
            left = (cycles - cycles.mean(axis=0)).var(axis=(0, 1))
            share = 1 - left / cycles.reshape(-1, cycles.shape[-1]).var(axis=0)
            scores[name] = {"mean": float(share.mean()), "least": float(share.min()), "largest": float(share.max())}
    return {"walking, variance explained by gait phase": scores} if scores else {}


def _at(time: Floats, known: Floats, values: Floats) -> Floats:
    return np.stack([np.interp(time, known, column) for column in values.T], axis=1)


def _decoding_r2(predictors: Floats, target: Floats, time: Floats) -> float:
    shifts, segments = [round(lag * RATE) for lag in LAGS_S], Segments.of_lengths([len(time)], RATE)
    return float(decode(predictors, target[:, None], time, segments, shifts, n_folds=FOLDS, guard=GUARD_S).r2[0])


def _cycle_phase(angle: Floats) -> Floats:
    """Return the phase of movement (0 to 1), NaN before the first and after the last prominent peak."""
    height = np.subtract(*np.quantile(angle, [0.95, 0.05]))
    peaks, _ = signal.find_peaks(angle, prominence=0.5 * height, distance=round(0.5 * RATE))
    bins = np.arange(len(angle))
    return np.interp(bins, peaks, np.arange(len(peaks)), left=np.nan, right=np.nan) % 1


def _cycle_average(values: Floats, phase: Floats) -> Floats:
    """Return the average over cycles at each bin's phase; where the phase is unknown, the mean."""
    average = np.full(len(values), values.mean())
    known = np.isfinite(phase)
    index = (phase[known] * PHASES).astype(int)
    sums = np.bincount(index, values[known], PHASES) / np.maximum(np.bincount(index, minlength=PHASES), 1)
    average[known] = sums[index]
    return average


def with_mean(by_estimator: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Add to the scores of each estimator their mean over recordings."""
    return {name: scores | {"mean": float(np.mean(list(scores.values())))} for name, scores in by_estimator.items()}
