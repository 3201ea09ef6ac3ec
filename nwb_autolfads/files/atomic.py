"""A new version of a file: complete, or not there at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from nwb_autolfads.errors import OutputError


def check_place(target: Path, needed_bytes: int, *, may_exist: bool) -> None:
    """Refuse a place that cannot take a file, before any work is done.

    Parameters
    ----------
    target : Path
        The file to be written.
    needed_bytes : int
        Room it will need. A file that it replaces stays until the new one is complete, so its room does not count.
    may_exist : bool
        Whether the file may exist already.

    Raises
    ------
    OutputError
        If the folder is missing, the file exists or is read-only, or the disk has too little room.
    """
    folder = target.parent
    if not folder.is_dir():
        raise OutputError(f"the folder {folder} does not exist", way_out="Create it first.", file=str(target))
    if target.exists():
        if not may_exist:
            raise OutputError("the file exists already", way_out="Choose another name, or overwrite.", file=str(target))
        if not target.is_file():
            raise OutputError("is not a file", way_out="Choose another name.", file=str(target))
        # Renaming onto a file asks for no permission of the file itself, so its protection is respected here.
        if not target.stat().st_mode & 0o222:
            raise OutputError("the file is read-only", way_out="Write to a new file.", file=str(target))
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise OutputError(
            f"{needed_bytes / 1e6:.1f} MB are needed in {folder}, {free / 1e6:.1f} MB are free",
            way_out="Make room, or write to another disk.",
            file=str(target),
        )


@contextlib.contextmanager
def new_version(target: Path) -> Iterator[Path]:
    """Write a file beside ``target`` that takes its place when complete.

    The body writes to the path it is given, and may make others whose names begin like it. When it ends well the
    file is flushed to the disk and renamed, which either happens or does not; when it raises, also on Ctrl-C, what was
    made is removed. A process that is killed leaves ``.<name>.partial`` and ``.<name>.lock``, which the next writer
    takes over and removes.

    Parameters
    ----------
    target : Path
        The file to be written.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    OutputError
        If the folder takes no new file, the disk fills up, or another process is writing the same target.
    """
    partial = target.with_name(f".{target.name}.partial")
    try:
        with _only_writer(target):
            try:
                yield partial
                if target.exists():
                    shutil.copymode(target, partial)
                _flush_to_disk(partial)
                os.replace(partial, target)
            finally:
                # also what an earlier writer, killed half way, left beside it
                for left in [path for path in target.parent.iterdir() if path.name.startswith(partial.name)]:
                    left.unlink(missing_ok=True)
            if sys.platform != "win32":  # a folder cannot be opened there
                _flush_to_disk(target.parent)
    except OutputError:
        raise
    except Exception as error:
        if (said := _in_plain_words(error, target)) is None:
            raise
        raise said from error


def reserve(path: Path, n_bytes: int) -> None:
    """Take the room on the disk that a file will need, before HDF5 opens it.

    HDF5 cannot recover from a disk that is full: what it failed to write stays with it, and brings the whole process
    down when it tries again, perhaps much later. It cuts off what it did not need when it closes the file.

    Parameters
    ----------
    path : Path
        A file, which is longer afterwards.
    n_bytes : int
        How much it will grow at most.

    Raises
    ------
    OSError
        If there is no such room.
    """
    with open(path, "ab") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), path.stat().st_size, n_bytes)
        else:
            block = bytes(1 << 20)
            for start in range(0, n_bytes, len(block)):
                file.write(block[: n_bytes - start])


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _only_writer(target: Path) -> Iterator[None]:
    """Hold a lock on ``target`` that the system frees when the process ends, however it ends."""
    path = target.with_name(f".{target.name}.lock")
    descriptor = _locked(path, target)
    try:
        yield
    finally:
        if sys.platform == "win32":  # an open file cannot be removed there
            os.close(descriptor)
            with contextlib.suppress(OSError):
                path.unlink()
        else:  # removed while still locked, so that nobody's fresh lock file is removed
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _locked(path: Path, target: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            _lock(descriptor)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except (BlockingIOError, PermissionError) as error:
            os.close(descriptor)
            raise OutputError(
                "another process is writing this file now",
                way_out="Wait until it is done, then try again.",
                file=str(target),
            ) from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # another writer finished between our two steps and removed this lock file


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _in_plain_words(error: Exception, target: Path) -> OutputError | None:
    number = error.errno if isinstance(error, OSError) else None
    # HDF5, and hdmf around it, report a full disk as errors of several kinds with the number in the message only.
    if number == errno.ENOSPC or f"errno = {errno.ENOSPC}" in str(error):
        return OutputError("the disk is full", way_out="Make room, or write to another disk.", file=str(target))
    if number in (errno.EFBIG, errno.EDQUOT):
        return OutputError(
            f"the file would be larger than is allowed here ({os.strerror(number)})",
            way_out="Raise the limit (ulimit, quota), or write to another disk.",
            file=str(target),
        )
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(
            f"the folder {target.parent} takes no new file ({os.strerror(number)})",
            way_out="Write to a folder of your own.",
            file=str(target),
        )
    if isinstance(error, OSError):
        return OutputError(f"writing failed ({error})", way_out="The file is as it was before.", file=str(target))
    return None
