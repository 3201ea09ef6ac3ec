"""The border to other people's readers: what they raise becomes one `SourceError`, what they warn of one sentence."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO

from nwb_autolfads.errors import NwbAutolfadsError, SourceError

READERS = ("pynwb", "hdmf", "hdmf_zarr", "h5py", "zarr", "neo", "spikeinterface", "remfile")
WAY_OUT = "Run pynwb-validate on it to see what is wrong with it, or get a complete copy"

_LONGEST = 200  # characters that are repeated of anything a reader says
_MOST_NOTES = 3
# Said for nearly every file, and of no consequence for what is read.
_HARMLESS = ("ignoring the following cached namespace", "ignoring cached namespace", "deprecat")


@contextmanager
def border(file: str, obj: str = "", *, problem: str = "cannot be read", way_out: str = WAY_OUT) -> Iterator[list[str]]:
    """Turn whatever a reader raises into a `SourceError`, and keep what it warns of and prints off the terminal.

    Parameters
    ----------
    file, obj : str
        What the error names.
    problem : str
        What cannot be done.
    way_out : str
        What the user can do about it.

    Yields
    ------
    list of str
        After the block: what the readers warned of, one sentence each, for the assumptions.

    Raises
    ------
    SourceError
        For every exception that is not one of this package.
    """
    notes: list[str] = []
    with _quietly() as caught:
        try:
            yield notes
        except NwbAutolfadsError:
            raise
        except Exception as error:  # every reader raises its own kinds, and those of the layers below
            raise SourceError(f"{problem} ({one_line(error)})", file=file, obj=obj, way_out=way_out) from error
        finally:
            notes += _notes(caught)


def one_line(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says, never a dump of an object."""
    reason = error.args[-1] if error.args else ""  # hdmf puts the object, with all that is in it, before its reason
    text = short(reason if isinstance(reason, str) else str(error))
    where = getattr(error.args[0], "path", "") if len(error.args) > 1 else ""
    where = f" at {short(where)}" if isinstance(where, str) and where else ""
    return f"{type(error).__name__}{where}: {text}" if text else f"{type(error).__name__}{where}"


def short(text: str) -> str:
    """Return the first line of a text, cut where it is long, without what a terminal would obey."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def _notes(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    sentences = dict.fromkeys(short(str(each.message)) for each in caught if issubclass(each.category, UserWarning))
    kept = [each for each in sentences if not each.lower().startswith(_HARMLESS)]
    more = [f"the reader of the file warns of {len(kept) - _MOST_NOTES} more things"] if len(kept) > _MOST_NOTES else []
    return [f"the reader of the file warns: {each}" for each in kept[:_MOST_NOTES]] + more


@contextmanager
def _quietly() -> Iterator[Sequence[warnings.WarningMessage]]:
    """Keep what is warned of and printed off the terminal, and give the warnings.

    Both belong to the whole process: another thread than the main one would take from it what it prints meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield ()
        return
    with warnings.catch_warnings(record=True) as caught, _silent(READERS), redirect_stdout(StringIO()):
        warnings.simplefilter("always")
        yield caught


@contextmanager
def _silent(names: Sequence[str]) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
