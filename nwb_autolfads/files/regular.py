"""What a path leads to: only a regular file is read or replaced, never a pipe, a device or a folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from nwb_autolfads.errors import MissingFileError, NwbAutolfadsError, SourceError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link that leads nowhere",
}


def require_regular_file(path: str | os.PathLike[str], error: type[NwbAutolfadsError] = SourceError) -> Path:
    """Refuse what cannot be read as a file, before it is opened: a pipe or a device could block for ever.

    Parameters
    ----------
    path : path
        What is to be read. A link is followed.
    error : type of NwbAutolfadsError
        What is raised.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    NwbAutolfadsError
        Of the type asked for, if there is nothing, or something else than a regular file.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as missing:
        problem = "is a link that leads nowhere" if path.is_symlink() else "there is no such file"
        absent = MissingFileError if error is SourceError else error
        raise absent(problem, file=str(path), way_out="Check the path") from missing
    except (OSError, ValueError) as reason:
        why = getattr(reason, "strerror", None) or reason
        raise error(f"cannot be looked at: {why}", file=str(path), way_out="Check the path") from reason
    if not stat.S_ISREG(mode):
        raise error(f"is {kind_of(mode)}, not a file", file=str(path), way_out="Give the path of a regular file")
    return path


def kind_of(mode: int) -> str:
    """Say in words what a mode of `os.stat` stands for, where it is no regular file."""
    return _KINDS.get(stat.S_IFMT(mode), "something special")
