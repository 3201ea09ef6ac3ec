"""NWB files in Zarr at an address: an object for each chunk, fetched once, and nothing is read from elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.limits import MAX_CHUNK_BYTES, MAX_DEPTH, MAX_METADATA_BYTES, MAX_OBJECTS
from nwb_autolfads.sources.border import one_line
from nwb_autolfads.sources.opening.http import ask
from nwb_autolfads.sources.opening.zarr import (
    Refuse,
    described_in,
    gated_reader,
    parsed,
    references_in,
    require_small_chunks,
)

_AT_ONCE = 8  # objects that are fetched at the same time
_PIECE_BYTES = 1 << 20
_ALL = ".zmetadata"
_EXTRAS = "streaming,zarr"


def is_zarr(url: str) -> bool:
    """Return whether what is at an address is a folder of Zarr, which its end tells."""
    return urlsplit(url).path.endswith(("/", ".zarr"))


def zarr_at(address: str, url: str) -> tuple[Callable[[bool], Any], Callable[[], None]]:
    """Return a function that opens an NWB file in Zarr at an address for reading, and one that ends it.

    Its metadata must be consolidated: a server of single objects says of no folder what is in it.

    Parameters
    ----------
    address : str
        What the user gave, for messages.
    url : str
        Where its objects are: each below it.

    Raises
    ------
    SourceError
        If nothing is there, it has no consolidated metadata or damaged ones, it reads from elsewhere, or hdmf-zarr is
        not installed.
    """

    def refused(problem: str, obj: str, way_out: str) -> SourceError:
        return SourceError(problem, file=address, obj=obj, way_out=way_out)

    def require_inside(reference: Any, obj: str) -> None:
        source = reference.get("source", None)
        if source != ".":
            named = reference.get("path", None) if source is None else source
            raise refused(
                f"reads its data from {named}, which an address cannot bring along", obj, "Download the files together"
            )

    reader = gated_reader(address, require_inside, _EXTRAS)
    kept = tempfile.TemporaryDirectory(prefix="nwb-autolfads-")
    try:
        objects = _Objects(url, address, Path(kept.name))
        known = parsed(objects.metadata(), _ALL, refused)
        _require_few(known.get("metadata"), refused)
        for place, attributes in described_in(known, ".zattrs"):
            for reference, obj in references_in(attributes, place):
                require_inside(reference, obj)
        for place, array in described_in(known, ".zarray"):
            require_small_chunks(array, place, refused)
        options = {"fs": _file_system(objects)}
    except BaseException:
        kept.cleanup()
        raise

    def open_it(cached: bool) -> Any:
        return reader(
            url, mode="r", manager=_types_of(reader, url, options) if cached else None, storage_options=options
        )

    def close() -> None:
        objects.close()
        kept.cleanup()

    return open_it, close


def _require_few(copied: Any, refused: Refuse) -> None:
    """Refuse a copy of all metadata that is none, or of more groups and arrays than any session has."""
    if not isinstance(copied, dict):
        raise refused("holds no metadata of Zarr (version 2)", _ALL, "Check the address, or download the folder")
    if len(copied) > MAX_OBJECTS:
        raise refused(f"holds more than {MAX_OBJECTS} groups and arrays", "", "Make a file with fewer")
    if any(name.count("/") > MAX_DEPTH for name in copied):
        raise refused(f"groups lie more than {MAX_DEPTH} deep in each other", "", "Make a file with fewer")


def _types_of(reader: Any, url: str, options: dict[str, Any]) -> Any:
    """Return the types that the file describes; hdmf-zarr itself looks for them without the consolidated metadata."""
    import zarr
    from hdmf.build import BuildManager
    from pynwb import get_type_map

    types = get_type_map()
    reader.load_namespaces(namespace_catalog=types, file=zarr.open_consolidated(url, mode="r", storage_options=options))
    return BuildManager(types)


class _Objects:
    """The objects below an address, each fetched once and kept in a folder."""

    def __init__(self, url: str, address: str, folder: Path) -> None:
        try:
            import requests
        except ImportError as error:
            raise SourceError(
                "is an address, and requests, which fetches it, is not installed",
                file=address,
                way_out=f'Install it with pip install "nwb-autolfads[{_EXTRAS}]", or download the folder',
            ) from error
        self._parts, self._address, self._folder = urlsplit(url), address, folder
        self._session = requests.Session()
        self.close = self._session.close

    def metadata(self) -> bytes:
        """Return the copy of all metadata."""
        found = self._fetched(_ALL, MAX_METADATA_BYTES)
        if found is None:
            raise SourceError(
                f"there is no {_ALL} below this address: no Zarr (version 2), or its metadata are not consolidated",
                file=self._address,
                way_out="Check the address, consolidate them (zarr.consolidate_metadata), or download the folder",
            )
        self._place(_ALL).write_bytes(found)
        return found

    def get(self, path: str) -> bytes:
        """Return an object; FileNotFoundError where there is none, which Zarr takes for a chunk of fill values."""
        key = path.removeprefix(self._parts.geturl().rstrip("/")).lstrip("/")
        place = self._place(key)
        if place.exists():
            return place.read_bytes()
        found = self._fetched(key, MAX_CHUNK_BYTES)
        if found is None:
            raise FileNotFoundError(key)
        try:
            place.write_bytes(found)
        except OSError as error:
            place.unlink(missing_ok=True)
            raise SourceError(
                f"cannot be kept while it is read ({one_line(error)})",
                file=self._address,
                obj=key,
                way_out="Make room for temporary files, or download the folder to another disk",
            ) from error
        return found

    def _place(self, key: str) -> Path:
        return self._folder / sha256(key.encode()).hexdigest()

    def _fetched(self, key: str, most: int) -> bytes | None:
        def understood(response: Any) -> tuple[bytes | None] | None:
            if response.is_redirect:
                raise SourceError(
                    f"its server sends to {response.headers['Location']} instead",
                    file=self._address,
                    obj=key,
                    way_out="Give that address, if you trust it",
                )
            if response.status_code == 404:
                return (None,)
            return (b"".join(self._pieces(response, key, most)),) if response.status_code == 200 else None

        parts = self._parts._replace(path=f"{self._parts.path.rstrip('/')}/{quote(key)}")
        headers = {"Accept-Encoding": "identity"}
        (found,) = ask(
            urlunsplit(parts), self._address, understood, session=self._session, headers=headers, allow_redirects=False
        )
        return found

    def _pieces(self, response: Any, key: str, most: int) -> Iterator[bytes]:
        n_bytes = 0
        for piece in response.iter_content(_PIECE_BYTES):
            n_bytes += len(piece)
            if n_bytes > most:
                raise SourceError(
                    f"has more than {most / 1e6:.0f} MB", file=self._address, obj=key, way_out="Check the address"
                )
            yield piece


def _file_system(objects: _Objects) -> Any:
    """Return the objects as Zarr asks for them."""
    from fsspec.spec import AbstractFileSystem

    class ObjectsOnly(AbstractFileSystem):
        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path

        def cat(self, path: str | Sequence[str], *_: Any, on_error: str = "raise", **__: Any) -> Any:
            if isinstance(path, str):
                found = _found_or_error(path)
                if isinstance(found, Exception):
                    raise found
                return found
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                return dict(zip(path, pool.map(_found_or_error, path), strict=True))

        def du(self, *_: Any, **__: Any) -> int:
            return -1  # not known, in the language of Zarr

    def _found_or_error(path: str) -> bytes | Exception:
        try:
            return objects.get(path)
        except (FileNotFoundError, SourceError) as error:
            return error

    return ObjectsOnly(skip_instance_cache=True)
