"""Whether EMG is raw or rectified: what its numbers, its rate, its spectrum and its description say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import welch

_GLANCES, _GLANCE = 8, 8192  # excerpts, and samples of each, from which all is judged
_EVEN = 1 / 3  # of the spread around the median that is below it: less is one-sided
_FEW = 0.3  # share of negative samples; of raw EMG without an offset it is a half
_SLOW_HZ, _SMOOTH, _ALL_SLOW = 40.0, 0.95, 0.9999  # share of power below it: of most envelopes, of the smoothest
_COUPLED = 0.3  # correlation of level and fast part: an envelope is rougher where it is higher, raw EMG on drift is not
_AVERAGE_S = 0.05
_SLOWEST_RAW_HZ = 120.0  # most of raw EMG lies above half of it
_SAYS_ENVELOPE = re.compile(r"envelope|rectified|smoothed", re.IGNORECASE)
_SAYS_RAW = re.compile(r"\braw\b|unrectified|unfiltered|unprocessed", re.IGNORECASE)


@dataclass(frozen=True)
class _Evidence:
    """Medians over muscles: share of negative samples, of spread below the median, of slow power; coupling."""

    negative: float
    below: float
    slow: float
    coupling: float


def judge_sign(
    read: Callable[[int, int], NDArray[np.float32]], n_samples: int, rate: float, texts: Iterable[str] = ()
) -> tuple[str, bool]:
    """Say whether EMG is rectified, and why.

    Many negative samples: raw. None: rectified, unless they spread evenly about an offset. A few: an envelope that a
    filter has brought below zero, where the rate, the description or spectrum and shape say so; else raw.

    Parameters
    ----------
    read : callable
        Called with first and last sample it returns ``(samples, muscles)``.
    n_samples : int
    rate : float
        Hz.
    texts : iterable of str
        Name, description and comments of the source.

    Returns
    -------
    sentence : str
        For the user to check.
    rectified : bool
    """
    starts = np.unique(np.linspace(0, max(0, n_samples - _GLANCE), _GLANCES).astype(int))
    glances = [read(int(start), min(n_samples, int(start) + _GLANCE)) for start in starts]
    columns = np.concatenate(glances).T.astype(np.float64)
    finite = np.isfinite(columns)
    whole = finite.all(axis=1)
    known = _evidence(columns[whole], rate)  # all at once: every opening of a file waits for it
    for column, there in zip(columns[~whole], finite[~whole], strict=True):
        known += _evidence(column[None, there], rate)
    if not known:
        return "raw (taken for granted: no value that varies was seen)", False
    evidence = _Evidence(*np.median([(e.negative, e.below, e.slow, e.coupling) for e in known], axis=0).tolist())
    return _decide(evidence, any(each.negative > 0 for each in known), rate, " ".join(texts))


def _decide(evidence: _Evidence, any_negative: bool, rate: float, text: str) -> tuple[str, bool]:
    smooth = evidence.slow > _SMOOTH
    slow = f"{evidence.slow:.1%} of its power is below {_SLOW_HZ:g} Hz"
    if any_negative and evidence.negative > _FEW:
        doubt = f", but {slow}: is it an envelope without its mean, which is no EMG to start from?" if smooth else ""
        return f"raw (negative values are present{doubt})", False
    if not any_negative and evidence.below <= _EVEN:
        return "rectified already (no negative values)", True
    envelope, raw = _SAYS_ENVELOPE.search(text), _SAYS_RAW.search(text)
    why = ""
    if rate < _SLOWEST_RAW_HZ:
        why = f"sampled at {rate:g} Hz, too slowly for raw EMG"
    elif envelope and not raw:
        why = f"its description says {envelope.group()!r}"
    elif not raw and smooth and (evidence.coupling > _COUPLED or evidence.slow > _ALL_SLOW):
        why = slow
    if why:
        few = "no negative values"
        if any_negative:
            few = (
                f"{f'{evidence.negative:.1%}' if evidence.negative > 5e-4 else 'hardly any'} of its values are negative"
            )
        return f"rectified already, an envelope ({few}, and {why})", True
    if any_negative:
        return "raw (negative values are present)", False
    return "raw (no negative values, but spread evenly about an offset, which the high-pass removes)", False


def _evidence(values: NDArray[np.float64], rate: float) -> list[_Evidence]:
    """Return what tells raw from rectified in each muscle, (muscles, samples), of those in which anything varies."""
    if not values.size:
        return []
    low, middle, high = np.quantile(values, [0.01, 0.5, 0.99], axis=1)
    varies = high > low
    values, low, middle, high = values[varies], low[varies], middle[varies], high[varies]
    if not len(values):
        return []
    reach = (10 * (high - low))[:, None]
    usual = np.clip(values, middle[:, None] - reach, middle[:, None] + reach)  # no outlier decides
    frequency, power = welch(usual, rate, nperseg=min(usual.shape[1], _GLANCE), detrend="linear")
    power = power[:, 1:]  # an offset says nothing
    slow_power = power[:, frequency[1:] <= _SLOW_HZ].sum(axis=1)
    width = max(1, round(_AVERAGE_S * rate))
    level = uniform_filter1d(usual, width, axis=1)
    fast = uniform_filter1d(np.abs(usual - level), width, axis=1)
    return [
        _Evidence(
            negative=float(np.mean(values[muscle] < 0)),
            below=float((middle[muscle] - low[muscle]) / (high[muscle] - low[muscle])),
            slow=float(slow_power[muscle] / max(power[muscle].sum(), np.finfo(float).tiny)),
            coupling=_correlation(level[muscle], fast[muscle]),
        )
        for muscle in range(len(values))
    ]


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if one.std() > 0 and other.std() > 0 else 0.0
