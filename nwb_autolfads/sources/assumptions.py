"""What every source must settle, and tell the user: names of muscles and the unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.names import SPOKEN_UNITS, normalise_unit, repeated
from nwb_autolfads.sources.recording import Origin


@dataclass(frozen=True)
class Naming:
    """Names of muscles, the columns they stand for, and a sentence on where the names come from."""

    names: tuple[str, ...]
    columns: NDArray[np.intp]
    note: str


def name_muscles(
    origin: Origin, in_source: Sequence[str], named_by: str, n_columns: int, given: Sequence[str] | None
) -> Naming:
    """Name the columns.

    Parameters
    ----------
    origin : Origin
        For messages.
    in_source : sequence of str
        Names that the source gives its columns; empty where it gives none.
    named_by : str
        What in the source gives them.
    n_columns : int
        How many columns there are.
    given : sequence of str or None
        What the user asks for: names of all columns in order, or some of those in the source.

    Raises
    ------
    SourceError
        If names occur twice, or are not as many as the columns.
    """
    names, by = (in_source, named_by) if given is None else ([str(name) for name in given], "hand")
    columns = np.arange(n_columns)
    if given is None and not names:
        numbered = tuple(f"muscle {number}" for number in range(1, n_columns + 1))
        return Naming(numbered, columns, f"{n_columns} muscles, without names in the file: numbered")
    if double := repeated(names):
        raise SourceError(
            f"muscle names given by {by} occur more than once: {', '.join(double)}",
            file=origin.file,
            obj=origin.object_path,
            way_out="Give every column its own name with --muscles",
        )
    if given is not None and names and len(in_source) == n_columns and set(names) < set(in_source):
        columns = np.array([in_source.index(name) for name in names])
        return Naming(
            tuple(names), columns, f"{len(names)} of {n_columns} muscles, named by {named_by}, chosen by hand"
        )
    if len(names) != n_columns:
        known = f" (the file names {', '.join(in_source)})" if in_source and given is not None else ""
        raise SourceError(
            f"{len(names)} muscle names given by {by} for {n_columns} columns: {', '.join(names)}{known}",
            file=origin.file,
            obj=origin.object_path,
            way_out="Give one name per column, in order, with --muscles",
        )
    return Naming(tuple(names), columns, f"{n_columns} muscles, named by {by}")


def settle_unit(origin: Origin, in_source: str, given: str | None) -> tuple[str, str]:
    """Return the unit (V, mV, uV or a.u.) and a sentence on it.

    Parameters
    ----------
    origin : Origin
        For messages.
    in_source : str
        The unit that the source gives, as `normalise_unit` returns it.
    given : str or None
        The unit that the user says the samples have instead.

    Raises
    ------
    SourceError
        If it is none of the four.
    """
    unit = in_source if given is None else normalise_unit(given)
    if unit not in SPOKEN_UNITS:
        whose = "its unit is" if given is None else "the unit given by hand is"
        raise SourceError(
            f"{whose} {unit!r}, which is not one of EMG",
            file=origin.file,
            obj=origin.object_path,
            way_out=f"If it is EMG, say its unit with --unit (in Python: unit=...): {', '.join(SPOKEN_UNITS)}",
        )
    if given is None:
        return unit, SPOKEN_UNITS[unit]
    return unit, f"{SPOKEN_UNITS[unit]}, as given by hand (the file says {in_source!r})"
