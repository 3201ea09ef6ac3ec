"""A new version of an NWB file with one object more, or one replaced, so that nothing else can change.

The file is copied byte for byte and the object is added to the copy. An export through pynwb would rebuild the file
instead, and drop what a laboratory put into it outside the schema.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import pynwb
from pynwb import NWBHDF5IO, NWBFile

from nwb_autolfads.errors import OutputError, shown
from nwb_autolfads.files.address import is_address
from nwb_autolfads.files.atomic import new_version
from nwb_autolfads.files.hdf5 import OVERHEAD_BYTES, reserve
from nwb_autolfads.files.places import Output, check_outputs
from nwb_autolfads.results.inside import MODULE, FileState, SourceFacts, remove_object
from nwb_autolfads.results.neighbours import files_behind
from nwb_autolfads.results.versions.adding import opened_to_add
from nwb_autolfads.results.versions.bare import write_bare_session
from nwb_autolfads.results.versions.repack import repack
from nwb_autolfads.sources.border import border

RESERVED = "muscles"

UNREADABLE = "what the file says of its own types cannot be read"


def choose_target(source: str | Path, target: str | os.PathLike[str] | None, *, in_place: bool, link: bool) -> Path:
    """Return the file to write: the source itself, ``target``, or ``<stem>_activation.nwb`` beside the source.

    Raises
    ------
    OutputError
        If what was asked for contradicts itself, or the source is at an address or a folder, which no result can go
        into or beside.
    """
    if is_address(str(source)) or Path(source).is_dir():
        if not link or target is None:
            raise OutputError(
                "is no file on this machine that the result could go into or beside",
                way_out="Name a new file, and let it name its source instead of copying it (target, link=True).",
                file=str(source),
            )
        return Path(target)
    source = Path(source)
    if in_place:
        if link:
            raise OutputError(
                "a file that names its source was asked for together with in_place",
                way_out="Give one of the two.",
                file=str(source),
            )
        if target is not None and Path(target).resolve() != source.resolve():
            raise OutputError(
                f"a target ({target}) was given together with in_place",
                way_out="Give one of the two.",
                file=str(source),
            )
        return source.resolve()  # a link must not be replaced by a file
    return source.with_name(f"{source.stem}_activation.nwb") if target is None else Path(target)


def check_name(name: str, result: Path) -> str:
    """Return the name of an object to be written, or raise OutputError where a file cannot well hold it."""
    letters = all(letter.isalnum() or letter in "_-. " for letter in name)
    fit = letters and name == name.strip() and name not in ("", ".", "..")
    if not fit or name == RESERVED or len(name) > 100:
        raise OutputError(
            f"the name {shown(name)} is unfit",
            way_out=f"Use up to 100 letters, digits, '_', '-', '.' or spaces between, other than '{RESERVED}'.",
            file=str(result),
        )
    return name


def check_taken_name(facts: SourceFacts, name: str, kind: str, *, overwrite: bool) -> bool:
    """Return whether an object of this name and type is replaced; raise OutputError where it must not be."""
    if name not in facts.behavior:
        return False
    place = f"{MODULE}/{name}"
    if facts.behavior[name] != kind:
        raise OutputError(
            f"the name is taken by a {facts.behavior[name] or 'nameless type'}",
            way_out="Choose another name.",
            file=str(facts.path),
            obj=place,
        )
    if not overwrite:
        raise OutputError(
            "the name is in the file already",
            way_out="Choose another name, or overwrite.",
            file=str(facts.path),
            obj=place,
        )
    return True


def write_version(
    source: str | Path,
    result: Path,
    builds: Mapping[str, Callable[[Any], Any]],
    *,
    n_bytes: int,
    replaces: bool = False,
    may_exist: bool = False,
    in_place: bool = False,
    bare: NWBFile | None = None,
) -> None:
    """Write ``source`` with one or more objects more, complete or not at all.

    Parameters
    ----------
    source : str or Path
        An NWB file; an address or a folder of Zarr only with ``bare``.
    result : Path
        The file to make; may be the source.
    builds : mapping of str to callable
        By the object's name in ``processing/behavior``: what takes the processing module and returns the object.
    n_bytes : int
        Size of all objects.
    replaces : bool
        Whether an object of one of these names is there; it is removed, with its room.
    may_exist : bool
        Whether ``result`` may exist, and be replaced.
    in_place : bool
        Whether ``result`` is meant to be the source.
    bare : NWBFile, optional
        What the file begins as instead of a copy of the source: a session without data.

    Raises
    ------
    OutputError
        If the place cannot take the file, the source changes meanwhile, or the result does not validate. Nothing is
        left behind then.
    """
    copied = Path(source).stat().st_size if bare is None else 0
    # Replacing an object packs the file once more into a second copy.
    room = (2 if replaces else 1) * (copied + n_bytes + OVERHEAD_BYTES)
    check_outputs([Output(result, may_exist, in_place, room)], files_behind(source))
    with new_version(result, may_exist=may_exist or in_place) as partial:
        before = FileState.of_local(source)
        if bare is None:
            _copy(Path(source), partial)
        else:
            write_bare_session(bare, partial)
        reserve(partial, n_bytes + OVERHEAD_BYTES)
        _add(partial, builds, source)
        if replaces:
            _drop_free_room(partial)
        require_valid(partial, source)
        if before is not None:
            before.require_same(Path(source), "while the result was written")


def _copy(source: Path, partial: Path) -> None:
    # While it is open here, no program that heeds the locks of HDF5 can change it.
    with h5py.File(source, "r"):
        shutil.copyfile(source, partial)


def _add(path: Path, builds: Mapping[str, Callable[[Any], Any]], source: str | Path) -> None:
    with opened_to_add(path, source) as file:
        for name in builds:
            if f"{MODULE}/{name}" in file:
                remove_object(file, name)
        with contextlib.ExitStack() as closed_at_the_end:
            with border(str(source), "specifications", problem=UNREADABLE):
                io = closed_at_the_end.enter_context(NWBHDF5IO(file=file, mode="a"))
                nwbfile = io.read()
            module = behavior_module(nwbfile)
            for build in builds.values():
                module.add(build(module))
            io.write(nwbfile)


def _drop_free_room(path: Path) -> None:
    packed = path.with_name(f"{path.name}.packed")
    # Where it cannot be done, the file keeps the room of what was replaced; nothing else is wrong with it.
    with contextlib.suppress(NotImplementedError):
        repack(path, packed)
        os.replace(packed, path)


def behavior_module(nwbfile: NWBFile) -> Any:
    """Return ``processing/behavior`` of a session, made where there is none."""
    if "behavior" in nwbfile.processing:
        return nwbfile.processing["behavior"]
    return nwbfile.create_processing_module(name="behavior", description="Behavior, and muscle activation behind it.")


def require_valid(path: Path, source: str | Path) -> None:
    """Refuse a new version that PyNWB finds errors in which the source does not have, where that is a file here."""
    with border(str(source), "specifications", problem=UNREADABLE):
        found = {str(error) for error in pynwb.validate(path=str(path))}
        if not found:
            return
        of_source = pynwb.validate(path=str(source)) if Path(source).is_file() else []
        new = sorted(found - {str(error) for error in of_source})
    if new:
        raise OutputError(
            f"the result does not validate ({len(new)} errors, the first: {new[0]})",
            way_out="Report this as a bug; nothing was written.",
            file=str(source),
        )
