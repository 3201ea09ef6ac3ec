"""A copy of an HDF5 file without the room that removed objects left in it.

HDF5 does not give back the room of what is deleted once the file is closed, so a result that is replaced again and
again would let the file grow. Objects are copied as they are stored (chunks, compression, fill values); references
and links, which HDF5 does not carry over by itself, are set to the copies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nwb_autolfads.files.hdf5 import new_hdf5

# A copy is not larger than what it copies, but for the order in which its tables happen to fill.
MARGIN_BYTES = 1_000_000

_UTF8_NAMES = h5py.h5p.create(h5py.h5p.LINK_CREATE)
_UTF8_NAMES.set_char_encoding(h5py.h5t.CSET_UTF8)


def repack(source: Path, target: Path) -> None:
    """Copy everything in an HDF5 file into a new file.

    Parameters
    ----------
    source : Path
        The file to copy.
    target : Path
        The file to make.

    Raises
    ------
    NotImplementedError
        If the file holds references inside variable-length lists, which h5py cannot write.
    """
    room = source.stat().st_size + MARGIN_BYTES
    with h5py.File(source, "r") as old, new_hdf5(target, room, track_order=_tracks_order(old)) as new:
        _Repacking(old, new).run()


class _Repacking:
    """One copy under way: which object became which, and the references that wait until all are there."""

    def __init__(self, old: h5py.File, new: h5py.File) -> None:
        self.old, self.new = old, new
        self.place_of: dict[int, str] = {_address(old.id): "/"}  # address in the old file -> path in both
        self.waiting: list[tuple[Any, Any]] = []  # (old, new) attributes or datasets that hold references

    def run(self) -> None:
        self._copy_attributes(self.old, self.new)
        self._copy_members(self.old, self.new)
        for old, new in self.waiting:
            if isinstance(old, h5py.h5a.AttrID):
                values = np.empty(old.shape, dtype=old.dtype)
                old.read(values)
                new.write(self._renewed(values))
            else:
                new[()] = self._renewed(np.asarray(old[()], dtype=old.dtype))

    def _copy_members(self, old: h5py.Group, new: h5py.Group) -> None:
        for name in old:
            link = old.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                new[name] = link
                continue
            item = old[name]
            address = _address(item.id)
            if address in self.place_of:
                new[name] = self.new[self.place_of[address]]
                continue
            self.place_of[address] = f"{old.name.rstrip('/')}/{name}"
            if isinstance(item, h5py.Group):
                group = new.create_group(name, track_order=_tracks_order(item))
                self._copy_attributes(item, group)
                self._copy_members(item, group)
            elif isinstance(item, h5py.Dataset) and _holds_references(item.id.get_type()):
                made = h5py.h5d.create(new.id, None, item.id.get_type(), item.id.get_space(), _creation(item))
                new[name] = dataset = h5py.Dataset(made)
                self._copy_attributes(item, dataset)
                self.waiting.append((item, dataset))
            else:
                h5py.h5o.copy(old.id, name.encode(), new.id, name.encode(), lcpl=_UTF8_NAMES)
                self._await_attributes(item, new[name])

    def _copy_attributes(self, old: Any, new: Any) -> None:
        for name in old.attrs:
            attribute = old.attrs.get_id(name)
            made = h5py.h5a.create(new.id, name.encode(), attribute.get_type(), attribute.get_space())
            if _holds_references(attribute.get_type()):
                self.waiting.append((attribute, made))
            elif attribute.get_space().get_simple_extent_type() != h5py.h5s.NULL:
                values = np.empty(attribute.shape, dtype=attribute.dtype)
                attribute.read(values, mtype=attribute.get_type())
                made.write(values, mtype=attribute.get_type())

    def _await_attributes(self, old: Any, new: Any) -> None:
        for name in old.attrs:
            attribute = old.attrs.get_id(name)
            if _holds_references(attribute.get_type()):
                self.waiting.append((attribute, new.attrs.get_id(name)))

    def _renewed(self, values: np.ndarray) -> np.ndarray:
        """Return references, or records with references, that point into the new file."""
        renewed = values.copy()
        if values.dtype.names:
            for field in values.dtype.names:
                if values.dtype[field].kind == "O" and h5py.check_ref_dtype(values.dtype[field]):
                    renewed[field] = self._renewed(values[field])
            return renewed
        for index in np.ndindex(values.shape):
            renewed[index] = self._renewed_reference(values[index])
        return renewed

    def _renewed_reference(self, reference: Any) -> Any:
        if not reference:
            return reference
        found = h5py.h5r.dereference(reference, self.old.id)
        place = self.place_of.get(_address(found)) if found else None
        if place is None:  # the object was deleted before
            return type(reference)()
        item = self.new[place]
        if isinstance(reference, h5py.RegionReference):
            region = h5py.h5r.get_region(reference, self.old.id)
            return h5py.h5r.create(item.id, b".", h5py.h5r.DATASET_REGION, region)
        return item.ref


def _address(identifier: Any) -> int:
    return h5py.h5o.get_info(identifier).addr


def _creation(dataset: h5py.Dataset) -> Any:
    return dataset.id.get_create_plist()


def _tracks_order(group: h5py.Group) -> bool:
    if isinstance(group, h5py.File):
        group = group["/"]
    return bool(group.id.get_create_plist().get_link_creation_order())


def _holds_references(kind: Any) -> bool:
    if kind.detect_class(h5py.h5t.VLEN) and kind.detect_class(h5py.h5t.REFERENCE):
        raise NotImplementedError("references inside variable-length lists")
    return kind.detect_class(h5py.h5t.REFERENCE)
