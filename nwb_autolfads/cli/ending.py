"""How a command speaks to a terminal that it does not know, and what it says where it ends badly."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence

from nwb_autolfads.errors import NwbAutolfadsError, NwbAutolfadsWarning, printable, shown

UNFORESEEN = "failed in a way that nobody foresaw"


def settle_streams() -> None:
    """Let every terminal print every name, and no warning but ours through.

    Letters that a terminal does not know, and bytes of a file's name that are no text, are shown by their numbers. A
    library's warning tells its programmers something; what a user must know is an error or a warning of this package.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    warnings.formatwarning = lambda message, *_: f"Note: {message}\n"  # not the line of code that gave it
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", NwbAutolfadsWarning)


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
    if isinstance(error, MemoryError):
        return f"{subject}: more memory is needed than there is. Close other programs, or read fewer muscles"
    if isinstance(error, OSError) and error.strerror:
        place = subject if error.filename is None else printable(os.fsdecode(error.filename), 200)
        return f"{place}: {error.strerror}. Check the path and the disk"
    said = shown(str(error)).strip("'\"")
    return f"{subject}: {UNFORESEEN} ({type(error).__name__}: {said}). --debug shows where; please report it"
