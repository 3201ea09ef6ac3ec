"""NWB files in Zarr, a folder of chunks: looked at before they are opened, and nothing pickled in them runs."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.address import is_address
from nwb_autolfads.files.limits import MAX_CHUNK_BYTES, MAX_DEPTH, MAX_METADATA_BYTES, MAX_OBJECTS
from nwb_autolfads.files.regular import kind_of
from nwb_autolfads.sources.border import one_line

# hdmf-zarr pickles text and references; nothing else has a place in a file.
_HARMLESS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("hdmf_zarr.utils", "ZarrReference"),
    ("_codecs", "encode"),
}
_METADATA = (".zgroup", ".zattrs", ".zarray", ".zmetadata", "zarr.json")
_DAMAGED = "Get a complete copy of the folder"

Refuse = Callable[[str, str, str], SourceError]
"""Makes the error of a file from a problem, the object and the way out."""


def zarr_reader(path: Path, *, outside_links: bool = False) -> Callable[[bool], Any]:
    """Return a function that opens an NWB file in Zarr for reading.

    Raises
    ------
    SourceError
        If the folder is no Zarr, hdmf-zarr is not installed, its metadata are damaged, or the file reads from outside
        the folder that it lies in.
    """
    if not any((path / name).is_file() for name in (".zgroup", ".zmetadata", "zarr.json")):
        raise SourceError("is a folder", file=str(path), way_out="Give the path of an NWB file (HDF5 or Zarr)")
    gate = _Gate(path, outside_links)
    gate.look_at(path.resolve())
    reader = gated_reader(str(path), gate.require_inside)
    return lambda cached: reader(str(path), mode="r", load_namespaces=cached)


def gated_reader(name: str, require_inside: Callable[[Any, str], None], extra: str = "zarr") -> Any:
    """Return a reader of hdmf-zarr in which every link and reference passes a gate before what it leads to is opened.

    Parameters
    ----------
    name : str
        For messages.
    require_inside : callable
        Takes a reference and the object that holds it, and raises where it leads elsewhere.
    extra : str
        What to install where hdmf-zarr is not there.
    """
    try:
        from hdmf_zarr.nwb import NWBZarrIO
    except ImportError as error:
        raise SourceError(
            "is Zarr, and hdmf-zarr, which reads it, is not installed",
            file=name,
            way_out=f'Install it with pip install "nwb-autolfads[{extra}]"',
        ) from error
    _unpickle_nothing_harmful()

    class GatedIO(NWBZarrIO):
        def resolve_ref(self, zarr_ref: Any) -> Any:
            require_inside(zarr_ref, "")
            return super().resolve_ref(zarr_ref)

    return GatedIO


def parsed(raw: bytes, obj: str, refuse: Refuse) -> dict[str, Any]:
    """Return what a file of metadata says."""
    try:
        if len(raw) > MAX_METADATA_BYTES:
            raise ValueError(f"{len(raw)} bytes, more than {MAX_METADATA_BYTES}")
        content = json.loads(raw)
        if not isinstance(content, dict):
            raise ValueError(f"a {type(content).__name__}, not an object")
    except (ValueError, RecursionError) as error:
        raise refuse(f"is no JSON metadata of Zarr ({one_line(error)})", obj, _DAMAGED) from error
    return content


def described_in(consolidated: dict[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what the copy of all metadata says of groups and arrays: place, and content of this kind of file."""
    copied = consolidated.get("metadata", {})
    for name, content in copied.items() if isinstance(copied, dict) else ():
        if name.rpartition("/")[2] == kind and isinstance(content, dict):
            yield name.removesuffix(kind).rstrip("/"), content


def references_in(attributes: dict[str, Any], place: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each link and reference in the attributes of a group or array, and what holds it."""
    links = attributes.get("zarr_link", [])
    values = [each.get("value") for each in attributes.values() if isinstance(each, dict)]
    for link in [*(links if isinstance(links, list) else []), *values]:
        if isinstance(link, dict) and ("source" in link or "path" in link):
            yield link, f"{place}/{link.get('name', '')}".rstrip("/")


def require_small_chunks(array: dict[str, Any], place: str, refuse: Refuse) -> None:
    """Refuse an array of chunks that no memory should be taken for: each is unpacked as a whole."""
    try:
        size = math.prod(int(each) for each in array["chunks"]) * np.dtype(array["dtype"]).itemsize
    except (KeyError, TypeError, ValueError):  # compounds, and what Zarr itself refuses
        return
    if size > MAX_CHUNK_BYTES:
        raise refuse(
            f"has chunks of {size / 1e6:.0f} MB, more than {MAX_CHUNK_BYTES / 1e6:.0f} MB",
            place,
            "Write it again in smaller chunks",
        )


class _Gate:
    """What a Zarr file may read: itself and, at any depth, what lies in the same folder as it."""

    def __init__(self, path: Path, outside: bool) -> None:
        self._name, self._recording, self._outside = str(path), path.resolve(), outside
        self._known: set[Path] = set()
        self._n_files = 0

    def look_at(self, store: Path) -> None:
        """Walk through a folder of Zarr, and through those that it links."""
        if store in self._known:
            return
        self._known.add(store)
        for place, attributes in self._attributes(store):
            for link, obj in references_in(attributes, place):
                self.require_inside(link, obj)

    def require_inside(self, reference: Any, obj: str) -> None:
        """Refuse a link or reference to Zarr elsewhere, as `links.require_safe_links` does for HDF5."""
        source = reference.get("source", None)
        named = str(reference.get("path", None) if source is None else source)
        if source == ".":
            return
        target = Path(os.path.normpath(self._recording / named))
        if is_address(named) or not (self._outside or target.resolve().is_relative_to(self._recording.parent)):
            raise self._refused(
                f"reads its data from {named if is_address(named) else target}, outside the folder of the file",
                obj,
                "If you trust it, say so with --outside-links (in Python: outside_links=True)",
            )
        store = target.resolve()
        if not store.is_relative_to(self._recording):
            if not store.is_dir():
                raise self._refused(f"reads its data from {named}, which is not there", obj, "Put it beside this one")
            self.look_at(store)

    def _attributes(self, store: Path) -> Iterator[tuple[str, dict]]:
        """Yield the attributes of every group and array, of its own file and of the copy of all that is at the top."""
        for file in self._files(store):
            if file.name not in _METADATA:
                continue
            with file.open("rb") as opened:
                content = parsed(opened.read(MAX_METADATA_BYTES + 1), file.as_posix(), self._refused)
            place = file.parent.relative_to(store).as_posix()
            if file.name == ".zattrs":
                yield place, content
            elif file.name == ".zmetadata":
                yield from described_in(content, ".zattrs")
            elif file.name == ".zarray":
                require_small_chunks(content, place, self._refused)

    def _files(self, store: Path) -> Iterator[Path]:
        waiting = [(store, 0)]
        while waiting:
            folder, depth = waiting.pop()
            if depth > MAX_DEPTH:
                raise self._refused(f"groups lie more than {MAX_DEPTH} deep in each other", "", _DAMAGED)
            for entry in os.scandir(folder):
                found, obj = Path(entry.path), Path(entry.path).relative_to(store).as_posix()
                if entry.is_symlink() and not self._outside and not self._is_inside(found):
                    raise self._refused(
                        "is a link out of the folder of the file",
                        obj,
                        "If you trust it, say so with --outside-links (in Python: outside_links=True)",
                    )
                if entry.is_dir(follow_symlinks=not entry.is_symlink()):
                    waiting.append((found, depth + 1))
                elif not entry.is_file():
                    raise self._refused(f"is {self._kind(found)}, not a file", obj, _DAMAGED)
                else:
                    yield found
            self._n_files += 1
            if self._n_files > MAX_OBJECTS:
                raise self._refused(f"holds more than {MAX_OBJECTS} groups and arrays", "", _DAMAGED)

    def _is_inside(self, found: Path) -> bool:
        return found.resolve().is_relative_to(self._recording.parent)

    @staticmethod
    def _kind(found: Path) -> str:
        return kind_of(found.stat().st_mode) if found.exists() else kind_of(stat.S_IFLNK)

    def _refused(self, problem: str, obj: str, way_out: str) -> SourceError:
        return SourceError(problem, file=self._name, obj=obj, way_out=way_out)


class _HarmlessUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _HARMLESS:
            raise pickle.UnpicklingError(f"the file asks to run {module}.{name}, which no data need")
        return super().find_class(module, name)


def _unpickle_nothing_harmful() -> None:
    """Let Zarr decode pickled text and references only, in this process, from now on."""
    from numcodecs import register_codec
    from numcodecs.compat import ensure_contiguous_ndarray
    from numcodecs.pickles import Pickle

    class HarmlessPickle(Pickle):
        codec_id = "pickle"

        def decode(self, buf: Any, out: Any = None) -> Any:
            decoded = _HarmlessUnpickler(io.BytesIO(ensure_contiguous_ndarray(buf).tobytes())).load()
            if out is None:
                return decoded
            out[...] = decoded
            return out

    register_codec(HarmlessPickle)
