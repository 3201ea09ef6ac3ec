"""A new HDF5 file that never meets a full disk: its room is taken before HDF5 opens it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import h5py

OVERHEAD_BYTES = 4_000_000
"""Specifications, attributes and the ends of chunks that a file has beside the values themselves."""


@contextlib.contextmanager
def new_hdf5(path: Path, n_bytes: int, **creation: bool) -> Iterator[h5py.File]:
    """Make an HDF5 file of which it is known how large it can get.

    Parameters
    ----------
    path : Path
        The file to make. What it did not need is cut off when it is closed.
    n_bytes : int
        How large it gets at most.
    **creation
        Of `h5py.File`, such as ``track_order``.

    Yields
    ------
    h5py.File

    Raises
    ------
    OSError
        If there is no such room, on the disk or under a limit on the size of files.
    """
    made = BytesIO()
    with h5py.File(made, "w", **creation):
        pass
    path.write_bytes(made.getvalue())
    reserve(path, n_bytes)
    with h5py.File(path, "r+") as file:
        yield file


def reserve(path: Path, n_bytes: int) -> None:
    """Take the room on the disk that a file will need, before HDF5 opens it.

    HDF5 cannot recover from a disk that is full: what it failed to write stays with it, and brings the whole process
    down when it tries again, perhaps much later. It cuts off what it did not need when it closes the file.

    Parameters
    ----------
    path : Path
        A file, which is longer afterwards.
    n_bytes : int
        How much it will grow at most.

    Raises
    ------
    OSError
        If there is no such room.
    """
    with open(path, "ab") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), path.stat().st_size, n_bytes)
        else:
            chunk = bytes(1 << 20)
            for start in range(0, n_bytes, len(chunk)):
                file.write(chunk[: n_bytes - start])
