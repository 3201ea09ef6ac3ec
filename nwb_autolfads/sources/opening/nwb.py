"""Open an NWB file for reading, wherever it is, or say what is in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
from pynwb import NWBHDF5IO, NWBFile

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.opening.links import require_safe_links
from nwb_autolfads.sources.opening.remote import is_address, open_address


@dataclass(frozen=True)
class OpenedFile:
    """An open NWB file, what to call it in messages, how to close it, and whether it is read over a network."""

    nwbfile: NWBFile
    name: str
    close: Callable[[], None]
    remote: bool = False

    def __enter__(self) -> OpenedFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_nwb(source: str | Path | NWBFile, *, outside_links: bool = False) -> OpenedFile:
    """Open an NWB file read-only.

    Parameters
    ----------
    source : str, Path or NWBFile
        A file on this machine (HDF5, or a Zarr folder), an address (``https://``, ``s3://``, ``dandi://``), or an open
        ``NWBFile``, which is passed through and never closed.
    outside_links : bool
        Whether a file may read from outside its own folder.

    Raises
    ------
    SourceError
        If there is no such file, it is no HDF5 or Zarr, is damaged, has no NWB in it, or reads from outside its folder.
    """
    if isinstance(source, NWBFile):
        return OpenedFile(source, source.container_source or "", lambda: None)
    name = str(source)
    if is_address(name):
        file, close = open_address(name)
        return _read(lambda: NWBHDF5IO(file=file, mode="r", load_namespaces=True), name, close, remote=True)
    path = Path(source)
    if not path.exists():
        raise SourceError("there is no such file", file=name, way_out="Check the path")
    if path.is_dir():
        from nwb_autolfads.sources.opening.zarr import zarr_reader

        return _read(zarr_reader(path, outside_links=outside_links), name, lambda: None)
    _require_nwb(path, outside_links)
    return _read(lambda: NWBHDF5IO(path, mode="r", load_namespaces=True), name, lambda: None)


def _read(
    make_reader: Callable[[], NWBHDF5IO], name: str, close_under_it: Callable[[], None], *, remote: bool = False
) -> OpenedFile:
    try:
        reader = make_reader()
        nwbfile = reader.read()
    except Exception as error:  # pynwb raises whatever its layers raise on a damaged or invalid file
        close_under_it()
        raise SourceError(
            f"cannot be read as NWB ({type(error).__name__}: {error})",
            file=name,
            way_out="Run pynwb-validate on it to see what is wrong with it",
        ) from error

    def close() -> None:
        reader.close()
        close_under_it()

    return OpenedFile(nwbfile, name, close, remote)


def _require_nwb(path: Path, outside_links: bool) -> None:
    name = str(path)
    try:
        with h5py.File(path, "r") as file:
            version = file.attrs.get("nwb_version")
            if version is not None:
                require_safe_links(file, path, outside=outside_links)
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
