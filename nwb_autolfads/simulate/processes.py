"""The two random processes everything is made of: noise of a given spectrum, and renewal spike trains."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float64]


def shaped_noise(rng: np.random.Generator, n_samples: int, rate: float, power: Callable[[Floats], Floats]) -> Floats:
    """Draw stationary Gaussian noise of a given spectrum.

    Parameters
    ----------
    rng : Generator
        Where the randomness comes from.
    n_samples : int
        Length.
    rate : float
        Sampling rate (Hz).
    power : callable
        Power density over frequency (Hz), up to a factor.

    Returns
    -------
    ndarray, shape (n_samples,)
        Mean 0 and variance 1 in expectation.
    """
    n_fft = fft.next_fast_len(n_samples, real=True)
    density = power(fft.rfftfreq(n_fft, 1 / rate))
    density[0] = 0.0
    weight = np.full(density.shape, 2.0)  # every bin but the last of an even length stands for two frequencies
    if n_fft % 2 == 0:
        weight[-1] = 1.0
    gain = np.sqrt(density * n_fft / np.sum(weight * density))
    noise: Floats = fft.irfft(fft.rfft(rng.standard_normal(n_fft)) * gain, n_fft)[:n_samples]
    return noise


def renewal_times(rng: np.random.Generator, intensity: Floats, rate: float, interval_cv: float) -> Floats:
    """Draw the spike times of a renewal process whose intensity varies in time.

    Gamma-distributed intervals of mean 1 in operational time ``integral of intensity dt`` are mapped back to seconds,
    so that the intervals have the coefficient of variation ``interval_cv`` while the intensity is constant.

    Parameters
    ----------
    rng : Generator
        Where the randomness comes from.
    intensity : ndarray, shape (n_samples,)
        Spikes per second, not negative, at times ``arange(n_samples) / rate``.
    rate : float
        Sampling rate of the intensity (Hz).
    interval_cv : float
        Coefficient of variation of the intervals.

    Returns
    -------
    ndarray
        Times (s), increasing.
    """
    expected = np.concatenate(([0.0], np.cumsum((intensity[1:] + intensity[:-1]) / 2) / rate))
    shape = interval_cv**-2
    n_enough = int(expected[-1] + 8 * interval_cv * np.sqrt(expected[-1]) + 20)
    # The first interval is under way when the recording starts, or all units would fire together at its start.
    operational = np.cumsum(rng.gamma(shape, 1 / shape, n_enough)) - rng.uniform()
    operational = operational[(operational > 0) & (operational < expected[-1])]
    times: Floats = np.interp(operational, expected, np.arange(len(expected)) / rate)
    return times
