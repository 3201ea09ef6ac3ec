"""Phases of behaviour in an NWB file: what its tables of intervals tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile
from pynwb.epoch import TimeIntervals

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.nwb.arrays import load, load_numbers
from nwb_autolfads.sources.nwb.events import FEWEST_EVENTS, INVALID, interval_tables
from nwb_autolfads.sources.opening.nwb import reading_nwb

MOST_PHASES = 10  # of a table that is chosen without being asked for


@dataclass(frozen=True)
class Phases:
    """Stretches of time (s) by the phase of behaviour they belong to, ``(interval, 2)`` each."""

    name: str
    intervals: dict[str, NDArray[np.float64]]


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
    with reading_nwb(source) as opened:
        tables = interval_tables(opened.nwbfile)
        column = column or _default_phases(tables, opened.name)
        if column is None:
            return None
        name, _, key = column.partition(":")
        start, stop = (
            load_numbers(_column(tables, name, edge, opened.name), file=opened.name, obj=f"{name}:{edge}")
            for edge in ("start_time", "stop_time")
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


def _column(tables: dict[str, TimeIntervals], name: str, key: str, file: str) -> NDArray[Any]:
    if name not in tables:
        raise SourceError("there is no such table of intervals", file=file, obj=name, way_out=_offer(tables))
    if key not in tables[name].colnames:
        raise SourceError("the table has no such column", file=file, obj=f"{name}:{key}", way_out=_offer(tables))
    return load(tables[name][key].data, file=file, obj=f"{name}:{key}")


def _offer(tables: dict[str, TimeIntervals]) -> str:
    there = [f"{name}:{key}" for name, table in tables.items() for key in table.colnames]
    return f"Give TABLE:COLUMN; there are {', '.join(there)}" if there else "The file has no table of intervals"


def _default_phases(tables: dict[str, TimeIntervals], file: str) -> str | None:
    usual = {name: table for name, table in tables.items() if name != INVALID}
    for name, table in usual.items():
        for key in table.colnames:
            if key not in ("start_time", "stop_time") and _names_phases(_column(tables, name, key, file)):
                return f"{name}:{key}"
    most = max(usual, key=lambda name: len(usual[name]), default=None)
    return most if most is not None and len(usual[most]) >= FEWEST_EVENTS else None


def _names_phases(values: NDArray[Any]) -> bool:
    is_text = values.ndim == 1 and values.size > 0 and isinstance(values[0], str | bytes)
    return is_text and 2 <= len(set(values.tolist())) <= MOST_PHASES
