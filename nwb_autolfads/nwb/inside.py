"""What is in an NWB file, seen at the level of HDF5: looked at before writing, and removed when replaced."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hdmf.common import DynamicTable

from nwb_autolfads.errors import OutputError

MODULE = "processing/behavior"


@dataclass(frozen=True)
class SourceFacts:
    """What must be known of a file before a result is written into it.

    Attributes
    ----------
    path : Path
        The file.
    identifier : str
        Identifier of the NWB file.
    behavior : dict of str to str
        Objects in the processing module ``behavior``: name and type.
    """

    path: Path
    identifier: str
    behavior: dict[str, str]

    def require_origin(self, origin: str | None) -> None:
        """Refuse an estimate that was made from another file.

        Parameters
        ----------
        origin : str or None
            JSON of `nwb_autolfads.sources.recording.Origin`; nothing is checked without it.

        Raises
        ------
        OutputError
            If the identifier in it is not that of this file.
        """
        made_from = json.loads(origin).get("file_identifier") if origin else None
        if made_from and made_from != self.identifier:
            raise OutputError(
                f"the estimate was made from another file (identifier {made_from!r}, this file has "
                f"{self.identifier!r})",
                way_out="Give the file that the EMG was read from.",
                file=str(self.path),
            )


def look_inside(path: Path) -> SourceFacts:
    """Return what must be known of a file before a result is written into it.

    Parameters
    ----------
    path : Path

    Returns
    -------
    SourceFacts

    Raises
    ------
    OutputError
        If there is no such file, it is open for writing elsewhere, or it is not an NWB file.
    """
    if not path.is_file():
        raise OutputError("there is no such file", way_out="Give the path of an NWB file.", file=str(path))
    not_nwb = OutputError("is not an NWB file in HDF5 form", way_out="Give an NWB file.", file=str(path))
    try:
        with h5py.File(path, "r") as file:
            if _text(file.attrs.get("neurodata_type", "")) != "NWBFile" or "identifier" not in file:
                raise not_nwb
            found = file.get(MODULE, {})
            behavior = {name: _text(found[name].attrs.get("neurodata_type", "")) for name in found}
            return SourceFacts(path, _text(file["identifier"][()]), behavior)
    except BlockingIOError as error:
        raise OutputError(
            "the file is open for writing in another program",
            way_out="Close it there, then try again.",
            file=str(path),
        ) from error
    except OSError as error:
        raise not_nwb from error


def remove_estimate(file: h5py.File, name: str) -> None:
    """Take an estimate out of an open file, and the muscles tables that only it used.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    name : str
        Name of the estimate.
    """
    module = file[MODULE]
    used = _tables_referred_to(file, module[name])
    del module[name]
    for table in used - _tables_referred_to(file, file):
        if file[table].parent == module and _text(file[table].attrs.get("neurodata_type", "")) == "MusclesTable":
            del file[table]


def same_table(one: DynamicTable, other: DynamicTable) -> bool:
    """Return whether two tables have the same columns with the same values; names of the tables do not count.

    Parameters
    ----------
    one, other : DynamicTable

    Returns
    -------
    bool
    """
    if set(one.colnames) != set(other.colnames) or len(one) != len(other):
        return False
    return all(_same_values(one[column].data[:], other[column].data[:]) for column in one.colnames)


def _same_values(one: Any, other: Any) -> bool:
    first, second = np.asarray(one), np.asarray(other)
    if first.dtype.kind in "OUST" or second.dtype.kind in "OUST":
        return [_text(value) for value in first] == [_text(value) for value in second]
    return np.array_equal(first, second, equal_nan=first.dtype.kind == "f")


def _tables_referred_to(file: h5py.File, group: h5py.Group) -> set[str]:
    tables: set[str] = set()

    def note(_name: str, item: Any) -> None:
        reference = item.attrs.get("table")
        if isinstance(reference, h5py.Reference) and reference:
            tables.add(file[reference].name)

    group.visititems(note)
    return tables


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
