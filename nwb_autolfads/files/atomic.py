"""A new version of a file: complete, or not there at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from nwb_autolfads.errors import OutputError
from nwb_autolfads.files.places import lock_name, partial_name, require_replaceable


@contextlib.contextmanager
def new_version(target: Path, *, may_exist: bool = True) -> Iterator[Path]:
    """Write a file beside ``target`` that takes its place when complete.

    The body writes to the path it is given, and may make others whose names begin like it. When it ends well the
    file is flushed to the disk and renamed, which either happens or does not; when it raises, also on Ctrl-C, what was
    made is removed. A process that is killed leaves ``.<name>.partial`` and ``.<name>.lock``, which the next writer
    takes over and removes.

    Parameters
    ----------
    target : Path
        The file to be written.
    may_exist : bool
        Whether a file of this name is replaced. Else one that appears while the body runs stays as it is.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    OutputError
        If something stands there that is not to be replaced, the folder takes no new file, the disk fills up, or
        another process is writing the same target.
    """
    require_replaceable(target, may_exist=may_exist)
    partial = target.with_name(partial_name(target))
    try:
        with _only_writer(target):
            try:
                _remove_partials(partial)  # of an earlier writer, killed half way
                yield partial
                if require_replaceable(target, may_exist=may_exist):
                    shutil.copymode(target, partial)
                _flush_to_disk(partial)
                _take_place(partial, target, may_exist=may_exist)
            finally:
                _remove_partials(partial)
            if sys.platform != "win32":  # a folder cannot be opened there
                _flush_to_disk(target.parent)
    except OutputError:
        raise
    except Exception as error:
        if (refusal := _in_plain_words(error, target)) is None:
            raise
        raise refusal from error


def write_bytes(file: Path, content: bytes, *, may_exist: bool = True) -> None:
    """Write a file, whole or not at all; see `new_version`."""
    with new_version(file, may_exist=may_exist) as partial:
        partial.write_bytes(content)


def write_text(file: Path, text: str, *, may_exist: bool = True) -> None:
    """Write a text file in UTF-8, whole or not at all; see `new_version`. Names that are no text become numbers."""
    write_bytes(file, text.encode("utf-8", "backslashreplace"), may_exist=may_exist)


def _remove_partials(partial: Path) -> None:
    for left in [path for path in partial.parent.iterdir() if path.name.startswith(partial.name)]:
        left.unlink(missing_ok=True)


def _take_place(partial: Path, target: Path, *, may_exist: bool) -> None:
    if not may_exist:
        try:
            os.link(partial, target)  # unlike a rename, it fails where something stands
            return
        except FileExistsError:
            require_replaceable(target, may_exist=False)
        except OSError:
            pass  # a disk without hard links
    os.replace(partial, target)


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _only_writer(target: Path) -> Iterator[None]:
    """Hold a lock on ``target`` that the system frees when the process ends, however it ends."""
    path = target.with_name(lock_name(target))
    descriptor: int | None = None
    try:
        with _undisturbed():
            descriptor = _locked(path, target)
        yield
    finally:
        with _undisturbed():
            if descriptor is not None:
                _unlock(descriptor, path)


def _unlock(descriptor: int, path: Path) -> None:
    if sys.platform == "win32":  # an open file cannot be removed there
        os.close(descriptor)
        with contextlib.suppress(OSError):
            path.unlink()
    else:  # removed while still locked, so that nobody's fresh lock file is removed
        path.unlink(missing_ok=True)
        os.close(descriptor)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Within this context a signal to end waits, so that no file is made that nobody knows of."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are for the main thread
        return
    waiting: list[int] = []
    before = {number: signal.signal(number, lambda number, _: waiting.append(number)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: set by another language
        for number in waiting[:1]:
            signal.raise_signal(number)


_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def _locked(path: Path, target: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OutputError("is in the way", way_out="Remove it, or choose another name", file=str(path))
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
    if number is None and (found := re.search(r"errno = (\d+)", str(error))):
        number = int(found.group(1))
    if number == errno.ENOSPC:
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
