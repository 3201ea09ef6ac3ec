"""Which columns of a series are muscles: all, those of EMG electrodes, or one for each pair of electrodes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pynwb import TimeSeries
from pynwb.ecephys import ElectricalSeries

from nwb_autolfads.files.limits import MAX_NAME_BYTES, MAX_OBJECTS
from nwb_autolfads.sources.names import is_muscle, names_of_columns, repeated

EMG = re.compile(r"emg|electromyo", re.IGNORECASE)

Columns = Sequence[tuple[int, ...]]
"""For each muscle its column, or two columns, of which the second is taken from the first."""

_PAIRED = re.compile(r"\bbipolar\W+pairs?\b|\bpairs?\W+of\W+electrodes\b|\bmonopolar\b|\bunipolar\b", re.IGNORECASE)
_POLES = re.compile(r"[\s_.-]*(\+|-|pos|positive|neg|negative|anode|cathode)$", re.IGNORECASE)

_COLUMNS = {
    "full_name": ("target_muscle", "muscle_name", "muscle"),
    "side": ("side", "laterality", "hemisphere", "body_side"),
    "placement": ("placement", "placement_description", "placement_scheme"),
    "source_channel": ("channel_name", "label", "electrode_name"),
}


@dataclass(frozen=True)
class Muscles:
    """Muscles of one series.

    Attributes
    ----------
    names : tuple of str
        Empty where the file gives none.
    named_by : str
        What gave them.
    columns : sequence of tuple of int
        See `Columns`.
    emg : bool
        Whether electrodes or channels are said to be those of EMG.
    notes : tuple of str
        What was left out or subtracted, one sentence each.
    """

    names: tuple[str, ...]
    named_by: str
    columns: Columns
    emg: bool = False
    notes: tuple[str, ...] = ()


def muscles_of(series: TimeSeries, n_columns: int) -> Muscles:
    """Return the muscles of a series with this many columns."""
    rows = electrode_rows(series, n_columns)
    groups = (
        [str(series.electrodes.table["group_name"][row]) for row in rows] if _has(series, rows, "group_name") else []
    )
    of_emg = [at for at, name in enumerate(groups) if EMG.search(name)]
    if of_emg:
        said = ", ".join(dict.fromkeys(groups[at] for at in of_emg))
        return _paired(series, of_emg, rows, f"of the electrode group {said}", n_columns)
    names, named_by = names_of_columns(series, n_columns)
    named = [at for at, name in enumerate(names) if EMG.search(name)]
    if named and not rows and len(named) < len(names) == n_columns:
        left_out = ", ".join(name for at, name in enumerate(names) if at not in named)
        note = f"{len(named)} of {n_columns} channels are named as EMG; left out: {left_out}"
        return Muscles(tuple(names[at] for at in named), named_by, [(at,) for at in named], True, (note,))
    return _paired(series, range(n_columns), rows, "", n_columns) if rows else _each(names, named_by, n_columns)


def electrode_rows(series: TimeSeries, n_columns: int) -> list[int]:
    """Return the row of each column in the table of electrodes; empty where there is not one for each."""
    if not isinstance(series, ElectricalSeries) or len(series.electrodes.data) != n_columns or n_columns > MAX_OBJECTS:
        return []
    rows, table = [int(row) for row in series.electrodes.data[:]], series.electrodes.table
    return rows if all(0 <= row < len(table) for row in rows) else []  # rows that are not in the table name nothing


def _has(series: TimeSeries, rows: Sequence[int], column: str) -> bool:
    return bool(rows) and column in series.electrodes.table.colnames


def _each(names: Sequence[str], named_by: str, n_columns: int, *, emg: bool = False) -> Muscles:
    return Muscles(tuple(names), named_by, [(at,) for at in range(n_columns)], emg or any(map(EMG.search, names)))


def _paired(series: TimeSeries, kept: Sequence[int], rows: Sequence[int], whose: str, n_columns: int) -> Muscles:
    """Return the columns that are kept, or one muscle for each two of them where they are said to be pairs."""
    names, named_by = names_of_columns(series, n_columns, kept)
    notes = [f"{len(kept)} of {n_columns} columns, those {whose}"] if len(kept) < n_columns else []
    pairs = dict(_pairs(series, kept, rows))
    if not pairs:
        return Muscles(tuple(names), named_by, [(at,) for at in kept], bool(whose), tuple(notes))
    notes.append("each muscle is the first of its two electrodes less the second (a bipolar pair)")
    return Muscles(tuple(pairs), "the electrodes", list(pairs.values()), bool(whose), tuple(notes))


def _pairs(series: TimeSeries, kept: Sequence[int], rows: Sequence[int]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield muscles and their two columns, if every muscle has two electrodes and the file says that they are pairs."""
    table = series.electrodes.table
    for column in ("label", "electrode_name", "channel_name", "location", "muscle"):
        if column not in table.colnames:
            continue
        names = [str(table[column][rows[at]]).strip() for at in kept]
        if max(map(len, names), default=0) > MAX_NAME_BYTES:
            continue  # too long for a name, and to be looked through
        poles = [bool(_POLES.search(name)) for name in names]
        muscles = [_POLES.sub("", name) for name in names]
        twice = len(kept) == 2 * len(set(muscles)) and len(repeated(muscles)) == len(set(muscles))
        if twice and all(muscles) and (all(poles) or _said_to_be_pairs(series, rows)):
            for muscle in dict.fromkeys(muscles):
                first, second = (at for at, name in zip(kept, muscles, strict=True) if name == muscle)
                negative = re.search(r"(?i)(-|neg|cathode)", names[list(kept).index(first)][len(muscle) :])
                yield muscle, (second, first) if negative else (first, second)
            return


def _said_to_be_pairs(series: TimeSeries, rows: Sequence[int]) -> bool:
    texts = [series.description, series.comments]
    if _has(series, rows, "group"):
        texts.append(getattr(series.electrodes.table["group"][rows[0]], "description", ""))
    return any(_PAIRED.search(str(text or "")) for text in texts)


def about_muscles(
    series: Sequence[TimeSeries], n_columns: int, columns: Columns, names: Sequence[str]
) -> dict[str, list[str]]:
    """Return what a file says of each muscle besides its name, for `nwb_autolfads.sources.about.known`.

    Parameters
    ----------
    series : sequence of TimeSeries
        One of several columns, or several of one.
    n_columns : int
        How many the first one has.
    columns : sequence of tuple of int
        Those of each muscle; of several series, which of them it is.
    names : sequence of str
        The muscles.
    """
    if len(series) > 1:
        own = [series[at] for (at, *_) in columns]
        return {"source_series": [each.object_id for each in own], "source_channel": [each.name for each in own]}
    rows = electrode_rows(series[0], n_columns)
    if not rows:
        return {}
    table, of_muscles = series[0].electrodes.table, [[rows[at] for at in each] for each in columns]
    found = {"electrodes": [" ".join(map(str, each)) for each in of_muscles]}
    for name, candidates in _COLUMNS.items():
        column = next((each for each in candidates if each in table.colnames), None)
        if column is not None:
            found[name] = [str(table[column][each[0]]) for each in of_muscles]
    if "location" in table.colnames:
        places = [str(table["location"][each[0]]) for each in of_muscles]
        found.setdefault("side", places)
        if "full_name" not in found and places != list(names) and any(map(is_muscle, places)):
            found["full_name"] = places
    return found
