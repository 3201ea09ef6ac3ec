"""What `inspect` finds in a file, whatever its format: EMG, other series, tables, events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nwb_autolfads.segments import Segment
from nwb_autolfads.sources.nwb.candidates import Candidate


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
