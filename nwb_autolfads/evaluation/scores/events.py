"""What repeats with an event and what does not: averages, spread, and what is left when the average is taken away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import SignalError

Floats = NDArray[np.float64]

_CLOCK_S = 1e-6  # times closer than this are the same


@dataclass(frozen=True)
class Events:
    """Times (s) of something that happens again and again, what to call it, and the window around it that counts."""

    name: str
    times: Floats
    before: float = 0.1
    after: float = 0.25


def event_averages(signals: xr.DataArray, events: Events) -> xr.Dataset:
    """Average signals around events.

    Parameters
    ----------
    signals : DataArray, (time, ...)
        Evenly sampled but for gaps.
    events : Events
        Those whose window is not wholly recorded are left out.

    Returns
    -------
    Dataset, (from_event, ...)
        ``mean``, ``std`` over events (single-trial spread, ``n - 1`` in its denominator), ``n`` (events). Coordinate
        ``from_event`` (s). The attr ``event`` names it.

    Raises
    ------
    SignalError
        If no event has its whole window recorded.
    """
    signals = signals.transpose("time", ...)
    time = signals["time"].values
    step = float(np.median(np.diff(time)))
    offsets = np.arange(-round(events.before / step), round(events.after / step) + 1)
    # What is looked for is where the window begins: the event itself may lie in a gap before its trial.
    rows = np.searchsorted(time, events.times + (offsets[0] - 0.5) * step)[:, None] + np.arange(len(offsets))
    inside = (rows >= 0).all(axis=1) & (rows < len(time)).all(axis=1)
    rows, at = rows[inside], events.times[inside]
    whole = np.abs(time[rows] - (at[:, None] + offsets * step)).max(axis=1, initial=0) <= 0.51 * step + 1e-9
    trials = signals.values[rows[whole]].astype(np.float64)  # (event, from_event, ...)
    if not len(trials):
        raise SignalError(
            f"none of {len(events.times)} events is recorded from {events.before:g} s before to {events.after:g} s on",
            way_out="Choose other events, or a shorter window around them",
            obj=events.name,
        )
    dims = ("from_event", *signals.dims[1:])
    with np.errstate(invalid="ignore"):
        spread = trials.std(axis=0, ddof=1) if len(trials) > 1 else np.full(trials.shape[1:], np.nan)
    coords = {name: coord for name, coord in signals.coords.items() if "time" not in coord.dims}
    return xr.Dataset(
        {"mean": (dims, trials.mean(axis=0)), "std": (dims, spread), "n": len(trials)},
        coords={**coords, "from_event": ("from_event", offsets * step, {"units": "s"})},
        attrs={"event": events.name},
    )


def without_average(values: Floats, time: Floats, step: float, events: Events) -> Floats:
    """Return signals less their average at the same time from the event; NaN far from any event, (time, signal).

    Every bin belongs to the last event whose window has begun. Times from the event that occur only once are NaN.

    Parameters
    ----------
    values : ndarray, (time, signal)
    time : ndarray, (time,)
    step : float
        Between neighbouring times (s).
    events : Events
    """
    starts = np.sort(events.times) - events.before
    last = np.searchsorted(starts, time + _CLOCK_S, side="right") - 1
    since = np.where(last >= 0, time - starts[np.maximum(last, 0)], np.inf)
    inside = (since <= events.before + events.after + _CLOCK_S) & np.isfinite(values).all(axis=1)
    place = np.rint(np.where(inside, since, 0) / step).astype(np.int64)
    n_places = int(place.max()) + 1 if len(place) else 0
    counts = np.bincount(place[inside], minlength=n_places)
    left = np.full(values.shape, np.nan)
    for column in range(values.shape[1]):
        sums = np.bincount(place[inside], weights=values[inside, column], minlength=n_places)
        left[inside, column] = values[inside, column] - (sums / np.maximum(counts, 1))[place[inside]]
    left[inside & (counts[place] < 2)] = np.nan
    return left


def single_trial_scores(
    true: Floats, predicted: Floats, time: Floats, step: float, events: Events
) -> tuple[Floats, Floats]:
    """Split a prediction's score into what repeats with the event and what does not.

    Returns
    -------
    share : ndarray, (target,)
        Part of the target's variance near events that is left when its average over events is subtracted.
    r2 : ndarray, (target,)
        Part of what is left that the prediction, less its own average over events, explains. NaN for both with fewer
        than two events.
    """
    both = np.hstack([true, predicted])
    left = without_average(both, time, step, events)
    rows = np.isfinite(left).all(axis=1)
    k = true.shape[1]
    if not rows.any():
        return np.full(k, np.nan), np.full(k, np.nan)
    residual, residual_predicted = left[rows, :k], left[rows, k:]
    total = ((true[rows] - true[rows].mean(axis=0)) ** 2).sum(axis=0)
    remaining = (residual**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(total > 0, remaining / total, np.nan)
        r2 = np.where(remaining > 0, 1 - ((residual - residual_predicted) ** 2).sum(axis=0) / remaining, np.nan)
    return share, r2
