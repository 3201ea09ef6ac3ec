"""Covariance of estimates with activation, told from the EMG: that with the EMG, less that with its noise.

``cov(estimate, activation) = cov(estimate, EMG) - cov(estimate, noise)`` (a covariance penalty, as in Mallows 1973 and
Efron 2004). The second part is not seen, but follows from what is: how an estimate answers to the EMG of all muscles
at each frequency (its best linear description), and how strong noise is there and how alike between muscles
(`nwb_autolfads.estimators.spectra`), as

    cov(estimate_i, noise_i) = sum over frequencies of Re (C P^-1 N)_ii

with C the cross-spectra of estimate and EMG, P those of the EMG and N those of its noise. Electrodes over one muscle
have each other's noise at other times, which N does not show: each is described by its own EMG alone. The score of a
muscle is the squared covariance with activation over the variances of estimate and activation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.estimators.observed import ObservedEmg
from nwb_autolfads.estimators.spectra import hann, noise_cross, noise_spectra, spectra, together, windows

Floats = NDArray[np.float64]

WINDOW_MS = 512.0
_RIDGE, _LEAST_SIGNAL = 1e-3, 0.05


@dataclass(frozen=True)
class Scores:
    """Scores ``(estimator, muscle)``, and their means over muscles without one block each, ``(block, estimator)``."""

    whole: Floats
    left_out: Floats


@dataclass(frozen=True)
class Parts:
    """What scores are made of.

    ``sums`` are those over each block, ``(block, estimator, muscle)``, of 1, f, f^2, x and f x, of estimates f and EMG
    x; ``with_noise`` ``(estimator, muscle)`` is the covariance with noise; ``total`` and ``noise`` ``(muscle,)`` are
    the variances of EMG and noise.
    """

    sums: tuple[Floats, ...]
    with_noise: Floats
    total: Floats
    noise: Floats

    @classmethod
    def of(cls, activation: Floats, observed: ObservedEmg, block: NDArray[np.intp], rows: NDArray[np.bool_]) -> Parts:
        """Add up estimates ``(estimator, time, muscle)`` over the ``rows`` of each ``block``, both ``(time,)``."""
        known = observed.seen & np.isfinite(activation).all(axis=0)
        count = np.maximum(known.sum(axis=0), 1)
        x = _deviations(observed.filled, known, count)
        f = np.stack([_deviations(np.where(known, each, 0.0), known, count) for each in activation])
        at = np.searchsorted(np.unique(block[rows]), block[rows])
        sums = tuple(
            _by_block(np.broadcast_to(each, f.shape)[:, rows], at)
            for each in (known.astype(np.float64), f, f * f, x, f * x)
        )
        with_noise, noise = covariance_with_noise(f, x, observed)
        return cls(sums, with_noise, (x**2).sum(axis=0) / count, noise)

    def scores(self, factor: float) -> Scores:
        """Return the scores where noise is so much stronger than was measured."""
        signal = np.maximum(self.total - factor * self.noise, _LEAST_SIGNAL * self.total)
        every = [each.sum(axis=0) for each in self.sums]

        def score(parts: list[Floats]) -> Floats:
            n = np.maximum(parts[0], 1.0)
            f, ff, x, fx = (each / n for each in parts[1:])
            covariance = fx - f * x - factor * self.with_noise
            variance = np.maximum(ff - f * f, np.finfo(float).tiny)
            return np.asarray(np.sign(covariance) * covariance**2 / variance / signal)

        left = [
            score([total - each[b] for total, each in zip(every, self.sums, strict=True)]).mean(axis=-1)
            for b in range(len(self.sums[0]))
        ]
        return Scores(score(every), np.array(left))


def _deviations(values: Floats, known: NDArray[np.bool_], count: NDArray[np.intp]) -> Floats:
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    return np.where(known, values - mean, 0.0)


def _by_block(values: Floats, at: NDArray[np.intp]) -> Floats:
    """Sum ``(estimator, row, muscle)`` over the rows of each block, (block, estimator, muscle)."""
    sums = np.zeros((at.max() + 1, len(values), values.shape[2]))
    np.add.at(sums, at, values.transpose(1, 0, 2))
    return sums


def covariance_with_noise(f: Floats, x: Floats, observed: ObservedEmg) -> tuple[Floats, Floats]:
    """Return the covariance of estimates with noise, (estimator, muscle), and the variance of noise, (muscle,)."""
    found = spectra(observed, WINDOW_MS)
    noise = noise_spectra(found)
    window, n_muscles = found.window, x.shape[1]
    taper = hann(window)[:, None]
    own = np.zeros((window // 2 + 1, n_muscles, n_muscles), complex)
    cross = np.zeros((len(f), *own.shape), complex)
    for rows in windows(observed.segments, window):
        transform = np.fft.rfft(x[rows] * taper, axis=1)  # (window, frequency, muscle)
        seen = transform.transpose(1, 0, 2).conj()
        own += transform.transpose(1, 2, 0) @ seen
        for each, series in zip(cross, f, strict=True):
            each += np.fft.rfft(series[rows] * taper, axis=1).transpose(1, 2, 0) @ seen
    usable = together(found)  # 0 between electrodes that see the same motor units at different times
    own, cross = own * usable, cross * usable
    level = np.einsum("fii->f", own).real / n_muscles
    inverse = np.linalg.inv(own + (_RIDGE * level[:, None, None] + np.finfo(float).tiny) * np.eye(n_muscles))
    of_noise = noise_cross(found, noise)
    sides = found.sides[:, None]
    with_noise = np.stack([np.einsum("fij,fji->fi", each @ inverse, of_noise).real for each in cross])
    return (sides * with_noise).sum(axis=1) / window, (sides * noise).sum(axis=0) / window
