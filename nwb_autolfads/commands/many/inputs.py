"""Which recordings are meant: paths, patterns, a file with one path per line, a dandiset."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from nwb_autolfads.errors import ConfigError, SourceError
from nwb_autolfads.files.address import is_address
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.sources.opening.dandi import dandiset_of, files_of_dandiset

LIST = "@"
"""Begins the name of a file with one path per line."""
MAX_LIST_BYTES, MAX_RECORDINGS = 1 << 22, 20_000


def means_several(given: Sequence[str]) -> bool:
    """Return whether what was given may be more than one recording."""
    if len(given) != 1 or given[0].startswith(LIST) or dandiset_of(given[0]) is not None:
        return True
    return _is_pattern(given[0]) and bool(glob.glob(given[0]))  # what is nowhere is one file that is missing


def recordings(given: Sequence[str]) -> list[str]:
    """Return the recordings that are meant, in the order given, each once.

    Parameters
    ----------
    given : sequence of str
        Paths and addresses; patterns such as ``data/*.nwb``, for shells that leave them as they are; ``@paths.txt``, a
        file with one of these per line, in which paths are meant from its own folder and lines that begin with ``#``
        are comments; dandisets (``DANDI:000123``, ``DANDI:000123/0.220126.1903``, or their page), all their NWB files.

    Returns
    -------
    list of str

    Raises
    ------
    SourceError
        If a list cannot be read, a dandiset is not given by the archive, or nothing is left.
    """
    found: dict[str, str] = {}
    for name in given:
        for recording in _meant(name):
            found.setdefault(recording if is_address(recording) else str(Path(recording).absolute()), recording)
    if not found:
        raise SourceError("names no recording", file=", ".join(given), way_out="Give NWB files")
    if len(found) > MAX_RECORDINGS:
        raise SourceError(f"{len(found)} recordings", way_out=f"Give at most {MAX_RECORDINGS} at a time")
    return list(found.values())


def _meant(name: str) -> list[str]:
    if name.startswith(LIST):
        return [each for line in _lines(Path(name[1:])) for each in _one(line)]
    return _one(name)


def _one(name: str) -> list[str]:
    if (dandiset := dandiset_of(name)) is not None:
        return files_of_dandiset(dandiset)
    return sorted(glob.glob(name)) if _is_pattern(name) else [name]


def _is_pattern(name: str) -> bool:
    return not is_address(name) and glob.has_magic(name) and not Path(name).exists()


def _lines(path: Path) -> list[str]:
    require_regular_file(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_LIST_BYTES + 1)
        if len(content) > MAX_LIST_BYTES:
            raise ValueError(f"is larger than {MAX_LIST_BYTES} bytes")
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines()]
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", file=str(path), way_out="Check the path") from error
    except ValueError as error:
        why = "is no text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise SourceError(why, file=str(path), way_out="Give a text file with one path per line") from error
    kept = [line for line in lines if line and not line.startswith("#")]
    if nested := [line for line in kept if line.startswith(LIST)]:
        raise SourceError(f"names another list, {nested[0]!r}", file=str(path), way_out="Give both lists")
    is_path = [not is_address(line) and dandiset_of(line) is None for line in kept]
    return [str(path.parent / line) if own else line for line, own in zip(kept, is_path, strict=True)]


def stem_of(recording: str) -> str:
    """Return what the names of the files made from a recording begin with: its own name without the last suffix."""
    if is_address(recording):
        return PurePosixPath(unquote(urlsplit(recording).path)).stem or "recording"
    return Path(recording).stem


def require_names_of_their_own(given: Sequence[str]) -> None:
    """Refuse recordings whose results would have the same name, before anything runs.

    Raises
    ------
    ConfigError
        Naming two of them.
    """
    known: dict[str, str] = {}
    for recording in given:
        name = stem_of(recording).casefold()  # some systems take a.nwb and A.nwb for one file
        if name in known:
            raise ConfigError(
                f"the results of {known[name]} and of {recording} would have the same name",
                way_out="Give each its own --out-dir",
                obj="--out-dir",
            )
        known[name] = recording
