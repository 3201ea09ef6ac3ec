"""All links of one HDF5 file, found without following any: within it, and to data in other files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.limits import MAX_ATTRIBUTES, MAX_CHUNK_BYTES, MAX_ELEMENT_BYTES, MAX_NAME_BYTES, MAX_OBJECTS

_WAY_OUT = "Make a file without it; docs/reading-emg.md has the limits"

_LARGE_BYTES = 1_000_000

SOFT, EXTERNAL, STORAGE, VIRTUAL = "soft link", "external link", "external storage", "virtual data set"


@dataclass(frozen=True)
class Link:
    """What an object leads to.

    Attributes
    ----------
    kind : str
        `SOFT`, `EXTERNAL`, `STORAGE` or `VIRTUAL`.
    source : int
        Address of the group that the link is in, or of the data set made of other data.
    obj : str
        Path of the object, for messages.
    file : str
        The file that it leads to, as the file names it; "" for the same file.
    target : bytes
        Path of the object in that file; empty for external storage.
    """

    kind: str
    source: int
    obj: str
    file: str
    target: bytes


@dataclass
class Walk:
    """What is in a file: hard links from object to object (addresses), and all other links."""

    hard: list[tuple[int, int, str]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    """Data sets of types that NWB has not, which its readers stop at: path, and what it holds."""
    large: list[bytes] = field(default_factory=list)
    """Paths of data sets of more than a megabyte."""

    @property
    def n_links(self) -> int:
        """How many links there are of any kind."""
        return len(self.hard) + len(self.links)


def walk_file(file: h5py.File, name: str, n_before: int = 0) -> Walk:
    """Walk through a file, each object once.

    Parameters
    ----------
    file : h5py.File
    name : str
        For messages.
    n_before : int
        Links found in other files before, which count towards the limit.

    Raises
    ------
    SourceError
        If it has more objects, longer names, or more attributes, larger chunks or elements than the limits allow.
    """
    walk = Walk()
    root = h5py.h5g.open(file.id, b"/")
    _require_few_attributes(root, name, "/")
    waiting = [(root, b"")]
    seen = {h5py.h5o.get_info(root).addr}
    while waiting:
        group, inside = waiting.pop()
        path = inside.decode("utf-8", "replace")
        here = h5py.h5o.get_info(group).addr
        for key in group:
            obj = f"{path}/{key.decode('utf-8', 'replace')}"
            if n_before + walk.n_links >= MAX_OBJECTS:
                raise _refused(f"holds more than {MAX_OBJECTS} objects", name, path or "/")
            if len(key) > MAX_NAME_BYTES:
                raise _refused(f"holds a name of {len(key)} bytes, more than {MAX_NAME_BYTES}", name, path or "/")
            link = _link(group, key, here, obj, name)
            if link is not None:
                walk.links.append(link)
                continue
            info = h5py.h5o.get_info(group, key)
            walk.hard.append((here, info.addr, obj))
            if info.addr in seen:
                continue
            seen.add(info.addr)
            if info.type == h5py.h5o.TYPE_GROUP:
                opened = h5py.h5g.open(group, key)
                _require_few_attributes(opened, name, obj)
                waiting.append((opened, inside + b"/" + key))
            elif info.type == h5py.h5o.TYPE_DATASET:
                dataset = h5py.h5d.open(group, key)
                _require_few_attributes(dataset, name, obj)
                walk.links.extend(_of_dataset(dataset, info.addr, obj, name))
                if dataset.get_space().get_select_npoints() * dataset.get_type().get_size() > _LARGE_BYTES:
                    walk.large.append(inside + b"/" + key)
                if what := _unknown(dataset):
                    walk.unknown.append((obj, what))
    return walk


def _link(group: Any, key: bytes, here: int, obj: str, name: str) -> Link | None:
    """Return where a link leads; None for a hard link."""
    kind = group.links.get_info(key).type
    if kind == h5py.h5l.TYPE_HARD:
        return None
    if kind == h5py.h5l.TYPE_SOFT:
        return Link(SOFT, here, obj, "", group.links.get_val(key))
    if kind == h5py.h5l.TYPE_EXTERNAL:
        file, target = group.links.get_val(key)
        return Link(EXTERNAL, here, obj, _path(file), target)
    raise _refused("is a link of a kind that is not known here", name, obj)


def _of_dataset(dataset: Any, address: int, obj: str, name: str) -> Iterator[Link]:
    """Yield what a data set is made of, and refuse chunks and elements that no memory should be taken for."""
    created, element = dataset.get_create_plist(), dataset.get_type().get_size()
    if element > MAX_ELEMENT_BYTES:
        raise _refused(f"has elements of {element / 1e6:.0f} MB, more than {MAX_ELEMENT_BYTES / 1e6:.0f} MB", name, obj)
    for index in range(created.get_external_count()):
        yield Link(STORAGE, address, obj, _path(created.get_external(index)[0]), b"")
    layout = created.get_layout()
    if layout == h5py.h5d.CHUNKED:
        chunk = int(np.prod(created.get_chunk(), dtype=object)) * element
        if chunk > MAX_CHUNK_BYTES:
            raise _refused(f"has chunks of {chunk / 1e6:.0f} MB, more than {MAX_CHUNK_BYTES / 1e6:.0f} MB", name, obj)
    if layout == h5py.h5d.VIRTUAL:
        for index in range(created.get_virtual_count()):
            file, target = created.get_virtual_filename(index), created.get_virtual_dsetname(index)
            if "%" in file + target:
                raise _refused(f"maps files or data sets by a pattern ({file}, {target}), which is not read", name, obj)
            yield Link(VIRTUAL, address, obj, "" if file == "." else file, target.encode("utf-8", "surrogateescape"))


def _require_few_attributes(opened: Any, name: str, obj: str) -> None:
    count = h5py.h5a.get_num_attrs(opened)
    if count > MAX_ATTRIBUTES:
        raise _refused(f"has {count} attributes, more than {MAX_ATTRIBUTES}", name, obj)


def _unknown(dataset: Any) -> str:
    if dataset.get_space().get_simple_extent_type() == h5py.h5s.NULL:
        return "nothing (an empty data space)"
    kinds = {h5py.h5t.OPAQUE: "opaque bytes", h5py.h5t.ARRAY: "elements that are arrays"}
    return kinds.get(dataset.get_type().get_class(), "")


def _path(name: bytes | str) -> str:
    return name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")


def _refused(problem: str, file: str, obj: str) -> SourceError:
    return SourceError(problem, file=file, obj=obj, way_out=_WAY_OUT)
