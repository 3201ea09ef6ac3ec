"""How long the noise of rectified EMG lasts, from the recording itself.

Rectified EMG is its mean times a noise of mean 1, and the noise of one bin is like that of the next. What is hidden
from a model must be longer than that, or the model learns to predict noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from nwb_autolfads.segments import Segments

SLOW_MS = 20.0
"""Width (standard deviation) of the average that is taken for the mean."""
LEFT_OVER_MS = (25.0, 40.0)
"""Lags at which what is still correlated is taken for activation that the average did not follow."""
BLOCK_IN_NOISE = 3.0
"""Length of a hidden block in lengths of the noise."""
LEAST = 0.1
"""Correlation that no longer counts."""
LARGEST_RATIO = 10.0


def noise_length(x: NDArray[np.floating], segments: Segments, rate: float) -> float:
    """Find the lag from which on the noise of rectified EMG is no longer correlated.

    The ratio of EMG to a slow average of it has an autocorrelation rho. Noise is what exceeds its level at long lags:
    ``(rho(l) - level) / (1 - level)``, which is compared with `LEAST`.

    Parameters
    ----------
    x : array, (time, muscle)
        Rectified EMG, positive; NaN where it is missing.
    segments : Segments
        Those without gaps.
    rate : float
        Hz.

    Returns
    -------
    float
        ms, at least one bin and at most the first of `LEFT_OVER_MS`; the median over muscles.
    """
    bins = [max(1, round(ms * rate / 1000)) for ms in LEFT_OVER_MS]
    products = np.zeros((bins[1] + 1, x.shape[1]))
    for rows in segments.slices:
        segment = np.asarray(x[rows], np.float64)
        known = np.isfinite(segment)
        ratio = over_slow_average(segment, known, rate)
        mean = (ratio * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        ratio = np.where(known, ratio - mean, 0)
        for lag in range(min(bins[1] + 1, len(ratio))):
            products[lag] += (ratio[: len(ratio) - lag] * ratio[lag:]).sum(axis=0)
    correlation = products / products[0]
    level = correlation[bins[0] : bins[1] + 1].mean(axis=0)
    noise = (correlation - level) / (1 - level)
    first = [next((lag for lag in range(1, bins[0]) if column[lag] < LEAST), bins[0]) for column in noise.T]
    return float(np.median(first)) * 1000 / rate


def over_slow_average(x: NDArray[np.float64], known: NDArray[np.bool_], rate: float) -> NDArray[np.float64]:
    """Return EMG of one segment over a slow average of what is known of it, at most `LARGEST_RATIO`, 1 elsewhere."""
    width = SLOW_MS * rate / 1000
    share = gaussian_filter1d(known.astype(np.float64), width, axis=0)
    mean = gaussian_filter1d(np.where(known, x, 0), width, axis=0)
    ratio = np.where(known, x, 1) * share / np.maximum(mean, np.finfo(float).tiny)
    return np.where(known, np.minimum(ratio, LARGEST_RATIO), 1.0)


def hidden_block_ms(x: NDArray[np.floating], segments: Segments, rate: float, *, shortest: float) -> float:
    """Return how long (ms) a hidden block must be for noise not to be predicted into it, at least ``shortest``."""
    return max(BLOCK_IN_NOISE * noise_length(x, segments, rate), shortest)
