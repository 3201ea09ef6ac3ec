"""Onsets and offsets of bursts, by two thresholds or by the likelihood ratio."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError, SignalError, shown
from nwb_autolfads.given import number, over_time
from nwb_autolfads.segments import Segments

Floats = NDArray[np.float64]
Method = Literal["double_threshold", "likelihood_ratio"]

QUIET_WINDOW_S, QUIET_SHARE = 0.25, 0.2
"""Without a baseline, rest is taken where means over so long a window are among the lowest fifth."""
FEWEST_REST = 20  # bins, to tell mean and spread from


def find_onsets(
    activation: xr.DataArray | xr.Dataset,
    *,
    method: Method | None = None,
    baseline: tuple[float, float] | None = None,
    threshold: float | None = None,
    shortest_ms: float = 25.0,
    window_ms: float = 50.0,
) -> xr.Dataset:
    """Find when each muscle begins and ceases to be active.

    Parameters
    ----------
    activation : DataArray or Dataset, (time, muscle)
        An estimate, its ``activation``, or rectified EMG.
    method : str, optional
        By default the likelihood ratio for rectified EMG (named ``emg``), of which bins are nearly independent, as it
        takes them to be, and the double threshold for estimates, which are smooth: a ratio would find bursts in a
        muscle at rest.

        ``"double_threshold"``: a burst begins with the first of bins that lie above the mean of rest by ``threshold``
        standard deviations for at least ``shortest_ms``, and ends with the first of bins that do not (Hodges and Bui
        1996). ``"likelihood_ratio"``: a burst is where the mean of ``window_ms`` is another than that of rest, by the
        logarithm of the ratio of likelihoods; it begins and ends where a change of the mean is most likely (Staude and
        Wolf 1999; Staude 2001).
    baseline : tuple of float, optional
        Start and stop (s) of rest. Without, rest is where a muscle is quietest: a fifth of the time.
    threshold : float, optional
        Standard deviations above rest (3 by default), or the logarithm of the ratio of likelihoods (12 by default).
    shortest_ms : float
        Shorter bursts are left out, and shorter pauses are bridged.
    window_ms : float
        Of the likelihood ratio.

    Returns
    -------
    Dataset, (burst,)
        ``onset`` and ``offset`` (s), ``peak`` of the activation in between, with the coordinate ``muscle``; in order
        of muscles, then of time. What begins or ends with a gap or the recording begins or ends there. attrs:
        ``config`` (JSON) with all numbers.

    Raises
    ------
    ConfigError
        If there is no such method, or a number is out of its range.
    SignalError
        If it is no activation ``(time, muscle)``, or the baseline holds too little.

    Notes
    -----
    Staude and Wolf test the variance of whitened EMG, a normal variable. Its square is gamma distributed with the shape
    1/2; here the shape is that of the rectified EMG at rest, so that the ratio is the same for the square of raw EMG,
    and as sharp where each bin is a mean of several samples.

    References
    ----------
    Hodges PW, Bui BH (1996) A comparison of computer-based methods for the determination of onset of muscle contraction
    using electromyography. Electroencephalogr Clin Neurophysiol 101:511-519.
    Staude G, Wolf W (1999) Objective motor response onset detection in surface myoelectric signals. Med Eng Phys
    21:449-467.
    Staude GH (2001) Precise onset detection of human motor responses using a whitening filter and the
    log-likelihood-ratio test. IEEE Trans Biomed Eng 48:1292-1305.
    """
    values, baseline = over_time(activation), _checked(baseline)
    method = method or ("likelihood_ratio" if values.name == "emg" else "double_threshold")
    segments = Segments.of(values)
    settings = _Settings.of(method, threshold, shortest_ms, window_ms, segments.rate)
    rows: list[tuple[str, float, float, float]] = []
    for muscle in values["muscle"].values:
        x = values.sel(muscle=muscle).values.astype(np.float64)
        if np.isnan(x).all():
            continue  # not usable, so nothing was estimated
        rest = _rest(x, values["time"].values, segments, baseline, str(muscle))
        for segment in segments:
            part, time = x[segment.rows], values["time"].values[segment.rows]
            for begin, end in settings.bursts(part, rest):
                stop = time[end] if end < len(time) else time[-1] + 1 / segments.rate
                rows.append((str(muscle), time[begin], stop, float(np.nanmax(part[begin:end]))))
    return _as_dataset(rows, settings, baseline, activation)


@dataclass(frozen=True)
class _Rest:
    """What a muscle does at rest: mean and standard deviation."""

    mean: float
    std: float

    @property
    def shape(self) -> float:
        """Of a gamma distribution of this mean and standard deviation."""
        return (self.mean / self.std) ** 2


def _checked(baseline: Any) -> tuple[float, float] | None:
    """Return begin and end of rest (s), if they are any."""
    if baseline is None:
        return None
    if not isinstance(baseline, Sequence | np.ndarray) or isinstance(baseline, str | bytes) or len(baseline) != 2:
        raise ConfigError(f"baseline is {shown(baseline)}", obj="find_onsets", way_out="Give (start, stop), in seconds")
    start, stop = (number(each, "baseline", "find_onsets") for each in baseline)
    return start, stop


def _rest(x: Floats, time: Floats, segments: Segments, baseline: tuple[float, float] | None, muscle: str) -> _Rest:
    inside = _quietest(x, segments) if baseline is None else (time >= baseline[0]) & (time < baseline[1])
    found = x[inside & np.isfinite(x)]
    if len(found) < FEWEST_REST or not found.std() > 0:
        where = "the quietest fifth" if baseline is None else f"the baseline, {baseline[0]:g} to {baseline[1]:g} s,"
        raise SignalError(
            f"{where} holds {len(found)} bins of standard deviation {found.std() if found.size else 0:g}",
            way_out="Give a baseline (start, stop) of rest, in seconds",
            obj=f"muscle {muscle!r}",
        )
    return _Rest(float(found.mean()), float(found.std()))


def _quietest(x: Floats, segments: Segments) -> NDArray[np.bool_]:
    """Return the bins of all windows whose means are among the lowest."""
    width = max(1, round(QUIET_WINDOW_S * segments.rate))
    means = {}
    for segment in segments:
        if segment.n_samples >= width:
            means[segment.first_sample] = np.convolve(x[segment.rows], np.ones(width) / width, "valid")
    known = np.concatenate([np.empty(0), *means.values()])
    known = known[np.isfinite(known)]
    inside = np.zeros(len(x), bool)
    for first, found in means.items():
        quiet = np.convolve(found <= np.quantile(known, QUIET_SHARE), np.ones(width), "full") if known.size else found
        inside[first : first + len(quiet)] |= quiet > 0.5
    return inside


@dataclass(frozen=True)
class _Settings:
    method: str
    threshold: float
    n_shortest: int
    n_window: int
    shortest_ms: float
    window_ms: float

    @classmethod
    def of(cls, method: str, threshold: float | None, shortest_ms: float, window_ms: float, rate: float) -> _Settings:
        usual = {"double_threshold": 3.0, "likelihood_ratio": 12.0}
        if method not in usual:
            raise ConfigError(f"method is {shown(method)}", obj="find_onsets", way_out=f"Use {' or '.join(usual)}")
        threshold = usual[method] if threshold is None else threshold
        for name, value in (("threshold", threshold), ("shortest_ms", shortest_ms), ("window_ms", window_ms)):
            if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value < np.inf:
                raise ConfigError(f"{name} is {shown(value)}", obj="find_onsets", way_out="Give a number above 0")
        n_shortest, n_window = (max(1, round(ms * rate / 1000)) for ms in (shortest_ms, window_ms))
        return cls(method, float(threshold), n_shortest, max(2, n_window), float(shortest_ms), float(window_ms))

    def bursts(self, x: Floats, rest: _Rest) -> list[tuple[int, int]]:
        """Return the first bin of each burst of one stretch without gaps, and the first after it."""
        if self.method == "double_threshold":
            return lasting(x > rest.mean + self.threshold * rest.std, self.n_shortest)
        return self._by_likelihood(np.nan_to_num(x, nan=rest.mean), rest)

    def _by_likelihood(self, x: Floats, rest: _Rest) -> list[tuple[int, int]]:
        if len(x) < 2 * self.n_window:
            return []
        n, tiny = self.n_window, 1e-12 * rest.mean
        ratio = np.maximum(np.convolve(x, np.ones(n) / n, "valid"), tiny) / rest.mean  # of the n bins from each bin on
        log_ratio = np.where(ratio > 1, n * rest.shape * (ratio - 1 - np.log(ratio)), 0.0)
        found = []
        for first, last in lasting(log_ratio > self.threshold, 1, bridged=n):
            # All windows from the first to the last differ from rest, so the changes lie in those two, or beside them.
            level = max(float(x[first + n // 2 : last + n // 2 + 1].mean()), float(x[first : last + n].mean()))
            gain = np.cumsum(_per_bin(x, rest, max(level, 1.01 * rest.mean)))
            begin, end = max(0, first - n // 2), min(len(x), last - 1 + n + n // 2)
            onset = begin + int(np.argmin(np.concatenate([[0.0], gain])[begin : min(first + n, end)]))
            offset = max(last - 1, onset) + int(np.argmax(gain[max(last - 1, onset) : end])) + 1
            if offset - onset >= self.n_shortest:
                found.append((onset, offset))
        return _joined(found, self.n_shortest)


def _per_bin(x: Floats, rest: _Rest, level: float) -> Floats:
    """Return what each bin says for the mean ``level`` against that of rest: the log of the likelihoods' ratio."""
    return rest.shape * (np.log(rest.mean / level) + x * (1 / rest.mean - 1 / level))


def lasting(on: NDArray[np.bool_], shortest: int, bridged: int | None = None) -> list[tuple[int, int]]:
    """Return begin and end of stretches that are on, none shorter than ``shortest``, pauses shorter than that bridged.

    Parameters
    ----------
    on : array of bool, (time,)
    shortest : int
        Bins.
    bridged : int, optional
        Pauses of fewer bins are bridged; by default ``shortest``.
    """
    steps = np.diff(np.concatenate([[0], on.astype(np.int8), [0]]))
    found = list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))
    # What is short by itself does not become a burst by standing beside others.
    return _joined([(begin, end) for begin, end in found if end - begin >= shortest], bridged or shortest)


def _joined(found: list[tuple[int, int]], bridged: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin, end in found:
        if joined and begin - joined[-1][1] < bridged:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined


def _as_dataset(
    rows: list[tuple[str, float, float, float]],
    settings: _Settings,
    baseline: tuple[float, float] | None,
    activation: xr.DataArray | xr.Dataset,
) -> xr.Dataset:
    muscle, *numbers = zip(*rows, strict=True) if rows else ((), (), (), ())
    config: dict[str, Any] = {
        "method": settings.method,
        "threshold": settings.threshold,
        "baseline_s": None if baseline is None else [float(each) for each in baseline],
        "shortest_ms": settings.shortest_ms,
    }
    config |= {"window_ms": settings.window_ms} if settings.method == "likelihood_ratio" else {}
    labels = {"onset": ("Onset", "s"), "offset": ("Offset", "s"), "peak": ("Peak", "a.u.")}
    variables = {
        name: ("burst", np.asarray(values, np.float64), {"long_name": label, "units": units})
        for (name, (label, units)), values in zip(labels.items(), numbers, strict=True)
    }
    of = {"estimator": activation.attrs["estimator"]} if "estimator" in activation.attrs else {}
    return xr.Dataset(
        variables, {"muscle": ("burst", np.asarray(muscle, dtype=str))}, attrs={"config": json.dumps(config), **of}
    )
