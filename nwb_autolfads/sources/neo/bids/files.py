"""The files of EMG-BIDS that hold for a recording: beside it or further up, and read with care."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.regular import require_regular_file

LARGEST = 1_000_000
"""Bytes of a table or of JSON, which has a line for each channel, electrode or field."""

_LEVELS = 4  # of folders in which a file may be: those of the data, the session, the subject and the data set


def is_bids(path: Path) -> bool:
    """Return whether a recording is named as EMG-BIDS has it: ``<entities>_emg.edf`` or ``.bdf``."""
    return path.stem.rpartition("_")[2] == "emg" and path.suffix.lower() in (".edf", ".bdf")


def that_hold(path: Path, name: str) -> list[Path]:
    """Return the files of a kind that hold for a recording: all their entities are those of the recording.

    Parameters
    ----------
    path : Path
        The recording.
    name : str
        End of their names, such as ``channels.tsv``; what stands before it are entities.

    Returns
    -------
    list of Path
        One of each folder at most, that of most entities; the nearest first.
    """
    entities = set(path.stem.rpartition("_")[0].split("_"))
    found = []
    for folder in list(path.resolve().parents)[:_LEVELS]:
        here = [each for each in sorted(folder.glob(f"*{name}")) if f"_{each.name}".endswith(f"_{name}")]
        here = [each for each in here if _entities(each, name) <= entities]
        found += [max(here, key=lambda each: len(_entities(each, name)))] if here else []
        if (folder / "dataset_description.json").exists():
            break
    return found


def _entities(file: Path, name: str) -> set[str]:
    return set(filter(None, file.name.removesuffix(name).split("_")))


def rows_of(table: Path, columns: Sequence[str], what: str, then: str) -> list[dict[str, str]]:
    """Return the rows of a table that has at least these columns.

    Raises
    ------
    SourceError
        If it cannot be read, saying what it is and what holds without it.
    """
    require_regular_file(table)
    try:
        _require_small(table)
        with table.open(encoding="utf-8-sig", newline="") as lines:
            found = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
        if not found or any(column not in found[0] for column in columns):
            raise ValueError(f"no column{'s' if len(columns) > 1 else ''} {' and '.join(columns)}")
    except (OSError, ValueError, csv.Error) as error:
        raise _unreadable(table, what, error, then) from error
    return found


def merged(files: Sequence[Path], what: str, then: str) -> dict[str, Any]:
    """Return what files of JSON say together: of a field that several have, the first counts.

    Raises
    ------
    SourceError
        As `rows_of`.
    """
    said: dict[str, Any] = {}
    for file in files:
        require_regular_file(file)
        try:
            _require_small(file)
            content = json.loads(file.read_text(encoding="utf-8-sig"))
            if not isinstance(content, dict):
                raise ValueError(f"a {type(content).__name__}, not an object")
        except (OSError, ValueError, RecursionError) as error:
            raise _unreadable(file, what, error, then) from error
        said = content | said
    return said


def value(row: dict[str, Any], columns: Sequence[str]) -> str:
    """Return the first of some fields that says anything, as text; "" where none does."""
    text = next((str(row[column]) for column in columns if row.get(column) not in (None, "")), "").strip()
    return "" if text.lower() == "n/a" else text


def _require_small(file: Path) -> None:
    if file.stat().st_size > LARGEST:
        raise ValueError(f"{file.stat().st_size} bytes")


def _unreadable(file: Path, what: str, error: Exception, then: str) -> SourceError:
    return SourceError(f"{what} cannot be read ({error})", file=str(file), way_out=f"Mend it, or move it away: {then}")
