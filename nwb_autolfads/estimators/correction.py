"""The second step of an estimate: each predicted bin corrected by the muscle's own data around it.

A prediction m of rectified EMG x that never saw a bin is right up to a factor, which lasts for a while. With gamma
observations of mean ``m f``, the factor f taken for constant nearby, bins at a distance j weighing ``w_j`` (local
likelihood, Tibshirani & Hastie 1987, J Am Stat Assoc 82:559), and its conjugate prior, inverse gamma of mean 1 that
weighs as much as k bins, the posterior mean is

    f_t = (k + sum_j w_j x_(t+j) / m_(t+j)) / (k + sum_j w_j),     w_j = exp(-j^2 / 2 s^2)

and the activation ``m_t f_t``. The noise of x / m is correlated, so its variance counts with its covariances up to the
length of the noise, their sum N: the relative error to expect is ``sqrt(N / (k + sum_j w_j))``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

REACH = 4.0
"""Standard deviations at which the weights end."""
LARGEST_RATIO = 20.0
"""Ratios of data to prediction are cut here, so that no artefact decides for its neighbourhood."""


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
        pieces: list[slice],
        hidden: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float64]:
        """Correct a prediction.

        Parameters
        ----------
        x, predicted : array, (time, muscle)
            Rectified EMG, NaN where it is missing, and its prediction from data that did not hold the bin. Positive.
        pieces : list of slice
            The gap-free segments, which do not mix.
        hidden : array of bool, (time,), optional
            Bins whose data must not be used.

        Returns
        -------
        array, (time, muscle)
            Positive; NaN outside the segments.
        """
        corrected = np.full(x.shape, np.nan)
        for piece in pieces:
            ratio = _ratio(x[piece], predicted[piece])
            seen = np.isfinite(ratio)
            if hidden is not None:
                seen &= ~hidden[piece, None]
            total = self._sum(np.where(seen, ratio, 0))
            corrected[piece] = (
                predicted[piece] * (self.weight + total) / (self.weight + self._sum(seen.astype(np.float64)))
            )
        return corrected

    def relative_error(
        self, x: NDArray[np.floating], predicted: NDArray[np.floating], pieces: list[slice], noise_bins: int
    ) -> NDArray[np.float64]:
        """Return the relative error to expect of the corrected activation, (muscle,).

        Parameters
        ----------
        x, predicted, pieces
            As in `apply`.
        noise_bins : int
            Lag from which on the noise is not correlated; what the covariance is there is not noise.
        """
        products, weights = np.zeros((2, noise_bins + 1, x.shape[1]))
        for piece in pieces:
            m = np.asarray(predicted[piece], np.float64)
            e = m * (_ratio(x[piece], m) - 1)  # bursts weigh more than rest
            known = np.isfinite(e)
            e, m = np.where(known, e, 0), np.where(known, m, 0)
            for lag in range(min(noise_bins + 1, len(m))):
                products[lag] += (e[: len(e) - lag] * e[lag:]).sum(axis=0)
                weights[lag] += (m[: len(m) - lag] * m[lag:]).sum(axis=0)
        covariance = products / np.maximum(weights, np.finfo(float).tiny)
        noise = np.maximum(covariance - covariance[-1], 0)
        everything = self.weight + float(self._sum(np.ones((2 * round(REACH * self.width) + 1, 1))).max())
        return np.sqrt((noise[0] + 2 * noise[1:].sum(axis=0)) / everything)

    def _sum(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return sum_j w_j values_(t+j), nothing beyond the ends."""
        peak = np.zeros(2 * round(REACH * self.width) + 1)
        peak[len(peak) // 2] = 1
        share = gaussian_filter1d(peak, self.width, truncate=REACH, mode="constant").max()
        return gaussian_filter1d(values, self.width, axis=0, truncate=REACH, mode="constant") / share


def _ratio(x: NDArray[np.floating], predicted: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.minimum(x / np.asarray(predicted, np.float64), LARGEST_RATIO)
