"""Missing samples: which they are, how filters pass over them, and which bins they leave nothing known of.

Missing is what is not finite, and what is so large that no electrode gives it: more than `ABSURD` times what the muscle
usually does. A filter needs something in their place, so they are bridged by a straight line while it runs; afterwards
every bin is missing into which more of the bridge went than `LARGEST_SHARE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from nwb_autolfads.sources.recording import EmgRecording

ABSURD = 1000.0
"""Times its usual size, the 0.99 quantile of what differs from the median. Bursts stay far below it, and so does any
artefact that comes again and again."""
EXCERPTS, EXCERPT_S = 8, 8.0
"""What is judged on part of a recording is judged on so many excerpts of this length (s)."""
LARGEST_SHARE = 0.05
"""Of the power of a filter's output that may be due to samples that are missing."""
LARGEST_WEIGHT = 0.25
"""Of an average, such as a bin of a slower rate, that may fall on samples that are missing."""
_ENOUGH = 200_000  # samples of a muscle, to tell its usual size


def absurd_as_infinite(recording: EmgRecording) -> EmgRecording:
    """Return the recording with infinity in place of what is absurdly large, as judged from at most 64 s of it."""
    middle, limit = _usual_range(recording)

    def read(start: int, stop: int) -> NDArray[np.float32]:
        samples = recording.read(start, stop)
        with np.errstate(over="ignore", invalid="ignore"):
            absurd = np.abs(samples - middle) > limit
        return np.where(absurd, np.float32(np.inf), samples) if absurd.any() else samples

    return replace(recording, _read=read)


def excerpts(recording: EmgRecording) -> Iterator[NDArray[np.float32]]:
    """Read excerpts, (samples, muscles), none across a gap, spread over the recording and at most 64 s together."""
    for part in recording.segments.excerpts(EXCERPTS, int(EXCERPT_S * recording.rate)):
        yield recording.read(part.first_sample, part.stop)


def enough_samples(recording: EmgRecording) -> NDArray[np.float32]:
    """Return samples of the excerpts, evenly spaced, that are enough to tell how large each muscle is."""
    step = 1 + int(EXCERPTS * EXCERPT_S * recording.rate) // _ENOUGH
    return np.concatenate([part[::step] for part in excerpts(recording)])


def _usual_range(recording: EmgRecording) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the median of each muscle and how far from it is absurd; infinity where nothing varies."""
    samples = enough_samples(recording)
    middle, limit = np.zeros(samples.shape[1], np.float32), np.full(samples.shape[1], np.inf, np.float32)
    for muscle, column in enumerate(samples.T):
        values = column[np.isfinite(column)].astype(np.float64)
        if not values.size:
            continue
        middle[muscle] = np.median(values)
        distance = np.abs(values - middle[muscle])
        if distance.any():
            usual = ABSURD * np.quantile(distance[distance > 0], 0.99)
            limit[muscle] = min(usual, float(np.finfo(np.float32).max))
    return middle, limit


def bridged(samples: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return a signal, (time,) or (time, muscle), with straight lines in place of what is not finite."""
    if np.isfinite(samples).all():
        return samples
    if samples.ndim == 2:
        return np.stack([bridged(column) for column in samples.T], axis=1)
    at = np.arange(len(samples))
    known = np.isfinite(samples)
    if not known.any():
        return np.zeros_like(samples)
    return np.where(known, samples, np.interp(at, at[known], samples[known])).astype(samples.dtype)


def averaged(average: Callable[[NDArray], NDArray], samples: NDArray[np.floating]) -> NDArray[np.floating]:
    """Run a linear filter that keeps what is constant, such as a low-pass, over a signal with NaN, along time.

    Where more of its weight than `LARGEST_WEIGHT` falls on what is missing, the result is NaN.
    """
    missing = np.isnan(samples)
    if not missing.any():
        return average(samples)
    weight = np.abs(average(missing.astype(np.float64)))
    return np.where(weight > LARGEST_WEIGHT, np.nan, average(bridged(samples)))


def power_share(missing: NDArray[np.bool_], response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of a filter's output power that is due to missing samples, the EMG taken for white, (time,).

    Parameters
    ----------
    missing : ndarray of bool, (time,)
    response : ndarray, (odd number,)
        The filter's answer to a single 1 in its middle.
    """
    power = response**2 / np.sum(response**2)
    share = fftconvolve(missing.astype(np.float64), power)
    return share[len(power) // 2 : len(power) // 2 + len(missing)]


def quantiles_of_known(values: NDArray[np.floating], quantiles: Sequence[float]) -> NDArray[np.float64]:
    """Return quantiles along time of ``(time, muscle)`` without its NaN, (quantile, muscle); NaN where all of it is."""
    found = np.full((len(quantiles), values.shape[1]), np.nan)
    for muscle, column in enumerate(values.T):
        known = column[~np.isnan(column)]
        if known.size:
            found[:, muscle] = [np.quantile(known, quantile) for quantile in quantiles]
    return found
