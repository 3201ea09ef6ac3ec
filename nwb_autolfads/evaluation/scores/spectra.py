"""Cross-spectra over windows, coherence, and what coherence chance alone gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal.windows import hann
from scipy.stats import norm

from nwb_autolfads.evaluation.decoding.binning import Bins
from nwb_autolfads.segments import Segments

Floats = NDArray[np.float64]

_SAMPLES_AT_ONCE = 20_000  # of all windows: what is transformed at once stays in the cache
_HANN_OVERLAP = (1 / 6) ** 2  # squared correlation of neighbouring Hann windows that overlap by half (Welch 1967)


def coherence_limit(n: float, level: float = 0.05) -> float:
    """Return what the coherence of two unrelated signals over ``n`` independent windows exceeds with probability level.

    ``1 - level^(1 / (n - 1))``: Rosenberg et al. 1989, Prog Biophys Mol Biol 53.
    """
    return 1.0 - level ** (1 / (n - 1)) if n > 1 else 1.0


def confidence_interval(coherence: Floats, n: float, level: float = 0.05) -> tuple[Floats, Floats]:
    """Return the limits between which the true coherence lies, from ``atanh sqrt(C)`` with variance ``1 / (2 n)``."""
    z = np.arctanh(np.sqrt(np.clip(coherence, 0, 1 - 1e-12)))
    half = norm.ppf(1 - level / 2) / np.sqrt(2 * n)
    return np.tanh(np.maximum(z - half, 0)) ** 2, np.tanh(z + half) ** 2


def windows_in(intervals: Floats, time: Floats, known: Segments, length: int) -> NDArray[np.intp]:
    """Return the rows of every window that lies in an interval and in one known segment, (window, row).

    They begin where interval or segment begins; an interval that is shorter than a window has one around its middle.
    """
    starts = [np.empty(0, dtype=int)]
    firsts, stops = known.firsts, known.firsts + known.lengths
    for start, stop in intervals:
        if not (np.isfinite(start) and np.isfinite(stop)) or stop <= start:
            continue
        first, last = np.searchsorted(time, [start - 1e-6, stop + 1e-6])
        if last - first < length:
            starts.append(np.array([(first + last - length) // 2]))
            continue
        here = slice(np.searchsorted(stops, first, side="right"), np.searchsorted(firsts, last))
        for low, high in zip(np.maximum(firsts[here], first), np.minimum(stops[here], last), strict=True):
            starts.append(np.arange(low, high - length + 1, max(1, length // 2)))
    at = np.concatenate(starts)
    return at[known.hold(at, length)][:, None] + np.arange(length)


def in_enough_windows(bins: Bins, phases: Sequence[Floats], length: int) -> Bins:
    """Leave out muscles that are known in less than half as many windows of the phases as the best known muscle.

    Windows are those in which all muscles are known, so that one with holes everywhere would leave none for the others.
    """
    known = np.asarray(np.isfinite(bins.values).all(axis=0))
    if known.all():
        return bins
    segments = [bins.segments.where(column) for column in known.T]
    counts = [sum(len(windows_in(phase, bins.time, each, length)) for phase in phases) for each in segments]
    most = max(counts)
    return bins.without(
        {
            muscle: f"it is known in {count} windows of {length * bins.width:g} s, others in {most}"
            for muscle, count in zip(bins.muscles, counts, strict=True)
            if 2 * count < most
        }
    )


def cross_spectra(x: Floats, y: Floats, rows: NDArray[np.intp]) -> tuple[Floats, Floats, NDArray[np.complex128]]:
    """Return the sums over windows of ``|X|^2``, ``|Y|^2`` and ``conj(X) Y``, (frequency, column), without 0 Hz.

    ``x`` and ``y`` are ``(time, column)``; one of them may have a single column, which is taken with all of the other.
    """
    taper = hann(rows.shape[1], sym=False)[:, None]
    xx, yy, xy = 0.0, 0.0, 0.0
    for part in np.array_split(rows, 1 + rows.size // _SAMPLES_AT_ONCE):
        a, b = x[part], y[part]
        fx, fy = (np.fft.rfft((each - each.mean(axis=1, keepdims=True)) * taper, axis=1)[:, 1:] for each in (a, b))
        xx = xx + (fx.real**2 + fx.imag**2).sum(axis=0)
        yy = yy + (fy.real**2 + fy.imag**2).sum(axis=0)
        xy = xy + (np.conj(fx) * fy).sum(axis=0)
    return np.asarray(xx), np.asarray(yy), np.asarray(xy)


def coherence_of(xx: Floats, yy: Floats, xy: NDArray[np.complex128]) -> Floats:
    """Return ``|sum conj(X) Y|^2 / (sum |X|^2 sum |Y|^2)``."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(xy) ** 2 / (xx * yy)


def above_up_to(coherence: xr.DataArray, limit: float) -> float:
    """Return the frequency (Hz) up to which coherence (frequency,) is above a limit throughout; NaN for none."""
    n = int(np.argmin(np.append(coherence.values > limit, False)))
    return float(coherence["frequency"].values[n - 1]) if n else float("nan")


def independent_windows(n_windows: int) -> float:
    """Return how many independent windows as many that overlap by half are worth (Welch 1967)."""
    return n_windows / (1 + 2 * _HANN_OVERLAP * (1 - 1 / n_windows))
