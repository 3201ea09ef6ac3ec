"""What an estimator does to each frequency in each phase of behaviour, and the sums that any coherence needs."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal.windows import hann

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.evaluation.decoding.binning import bin_activation
from nwb_autolfads.segments import Segments

Floats = NDArray[np.float64]

LONGEST_WINDOW_S, SHORTEST_WINDOW_S = 2.0, 0.2
WHOLE = "all"
_DECIBELS = 3.0
_SAMPLES_AT_ONCE = 20_000  # of all windows: what is transformed at once stays in the cache
_HANN_OVERLAP = (1 / 6) ** 2  # squared correlation of neighbouring Hann windows that overlap by half (Welch 1967)


def transfer_function(
    estimates: Mapping[str, xr.Dataset],
    emg: xr.DataArray,
    phases: Mapping[str, Floats] | None = None,
    *,
    window: float | None = None,
    level: float = 0.05,
) -> xr.Dataset:
    """Return gain and coherence from rectified EMG to activation in each phase of behaviour.

    ``H1 = |sum conj(X) Y| / sum |X|^2`` over Hann windows (the mean of each taken away) that overlap by half and lie
    in the phase; around the middle of intervals that are shorter than a window. A filter has the same gain in all
    phases; an estimator that adapts has not (Wimalasena et al. 2022).

    Parameters
    ----------
    estimates : mapping of str to Dataset
        ``activation`` ``(time, muscle)`` by the name of its estimate.
    emg : DataArray, (time, muscle)
        Rectified EMG that they were made from, at the same times.
    phases : mapping of str to ndarray, (interval, 2), optional
        Start and stop (s) of the intervals of each phase; by default all of the recording is one.
    window : float, optional
        Length (s). By default the median interval of the shortest phase, within 0.2 and 2 s: the
        longer, the finer the frequencies.
    level : float
        Of ``coherence_limit``.

    Returns
    -------
    Dataset
        ``gain`` and ``coherence`` ``(estimator, phase, muscle, frequency)``, from the lowest frequency of a window on;
        ``corner`` ``(estimator, phase, muscle)``, the frequency (Hz) at which the gain has fallen by 3 dB from its
        lowest one, NaN where it never does; ``n_windows`` and ``coherence_limit`` ``(phase,)``, what the coherence of
        unrelated signals exceeds with the probability ``level``. attrs: ``config``, ``excluded_muscles`` (JSON).

    Raises
    ------
    SignalError
        If EMG and estimates have no time in common, or a phase has no whole window.
    ConfigError
        If the window is shorter than eight samples.
    """
    together = {**estimates, "\0emg": emg.to_dataset(name="activation")}
    bins = bin_activation(together, 0.0)
    rate = round(1 / bins.width, 6)
    intervals = {WHOLE: np.array([[bins.time[0], bins.time[-1]]])} if phases is None else phases
    window = _default_window(intervals) if window is None else window
    length = round(window * rate)
    if length < 8:
        raise ConfigError(f"a window of {window:g} s is {length} samples", way_out="Give a longer one", obj="window")
    x = bins.values[-1]
    known = bins.segments.where(np.asarray(np.isfinite(bins.values).all(axis=(0, 2))))
    gain, coherence, counts = [], [], []
    for name, phase in intervals.items():
        rows = windows_in(phase, bins.time, known, length)
        if not len(rows):
            raise SignalError(
                f"no window of {window:g} s is recorded in its {len(phase)} intervals",
                way_out="Give a shorter window, or other phases",
                obj=name,
            )
        spectra = [cross_spectra(x, y, rows) for y in bins.values[:-1]]
        gain.append([np.abs(xy) / xx for xx, _, xy in spectra])
        coherence.append([coherence_of(*each) for each in spectra])
        counts.append(len(rows))
    frequency: Floats = np.fft.rfftfreq(length, 1 / rate)[1:].astype(np.float64)
    dims = ("phase", "estimator", "frequency", "muscle")
    result = xr.Dataset(
        {
            "gain": (dims, np.array(gain)),
            "coherence": (dims, np.array(coherence)),
            "n_windows": ("phase", counts),
            "coherence_limit": ("phase", [coherence_limit(independent_windows(count), level) for count in counts]),
        },
        coords={
            "phase": list(intervals),
            "estimator": list(estimates),
            "muscle": list(bins.muscles),
            "frequency": ("frequency", frequency, {"units": "Hz"}),
        },
        attrs={
            "config": json.dumps({"window_s": length / rate, "rate_hz": rate, "level": level}),
            "excluded_muscles": json.dumps(bins.left_out),
        },
    ).transpose("estimator", "phase", "muscle", "frequency")
    corner = xr.apply_ufunc(
        lambda each: _corner(each, frequency), result["gain"], input_core_dims=[["frequency"]], vectorize=True
    )
    return result.assign(corner=corner.assign_attrs(units="Hz"))


def coherence_limit(n: float, level: float = 0.05) -> float:
    """Return what the coherence of two unrelated signals over ``n`` independent windows exceeds with probability level.

    ``1 - level^(1 / (n - 1))``: Rosenberg et al. 1989, Prog Biophys Mol Biol 53.
    """
    return 1.0 - level ** (1 / (n - 1)) if n > 1 else 1.0


def confidence_interval(coherence: Floats, n: float, level: float = 0.05) -> tuple[Floats, Floats]:
    """Return the limits between which the true coherence lies, from ``atanh sqrt(C)`` with variance ``1 / (2 n)``."""
    from scipy.stats import norm

    z = np.arctanh(np.sqrt(np.clip(coherence, 0, 1 - 1e-12)))
    half = norm.ppf(1 - level / 2) / np.sqrt(2 * n)
    return np.tanh(np.maximum(z - half, 0)) ** 2, np.tanh(z + half) ** 2


def _default_window(intervals: Mapping[str, Floats]) -> float:
    lengths = [float(np.nanmedian(np.diff(each, axis=1))) for each in intervals.values() if len(each)]
    return float(np.clip(min(lengths, default=LONGEST_WINDOW_S), SHORTEST_WINDOW_S, LONGEST_WINDOW_S))


def windows_in(intervals: Floats, time: Floats, known: Segments, length: int) -> NDArray[np.intp]:
    """Return the rows of every window that lies in an interval and in one known segment, (window, row)."""
    starts = []
    for start, stop in intervals:
        if not (np.isfinite(start) and np.isfinite(stop)) or stop <= start:
            continue
        first, last = np.searchsorted(time, [start - 1e-6, stop + 1e-6])
        if last - first >= length:
            starts.append(np.arange(first, last - length + 1, max(1, length // 2)))
        else:
            starts.append(np.array([(first + last - length) // 2]))
    at = np.concatenate(starts) if starts else np.empty(0, dtype=int)
    return at[known.hold(at, length)][:, None] + np.arange(length)


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


def independent_windows(n_windows: int) -> float:
    """Return how many independent windows as many that overlap by half are worth (Welch 1967)."""
    return n_windows / (1 + 2 * _HANN_OVERLAP * (1 - 1 / n_windows))


def _corner(gain: Floats, frequency: Floats) -> float:
    with np.errstate(divide="ignore"):
        decibels = 20 * np.log10(gain / gain[0])
    below = np.flatnonzero(decibels <= -_DECIBELS)
    if not below.size:
        return float("nan")
    after = int(below[0])
    return float(np.interp(_DECIBELS, -decibels[after - 1 : after + 1], frequency[after - 1 : after + 1]))
