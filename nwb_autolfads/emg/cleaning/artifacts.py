"""Artifacts that all electrodes see at once: where they are, and EMG without them.

The EMG of different muscles is independent at every instant, also where they are active together. Where it is alike
in all of them for some 20 ms, something else was picked up: a stimulus, a cable, a touched plug.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d

Floats = NDArray[np.floating]

CORRELATED_OVER_S, AROUND_S = 0.02, 0.3
"""Over which correlation is measured, and the usual power of a muscle around an artifact."""
LEAST_CORRELATION = 0.4
"""Mean correlation of all pairs of muscles from which on it may be an artifact; more where chance alone gives more."""
FEWEST_MUSCLES, FEWEST_ARTIFACTS = 3, 3
MOST_OF_TIME = 0.2
"""If more of a recording were artifact, it would be something else."""
_SHIFT_S = 0.37
_TINY = 1e-30


@dataclass(frozen=True)
class CommonArtifacts:
    """How artifacts look that all electrodes see.

    Attributes
    ----------
    gains : array, (muscle,)
        How large they are on each electrode, the largest 1.
    correlation : float
        Mean correlation of the muscles from which on there is one.
    usual_power : array, (muscle,)
        Median power of each muscle, where there is nothing else to compare with.
    """

    gains: NDArray[np.float64]
    correlation: float
    usual_power: NDArray[np.float64]

    @staticmethod
    def reach_s() -> float:
        """How far around a sample EMG decides what becomes of it (s)."""
        return AROUND_S / 2 + 2 * CORRELATED_OVER_S

    def remove(self, emg: Floats, rate: float) -> NDArray[np.bool_]:
        """Take artifacts off EMG, (samples, muscle), in place; return where they were, (samples,).

        There the artifact is estimated from all electrodes, each weighted by how much it sees of it over the power of
        its muscle around (the beamformer of least variance, for muscles that are independent).
        """
        width = _bins(CORRELATED_OVER_S, rate)
        found = maximum_filter1d(_mean_correlation(emg, np.sign(self.gains), width) > self.correlation, 2 * width)
        if not found.any():
            return found
        around = _bins(AROUND_S, rate)
        free = uniform_filter1d((~found).astype(np.float64), around)[found]
        power = np.empty((len(free), emg.shape[1]))
        for muscle, column in enumerate(emg.T):
            own = uniform_filter1d(np.where(found, 0.0, np.square(column, dtype=np.float64)), around)[found]
            known = free > 1 / around
            power[:, muscle] = np.where(known, own / np.where(known, free, 1), self.usual_power[muscle])
        weights = self.gains / (power + _TINY)
        artifact = (weights * emg[found]).sum(axis=1) / (weights * self.gains).sum(axis=1)
        emg[found] -= (artifact[:, None] * self.gains).astype(emg.dtype)
        return found


def find_artifacts(excerpts: Sequence[NDArray[np.float64]], rate: float) -> tuple[CommonArtifacts, float] | None:
    """Find whether there are artifacts that all electrodes see, and how they look.

    Parameters
    ----------
    excerpts : sequence of array, (samples, muscle)
        Gap-free raw EMG without mains, movement artifacts and cross-talk.
    rate : float
        Hz.

    Returns
    -------
    CommonArtifacts and float
        And the share of the time that they take; None where there are none, or fewer than three muscles, which are
        often alike by chance.

    Notes
    -----
    What chance gives is seen from the same muscles, shifted in time against each other.
    """
    if not excerpts or excerpts[0].shape[1] < FEWEST_MUSCLES:
        return None
    emg, width = np.concatenate(excerpts), _bins(CORRELATED_OVER_S, rate)
    usual = np.median(np.square(emg), axis=0)
    if not usual.all():
        return None
    signs = _signs(emg, width)
    shifted = np.stack([np.roll(c, round((i + 1) * _SHIFT_S * rate)) for i, c in enumerate(emg.T)], axis=1)
    least = max(LEAST_CORRELATION, float(_mean_correlation(shifted, signs, width).max()))
    alike = _mean_correlation(emg, signs, width) > least
    if np.count_nonzero(np.diff(alike.astype(np.int8)) > 0) < FEWEST_ARTIFACTS:
        return None
    seen = emg[alike] / np.sqrt(usual)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True) + _TINY
    gains = np.linalg.eigh(seen.T @ seen)[1][:, -1] * np.sqrt(usual)
    gains /= gains[np.argmax(np.abs(gains))]
    artifacts = CommonArtifacts(gains, least, usual)
    share = float(artifacts.remove(emg, rate).mean())
    return (artifacts, share) if share <= MOST_OF_TIME else None


def _bins(seconds: float, rate: float) -> int:
    return max(5, round(seconds * rate)) | 1


def _signs(emg: Floats, width: int) -> NDArray[np.float64]:
    """Return the sign with which each electrode sees what is common to all."""
    relative = np.stack([column / np.sqrt(_power(column, width)) for column in emg.T], axis=1)
    alike = relative.T @ relative
    np.fill_diagonal(alike, 0)
    return np.where(np.linalg.eigh(alike)[1][:, -1] < 0, -1.0, 1.0)


def _mean_correlation(emg: Floats, signs: Floats, width: int) -> NDArray[np.float64]:
    """Return the mean correlation of all pairs of muscles around each sample, (samples,)."""
    total, squares = np.zeros(len(emg)), np.zeros(len(emg))
    for sign, column in zip(signs, emg.T, strict=True):
        relative = column / np.sqrt(_power(column, width))
        total += sign * relative
        squares += relative**2
    n = emg.shape[1]
    return uniform_filter1d(total**2 - squares, width) / (n * (n - 1))


def _power(column: Floats, width: int) -> NDArray[np.float64]:
    return uniform_filter1d(np.square(column, dtype=np.float64), width) + _TINY
