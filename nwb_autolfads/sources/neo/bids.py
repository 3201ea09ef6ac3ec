"""EMG-BIDS (BIDS 1.11): what the table of channels beside a recording says of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.sources.names import normalise_unit, repeated
from nwb_autolfads.sources.neo.streams import Channel

LARGEST_TABLE = 1_000_000
"""Bytes of a table of channels, which has a line for each."""

_SUFFIX = "_channels.tsv"
_LEVELS = 4  # of folders in which a table may be: those of the data, the session, the subject and the data set
_ABOUT = {
    "full_name": ("target_muscle",),
    "placement": ("placement", "placement_description", "placement_scheme"),
}
_REFERENCE = ("reference", "reference_electrode")


def described(channels: Sequence[Channel], path: Path) -> tuple[list[Channel], tuple[str, ...]]:
    """Return channels with what the table beside their file says of them, and a sentence on each thing it says.

    Parameters
    ----------
    channels : sequence of Channel
    path : Path
        The recording, ``<entities>_emg.edf`` or ``.bdf``.

    Raises
    ------
    SourceError
        If there is such a table and it cannot be read.
    """
    table = _table_of(path)
    if table is None:
        return list(channels), ()
    rows = {_value(row, ("name",)): row for row in _rows(table)}
    known = [_known(each, rows[each.name]) if each.name in rows else each for each in channels]
    emg = [each for each in known if each.emg]
    named = [_value(rows[each.name], ("target_muscle",)) for each in emg]
    if all(named) and not repeated(named) and not any(set(name) & set(",;") for name in named):
        emg = [replace(each, muscle=name) for each, name in zip(emg, named, strict=True)]
    by_name = {each.name: each for each in emg}
    return [by_name.get(each.name, each) for each in known], tuple(_notes(table, emg, rows))


def _table_of(path: Path) -> Path | None:
    """Return the table of a recording: the nearest of which all entities are those of the recording."""
    stem, _, suffix = path.stem.rpartition("_")
    if suffix != "emg" or path.suffix.lower() not in (".edf", ".bdf"):
        return None
    entities = set(stem.split("_"))
    for folder in list(path.resolve().parents)[:_LEVELS]:
        found = [each for each in sorted(folder.glob(f"*{_SUFFIX}")) if _entities(each) <= entities]
        if found:
            return max(found, key=lambda each: len(_entities(each)))
        if (folder / "dataset_description.json").exists():
            return None
    return None


def _entities(table: Path) -> set[str]:
    return set(table.name.removesuffix(_SUFFIX).split("_"))


def _rows(table: Path) -> list[dict[str, str]]:
    require_regular_file(table)
    try:
        if table.stat().st_size > LARGEST_TABLE:
            raise ValueError(f"{table.stat().st_size} bytes")
        with table.open(encoding="utf-8-sig", newline="") as lines:
            found = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
        if not found or "name" not in found[0] or "type" not in found[0]:
            raise ValueError("no columns name and type")
    except (OSError, ValueError, csv.Error) as error:
        raise SourceError(
            f"the table of channels cannot be read ({error})",
            file=str(table),
            way_out="Mend it, or move it away: the channels are then taken by their names",
        ) from error
    return found


def _value(row: dict[str, str], columns: Sequence[str]) -> str:
    text = next((row[column] for column in columns if row.get(column)), "").strip()
    return "" if text.lower() == "n/a" else text


def _known(channel: Channel, row: dict[str, str]) -> Channel:
    about = {key: _value(row, columns) for key, columns in _ABOUT.items()}
    return replace(channel, emg=_value(row, ("type",)).upper() == "EMG", about=about)


def _notes(table: Path, emg: Sequence[Channel], rows: dict[str, dict[str, str]]) -> Iterator[str]:
    yield f"EMG channels are those of type EMG in {table.name}"
    references = list(dict.fromkeys(_value(rows[each.name], _REFERENCE) for each in emg))
    if any(references):
        yield f"recorded against the reference {', '.join(filter(None, references))}; nothing was subtracted"
    for each in emg:
        unit = normalise_unit(_value(rows[each.name], ("units",)))
        if unit not in ("a.u.", normalise_unit(each.unit)):
            yield f"{each.name}: {table.name} says {unit}; {each.unit}, as the recording itself says, was taken"
    bad = [each.name for each in emg if _value(rows[each.name], ("status",)).lower() == "bad"]
    if bad:
        yield f"{table.name} says that these are bad: {', '.join(bad)}"
