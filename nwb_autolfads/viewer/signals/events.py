"""What happened in a session, and its trials: times to draw and to jump to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.nwb.contents import list_objects
from nwb_autolfads.sources.nwb.events import event_tables, interval_tables, read_events, read_intervals

MOST_DRAWN = 20_000
"""Of one kind; the first ones."""


def events_in(nwbfile: NWBFile) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]], list[str]]:
    """Return times of events by their names, starts and stops of intervals by theirs, and what is left out.

    Returns
    -------
    events : dict of str to ndarray, (event,)
        Ascending (s).
    intervals : dict of str to ndarray, (interval, 2)
        Start and stop (s), in the order of the starts.
    notes : list of str
        One sentence each.
    """
    notes: list[str] = []
    intervals = {}
    for name, edges in read_intervals(nwbfile).items():
        known = edges[np.isfinite(edges).all(axis=1)]
        intervals[name] = known[np.argsort(known[:, 0], kind="stable")]
    places = [each.path for each in list_objects(nwbfile).events]
    places += [name for name in event_tables(nwbfile) if name not in interval_tables(nwbfile)]
    places += _more_times_of(nwbfile)
    events = {}
    for place in places:
        try:
            found = read_events(nwbfile, place)
        except SourceError as error:
            notes.append(f"{place} is not drawn: {error.problem}")
            continue
        if found is not None:
            events[found.name] = found.times
    for kind, values in [*events.items(), *intervals.items()]:
        if len(values) > MOST_DRAWN:
            notes.append(f"of {len(values)} in {kind} the first {MOST_DRAWN} are drawn")
    return (
        {name: times[:MOST_DRAWN] for name, times in events.items()},
        {name: edges[:MOST_DRAWN] for name, edges in intervals.items()},
        notes,
    )


def _more_times_of(nwbfile: NWBFile) -> list[str]:
    """Return columns of tables of intervals, such as trials, that hold times within their intervals by their name."""
    return [
        f"{name}:{column}"
        for name, table in interval_tables(nwbfile).items()
        for column in table.colnames
        if column.endswith("_time") and column not in ("start_time", "stop_time")
    ]
