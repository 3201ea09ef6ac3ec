"""The second step of an estimate: each predicted bin corrected by the muscle's own data around it.

A prediction m of rectified EMG x that never saw a bin is right up to a factor, which lasts for a while. With gamma
observations of mean ``m f``, the factor f taken for constant nearby, bins at a distance j weighing ``w_j`` (local
likelihood, Tibshirani & Hastie 1987, J Am Stat Assoc 82:559), and its conjugate prior, inverse gamma of mean 1 that
weighs as much as k bins, the posterior mean is

    f_t = (k + sum_j w_j x_(t+j) / m_(t+j)) / (k + sum_j w_j),     w_j = exp(-j^2 / 2 s^2)

and the activation ``m_t f_t``. What is left of its relative error has two parts, the prediction's and the noise's,

    e^2 = (k / (k + sum w))^2 v + sum w^2 / (k + sum w)^2 N

N is the variance of the noise of x / m with its covariances up to the noise's length; v, the variance of f, is the
covariance of x / m beyond that length, and at least N / k, which the weight k says it is, and `LEAST_VARIANCE`: a model
that has learnt some of the noise leaves less covariance than it should.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from nwb_autolfads.segments import Segments

REACH = 4.0
"""Standard deviations at which the weights end."""
LARGEST_RATIO = 20.0
"""Ratios of data to prediction are cut here, so that no artefact decides for its neighbourhood."""

LEAST_VARIANCE = 0.4
"""Of a prediction's factor. Set on sessions kept for development; `benchmarks/accuracy.py --seeds 100 101` prints what
90 % intervals then hold of the truth."""


@dataclass(frozen=True)
class Correction:
    """How far a muscle's own data moves its prediction.

    Attributes
    ----------
    width : float
        s, standard deviation of the weights (bins).
    weight : float
        k, how many bins the prediction weighs as much as.
    """

    width: float
    weight: float

    def apply(
        self,
        x: NDArray[np.floating],
        predicted: NDArray[np.floating],
        segments: Segments,
        hidden: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float64]:
        """Correct a prediction.

        Parameters
        ----------
        x, predicted : array, (time, muscle)
            Rectified EMG, NaN where it is missing, and its prediction from data that did not hold the bin. Positive.
        segments : Segments
            Those without gaps; they do not mix.
        hidden : array of bool, (time,), optional
            Bins whose data must not be used.

        Returns
        -------
        array, (time, muscle)
            Positive; NaN outside the segments.
        """
        corrected = np.full(x.shape, np.nan)
        for rows in segments.slices:
            ratio = _ratio(x[rows], predicted[rows])
            seen = np.isfinite(ratio)
            if hidden is not None:
                seen &= ~hidden[rows, None]
            total = self._sum(np.where(seen, ratio, 0))
            corrected[rows] = (
                predicted[rows] * (self.weight + total) / (self.weight + self._sum(seen.astype(np.float64)))
            )
        return corrected

    def relative_error(
        self, x: NDArray[np.floating], predicted: NDArray[np.floating], segments: Segments, noise_bins: int
    ) -> NDArray[np.float64]:
        """Return the relative error to expect of the corrected activation, (time, muscle).

        It is larger where data that would have corrected it are missing.

        Parameters
        ----------
        x, predicted, segments
            As in `apply`.
        noise_bins : int
            Lag from which on the noise is not correlated; what the covariance is there is not noise.
        """
        products, weights = np.zeros((2, noise_bins + 1, x.shape[1]))
        for rows in segments.slices:
            m = np.asarray(predicted[rows], np.float64)
            e = m * (_ratio(x[rows], m) - 1)  # bursts weigh more than rest
            known = np.isfinite(e)
            e, m = np.where(known, e, 0), np.where(known, m, 0)
            for lag in range(min(noise_bins + 1, len(m))):
                products[lag] += (e[: len(e) - lag] * e[lag:]).sum(axis=0)
                weights[lag] += (m[: len(m) - lag] * m[lag:]).sum(axis=0)
        covariance = products / np.maximum(weights, np.finfo(float).tiny)
        excess = np.maximum(covariance - covariance[-1], 0)
        noise = excess[0] + 2 * excess[1:].sum(axis=0)
        variance = np.maximum(np.maximum(covariance[-1], noise / self.weight), LEAST_VARIANCE)
        seen, squared = self._weight_seen(np.isnan(x), segments)
        everything = self.weight + seen
        return np.sqrt((self.weight / everything) ** 2 * variance + squared / everything**2 * noise)

    def _weight_seen(self, missing: NDArray[np.bool_], segments: Segments) -> tuple[NDArray[np.float64], ...]:
        """Return sum w_j and sum w_j^2 over what is not missing around each bin, both (time, muscle)."""
        w = self._weights()
        sums = np.full((2, *missing.shape), [[[w.sum()]], [[(w**2).sum()]]])
        for rows in segments.slices if missing.any() else ():
            for total, weights in zip(sums, (w, w**2), strict=True):
                total[rows] -= correlate1d(missing[rows].astype(np.float64), weights, axis=0, mode="constant")
        return sums[0], np.maximum(sums[1], 0)

    def _weights(self) -> NDArray[np.float64]:
        """Return w_j."""
        reach = round(REACH * self.width)
        return np.exp(-0.5 * (np.arange(-reach, reach + 1) / self.width) ** 2)

    def _sum(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return sum_j w_j values_(t+j), nothing beyond the ends."""
        return correlate1d(values, self._weights(), axis=0, mode="constant")


def _ratio(x: NDArray[np.floating], predicted: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.minimum(x / np.asarray(predicted, np.float64), LARGEST_RATIO)
