"""NWB files in Zarr, a folder of chunks, without letting what is pickled in them run."""

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nwb_autolfads.errors import SourceError

# hdmf-zarr pickles text and references; nothing else has a place in a file.
_HARMLESS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("hdmf_zarr.utils", "ZarrReference"),
    ("_codecs", "encode"),
}


def zarr_reader(path: Path, *, outside_links: bool = False) -> Callable[[], Any]:
    """Return a function that opens an NWB file in Zarr for reading.

    Raises
    ------
    SourceError
        If the folder is no Zarr, hdmf-zarr is not installed, or the file reads from outside the folder that it lies in.
    """
    if not any((path / name).is_file() for name in (".zgroup", ".zmetadata", "zarr.json")):
        raise SourceError("is a folder", file=str(path), way_out="Give the path of an NWB file (HDF5 or Zarr)")
    try:
        from hdmf_zarr.nwb import NWBZarrIO
    except ImportError as error:
        raise SourceError(
            "is Zarr, and hdmf-zarr, which reads it, is not installed",
            file=str(path),
            way_out='Install it with pip install "nwb-autolfads[zarr]"',
        ) from error
    if not outside_links:
        _require_inside(path)
    _unpickle_nothing_harmful()
    return lambda: NWBZarrIO(str(path), mode="r", load_namespaces=True)


def _require_inside(path: Path) -> None:
    """Refuse links to Zarr elsewhere on this machine, as `links.require_safe_links` does for HDF5."""
    folder = path.resolve().parent
    for group, attributes in _attributes(path):
        for link in attributes.get("zarr_link", []):
            target = Path(os.path.normpath(path.resolve() / str(link.get("source") or ".")))
            if not target.is_relative_to(folder):
                raise SourceError(
                    f"reads its data from {target}, outside the folder of the file",
                    file=str(path),
                    obj=f"{group}/{link.get('name')}",
                    way_out="If you trust it, say so with --outside-links (in Python: outside_links=True)",
                )


def _attributes(path: Path) -> Iterator[tuple[str, dict]]:
    """Yield the attributes of every group, of its own file and of the copy of all that Zarr keeps at the top."""
    for file in path.rglob(".zattrs"):
        yield file.parent.relative_to(path).as_posix(), json.loads(file.read_bytes())
    together = path / ".zmetadata"
    if together.is_file():
        for name, content in json.loads(together.read_bytes()).get("metadata", {}).items():
            if name.endswith(".zattrs"):
                yield name.removesuffix(".zattrs").rstrip("/"), content


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
