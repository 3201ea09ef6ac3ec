"""Behaviour in an NWB file: angles, positions, forces, and the events and phases that intervals tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBFile, TimeSeries
from pynwb.epoch import TimeIntervals

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.candidates import EMG_SCORE, describe, shape_of, walk_series
from nwb_autolfads.sources.names import names_of_columns, repeated
from nwb_autolfads.sources.opening import OpenedFile, open_nwb
from nwb_autolfads.sources.timebase import read_time_base

MOST_SAMPLES = 200_000_000
"""Of one series; more would not fit into the memory of a laptop."""

_FORCE_UNITS = frozenset({"N", "mN", "kN", "uN", "µN", "Nm", "mNm", "N m", "N*m", "N·m"})
_FORCE = re.compile(r"(?<![ei]n)force|torque|\bgrf\b", re.IGNORECASE)  # neither enforce nor reinforcement

FEWEST_EVENTS, MOST_PHASES = 5, 10  # of a table that is chosen without being asked for


@dataclass(frozen=True)
class EventTimes:
    """Times (s) of events, and the table and column they are from."""

    name: str
    times: NDArray[np.float64]


@dataclass(frozen=True)
class Phases:
    """Stretches of time (s) by the phase of behaviour they belong to, ``(interval, 2)`` each."""

    name: str
    intervals: dict[str, NDArray[np.float64]]


def read_behavior(source: str | Path | NWBFile, paths: Sequence[str] | None = None) -> list[xr.DataArray]:
    """Read behavioural series.

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        An NWB file, or one that is open already.
    paths : sequence of str, optional
        Where the series are, such as ``processing/behavior/BehavioralTimeSeries/joint_angles``, or patterns. By
        default every numeric series in ``processing/behavior`` that is not EMG.

    Returns
    -------
    list of DataArray, (time, column)
        In the unit of the file. Coordinates ``time`` (s, session clock), ``segment`` (along time, gap-free stretches)
        and ``column``. Named by the path; attrs ``rate`` (Hz) and ``unit``.

    Raises
    ------
    SourceError
        If the file cannot be opened, a path names nothing, nothing is there, or the timing of a series that was asked
        for cannot be used.
    """
    with open_nwb(source) as opened:
        return _read_all(opened, "behavioural series", "--behavior", paths, lambda path, series: True)


def read_forces(source: str | Path | NWBFile, paths: Sequence[str] | None = None) -> list[xr.DataArray]:
    """Read forces and torques.

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        An NWB file, or one that is open already.
    paths : sequence of str, optional
        As for `read_behavior`. By default the series that it reads by default of which the name or the unit says that
        they are a force or a torque.

    Returns
    -------
    list of DataArray, (time, column)
        See `read_behavior`.

    Raises
    ------
    SourceError
        As `read_behavior`.
    """
    with open_nwb(source) as opened:
        return _read_all(opened, "series that is a force by its name or unit", "--force", paths, _is_force)


def read_events(source: str | Path | NWBFile, column: str | None = None) -> EventTimes | None:
    """Read when something happened.

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        An NWB file, or one that is open already.
    column : str, optional
        ``TABLE:COLUMN`` with times (s), or ``TABLE`` for its ``start_time``. By default the ``start_time`` of the
        table of intervals with the most rows, if it has five or more.

    Returns
    -------
    EventTimes or None
        None where nothing was asked for and no table has enough rows.

    Raises
    ------
    SourceError
        If the table or the column is not there, or holds no times.
    """
    with open_nwb(source) as opened:
        tables = _tables(opened.nwbfile)
        if column is None:
            rows = {name: len(table) for name, table in tables.items() if name != "invalid_times"}
            most = max(rows, key=lambda name: rows[name], default=None)
            if most is None or rows[most] < FEWEST_EVENTS:
                return None
            column = most
        name, _, key = column.partition(":")
        key = key or "start_time"
        times = _column(tables, name, key, opened.name)
        if times.dtype.kind not in "iuf" or times.ndim != 1 or not np.isfinite(times).any():
            raise SourceError("holds no times", file=opened.name, obj=f"{name}:{key}", way_out=_offer(tables))
        return EventTimes(f"{name}:{key}", np.sort(times[np.isfinite(times)]).astype(np.float64))


def read_phases(source: str | Path | NWBFile, column: str | None = None) -> Phases | None:
    """Read which phase of behaviour happened when.

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        An NWB file, or one that is open already.
    column : str, optional
        ``TABLE:COLUMN``. A column of names gives the phase of each interval. A column of times splits each interval
        into what is before and what is after. ``TABLE`` alone: inside its intervals, and between them. By default
        the first column of names of the trials or of another table that has two or more different ones; else the
        table of intervals with the most rows, if it has five or more.

    Returns
    -------
    Phases or None
        None where nothing was asked for and no table tells.

    Raises
    ------
    SourceError
        If the table or the column is not there.
    """
    with open_nwb(source) as opened:
        tables = _tables(opened.nwbfile)
        column = column or _default_phases(tables)
        if column is None:
            return None
        name, _, key = column.partition(":")
        start, stop = (
            _column(tables, name, edge, opened.name).astype(np.float64) for edge in ("start_time", "stop_time")
        )
        if not key:
            between = np.stack([stop[:-1], np.maximum(start[1:], stop[:-1])], axis=1)
            return Phases(name, {name: np.stack([start, stop], axis=1), f"between {name}": between})
        values = _column(tables, name, key, opened.name)
        if values.dtype.kind in "iuf" and key.endswith("_time"):
            middle = np.clip(values.astype(np.float64), start, stop)
            known = np.isfinite(middle)
            return Phases(
                column,
                {
                    f"before {key}": np.stack([start, middle], axis=1)[known],
                    f"after {key}": np.stack([middle, stop], axis=1)[known],
                },
            )
        labels = np.array([str(value) for value in values])
        return Phases(
            column, {str(label): np.stack([start, stop], axis=1)[labels == label] for label in np.unique(labels)}
        )


def _read_all(
    opened: OpenedFile,
    what: str,
    option: str,
    paths: Sequence[str] | None,
    fits: Callable[[str, TimeSeries], bool],
) -> list[xr.DataArray]:
    """Read what the paths name; without any, the behaviour that fits."""
    series = [(path, each) for path, each in walk_series(opened.nwbfile) if shape_of(each) is not None]
    if paths is None:
        chosen = [
            (path, each)
            for path, each in series
            if path.startswith("processing/behavior/") and describe(path, [each]).score < EMG_SCORE and fits(path, each)
        ]
    else:
        chosen = [pair for pattern in paths for pair in _matching(series, pattern, opened.name)]
    if not chosen:
        raise SourceError(
            f"holds no {what}",
            file=opened.name,
            obj="processing/behavior",
            way_out=f"Name one with {option} PATH; nwb-autolfads inspect FILE lists what is there",
        )
    return [_read(path, each, opened.name) for path, each in chosen]


def _is_force(path: str, series: TimeSeries) -> bool:
    unit = str(series.unit).strip()
    return unit in _FORCE_UNITS or "newton" in unit.lower() or _FORCE.search(path.rpartition("/")[2]) is not None


def _matching(series: list[tuple[str, TimeSeries]], pattern: str, file: str) -> list[tuple[str, TimeSeries]]:
    wanted = pattern.strip().strip("/")
    found = [pair for pair in series if fnmatchcase(pair[0], wanted) or pair[0].startswith(wanted + "/")]
    if not found:
        raise SourceError(
            "there is no such series of numbers",
            file=file,
            obj=pattern,
            way_out="nwb-autolfads inspect FILE lists what is there",
        )
    return found


def _read(path: str, series: TimeSeries, file: str) -> xr.DataArray:
    n_samples, n_columns = shape_of(series) or (0, 0)
    if n_samples * n_columns > MOST_SAMPLES:
        raise SourceError(
            f"has {n_samples} x {n_columns} values, more than {MOST_SAMPLES}",
            file=file,
            obj=path,
            way_out="Choose another series with --behavior PATH",
        )
    base = read_time_base(series, n_samples, file=file, obj=path)
    counts = [segment.n_samples for segment in base.segments]
    time = np.concatenate([segment.start_time + np.arange(segment.n_samples) / base.rate for segment in base.segments])
    values = np.asarray(series.data[:], dtype=np.float64).reshape(n_samples, n_columns)
    values = values * float(series.conversion or 1.0) + float(series.offset or 0.0)
    names = names_of_columns(series, n_columns)[0]
    if len(names) != n_columns or repeated(names):
        names = [series.name] if n_columns == 1 else [f"{series.name} {index}" for index in range(n_columns)]
    return xr.DataArray(
        values,
        dims=("time", "column"),
        coords={"time": time, "column": names, "segment": ("time", np.repeat(np.arange(len(counts)), counts))},
        name=path,
        attrs={"rate": base.rate, "unit": str(series.unit)},
    )


def _tables(nwbfile: NWBFile) -> dict[str, TimeIntervals]:
    named = ((name, getattr(nwbfile, name)) for name in ("trials", "epochs", "invalid_times"))
    return {**{name: table for name, table in named if table is not None}, **nwbfile.intervals}


def _column(tables: dict[str, TimeIntervals], name: str, key: str, file: str) -> NDArray[Any]:
    if name not in tables:
        raise SourceError("there is no such table of intervals", file=file, obj=name, way_out=_offer(tables))
    if key not in tables[name].colnames:
        raise SourceError("the table has no such column", file=file, obj=f"{name}:{key}", way_out=_offer(tables))
    return np.asarray(tables[name][key][:])


def _offer(tables: dict[str, TimeIntervals]) -> str:
    there = [f"{name}:{key}" for name, table in tables.items() for key in table.colnames]
    return f"Give TABLE:COLUMN; there are {', '.join(there)}" if there else "The file has no table of intervals"


def _default_phases(tables: dict[str, TimeIntervals]) -> str | None:
    usual = {name: table for name, table in tables.items() if name != "invalid_times"}
    for name, table in usual.items():
        for key in table.colnames:
            if key not in ("start_time", "stop_time") and _names_phases(np.asarray(table[key][:])):
                return f"{name}:{key}"
    most = max(usual, key=lambda name: len(usual[name]), default=None)
    return most if most is not None and len(usual[most]) >= FEWEST_EVENTS else None


def _names_phases(values: NDArray[Any]) -> bool:
    is_text = values.ndim == 1 and values.size > 0 and isinstance(values[0], str | bytes)
    return is_text and 2 <= len(set(values.tolist())) <= MOST_PHASES
