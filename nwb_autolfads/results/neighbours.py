"""The files that a recording reads beside itself: they are sources too, so no output may replace one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import h5py

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.address import is_address
from nwb_autolfads.results.recorded_in import recording_of
from nwb_autolfads.sources.opening.walk import walk_file

_WRITTEN = (".nwb", ".safetensors")


def files_behind(source: str | Path) -> list[Path]:
    """Return a file on this machine with all that it links to, stores in, maps or was made from, at any depth.

    Recordings of other formats than NWB are often made of several files, whose names only their readers know. So
    everything beside such a file counts, but for what this package writes there: results and models.

    Parameters
    ----------
    source : str or Path
        A file, a folder, or an address, for which there is nothing.

    Returns
    -------
    list of Path
        The first is ``source``. What cannot be followed is left out: reading the file says what is wrong with it.
    """
    if is_address(str(source)):
        return []
    found = dict.fromkeys([Path(source), recording_of(source), *_companions(Path(source))])
    waiting = [Path(source)]
    while waiting:
        for file in _next_to(waiting.pop()):
            if file not in found:
                found[file] = None
                waiting.append(file)
    return list(found)


def _companions(file: Path) -> list[Path]:
    try:
        if not file.is_file() or h5py.is_hdf5(file):
            return []
        return [each for each in file.parent.iterdir() if each.is_file() and each.suffix not in _WRITTEN]
    except (OSError, ValueError):
        return []


def _next_to(file: Path) -> list[Path]:
    try:
        if not file.is_file() or not h5py.is_hdf5(file):  # external storage has bare numbers in it
            return []
        with h5py.File(file, "r") as opened:
            names = {link.file for link in walk_file(opened, str(file)).links if link.file}
    except (OSError, SourceError, RuntimeError, KeyError, ValueError):
        return []
    return [place for name in names for place in _places(file, name)]


def _places(file: Path, name: str) -> Iterator[Path]:
    """Yield where HDF5 looks for a file of this name, as far as there is one."""
    for folder in dict.fromkeys((file.parent, file.resolve().parent, Path.cwd())):
        for place in dict.fromkeys((folder / name, folder / Path(name).name)):
            if os.path.isfile(place):  # unlike that of Path, false too for a name that is too long
                yield place.resolve()
