"""A recording as the amortized smoother sees it: in steps of 10 ms, relative to each muscle's mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEP_S = 0.01
OFFSET = 0.03
"""Share of a muscle's mean that is added before a logarithm, so that rest is not far away from quiet."""
N_FEATURES = 6
_LARGEST = 10.0


def relative(values: Floats, linear: Floats, process: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return EMG and both estimates over each muscle's mean EMG, all (time, muscle), and that mean, (muscle,).

    Where the Wiener smoother says nothing, it is taken for the mean; where EMG is missing, for what that smoother says.
    """
    mean = np.nanmean(values, axis=0)
    linear = np.where(np.isfinite(linear), linear, mean)
    process = np.where(np.isfinite(process), process, mean)
    return np.where(np.isfinite(values), values, linear) / mean, linear / mean, process / mean, mean


def mean_of_steps(x: Floats, rate: float) -> Floats:
    """Average the bins of one segment, (time, ...), that start within each step; (step, ...)."""
    first = _first_bins(len(x), rate)
    counts = np.diff([*first, len(x)]).reshape(-1, *[1] * (x.ndim - 1))
    return np.asarray(np.add.reduceat(x, first, axis=0) / counts, np.float64)


def between_steps(x: Floats, n_bins: int, rate: float) -> Floats:
    """Interpolate what was found for each step, (step, muscle), linearly to the bins of its segment, (time, muscle)."""
    first = _first_bins(n_bins, rate)
    middles = (first + np.array([*first[1:], n_bins]) - 1) / 2
    return np.stack([np.interp(np.arange(n_bins), middles, column) for column in x.T], axis=1)


def features(emg: Floats, linear: Floats, process: Floats, rate: float) -> NDArray[np.float32]:
    """Return what the network sees of one segment, (muscle, feature, step).

    Parameters
    ----------
    emg, linear, process : array, (time, muscle)
        Rectified EMG, the Wiener smoother's estimate and the state-space smoother's, all over the muscle's mean EMG.
    rate : float
        Hz.
    """
    mean, square, linear, process = (mean_of_steps(x, rate) for x in (emg, emg**2, linear, process))
    levels = [np.log(OFFSET + x) for x in (mean, np.sqrt(square), linear, process)]
    differences = [np.clip(x, -_LARGEST, _LARGEST) for x in (linear - 1, mean - linear)]
    return np.stack([*levels, *differences], axis=-1).transpose(1, 2, 0).astype(np.float32)


def _first_bins(n_bins: int, rate: float) -> NDArray[np.intp]:
    """Return the first bin of each step; a last one that is not whole belongs to the one before."""
    n_steps = max(1, int(n_bins / rate / STEP_S + 1e-6))
    return np.ceil(np.arange(n_steps) * STEP_S * rate - 1e-6).astype(np.intp)
