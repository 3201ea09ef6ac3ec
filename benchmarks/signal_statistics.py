"""What a recording's EMG is like, in numbers that need no truth: noise, spectrum, bursts, what muscles share.

Every number is of one muscle. The noise is what rectified EMG does around its own slow course: rectified EMG at the
analysis rate over its Gaussian average of 50 ms, less 1, where the muscle is active: that average is above a quarter of
its 95 % quantile. It lasts for the sum of its squared autocorrelation over lags of -100 to 100 ms, each a bin: one bin
for white noise, n bins for noise that is the same for n bins, whether it swings meanwhile or not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

Floats = NDArray[np.float64]

BAND_HZ = (20.0, 450.0)
"""In which the spectrum is described: below lies movement, above not every recording has samples."""

HIGH_PASS_HZ = 65.0
"""Of the EMG whose noise is described, as in the preprocessing."""

RATE_HZ = 500.0
"""Of rectified EMG, as in the preprocessing."""

SLOW_S = 0.05
"""Standard deviation of the Gaussian average that stands for the slow course of EMG."""

ACTIVE = 0.25
"""Of the 95 % quantile of amplitude, above which a muscle counts as active."""

LATE_S = (0.015, 0.1)
"""Lags at which noise that goes with the intervals of single motor units shows."""

FEWEST_S = 0.25
"""Time for which two channels must be active together for their correlation."""

STATISTICS = {
    "noise_ms": "noise: time it lasts (ms)",
    "late_correlation": "noise: largest autocorrelation at 15-100 ms",
    "kurtosis": "kurtosis of EMG over its local RMS",
    "median_hz": "median frequency (Hz)",
    "bandwidth_hz": "bandwidth, 10 to 90 % of power (Hz)",
    "across": "noise: mean correlation with other channels",
    "burst_ms": "median duration of bursts (ms)",
    "signal_to_noise_db": "amplitude, 95 % over 5 % (dB)",
}


def signal_statistics(emg: Floats, rate: float) -> dict[str, Floats]:
    """Describe raw EMG.

    Parameters
    ----------
    emg : ndarray, shape (n_samples, n_muscles)
        Raw EMG, in any unit.
    rate : float
        Its sampling rate (Hz), 1000 or more.

    Returns
    -------
    dict of ndarray, shape (n_muscles,)
        One entry for each of `STATISTICS`; NaN where a recording does not tell.
    """
    emg = without_mains(emg.astype(float) - emg.mean(axis=0), rate)
    fast = signal.sosfiltfilt(signal.butter(4, HIGH_PASS_HZ, "high", fs=rate, output="sos"), emg, axis=0)
    rectified = np.abs(signal.resample_poly(np.abs(fast), round(RATE_HZ), round(rate), axis=0))
    rectified = np.minimum(rectified, np.quantile(rectified, 0.999, axis=0))
    slow = ndimage.gaussian_filter1d(rectified, SLOW_S * RATE_HZ, axis=0)
    active = slow > ACTIVE * np.quantile(slow, 0.95, axis=0)
    noise = np.where(active, rectified / slow - 1, np.nan)
    correlation = [_autocorrelation(column, round(LATE_S[1] * RATE_HZ)) for column in noise.T]
    spectra = [_spectrum(column, rate) for column in emg.T]
    quantiles = np.quantile(slow, [0.05, 0.95], axis=0)
    return {
        "noise_ms": np.array([2 * np.sum(column**2) - 1 for column in correlation]) / RATE_HZ * 1e3,
        "late_correlation": np.array([column[round(LATE_S[0] * RATE_HZ) :].max() for column in correlation]),
        "kurtosis": np.array([_kurtosis(column, rate) for column in fast.T]),
        "median_hz": np.array([median for _, median, _ in spectra]),
        "bandwidth_hz": np.array([high - low for low, _, high in spectra]),
        "across": _mean_with_others(noise),
        "burst_ms": np.array([_burst_ms(column) for column in rectified.T]),
        "signal_to_noise_db": 20 * np.log10(quantiles[1] / quantiles[0]),
    }


def without_mains(emg: Floats, rate: float) -> Floats:
    """Take out 50 or 60 Hz and harmonics, whichever stands out more; each notch is 2 Hz wide."""
    frequency, density = signal.welch(emg, rate, nperseg=min(len(emg), round(2 * rate)), axis=0)

    def stands_out(mains: int) -> float:
        at = np.abs(frequency - mains) <= 1
        near = (np.abs(frequency - mains) <= 6) & ~at
        return float(np.median(density[at].max(axis=0) / np.median(density[near], axis=0)))

    mains = max((50, 60), key=stands_out)
    for harmonic in range(mains, min(480, round(rate / 2) - 3), mains):
        emg = signal.filtfilt(*signal.iirnotch(harmonic, harmonic / 2, fs=rate), emg, axis=0)
    return emg


def _spectrum(emg: Floats, rate: float) -> Floats:
    """Return the frequencies (Hz) below which 10, 50 and 90 % of the power in `BAND_HZ` lie."""
    frequency, density = signal.welch(emg, rate, nperseg=min(len(emg), round(0.5 * rate)))
    inside = (frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1])
    power = np.cumsum(density[inside])
    return np.interp([0.1, 0.5, 0.9], power / power[-1], frequency[inside])


def _autocorrelation(noise: Floats, last: int) -> Floats:
    """Correlate bins a lag apart that both have noise, lags 0 to ``last``."""
    centred = noise - np.nanmean(noise)
    variance = np.nanmean(centred**2)
    return np.array([1.0] + [np.nanmean(centred[lag:] * centred[:-lag]) / variance for lag in range(1, last + 1)])


def _kurtosis(fast: Floats, rate: float) -> float:
    """Return the fourth moment over the squared second, 3 for Gaussian noise, where the muscle is active."""
    local = np.sqrt(ndimage.gaussian_filter1d(fast**2, SLOW_S * rate))
    active = local > ACTIVE * np.quantile(local, 0.95)
    normal = fast[active] / local[active]
    return float(np.mean(normal**4) / np.mean(normal**2) ** 2)


def _mean_with_others(noise: Floats) -> Floats:
    """Return the mean correlation of each channel's noise with that of others, where both are active."""
    n_channels = noise.shape[1]
    found = np.full((n_channels, n_channels), np.nan)
    for a in range(n_channels):
        for b in range(a):
            both = np.isfinite(noise[:, a]) & np.isfinite(noise[:, b])
            if both.sum() > FEWEST_S * RATE_HZ:
                found[a, b] = found[b, a] = np.corrcoef(noise[both, a], noise[both, b])[0, 1]
    known = np.isfinite(found)
    return np.where(known.any(axis=0), np.nansum(found, axis=0) / np.maximum(known.sum(axis=0), 1), np.nan)


def _burst_ms(rectified: Floats) -> float:
    """Return the median time of bursts after a low-pass at 20 Hz.

    A burst rises above half of the way from the 5 % to the 95 % quantile; it lasts while a quarter is left.
    """
    slow = signal.sosfiltfilt(signal.butter(4, 20.0, fs=RATE_HZ, output="sos"), rectified)
    low, high = np.quantile(slow, [0.05, 0.95])
    stretch, n_stretches = ndimage.label(slow > low + 0.25 * (high - low))
    bursts = np.unique(stretch[slow > low + 0.5 * (high - low)])
    lengths = np.bincount(stretch, minlength=n_stretches + 1)[bursts]
    return float(np.median(lengths)) / RATE_HZ * 1e3 if len(bursts) else np.nan
