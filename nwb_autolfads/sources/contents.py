"""What is in a file, for `inspect`: EMG candidates, behaviour, intervals, units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hdmf.common import DynamicTable
from pynwb import NWBFile

from nwb_autolfads.errors import SourceError
from nwb_autolfads.segments import Segment
from nwb_autolfads.sources import room_of
from nwb_autolfads.sources.limits import INSPECT_TIMESTAMPS
from nwb_autolfads.sources.names import normalise_unit
from nwb_autolfads.sources.nwb.arrays import require_stored
from nwb_autolfads.sources.nwb.candidates import EMG_SCORE, Candidate, find_emg, shape_of, walk_series
from nwb_autolfads.sources.nwb.events import event_series, event_tables, interval_tables
from nwb_autolfads.sources.nwb.timebase import glance_rate, read_time_base
from nwb_autolfads.sources.opening.nwb import OpenedFile, reading_nwb

_REMOTE = "over the network: signals were not fetched, so neither gaps nor quality were looked at"


@dataclass(frozen=True)
class FoundEmg:
    """A candidate with its segments (gaps lie between them), or what is wrong with its timing."""

    candidate: Candidate
    likely: bool
    segments: Sequence[Segment]
    problem: str


@dataclass(frozen=True)
class FoundSeries:
    """Any other time series: path, samples x columns, rate (Hz, None where there is none) and unit."""

    path: str
    shape: tuple[int, int]
    rate: float | None
    unit: str


@dataclass(frozen=True)
class FoundTable:
    """A table of intervals or events: path, rows and column names."""

    path: str
    n_rows: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class FoundEvents:
    """A series of which the timestamps are events, or a table of kinds of events: path and how many rows it has."""

    path: str
    n_rows: int


@dataclass(frozen=True)
class Contents:
    """What `list_contents` found in a file, whether its signals are ``remote``, and a ``note`` on how it was read."""

    file: str
    identifier: str
    session_description: str
    emg: tuple[FoundEmg, ...]
    behavior: tuple[FoundSeries, ...]
    other: tuple[FoundSeries, ...]
    intervals: tuple[FoundTable, ...]
    n_units: int
    remote: bool = False
    note: str = ""
    events: tuple[FoundEvents, ...] = ()


def list_contents(source: str | Path | NWBFile, *, io: str | None = None, outside_links: bool = False) -> Contents:
    """List what a file holds for this package, reading timestamps but no signals (over a network, neither).

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        The file, its address, or an NWB file that is open already.
    io, outside_links
        See `nwb_autolfads.open_emg`.

    Raises
    ------
    SourceError
        If it cannot be opened.
    """
    if isinstance(source, str | Path) and room_of(source, io) == "neo":
        from nwb_autolfads.sources.neo.contents import list_channels

        return list_channels(Path(source), io)
    with reading_nwb(source, outside_links=outside_links) as opened:
        nwbfile = opened.nwbfile
        candidates = find_emg(nwbfile)
        taken = {id(series) for each in candidates for series in each.series}
        behavior: list[FoundSeries] = []
        other: list[FoundSeries] = []
        for path, series in walk_series(nwbfile):
            shape = shape_of(series)
            if shape is None or id(series) in taken:
                continue
            found = FoundSeries(path, shape, glance_rate(series), normalise_unit(series.unit))
            (behavior if path.startswith("processing/behavior/") else other).append(found)
        tables = {f"intervals/{name}": table for name, table in interval_tables(nwbfile).items()}
        tables |= {f"events/{name}": table for name, table in event_tables(nwbfile).items()}
        return Contents(
            file=opened.name,
            identifier=nwbfile.identifier,
            session_description=nwbfile.session_description,
            emg=tuple(_with_segments(each, opened) for each in candidates),
            behavior=tuple(behavior),
            other=tuple(other),
            intervals=tuple(FoundTable(path, len(table), tuple(table.colnames)) for path, table in tables.items()),
            events=tuple(
                FoundEvents(path, len(found if isinstance(found, DynamicTable) else found.timestamps))
                for path, found in event_series(nwbfile).items()
                if id(found) not in taken
            ),
            n_units=0 if nwbfile.units is None else len(nwbfile.units),
            remote=opened.remote,
            note=_REMOTE if opened.remote else "",
        )


def _with_segments(candidate: Candidate, opened: OpenedFile) -> FoundEmg:
    likely = candidate.score >= EMG_SCORE
    if opened.remote and candidate.series[0].rate is None:
        return FoundEmg(candidate, likely, (), "its gaps were not looked for: that fetches all timestamps")
    try:
        for series in candidate.series:
            require_stored(series.data, file=opened.name, obj=candidate.path)
        timestamps = candidate.series[0].timestamps
        if timestamps is not None and len(timestamps) > INSPECT_TIMESTAMPS:
            return FoundEmg(candidate, likely, (), f"its gaps were not looked for: {len(timestamps)} timestamps")
        base = read_time_base(candidate.series[0], candidate.shape[0], file=opened.name, obj=candidate.path)
    except SourceError as error:
        return FoundEmg(candidate, likely, (), error.problem)
    return FoundEmg(candidate, likely, base.segments, "")
