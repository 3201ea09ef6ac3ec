"""May this be written there? One answer for every output of every command, before anything is computed."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nwb_autolfads.errors import OutputError
from nwb_autolfads.files.regular import kind_of

LONGEST_NAME_BYTES = 230
"""Of a file, so that the names of what is written before it are no longer than the 255 that systems take."""


@dataclass(frozen=True)
class Output:
    """A file that is to be written.

    Attributes
    ----------
    file : Path
        Where.
    overwrite : bool
        Whether a file of this name may be replaced.
    in_place : bool
        Whether it is the source itself that gets a new version, because its user asked for that.
    n_bytes : int
        Room it needs. What it replaces stays until it is complete, so that room does not count.
    """

    file: Path
    overwrite: bool = False
    in_place: bool = False
    n_bytes: int = 0


def check_outputs(outputs: Sequence[Output], sources: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Refuse outputs that would cost the user anything, or that cannot be written.

    An output is a regular file or absent, reached by no link of its own (folders on the way to it may be links). It is
    no source, by any name, link or hard link, lies in no source that is a folder, and is no other output. Where it
    exists it is replaced only when asked for, and never when it is read-only. Its folder is there, can be written to
    and has room.

    Parameters
    ----------
    outputs : sequence of Output
        All that one command writes.
    sources : iterable of path
        All that it reads: recordings, the files these link to, models, settings.

    Raises
    ------
    OutputError
        Naming the output that is refused.
    """
    read = [Path(source) for source in sources]
    for number, output in enumerate(outputs):
        found = require_replaceable(output.file, may_exist=output.overwrite or output.in_place)
        if not output.in_place:
            _require_no_source(output.file, found, read)
        for other in outputs[:number]:
            if _is_same(output.file, other.file):
                raise _refused(output.file, "is asked for twice, for two different results", "Give each its own name")
        require_room(output.file, output.n_bytes)


def require_replaceable(file: Path, *, may_exist: bool) -> os.stat_result | None:
    """Refuse a place where something stands that is not to be replaced; return what stands there, if anything.

    Raises
    ------
    OutputError
        If it is a link, a folder, a pipe, a device, a file that is read-only or must not be there, or no place at all.
    """
    try:
        found = file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise _refused(file, f"cannot be written ({why})", "Choose another name") from error
    if stat.S_ISLNK(found.st_mode):
        raise _refused(file, f"is a link to {os.readlink(file)}", "Give the name of the file itself, or another name")
    if not stat.S_ISREG(found.st_mode):
        raise _refused(file, f"is {kind_of(found.st_mode)}, not a file", "Choose another name")
    if not may_exist:
        raise _refused(file, "exists already", "Choose another name, or --overwrite it (in Python: overwrite=True)")
    # Renaming onto a file asks for no permission of the file itself, so its protection is respected here.
    if not found.st_mode & 0o222:
        raise _refused(file, "the file is read-only", "Write to a new file")
    return found


def require_room(file: Path, n_bytes: int) -> None:
    """Refuse a file whose folder is missing, takes no file, or has too little room.

    Raises
    ------
    OutputError
        If so.
    """
    folder = file.parent
    if not folder.is_dir():
        raise _refused(file, f"the folder {folder} does not exist", "Create it first")
    # Permissions and read-only mounts all show in trying, and nowhere else for every user and system.
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        problem = f"nothing can be written to the folder {folder.resolve()}: {error.strerror}"
        raise _refused(file, problem, "Choose another folder") from error
    if free < n_bytes:
        problem = f"{n_bytes / 1e6:.1f} MB are needed in {folder}, {free / 1e6:.1f} MB are free"
        raise _refused(file, problem, "Make room, or write to another disk")


def make_folder(folder: Path) -> None:
    """Make a folder for results, where it is missing.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise _refused(folder, f"the folder cannot be made: {why}", "Choose another folder") from error


def _short(name: str) -> str:
    """Return a name that leaves room for what is put around it: systems take names of 255 bytes."""
    encoded = os.fsencode(name)
    if len(encoded) <= LONGEST_NAME_BYTES:
        return name
    return f"{encoded[:100].decode('utf-8', 'ignore')}-{hashlib.sha256(encoded).hexdigest()[:16]}"


def partial_name(file: Path) -> str:
    """Return how the names of what is written before it becomes ``file`` begin."""
    return f".{_short(file.name)}.partial"


def lock_name(file: Path) -> str:
    """Return the name of the file that tells two writers of ``file`` apart."""
    return f".{_short(file.name)}.lock"


def _require_no_source(file: Path, found: os.stat_result | None, sources: Sequence[Path]) -> None:
    place = _resolved(file)
    for source in sources:
        try:
            known = source.stat()
        except (OSError, ValueError):
            continue  # what is not there cannot be lost; reading it says so
        if found is not None and os.path.samestat(found, known):
            raise _refused(file, f"is read by this command{_as(file, source)}", "Choose another name")
        there = _resolved(source)
        if stat.S_ISDIR(known.st_mode) and place.is_relative_to(there):
            raise _refused(file, f"lies in {source}, which is read by this command", "Choose another folder")
        taken = there.name.startswith(partial_name(file)) or there.name == lock_name(file)
        if taken and there.parent == place.parent:
            raise _refused(file, f"is written by way of the name of {source}, which is read", "Choose another name")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return _resolved(one) == _resolved(other)


def _resolved(path: Path) -> Path:
    return path.parent.resolve() / path.name if not path.exists() else path.resolve()


def _as(file: Path, source: Path) -> str:
    return "" if file == source else f", as {source}"


def _refused(file: Path, problem: str, way_out: str) -> OutputError:
    return OutputError(problem, way_out=way_out, file=str(file))
