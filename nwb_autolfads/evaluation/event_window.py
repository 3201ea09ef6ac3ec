"""What repeats in a file with estimates, and the window around it that counts: as long as the trials are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBFile

from nwb_autolfads.emg.trials import TRIALS
from nwb_autolfads.errors import SourceError
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.segments import Segments
from nwb_autolfads.sources.nwb.events import EventTimes, read_events

Around = tuple[float | None, float | None]
"""Time (s) before and after each event; None where trials decide."""

AROUND_S = (0.1, 0.25)
"""Of events that belong to no interval: what Wimalasena et al. 2022 take around foot-off."""

_SHORTER = 0.25  # share of events that may have less recorded around them than the window


def read_event_times(
    file: NWBFile | None, events: str | Events | None, around: Around, estimates: Mapping[str, xr.Dataset]
) -> Events | None:
    """Return what repeats, and the window around it; None where nothing was asked for and the file does not tell.

    Parameters
    ----------
    file : NWBFile, optional
        Where events are read from.
    events : str or Events, optional
        The place of events, see `nwb_autolfads.sources.nwb.events.read_events`. By default what trials were cut around,
        where an estimate is of trials; else the starts of the table with the most rows.
    around : tuple
        What was asked for of the window. By default it is that of the trials; else from start to stop of the interval
        that the event is in; else `AROUND_S`; and no more than is recorded around most events.
    estimates : mapping of str to Dataset
        By their names.

    Raises
    ------
    SourceError
        If what was named is not there.
    """
    if isinstance(events, Events):
        return events
    if file is None:
        if events is not None:
            raise SourceError("there is no file to read events from", way_out="Give an Events object", obj=events)
        return None
    of_trials, step = _events_of_trials(file, estimates)
    found = of_trials if events is None and of_trials is not None else read_events(file, events)
    if found is None:
        return None
    if of_trials is not None and of_trials.name == found.name:
        usual = (-float(step.get("from_ms") or 0.0) / 1000, np.inf)
    elif found.spans is not None:
        usual = (float(np.nanmedian(-found.spans[:, 0])), float(np.nanmedian(found.spans[:, 1])))
    else:
        usual = AROUND_S
    late = max(0.0, -usual[0])  # trials may begin after their event
    recorded = [_recorded_around(found.times + late, each) for each in estimates.values()]
    before = min([usual[0], *(each[0] - late for each in recorded)])
    after = min([usual[1], *(each[1] + late for each in recorded)])
    asked_before, asked_after = around
    return Events(
        found.name,
        found.times,
        before if asked_before is None else asked_before,
        (after if np.isfinite(after) else AROUND_S[1]) if asked_after is None else asked_after,
    )


def _events_of_trials(
    file: NWBFile, estimates: Mapping[str, xr.Dataset]
) -> tuple[EventTimes | None, Mapping[str, Any]]:
    """Return what the trials of an estimate were cut around, and how; None where there are none or it is gone."""
    for estimate in estimates.values():
        for step in json.loads(estimate.attrs.get("preprocessing") or "[]"):
            if isinstance(step, dict) and step.get("step") == TRIALS and step.get("events"):
                try:
                    return read_events(file, str(step["events"])), step
                except SourceError:
                    continue
    return None, {}


def _recorded_around(times: NDArray[np.float64], estimate: xr.Dataset) -> tuple[float, float]:
    """Return how much of an estimate (s) there is before most of these times, and after, in the segment they are in."""
    time, segments = estimate["time"].values, Segments.of(estimate)
    step = 1 / segments.rate
    row = np.searchsorted(time, times - step / 2)  # the nearest bin, as for averages
    row = row[np.abs(np.append(time, np.inf)[row] - times) <= 0.51 * step]
    if not len(row):
        return np.inf, np.inf
    at = segments.numbers[row]
    recorded = row - segments.firsts[at], segments.firsts[at] + segments.lengths[at] - 1 - row
    before, after = (step * float(np.quantile(each, _SHORTER, method="nearest")) for each in recorded)
    return before, after
