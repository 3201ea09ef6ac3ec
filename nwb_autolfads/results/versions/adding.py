"""Opening an NWB file to add to it, so that nothing but this one file is ever opened for writing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py
from h5py._hl import base

from nwb_autolfads.errors import OutputError
from nwb_autolfads.results.inside import MODULE

_WAY_OUT = "Write a small file beside it that names it instead: --link (in Python: link=True)"


@contextlib.contextmanager
def opened_to_add(path: Path, source: str | Path) -> Iterator[h5py.File]:
    """Open a file for writing, while the files that it links to are opened for reading.

    HDF5 opens what a link leads to as the file that holds the link was opened. Its flags of link access say otherwise,
    for links of any depth; for the sources of a virtual data set that grows there is no such flag, so a file with one
    is refused.

    Parameters
    ----------
    path : Path
        The file to open, which is changed.
    source : str or Path
        What to call it in messages.

    Yields
    ------
    h5py.File

    Raises
    ------
    OutputError
        If what is added would go into another file, or HDF5 would open another file for writing.
    """
    with h5py.File(path, "r") as file:
        for group in ("processing", MODULE):
            if isinstance(file.get(group, getlink=True), h5py.ExternalLink):
                raise OutputError("lies in another file", file=str(source), obj=group, way_out=_WAY_OUT)
        file.visititems(lambda name, item: _refuse_growing(name, item, source))
    with _links_read_only(), h5py.File(path, "r+") as file:
        yield file


def _refuse_growing(name: str, item: h5py.Group | h5py.Dataset, source: str | Path) -> None:
    if isinstance(item, h5py.Dataset) and item.is_virtual and None in item.maxshape:
        raise OutputError(
            "is a virtual data set that grows with other files, which HDF5 would open for writing",
            file=str(source),
            obj=name,
            way_out=_WAY_OUT,
        )


@contextlib.contextmanager
def _links_read_only() -> Iterator[None]:
    # h5py and hdmf give no way to pass these flags to each access; this is where h5py takes its default from.
    usual = base.dlapl
    base.dlapl = h5py.h5p.create(h5py.h5p.LINK_ACCESS)
    base.dlapl.set_elink_acc_flags(h5py.h5f.ACC_RDONLY)
    try:
        yield
    finally:
        base.dlapl = usual
