"""Open an NWB file for reading, or say what is in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
from pynwb import NWBHDF5IO, NWBFile

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.links import require_safe_links


@dataclass(frozen=True)
class OpenedFile:
    """An open NWB file, what to call it in messages, and how to close it."""

    nwbfile: NWBFile
    name: str
    close: Callable[[], None]

    def __enter__(self) -> OpenedFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_nwb(source: str | Path | NWBFile) -> OpenedFile:
    """Open an NWB file read-only.

    Parameters
    ----------
    source : str, Path or NWBFile
        A file on this machine; an open ``NWBFile`` is passed through and never closed.

    Raises
    ------
    SourceError
        If the file does not exist, is no HDF5, is damaged, is HDF5 without NWB in it, or reads from outside its folder.
    """
    if isinstance(source, NWBFile):
        return OpenedFile(source, source.container_source or "", lambda: None)
    name = str(source)
    if "://" in name:
        raise SourceError("is an address, not a file", file=name, way_out="Download it, and give the path of the file")
    path = Path(source)
    if not path.exists():
        raise SourceError("there is no such file", file=name, way_out="Check the path")
    if path.is_dir():
        raise SourceError("is a folder", file=name, way_out="Give the path of an NWB file (HDF5)")
    _require_nwb(path)
    try:
        io = NWBHDF5IO(path, mode="r", load_namespaces=True)
        nwbfile = io.read()
    except Exception as error:  # pynwb raises whatever its layers raise on a damaged or invalid file
        raise SourceError(
            f"cannot be read as NWB ({type(error).__name__}: {error})",
            file=name,
            way_out="Run pynwb-validate on it to see what is wrong with it",
        ) from error
    return OpenedFile(nwbfile, name, io.close)


def _require_nwb(path: Path) -> None:
    name = str(path)
    try:
        with h5py.File(path, "r") as file:
            version = file.attrs.get("nwb_version")
            if version is not None:
                require_safe_links(file, path)
    except PermissionError as error:
        raise SourceError("may not be read", file=name, way_out="Ask for permission to read it") from error
    except OSError as error:
        if h5py.is_hdf5(path):
            problem, way_out = f"is HDF5, but damaged or in use ({error})", "Copy or download the file again"
        else:
            problem, way_out = "is not an NWB file (no HDF5 in it)", "Give the path of an NWB file"
        raise SourceError(problem, file=name, way_out=way_out) from error
    if version is None:
        raise SourceError(
            "is HDF5 but not an NWB file (it has no nwb_version)", file=name, way_out="Give the path of an NWB file"
        )
