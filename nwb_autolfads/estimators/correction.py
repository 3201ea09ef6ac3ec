"""The second step of an estimate: each predicted bin corrected by the muscle's own data around it.

A prediction m of rectified EMG x that never saw a bin is right up to a factor, ``x = m (1 + d) (1 + noise)``. The
relative residual ``q = x / m - 1`` holds the prediction's relative error d, which lasts, and noise, which does not:

    cov(d_t, d_(t+l)) = s^2 rho^|l|,     cov(noise_t, noise_(t+l)) = 0 from some lag on, its sum over all lags N

From that lag on the covariance of q is that of d alone. This gives s and rho; what is left of the covariance below it
is the noise. The best linear estimate of d from all of q is the filter S / (S + N), S the spectrum of d (Wiener 1949),
and for this S

    d_t = A sum_j r^|j| q_(t+j),     A = s^2 (1 - rho^2) r / (N rho (1 - r^2)),
    r + 1 / r = (N (1 + rho^2) + s^2 (1 - rho^2)) / (N rho)

with mean square error ``N A``: a prior from everything else, updated by the bin's own neighbourhood. The activation is
``m (1 + d)``, which stays positive, as q is above -1 and the kernel's sum below 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

SHORTEST_MS, LONGEST_MS = 6.0, 120.0
"""Range of the correlation time of d; also the longest lag that it is fitted to."""
LARGEST_RESIDUAL = 20.0
"""Residuals are cut here, so that one artefact does not decide for the recording."""
_TIMES = 24
_LEAST_NOISE = 0.05  # share of the variance of q at the least: N = 0 would copy the data
_ROUNDS = 30


@dataclass(frozen=True)
class Correction:
    """What decides how far a muscle's own data moves its prediction; each array (muscle,).

    Attributes
    ----------
    variance : array
        s^2, mean square of the prediction's relative error.
    rho : array
        Its correlation from bin to bin.
    noise : array
        N, the noise's covariance summed over lags.
    """

    variance: NDArray[np.float64]
    rho: NDArray[np.float64]
    noise: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        x: NDArray[np.floating],
        predicted: NDArray[np.floating],
        pieces: list[slice],
        *,
        rate: float,
        noise_ms: float,
        hidden: NDArray[np.bool_] | None = None,
    ) -> Correction:
        """Find s, rho and N of each muscle in the data; truth has no part in it.

        Parameters
        ----------
        x, predicted : array, (time, muscle)
            Rectified EMG, and its prediction from data that did not hold the bin. Positive.
        pieces : list of slice
            The gap-free segments.
        rate : float
            Hz.
        noise_ms : float
            Lag from which on noise is not correlated (ms).
        hidden : array of bool, (time,), optional
            Bins whose data must not be used.

        Returns
        -------
        Correction
        """
        longest = max(2, round(LONGEST_MS * rate / 1000))
        first = min(max(1, round(noise_ms * rate / 1000)), longest - 1)
        covariance = _covariance(x, predicted, pieces, longest, hidden)  # (lag, muscle)
        lags = np.arange(longest + 1)
        rhos = np.exp(-1000 / rate / np.geomspace(SHORTEST_MS, LONGEST_MS, _TIMES))
        shape = rhos[:, None] ** lags[first:]  # (time, lag)
        variance = np.maximum(shape @ covariance[first:] / (shape**2).sum(axis=1, keepdims=True), 0)
        misfit = ((covariance[first:] - variance[:, None, :] * shape[:, :, None]) ** 2).sum(axis=1)
        best = misfit.argmin(axis=0)
        variance, rho = variance[best, np.arange(len(best))], rhos[best]
        left = covariance[:first] - variance * rho ** lags[:first, None]
        noise = left[0] + 2 * left[1:].sum(axis=0)
        return cls(variance, rho, np.maximum(noise, _LEAST_NOISE * covariance[0]))

    def kernel(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return A and r of each muscle."""
        gain = self.variance * (1 - self.rho**2)
        half = (self.noise * (1 + self.rho**2) + gain) / (2 * self.noise * self.rho)
        r = half - np.sqrt(half**2 - 1)
        return gain * r / (self.noise * self.rho * (1 - r**2)), r

    def relative_sd(self) -> NDArray[np.float64]:
        """Return the expected root mean square relative error of the corrected estimate, (muscle,)."""
        return np.sqrt(self.noise * self.kernel()[0])

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
        pieces : list of slice
        hidden : array of bool, (time,), optional
            Bins whose data must not be used. They are filled with what is estimated there until nothing changes, which
            gives the estimate from the others alone.

        Returns
        -------
        array, (time, muscle)
            NaN outside the segments.
        """
        A, r = self.kernel()
        corrected = np.full(x.shape, np.nan)
        for piece in pieces:
            q = _residual(x[piece], predicted[piece])
            dark = np.zeros(len(q), bool) if hidden is None else hidden[piece]
            q[dark] = 0
            error = _two_sided(q, A, r)
            for _ in range(_ROUNDS if dark.any() else 0):
                q[dark] = error[dark]
                error = _two_sided(q, A, r)
            corrected[piece] = predicted[piece] * (1 + error)
        return corrected


def _residual(x: NDArray[np.floating], predicted: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.minimum(x / np.asarray(predicted, np.float64) - 1, LARGEST_RESIDUAL)


def _covariance(
    x: NDArray[np.floating],
    predicted: NDArray[np.floating],
    pieces: list[slice],
    longest: int,
    hidden: NDArray[np.bool_] | None,
) -> NDArray[np.float64]:
    """Return the covariance of q up to a lag, (lag, muscle); pairs of bins weigh by their predictions: bursts count."""
    products, weights = np.zeros((2, longest + 1, x.shape[1]))
    for piece in pieces:
        m = np.array(predicted[piece], np.float64)
        e = m * _residual(x[piece], m)
        if hidden is not None:
            e[hidden[piece]] = m[hidden[piece]] = 0
        for lag in range(min(longest + 1, len(m))):
            products[lag] += (e[: len(e) - lag] * e[lag:]).sum(axis=0)
            weights[lag] += (m[: len(m) - lag] * m[lag:]).sum(axis=0)
    return products / np.maximum(weights, np.finfo(float).tiny)


def _two_sided(q: NDArray[np.float64], A: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return A sum_j r^|j| q_(t+j) of each muscle, zero beyond the ends."""
    smooth = np.empty_like(q)
    for muscle, (a, pole) in enumerate(zip(A, r, strict=True)):
        column = q[:, muscle]
        forwards = lfilter([1.0], [1.0, -pole], column)
        backwards = lfilter([1.0], [1.0, -pole], column[::-1])[::-1]
        smooth[:, muscle] = a * (forwards + backwards - column)
    return smooth
