"""Where the recording of a result is: in the result itself, or in a file beside it that the result names."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import h5py

from nwb_autolfads.errors import OutputError, SourceError
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.results.inside import MODULE, look_inside
from nwb_autolfads.sources.opening.links import require_safe_itself


def recording_of(result: str | os.PathLike[str]) -> Path:
    """Return the file that holds the recording which the estimates in a file were made from.

    A result that only names its recording (``run --link``) has an identifier of its own. The recording is then looked
    for in the same folder, by the name and the identifier that the estimates keep, and nowhere else.

    Parameters
    ----------
    result : path
        A file with estimates.

    Returns
    -------
    Path
        The recording; ``result`` where it holds the recording itself, or no such file lies beside it.
    """
    result = Path(result)
    try:
        if not holds(result, MODULE):
            return result
        facts = look_inside(result)
    except OutputError:
        return result
    for identifier, name in facts.made_from.items():
        beside = result.parent / PurePath(name).name
        if identifier != facts.identifier and beside != result and _has_identifier(beside, identifier):
            return beside
    return result


def holds(file: str | Path, place: str) -> bool:
    """Return whether an HDF5 file has something at a place, and is safe to open: a quick look where it has not.

    Parameters
    ----------
    file : str or Path
        At an address nothing is looked for.
    place : str
        Path in it, such as ``processing/behavior``.
    """
    try:
        file = require_regular_file(Path(file))
        with h5py.File(file, "r") as opened:
            if place not in opened:
                return False
            require_safe_itself(opened, file, str(file))
            return True
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, SourceError):
        return False


def _has_identifier(file: Path, identifier: str) -> bool:
    try:
        return holds(file, "identifier") and look_inside(file).identifier == identifier
    except (OutputError, ValueError):  # not there, not NWB, or no name of a file
        return False
