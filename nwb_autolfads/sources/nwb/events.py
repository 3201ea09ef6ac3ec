"""Events in an NWB file: times of what happened, in tables of intervals or events, and in series of timestamps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hdmf.common import DynamicTable
from hdmf.container import AbstractContainer
from numpy.typing import NDArray
from pynwb import NWBFile, TimeSeries
from pynwb.epoch import TimeIntervals
from pynwb.misc import AnnotationSeries, IntervalSeries, Units

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.limits import MAX_EVENTS
from nwb_autolfads.sources.nwb.arrays import are_numbers, load, load_numbers, require_loadable
from nwb_autolfads.sources.nwb.candidates import OWN_NAMESPACE, walk_series
from nwb_autolfads.sources.opening.nwb import OpenedFile, reading_nwb

FEWEST_EVENTS = 5  # of a table that is chosen without being asked for
INVALID = "invalid_times"
_MOST_NAMED = 30  # labels or places in a message

_TIME_COLUMNS = ("start_time", "timestamp", "event_times")
"""What a table is read by where no column is named: intervals, EventsTable, AnnotatedEventsTable."""


@dataclass(frozen=True)
class EventTimes:
    """Times (s) of events, and the place that they are from.

    ``spans`` ``(event, 2)`` is when the interval that each is in began and when it ended, after the event (s), where
    they are of a table of intervals.
    """

    name: str
    times: NDArray[np.float64]
    spans: NDArray[np.float64] | None = None


def read_events(source: str | Path | NWBFile, place: str | None = None) -> EventTimes | None:
    """Read when something happened.

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        An NWB file, or one that is open already.
    place : str, optional
        ``TABLE:COLUMN`` with times (s), or ``TABLE`` for its starts: a table of intervals, or one of events. Or the
        ``PATH`` of a series of which the timestamps are events, such as ``processing/behavior/foot_strikes``, and
        ``PATH:LABEL`` for those of one label: the text of an ``AnnotationSeries`` or of an ``EventsTable`` with
        annotations, a label of ``LabeledEvents``, ``TTLs`` or ``AnnotatedEventsTable``, ``start`` or ``stop`` of an
        ``IntervalSeries``. Types of ndx-events are read without that package.
        By default the starts of the table with the most rows, if it has five or more: of intervals, else of events.

    Returns
    -------
    EventTimes or None
        Ascending. None where nothing was asked for and no table has enough rows.

    Raises
    ------
    SourceError
        If nothing is there, it holds no times, or nothing has the label; the message says what there is.
    """
    with reading_nwb(source) as opened:
        nwbfile = opened.nwbfile
        if place is None:
            place = _longest(interval_tables(nwbfile)) or _longest(event_tables(nwbfile))
            if place is None:
                return None
        name, found, which = _find(opened, place)
        if isinstance(found, DynamicTable):
            which, times = _times_in_table(found, which, opened.name, name)
        else:
            times = _times_in_series(found, which, opened.name, name)
        order = np.argsort(times)[: np.count_nonzero(np.isfinite(times))]
        if not len(order):
            raise SourceError("holds no times", file=opened.name, obj=_label(name, which), way_out=_offer(nwbfile))
        spans = _intervals_around(found, times, opened.name, name) if isinstance(found, TimeIntervals) else None
        return EventTimes(_label(name, which), times[order], None if spans is None else spans[order])


def interval_tables(nwbfile: NWBFile) -> dict[str, TimeIntervals]:
    """Return every table of intervals by its name."""
    named = ((name, getattr(nwbfile, name)) for name in ("trials", "epochs", INVALID))
    return {**{name: table for name, table in named if table is not None}, **nwbfile.intervals}


def read_intervals(source: str | Path | NWBFile) -> dict[str, NDArray[np.float64]]:
    """Return start and stop (s) of the rows of every table of intervals by its name, ``(row, 2)``.

    Invalid times, and tables of which these cannot be read, are left out.
    """
    found = {}
    with reading_nwb(source) as opened:
        for name, table in interval_tables(opened.nwbfile).items():
            edges = None if name == INVALID else _edges_of(table, opened.name, name)
            if edges is not None:
                found[name] = edges
    return found


def event_tables(nwbfile: NWBFile) -> dict[str, DynamicTable]:
    """Return every table of ``events`` by its name; older versions of NWB have none."""
    return dict(getattr(nwbfile, "events", None) or {})


def event_series(nwbfile: NWBFile) -> dict[str, Any]:
    """Return what holds times of events, besides the tables of intervals and events, by its path."""
    places = {
        "acquisition": nwbfile.acquisition,
        "processing": nwbfile.processing,
        "stimulus/presentation": nwbfile.stimulus,
        "analysis": nwbfile.analysis,
        "scratch": nwbfile.scratch,
    }
    return {
        path: found
        for place, members in places.items()
        for name, member in members.items()
        for path, found in _walk(f"{place}/{name}", member)
    }


def _walk(path: str, container: Any) -> Iterator[tuple[str, Any]]:
    if getattr(container, "namespace", "") == OWN_NAMESPACE:
        return
    if isinstance(container, DynamicTable):
        if not isinstance(container, Units) and any(column in container.colnames for column in _TIME_COLUMNS):
            yield path, container
    elif isinstance(container, TimeSeries):
        # Timestamps of several columns are those of samples, not of events.
        if container.timestamps is not None and len(getattr(container.data, "shape", None) or (0,)) == 1:
            yield path, container
    elif getattr(container, "timestamps", None) is not None:
        yield path, container
    elif isinstance(container, AbstractContainer):
        for child in container.children:
            yield from _walk(f"{path}/{child.name}", child)


def _longest(tables: Mapping[str, DynamicTable]) -> str | None:
    rows = {name: len(table) for name, table in tables.items() if name != INVALID}
    most = max(rows, key=lambda name: rows[name], default=None)
    return most if most is not None and rows[most] >= FEWEST_EVENTS else None


def _find(opened: OpenedFile, place: str) -> tuple[str, Any, str]:
    """Return name and object of what a place names, and the column or label after the colon."""
    nwbfile = opened.nwbfile
    tables: dict[str, Any] = {**event_tables(nwbfile), **interval_tables(nwbfile)}
    wanted = place.strip().strip("/")
    for name, found in {**event_series(nwbfile), **tables}.items():
        if wanted == name or wanted.startswith(f"{name}:"):
            return name, found, wanted[len(name) + 1 :]
    for folder in ("intervals/", "events/"):  # as `inspect` and other programs name them
        if wanted.startswith(folder) and wanted.removeprefix(folder).partition(":")[0] in tables:
            return _find(opened, wanted.removeprefix(folder))
    sampled = wanted in (path for path, _ in walk_series(nwbfile))
    raise SourceError(
        "is a series of samples, not of events" if sampled else "there is no table or series of events of this name",
        file=opened.name,
        obj=wanted.partition(":")[0],
        way_out=_offer(nwbfile),
    )


def _times_in_table(table: DynamicTable, which: str, file: str, name: str) -> tuple[str, NDArray[np.float64]]:
    """Return which column, or label, was read, and its times."""
    if "timestamp" in table.colnames and "annotation" in table.colnames and which and which not in table.colnames:
        texts = _texts(table["annotation"].data, file, f"{name}:annotation")
        if which not in texts:
            raise _no_such_label(which, texts, file, name)
        times = load_numbers(table["timestamp"].data, file=file, obj=f"{name}:timestamp", most=MAX_EVENTS)
        return which, times[np.array(texts) == which]
    column = which or next((each for each in _TIME_COLUMNS if each in table.colnames), "")
    if "event_times" in table.colnames and "label" in table.colnames and which not in table.colnames:
        # A row of an AnnotatedEventsTable is a kind of event, with all of its times.
        labels = _texts(table["label"].data, file, f"{name}:label")
        require_loadable(table["event_times"].target.data, file=file, obj=f"{name}:event_times", most=MAX_EVENTS)
        rows = [row for row in range(len(table)) if which in ("", labels[row])]
        if not rows:
            raise _no_such_label(which, labels, file, name)
        return which, np.concatenate([np.asarray(table["event_times"][row], dtype=np.float64) for row in rows])
    if column not in table.colnames:
        raise SourceError(
            "the table has no such column",
            file=file,
            obj=f"{name}:{column}",
            way_out=f"Give TABLE:COLUMN; its columns are {_listed(table.colnames)}",
        )
    values = load(table[column].data, file=file, obj=f"{name}:{column}", most=MAX_EVENTS)
    if values.dtype.kind not in "iuf" or values.ndim != 1:
        raise SourceError(
            "holds no times",
            file=file,
            obj=f"{name}:{column}",
            way_out=f"Give TABLE:COLUMN; its columns are {_listed(table.colnames)}",
        )
    return column, values.astype(np.float64)


def _edges_of(table: TimeIntervals, file: str, name: str) -> NDArray[np.float64] | None:
    """Return start and stop of each row, ``(row, 2)``; None where these cannot be read."""
    try:
        edges = [
            load_numbers(table[edge].data, file=file, obj=f"{name}:{edge}", most=MAX_EVENTS)
            for edge in ("start_time", "stop_time")
        ]
    except SourceError:
        return None
    fit = all(edge.shape == (len(table),) for edge in edges)
    return np.stack(edges, axis=1).astype(np.float64) if fit else None


def _intervals_around(
    table: TimeIntervals, times: NDArray[np.float64], file: str, name: str
) -> NDArray[np.float64] | None:
    """Return start and stop of each row after its event (s); None where these are not known, or an event is outside."""
    edges = _edges_of(table, file, name)
    if edges is None or len(edges) != len(times):
        return None
    spans = edges - times[:, None]
    known = np.isfinite(spans).all(axis=1)
    return spans if known.any() and (spans[known] * [-1, 1] >= 0).all() else None


def _times_in_series(series: Any, which: str, file: str, name: str) -> NDArray[np.float64]:
    if len(series.timestamps) > MAX_EVENTS:
        raise SourceError(
            f"has {len(series.timestamps)} timestamps, more than {MAX_EVENTS}: samples, not events",
            file=file,
            obj=name,
            way_out="Choose another series with --events PATH",
        )
    times = load_numbers(series.timestamps, file=file, obj=name, most=MAX_EVENTS)
    labels = _labels(series, file, name)
    if isinstance(series, IntervalSeries):
        which = which or "start"
    if not which:
        return times
    if labels is None or which not in labels:
        raise _no_such_label(which, [] if labels is None else list(labels), file, name)
    return times[: len(labels)][np.asarray(labels) == which]


def _texts(data: Any, file: str, obj: str) -> list[str]:
    return [str(text) for text in load(data, file=file, obj=obj, most=MAX_EVENTS)]


def _labels(series: Any, file: str, name: str) -> list[str] | None:
    """Return the label of each event; None where a series has none."""
    if isinstance(series, AnnotationSeries):
        return _texts(series.data, file, name)
    if isinstance(series, IntervalSeries):
        return ["start" if value > 0 else "stop" for value in load(series.data, file=file, obj=name, most=MAX_EVENTS)]
    meanings = getattr(series, "data__labels", None)  # LabeledEvents and TTLs of ndx-events
    if meanings is None:
        return None
    names, values = _texts(meanings, file, name), load(series.data, file=file, obj=name, most=MAX_EVENTS)
    return [names[value] if 0 <= value < len(names) else str(value) for value in values.tolist()]


def _no_such_label(which: str, labels: list[str], file: str, name: str) -> SourceError:
    there = _listed(sorted(set(labels)))
    return SourceError(
        "no event has this label",
        file=file,
        obj=f"{name}:{which}",
        way_out=f"There are {there}" if labels else "Its events have no labels: give the path alone",
    )


def _offer(nwbfile: NWBFile) -> str:
    tables = {**interval_tables(nwbfile), **event_tables(nwbfile)}
    there = [f"{name}:{key}" for name, table in tables.items() for key in table.colnames if _is_number(table, key)]
    there += list(event_series(nwbfile))
    if not there:
        return "The file has neither a table of intervals or events nor a series of them"
    return f"Give TABLE:COLUMN or PATH; there are {_listed(there)}"


def _is_number(table: DynamicTable, column: str) -> bool:
    return are_numbers(table[column].data)


def _listed(names: Any) -> str:
    names = list(names)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _label(name: str, which: str) -> str:
    return f"{name}:{which}" if which else name
