"""What is in an NWB file, seen at the level of HDF5: looked at before writing, and removed when replaced."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nwb_autolfads.errors import OutputError, SourceError
from nwb_autolfads.files.address import is_address, without_folder
from nwb_autolfads.files.limits import MAX_DATASET_BYTES, MAX_ORIGIN_CHARACTERS, most_bytes
from nwb_autolfads.files.regular import require_regular_file

MODULE = "processing/behavior"
_COMPARISON = "ActivationComparisonTable"


@dataclass(frozen=True)
class FileState:
    """What shows that a file was changed: taken when it is read, compared before a result of it is written.

    Attributes
    ----------
    inode : int
        Number of the file, another one where the file was replaced by one of the same name.
    size_bytes : int
        Its size.
    modified_ns : int
        Time of the last change (ns).
    """

    inode: int
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> FileState:
        """Return the present state of a file."""
        found = os.stat(path)
        return cls(found.st_ino, found.st_size, found.st_mtime_ns)

    @classmethod
    def of_local(cls, source: str | Path) -> FileState | None:
        """Return the present state of what a recording is read from; None at an address, which tells none."""
        return None if is_address(str(source)) else cls.of(source)

    def require_same(self, path: Path, since: str) -> None:
        """Refuse a file that was changed.

        Parameters
        ----------
        path : Path
            The file.
        since : str
            Since when, or while what, for the message.

        Raises
        ------
        OutputError
            If the file is not in this state.
        """
        if not path.exists() or FileState.of(path) != self:
            raise OutputError(
                f"the file was changed by another program {since}",
                way_out="Start again from the file as it is now.",
                file=str(path),
            )


@dataclass(frozen=True)
class SourceFacts:
    """What must be known of a file before a result is written into it.

    Attributes
    ----------
    path : str or Path
        The file, or its address.
    identifier : str
        Identifier of the NWB file.
    made_from : dict of str to str
        Identifiers of the files that the estimates in it were made from, and the name of each; that of the recording
        where estimates of one identifier name both it and this file.
    behavior : dict of str to str
        Objects in the processing module ``behavior``: name and type.
    asked : dict of str to str
        What was asked for of each estimate that says so, JSON (see `nwb_autolfads.results.asked.Asked`).
    """

    path: str | Path
    identifier: str
    made_from: dict[str, str]
    behavior: dict[str, str]
    asked: dict[str, str]

    @property
    def name(self) -> str:
        """Name of the file as estimates keep it: without its folder, or its whole address."""
        return without_folder(str(self.path))

    def require_origin(self, origin: str | None) -> None:
        """Refuse an estimate that was made from another file.

        Parameters
        ----------
        origin : str or None
            JSON of `nwb_autolfads.sources.recording.Origin`; nothing is checked without it.

        Raises
        ------
        OutputError
            If the identifier in it is not one of this file, or it is not such JSON.
        """
        made_from = parse_origin(origin).get("file_identifier")
        if made_from and made_from not in {self.identifier, *self.made_from}:
            raise OutputError(
                f"the estimate was made from another file (identifier {made_from!r}, this file has "
                f"{self.identifier!r})",
                way_out="Give the file that the EMG was read from.",
                file=str(self.path),
            )


def parse_origin(origin: str | None) -> dict[str, Any]:
    """Return what the origin of an estimate says; it may come from a file of somebody else.

    Raises
    ------
    OutputError
        If it is not a JSON object, or longer than any that this package makes.
    """
    if not origin:
        return {}
    try:
        if len(origin) > MAX_ORIGIN_CHARACTERS:
            raise ValueError(f"{len(origin)} characters")
        found = json.loads(origin)
        if not isinstance(found, dict):
            raise ValueError("no JSON object")
    except (ValueError, RecursionError) as error:
        raise OutputError(
            f"the origin of the estimate cannot be read ({error})",
            way_out="Write what an estimator of this package returned.",
            obj="estimate",
        ) from error
    return found


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
    require_regular_file(path, OutputError)
    not_nwb = OutputError("is not an NWB file in HDF5 form", way_out="Give an NWB file.", file=str(path))
    try:
        with h5py.File(path, "r") as file:
            root = as_text(file.attrs.get("neurodata_type", ""))
            if not root.endswith("NWBFile") or "identifier" not in file:  # ndx-events 0.4 has a type of its own
                raise not_nwb
            found = file.get(MODULE, {})
            behavior = {name: as_text(found[name].attrs.get("neurodata_type", "")) for name in found}
            made_from: dict[str, str] = {}
            asked = {name: as_text(found[name].attrs["options"]) for name in found if "options" in found[name].attrs}
            for name, kind in behavior.items():
                said = found[name].attrs
                if kind == "ActivationEstimate" and "source_identifier" in said:
                    identifier, recorded = (as_text(said.get(f"source_{what}", "")) for what in ("identifier", "file"))
                    if made_from.get(identifier) in (None, path.name):
                        made_from[identifier] = recorded
            return SourceFacts(path, as_text(file["identifier"][()]), made_from, behavior, asked)
    except BlockingIOError as error:
        raise OutputError(
            "the file is open for writing in another program",
            way_out="Close it there, then try again.",
            file=str(path),
        ) from error
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:  # damaged, or odd
        raise not_nwb from error


def require_plain_storage(path: Path, name: str) -> None:
    """Refuse an estimate whose values are not all in the file, or are far more than the file can hold.

    A file of somebody else could else have any file of this machine read as data, or fill its memory.

    Parameters
    ----------
    path : Path
        An NWB file.
    name : str
        Name of an estimate in it.

    Raises
    ------
    SourceError
        If so.
    """
    with h5py.File(path, "r") as file:
        tables = [file[table] for table in _tables_referred_to(file, file[MODULE][name])]
        recording = f"{file[MODULE][name].name}/source_object"  # is not read with the estimate
        for group in (file[MODULE][name], *tables):
            for place, problem in _not_plain(group, set(), recording):
                raise SourceError(
                    f"{problem}; such files are not made by this package",
                    way_out="Do not trust this file.",
                    file=str(path),
                    obj=place,
                )


def _not_plain(group: h5py.Group, seen: set[int], left_out: str) -> Iterator[tuple[str, str]]:
    for name in group:
        place, link = f"{group.name}/{name}", group.get(name, getlink=True)
        if place == left_out:
            continue
        if isinstance(link, h5py.ExternalLink):
            yield place, f"the values are in another file ({link.filename!r})"
            continue
        item = group.get(name)
        if item is None:  # a link to nothing
            continue
        if item.file.filename != group.file.filename:
            yield place, "the values are in another file"
        address = h5py.h5o.get_info(item.id).addr
        if isinstance(item, h5py.Group) and address not in seen:
            seen.add(address)
            yield from _not_plain(item, seen, left_out)
        elif isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                yield place, "the values are in another file"
            stored = item.id.get_storage_size()
            if item.nbytes > min(MAX_DATASET_BYTES, most_bytes(stored)):
                yield place, f"{item.nbytes / 1e6:.0f} MB are claimed, of which {stored / 1e6:.3f} MB are stored"


def remove_object(file: h5py.File, name: str) -> None:
    """Take an estimate or a comparison out of an open file, and the muscles tables that only it used.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    name : str
        Its name in the processing module.
    """
    module = file[MODULE]
    used = _tables_referred_to(file, module[name])
    _forget_scored(module, name)
    del module[name]
    for table in used - _tables_referred_to(file, file):
        if file[table].parent == module and as_text(file[table].attrs.get("neurodata_type", "")) == "MusclesTable":
            del file[table]


def _forget_scored(module: h5py.Group, name: str) -> None:
    """Take the references to an estimate out of comparisons: their scores are not those of what replaces it."""
    for table in module.values():
        column = table.get("estimate") if as_text(table.attrs.get("neurodata_type", "")) == _COMPARISON else None
        if isinstance(column, h5py.Dataset) and any(ref and module.file[ref] == module[name] for ref in column[:]):
            del table["estimate"]
            names = [each for each in table.attrs["colnames"] if as_text(each) != "estimate"]
            table.attrs["colnames"] = np.array(names, dtype=h5py.string_dtype())


def _tables_referred_to(file: h5py.File, group: h5py.Group) -> set[str]:
    tables: set[str] = set()

    def note(_name: str, item: Any) -> None:
        reference = item.attrs.get("table")
        if isinstance(reference, h5py.Reference) and reference:
            tables.add(file[reference].name)

    group.visititems(note)
    return tables


def as_text(value: Any) -> str:
    """Return text as HDF5 gives it, bytes or not."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
