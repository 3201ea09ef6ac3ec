"""Smoothing by what was learnt in simulated worlds.

The truth of a recording is not known, but that of a simulated session is. A small network has seen some hundred of
them, each of another world (`nwb_autolfads.simulate.worlds`): rectified EMG, and what the Wiener smoother and a
state-space smoother make of it, which know this recording's spectra, its noise and what its muscles share. It learnt
where both err, and corrects the mean of their logarithms. R2, by which it learnt, does not know of units, so that each
muscle's mean is then made that of the Wiener smoother. The cost of inference is paid once, for all recordings
(amortized; Cranmer, Brehmer and Louppe 2020).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from nwb_autolfads.estimators.amortized.network import REACH, Network, learnt
from nwb_autolfads.estimators.amortized.steps import OFFSET, between_steps, features, relative
from nwb_autolfads.estimators.observed import FLOOR
from nwb_autolfads.segments import Segments

Floats = NDArray[np.float64]

PIECE = 6000
"""Steps that are smoothed at once: memory stays bounded, and the result is the same."""


def smooth_by_learnt(
    values: Floats, linear: Floats, process: Floats, segments: Segments, *, network: Network | None = None
) -> Floats:
    """Return activation, (time, muscle), in the unit of the EMG.

    Parameters
    ----------
    values : array, (time, muscle)
        Rectified EMG; NaN where it is missing.
    linear, process : array, (time, muscle)
        The estimates of the Wiener and of the state-space smoother.
    segments : Segments
        Where there are no gaps; a bin in none of them is NaN.
    network : Network, optional
        The one that comes with the package when not given.

    Returns
    -------
    array, (time, muscle)
        NaN where the Wiener smoother says nothing.
    """
    network = learnt() if network is None else network
    known = np.isfinite(linear)
    emg, linear, process, mean = relative(values, linear, process)
    level = (np.log(OFFSET + linear) + np.log(OFFSET + process)) / 2
    smooth = np.full(values.shape, np.nan)
    for rows in segments.slices:
        described = features(emg[rows], linear[rows], process[rows], segments.rate)
        correction = between_steps(_corrections(network, described), len(level[rows]), segments.rate)
        smooth[rows] = np.exp(level[rows] + correction) - OFFSET
    said = known & np.isfinite(smooth)
    gain = np.sum(linear, axis=0, where=said) / np.maximum(np.sum(smooth, axis=0, where=said), OFFSET)
    return np.where(said, np.maximum(smooth * gain * mean, FLOOR), np.nan)


def _corrections(network: Network, described: NDArray[np.float32]) -> Floats:
    """Return the corrections (step, muscle) of features (muscle, feature, step), piece by piece."""
    n_steps = described.shape[2]
    corrections = np.empty((n_steps, len(described)))
    with torch.inference_mode():
        for first, stop in _pieces(n_steps):
            low, high = max(0, first - REACH), min(n_steps, stop + REACH)
            found = network(torch.from_numpy(np.ascontiguousarray(described[None, :, :, low:high])))[0]
            corrections[first:stop] = found[:, first - low : stop - low].numpy().T
    return corrections


def _pieces(n_steps: int) -> Iterator[tuple[int, int]]:
    for first in range(0, n_steps, PIECE):
        yield first, min(first + PIECE, n_steps)
