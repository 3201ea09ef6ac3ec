"""Stretches of EMG around events, one window of AutoLFADS each."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError, SignalError

FEWEST_TRIALS = 10
"""One trial in five is held out for validation, and training must see what varies."""


def cut_trials(
    emg: xr.DataArray, events: NDArray[np.float64], *, from_ms: float = -100.0, to_ms: float = 400.0, name: str = ""
) -> xr.DataArray:
    """Keep what lies around events, each trial a segment of its own.

    AutoLFADS takes each as one window, so that a window always starts at the same moment of the behaviour and its
    initial condition means the same thing in all of them (Wimalasena et al. 2022 use windows of this kind where
    movements are brief, continuous ones elsewhere).

    Parameters
    ----------
    emg : DataArray, (time, muscle)
        From `preprocess`.
    events : ndarray, (event,)
        Times (s, session clock).
    from_ms, to_ms : float
        Begin and end of a trial (ms after its event; negative: before).
    name : str
        Where the events are from, kept with the data.

    Returns
    -------
    DataArray, (time, muscle)
        The bins of all trials; ``attrs["trial_ms"]`` is their length. A trial that would reach over a gap or an end of
        the recording, or into the trial before it, is left out.

    Raises
    ------
    ConfigError
        If the trials would have no length.
    SignalError
        If fewer than ten trials are left.
    """
    rate = float(emg.attrs["rate"])
    length = round((to_ms - from_ms) * rate / 1000)
    if length < 2:
        raise ConfigError(
            f"trials from {from_ms:g} to {to_ms:g} ms have no length",
            obj=name,
            way_out="Let them end after they begin",
        )
    time, segment = emg["time"].values, emg["segment"].values
    starts: list[int] = []
    for begin in np.sort(events) + from_ms / 1000:
        first = int(np.searchsorted(time, begin - 0.5 / rate))
        last = first + length - 1
        inside = last < len(time) and segment[first] == segment[last] and time[first] <= begin + 0.5 / rate
        if inside and (not starts or first >= starts[-1] + length):
            starts.append(first)
    if len(starts) < FEWEST_TRIALS:
        raise SignalError(
            f"{len(starts)} of {len(events)} events leave a trial of {from_ms:g} to {to_ms:g} ms that lies in the "
            "recording and apart from the one before",
            file=json.loads(emg.attrs.get("origin", "{}")).get("file", ""),
            obj=name,
            way_out=f"Give at least {FEWEST_TRIALS} such events, or shorter trials",
        )
    bins = (np.array(starts)[:, None] + np.arange(length)).ravel()
    trials = emg.isel(time=bins)
    trials["segment"] = ("time", np.repeat(np.arange(len(starts)), length))
    step = {"step": "trials", "events": name, "from_ms": from_ms, "to_ms": to_ms, "n_trials": len(starts)}
    steps = [*json.loads(emg.attrs.get("preprocessing", "[]")), step]
    return trials.assign_attrs(preprocessing=json.dumps(steps), trial_ms=1000 * length / rate)
