"""Open an NWB file for reading, wherever it is, or say what is in the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
from pynwb import NWBHDF5IO, NWBFile

from nwb_autolfads.errors import NwbAutolfadsError, SourceError, shown
from nwb_autolfads.files.address import is_address
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.sources.border import WAY_OUT, border, one_line
from nwb_autolfads.sources.opening.links import require_safe_itself, require_safe_links


@dataclass(frozen=True)
class OpenedFile:
    """An open NWB file.

    Attributes
    ----------
    nwbfile : NWBFile
    name : str
        What to call it in messages.
    close : callable
    remote : bool
        Whether it is read over a network.
    notes : tuple of str
        What its reader warned of, for the user to check.
    """

    nwbfile: NWBFile
    name: str
    close: Callable[[], None]
    remote: bool = False
    notes: tuple[str, ...] = ()

    def __enter__(self) -> OpenedFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_nwb(source: str | os.PathLike[str] | NWBFile, *, outside_links: bool = False) -> OpenedFile:
    """Open an NWB file read-only.

    Parameters
    ----------
    source : path, str or NWBFile
        A file on this machine (HDF5, or a Zarr folder), an address (``https://``, ``s3://``, ``dandi://``; of Zarr it
        ends with ``/`` or ``.zarr``), or an open ``NWBFile``, which is passed through and never closed.
    outside_links : bool
        Whether a file may read from outside its own folder.

    Raises
    ------
    SourceError
        If there is no such file, it is no HDF5 or Zarr, is damaged, has no NWB in it, or reads from outside its folder.
    """
    if isinstance(source, NWBFile):
        return OpenedFile(source, source.container_source or "", lambda: None)
    name = os.fspath(source)
    if is_address(name):
        from nwb_autolfads.sources.opening.http import url_of
        from nwb_autolfads.sources.opening.remote import open_address
        from nwb_autolfads.sources.opening.remote_zarr import is_zarr, zarr_at

        url = url_of(name)
        if is_zarr(url):
            return _read(*zarr_at(name, url), name, remote=True)
        file, close = open_address(name, url)
        return _read(lambda cached: _hdf5_reader(file, cached), close, name, remote=True)
    path = Path(name)
    if _is_folder(path):
        from nwb_autolfads.sources.opening.zarr import zarr_reader

        return _read(zarr_reader(path, outside_links=outside_links), lambda: None, name)
    return open_hdf5(path, outside_links=outside_links)


@contextmanager
def reading_nwb(source: str | os.PathLike[str] | NWBFile, *, outside_links: bool = False) -> Iterator[OpenedFile]:
    """Open an NWB file for a block that reads from it; what its readers raise there is a `SourceError` too.

    Parameters
    ----------
    source, outside_links
        See `open_nwb`.
    """
    with open_nwb(source, outside_links=outside_links) as opened, border(opened.name):
        yield opened


def open_hdf5(path: Path, *, outside_links: bool = False, itself_only: bool = False) -> OpenedFile:
    """Open an NWB file of this machine in HDF5 form, read-only.

    Parameters
    ----------
    path : Path
    outside_links : bool
        See `open_nwb`.
    itself_only : bool
        Whether only what lies in the file itself will be read, so that its links may lead nowhere.

    Raises
    ------
    SourceError
        As `open_nwb`.
    """
    file = _safe_hdf5(path, outside_links, itself_only)
    return _read(lambda cached: _hdf5_reader(file, cached), file.close, str(path))


def _safe_hdf5(path: Path, outside_links: bool, itself_only: bool) -> h5py.File:
    """Open a file after looking at all that it holds and links."""
    name = str(path)
    require_regular_file(path)
    path = path.resolve()  # HDF5 looks for what a file links beside the name that it was opened by
    try:
        file = h5py.File(path, "r")
    except PermissionError as error:
        raise SourceError("may not be read", file=name, way_out="Ask for permission to read it") from error
    except Exception as error:
        if h5py.is_hdf5(path):
            problem, way_out = f"is HDF5, but damaged or in use ({one_line(error)})", "Copy or download the file again"
        else:
            problem, way_out = "is not an NWB file (no HDF5 in it)", "Give the path of an NWB file"
        raise SourceError(problem, file=name, way_out=way_out) from error
    try:
        with border(name, problem="is HDF5, but damaged", way_out="Copy or download the file again"):
            if "nwb_version" not in file.attrs:
                raise SourceError(
                    "is HDF5 but not an NWB file (it has no nwb_version)",
                    file=name,
                    way_out="Give the path of an NWB file",
                )
            if itself_only:
                require_safe_itself(file, path, name)
            else:
                require_safe_links(file, path, name, outside=outside_links)
    except BaseException:
        file.close()
        raise
    return file


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long, or with a zero in it: said when it is opened
        return False


def _hdf5_reader(file: h5py.File, cached: bool) -> NWBHDF5IO:
    return NWBHDF5IO(file=file, mode="r", load_namespaces=cached)


def _session(found: Any, name: str) -> NWBFile:
    """Refuse what a reader found where it is something else than a session, such as a table of units."""
    if not isinstance(found, NWBFile):
        raise SourceError(f"is no session but {shown(type(found).__name__)}", file=name, way_out="Give an NWB file")
    return found


def _read(
    make_reader: Callable[[bool], Any], close_under_it: Callable[[], None], name: str, *, remote: bool = False
) -> OpenedFile:
    """Read with the specifications that are kept in the file, or else with those that are installed."""
    try:
        with border(name, problem="cannot be read as NWB", way_out=WAY_OUT) as notes:
            broken = ""
            try:
                reader = make_reader(True)
            except NwbAutolfadsError:
                raise
            except Exception as error:
                broken = one_line(error)
                reader = make_reader(False)
            nwbfile = _session(reader.read(), name)
    except BaseException:
        close_under_it()
        raise
    if broken:
        notes.append(f"the specifications kept in the file cannot be used, so the installed ones are ({broken})")

    def close() -> None:
        reader.close()
        close_under_it()

    return OpenedFile(nwbfile, name, close, remote, tuple(notes))
