"""What can go wrong for a user: each error names the file, the object, the value and the way out."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable
from functools import partial
from typing import Any

LONGEST_VALUE = 120
LONGEST_PART = 900  # letters of one part of a message; a list of what is in a file is the longest


def shown(value: object) -> str:
    """Return a value as a message shows it: like `repr`, but never longer than a line, whatever it is."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = LONGEST_VALUE
    short.maxlong, short.maxlevel = 40, 3
    try:
        return printable(re.sub(r"\s*\n\s*", " ", short.repr(value)), LONGEST_VALUE)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number of thousands of digits"


def printable(text: str, longest: int = LONGEST_PART) -> str:
    """Return text that is safe to show: control characters escaped, and cut in the middle where it is too long.

    What comes from a file may hide text, move a terminal's cursor or fill its screen. Ends of lines are kept.
    """
    if len(text) > longest:
        half = (longest - 5) // 2
        text = f"{text[:half]} ... {text[-half:]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)


class NwbAutolfadsError(Exception):
    """Base of every error that the input or the machine causes.

    Parameters
    ----------
    problem : str
        What is wrong, with the value that was met.
    way_out : str
        What the user can do about it.
    file : str, optional
        The file concerned.
    obj : str, optional
        The object in the file, or the argument, concerned.
    """

    def __init__(self, problem: str, *, way_out: str, file: str = "", obj: str = "") -> None:
        self.problem, self.way_out, self.file, self.obj = problem, way_out, str(file), str(obj)
        names = (printable(part, 2 * LONGEST_VALUE).replace("\n", "\\n") for part in (self.file, self.obj) if part)
        where = ", ".join(names)
        super().__init__(f"{where + ': ' if where else ''}{printable(problem).rstrip('.')}. {printable(way_out)}")

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        named = {"way_out": self.way_out, "file": self.file, "obj": self.obj}
        return partial(type(self), self.problem, **named), ()  # pickle knows of no keywords


class SourceError(NwbAutolfadsError):
    """A file cannot be read, or the EMG in it cannot be found."""


class MissingFileError(SourceError, FileNotFoundError):
    """There is no file of that name: also a `FileNotFoundError`, which scripts may expect."""


class SignalError(NwbAutolfadsError):
    """The signal itself is unfit for what was asked: too short, flat, not finite, sampled too slowly."""


class ConfigError(NwbAutolfadsError):
    """A setting is out of its range or does not exist."""


class TrainingError(NwbAutolfadsError):
    """Training produced no usable model."""


class OutputError(NwbAutolfadsError):
    """The result cannot be written where it was asked for."""


class NwbAutolfadsWarning(UserWarning):
    """Something that a user should know of a result, which was made all the same."""
