"""How a command speaks to a terminal that it does not know, and what it says where it ends badly."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from nwb_autolfads.errors import NwbAutolfadsError, NwbAutolfadsWarning, printable, shown

WRONG_USAGE: type[Exception] = typer.BadParameter.__bases__[0]  # of click, or of the copy of it in a newer typer
UNFORESEEN = "failed in a way that nobody foresaw"


def settle_streams() -> None:
    """Let every terminal print every name, and no warning but ours through.

    Letters that a terminal does not know, and bytes of a file's name that are no text, are shown by their numbers. A
    library's warning tells its programmers something; what a user must know is an error or a warning of this package.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    warnings.formatwarning = lambda message, *_: f"  note: {printable(str(message)).replace(chr(10), ' ')}\n"
    logging.lastResort = logging.NullHandler()
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", NwbAutolfadsWarning)


@contextmanager
def cached_somewhere() -> Iterator[None]:
    """Within this context pynwb, which cannot be imported without a folder for its cache, has one."""
    given = os.environ.get("XDG_CACHE_HOME")
    cache = Path(given or os.path.expanduser("~/.cache"))
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError:
        with tempfile.TemporaryDirectory(prefix="nwb-autolfads-") as folder:
            os.environ["XDG_CACHE_HOME"] = folder
            try:
                yield
            finally:
                os.environ.pop("XDG_CACHE_HOME") if given is None else os.environ.update(XDG_CACHE_HOME=given)
    else:
        yield


class Stopped(BaseException):
    """The process was asked to end by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def stopping_cleanly() -> Iterator[None]:
    """Within this context, a signal to end is an exception, so that what is half-written is removed, as on Ctrl-C.

    A file that becomes larger than the user may write is an error of that write, not the end of the process.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may decide about signals
        return
    before = {number: signal.getsignal(number) for number in _ENDING if number is not None}
    hook = sys.unraisablehook
    too_large = getattr(signal, "SIGXFSZ", None)
    sys.unraisablehook = lambda lost: _once_more(lost.exc_value) or hook(lost)
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:  # `nohup` asks to go on when the terminal closes
                signal.signal(number, _stop)
        if too_large is not None:
            before[too_large] = signal.signal(too_large, signal.SIG_IGN)
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


_ENDING = (signal.SIGTERM, getattr(signal, "SIGHUP", None))
_MOMENT_S = 0.02


def _stop(number: int, frame: FrameType | None) -> None:
    for each in _ENDING:  # asked again, it is ending already: what is half-written is still removed
        if each is not None:
            signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)


def _once_more(lost: BaseException | None) -> bool:
    """Send a signal again, a moment later, whose exception Python dropped; return whether it was one.

    It drops what is raised while an object is deleted. The command would else go on as if nobody had asked.
    """
    if not isinstance(lost, Stopped | KeyboardInterrupt):
        return False
    number = lost.number if isinstance(lost, Stopped) else signal.SIGINT
    if isinstance(lost, Stopped):
        signal.signal(number, _stop)
    threading.Timer(_MOMENT_S, _send, (number,)).start()
    return True


def _send(number: int) -> None:
    """Send a signal to the main thread, so that it is woken where it waits."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:  # Windows
        signal.raise_signal(number)


def show_usage(error: Any) -> int:
    """Say what is wrong with a command line, never longer than it may be; return the exit code."""
    if isinstance(error.message, str) and type(error).__name__ != "NoArgsIsHelpError":  # which is the help as a whole
        error.message = printable(error.message, 250).replace("\n", "\\n")
    error.show()
    return error.exit_code


def message_of(error: Exception, arguments: Sequence[str]) -> str:
    """Return the one message of an error: what it is about, what is wrong, the way out.

    Parameters
    ----------
    error : Exception
    arguments : sequence of str
        Those of the command line: its command, and mostly a file.

    Returns
    -------
    str
    """
    if isinstance(error, NwbAutolfadsError):
        return str(error)
    subject = printable(" ".join(arguments[:2]), 200)
    if isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error):
        from_file = [f" ({printable(each, 200)})" for flag, each in pairwise(arguments) if flag == "--config"]
        way_out = f"Close other programs, read fewer muscles, or set a smaller model{''.join(from_file)}"
        return f"{subject}: more memory is needed than there is. {way_out}"
    if isinstance(error, OSError) and error.strerror:
        place = "" if error.filename is None else printable(os.fsdecode(error.filename), 200)
        about = subject if place in subject else f"{subject}: {place}"
        return f"{about}: {error.strerror}. Check the path and the disk"
    text = shown(str(error)).strip("'\"")
    return f"{subject}: {UNFORESEEN} ({type(error).__name__}: {text}). --debug shows where; please report it"
