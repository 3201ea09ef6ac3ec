"""Texts and references of an HDF5 file lie in heaps; damaged ones, in which HDF5 would go round for ever."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import h5py

from nwb_autolfads.errors import SourceError

_SIGNATURE = b"GCOL\x01\0\0\0"
_HEADER = 16
"""Bytes before the first object of a heap, and of each object before its content."""
_READ_BYTES = 1 << 20


def require_whole_heaps(file: h5py.File, large: list[bytes], name: str) -> None:
    """Refuse a file in which the objects of a heap do not follow each other.

    HDF5 goes from object to object by the sizes that they state. Where a size is zero, or leads back, it never ends,
    and nothing can stop it but the end of the process. Heaps are looked for in all that is not the values of large
    data sets. Files at addresses are not looked through: that would read most of them.

    Parameters
    ----------
    file : h5py.File
        A file of this machine, as the system reads it (driver ``sec2``).
    large : list of bytes
        Paths of its large data sets, whose values are passed over.
    name : str
        For messages.

    Raises
    ------
    SourceError
        If a heap is damaged.

    References
    ----------
    HDF5 File Format Specification, version 3.0, section III.E (global heap).
    """
    if file.id.get_create_plist().get_sizes()[1] != 8:
        return  # lengths of other widths, which no writer of NWB makes
    path = Path(file.filename)
    values = sorted(extent for each in large for extent in _extents(h5py.h5d.open(file.id, each)))
    with path.open("rb") as opened:
        for start, end in _between(values, path.stat().st_size):
            here = _next(opened, start, end)
            while here < end:
                after = _end_of(opened, here)
                if after <= here:
                    raise SourceError(
                        f"is HDF5, but damaged (the heap at byte {here})",
                        file=name,
                        way_out="Copy or download the file again",
                    )
                here = _next(opened, after, end)


def _extents(dataset: Any) -> list[tuple[int, int]]:
    """Return where the values of a data set are in the file: first byte and the one after the last."""
    layout, found = dataset.get_create_plist().get_layout(), []
    if layout == h5py.h5d.CONTIGUOUS and dataset.get_offset() is not None:
        found.append((dataset.get_offset(), dataset.get_offset() + dataset.get_storage_size()))
    elif layout == h5py.h5d.CHUNKED:
        dataset.chunk_iter(lambda chunk: found.append((chunk.byte_offset, chunk.byte_offset + chunk.size)))
    return found


def _between(values: list[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    here = 0
    for start, end in values:
        if start > here:
            yield here, start
        here = max(here, end)
    if size > here:
        yield here, size


def _next(opened: BinaryIO, start: int, end: int) -> int:
    """Return where the next heap starts; ``end`` or beyond where there is none."""
    for first in range(start, end, _READ_BYTES):
        opened.seek(first)
        at = opened.read(_READ_BYTES + len(_SIGNATURE) - 1).find(_SIGNATURE)
        if at >= 0:
            return first + at
    return end


def _end_of(opened: BinaryIO, start: int) -> int:
    """Return where a heap ends when its objects are followed as HDF5 does, or 0 where they lead nowhere."""
    opened.seek(start)
    header = opened.read(_HEADER)
    size = struct.unpack_from("<Q", header, 8)[0] if len(header) == _HEADER else 0
    if size < _HEADER:
        return start + len(_SIGNATURE)  # HDF5 refuses it
    heap = opened.read(min(size - _HEADER, opened.seek(0, 2) - opened.seek(start + _HEADER)))
    at = 0
    while at + _HEADER <= len(heap):
        index, content = struct.unpack_from("<H6xQ", heap, at)
        step = _HEADER + -(-content // 8) * 8 if index else content  # index 0 is free room, its header counted
        if not 0 < step <= len(heap) - at:
            return 0
        at += step
    return start + _HEADER + len(heap)
