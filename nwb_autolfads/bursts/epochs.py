"""Epochs: activation around each of several times, all of one length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.given import number, over_time, times_of
from nwb_autolfads.segments import Segments


def cut_epochs(
    activation: xr.DataArray | xr.Dataset, times: ArrayLike | Sequence[float], *, before: float, after: float
) -> xr.DataArray:
    """Cut activation around events; the mean over ``event`` is the event average.

    Parameters
    ----------
    activation : DataArray or Dataset, (time, muscle)
        An estimate, its ``activation``, or rectified EMG.
    times : array, (event,)
        Of the events (s, session clock), such as ``bursts["onset"]``.
    before, after : float
        How much is cut around each (s).

    Returns
    -------
    DataArray, (event, from_event, muscle)
        At the bins nearest to each time; NaN outside the recording and in gaps. Coordinates ``from_event`` (s) and
        ``event_time`` (s).

    Raises
    ------
    ConfigError
        If times are not finite numbers, or nothing lies between ``before`` and ``after``.
    SignalError
        If it is no activation ``(time, muscle)``.
    """
    values, events = over_time(activation), times_of(times, "cut_epochs")
    before, after = number(before, "before", "cut_epochs"), number(after, "after", "cut_epochs")
    if not before + after > 0:
        raise ConfigError(f"before={before}, after={after}", obj="cut_epochs", way_out="Give seconds, together above 0")
    segments, time = Segments.of(values), values["time"].values
    rate = segments.rate
    offsets = np.arange(-round(before * rate), round(after * rate) + 1)
    cut = np.full((len(events), len(offsets), values.sizes["muscle"]), np.nan, dtype=np.float32)
    for segment in segments:
        bins = np.rint((events - time[segment.first_sample]) * rate).astype(np.int64)[:, None] + offsets
        event, at = np.nonzero((bins >= 0) & (bins < segment.n_samples))
        cut[event, at] = values.values[segment.first_sample + bins[event, at]]
    along_muscle = {name: each for name, each in values.coords.items() if each.dims == ("muscle",)}
    return xr.DataArray(
        cut,
        dims=("event", "from_event", "muscle"),
        coords={
            "from_event": ("from_event", offsets / rate, {"long_name": "Time from the event", "units": "s"}),
            "event_time": ("event", events, {"long_name": "Time of the event", "units": "s"}),
            **along_muscle,
        },
        name=values.name,
        attrs=values.attrs,
    )
