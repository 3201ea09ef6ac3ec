"""How strong the noise of rectified EMG is at the frequencies at which activation moves, from the recording itself.

Rectified EMG is its mean times a noise of mean 1 whose neighbouring bins are alike. What n bins together tell of the
mean is decided by the density of the noise's spectrum at low frequencies: a mean over them has the relative variance
``density / n``. There activation hides the noise; so it is measured just above the frequencies of most activation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.estimators.noise_length import over_slow_average
from nwb_autolfads.segments import Segments

BAND_HZ = (25.0, 50.0)
"""Where the density is taken: activation is mostly slower, and the noise of short potentials only fades above."""
WINDOW_BINS = 128
SHORTEST_BINS = 32
LEAST, MOST, UNKNOWN = 0.05, 50.0, 1.0


def noise_density(
    x: NDArray[np.floating], seen: NDArray[np.bool_], segments: Segments, rate: float
) -> NDArray[np.float64]:
    """Measure the spectral density of the relative noise, as the variance of white noise of the same density.

    Parameters
    ----------
    x : array, (time, muscle)
        Rectified EMG or a power of it, positive.
    seen : array of bool, (time, muscle)
        What is known; the rest has no noise.
    segments : Segments
        Those without gaps.
    rate : float
        Hz.

    Returns
    -------
    array, (muscle,)
        1 for noise with the spread of an exponential distribution, each bin its own; `UNKNOWN` where no segment is
        long enough (32 bins) or the rate is too low to tell.
    """
    power, weight = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for rows in segments.slices:
        values, known = np.asarray(x[rows], np.float64), seen[rows]
        if len(values) < SHORTEST_BINS:
            continue
        found, used = _density(over_slow_average(values, known, rate) - 1, known, rate)
        power += found
        weight += used
    measured = np.divide(power, weight, out=np.full(len(power), UNKNOWN), where=weight > 0)
    return np.clip(measured, LEAST, MOST)


def _density(
    noise: NDArray[np.float64], known: NDArray[np.bool_], rate: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum periodograms of half-overlapping Hann windows over the band; return them and what to divide them by."""
    length = min(WINDOW_BINS, len(noise))
    taper = np.hanning(length + 1)[:length, None]
    frequency = np.fft.rfftfreq(length, 1 / rate)
    band = (frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1])
    power, weight = np.zeros(noise.shape[1]), np.zeros(noise.shape[1])
    for start in range(0, len(noise) - length + 1, length // 2):
        window = slice(start, start + length)
        level = (taper**2 * known[window]).sum(axis=0)
        level[~known[window].any(axis=0)] = 0
        power += (np.abs(np.fft.rfft(noise[window] * taper, axis=0)[band]) ** 2).sum(axis=0)
        weight += level * band.sum()
    return power, weight
