"""NWB files at an address: only what is read is fetched, once, and a lost connection is tried again."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import h5py

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.border import one_line
from nwb_autolfads.sources.opening.links import require_self_contained

TRIES = 4  # of the first request; remfile tries each later one again by itself
_PATIENCE_S = 30.0  # without a byte for so long, a connection counts as lost
_BLOCK_BYTES = 64 * 1024  # what is fetched at least
_AHEAD_BYTES = 1024 * 1024  # what is fetched at most beyond what was asked
_MEMORY_BYTES = 64 * 1024 * 1024  # chunks held in memory; all that was fetched is held in a temporary folder


def open_address(address: str) -> tuple[h5py.File, Callable[[], None]]:
    """Open an HDF5 file at an address, fetching by ranges.

    Parameters
    ----------
    address : str
        ``https://``, ``http://``, ``s3://BUCKET/KEY`` (public) or ``dandi://DANDISET/PATH``.

    Returns
    -------
    file : h5py.File
        Read-only.
    close : callable
        Closes the file and removes what was kept of it.

    Raises
    ------
    SourceError
        If nothing is there, the server gives no ranges or cannot be reached, or it is no NWB file in HDF5.
    """
    remfile = _require_remfile(address)
    url = _url(address)
    size = _size(url, address)
    kept = tempfile.TemporaryDirectory(prefix="nwb-autolfads-")
    try:
        stream = remfile.File(
            url,
            disk_cache=remfile.DiskCache(kept.name),
            _size=size,
            _min_chunk_size=_BLOCK_BYTES,
            _max_chunk_size=_AHEAD_BYTES,
            _max_cache_size=_MEMORY_BYTES,
        )
        _limit_waiting(stream.session)
        file = h5py.File(stream, "r")
        _require_self_contained_nwb(file, address)
    except SourceError:
        kept.cleanup()
        raise
    except Exception as error:
        kept.cleanup()
        raise SourceError(
            f"is not an NWB file in HDF5, or the connection was lost ({one_line(error)})",
            file=address,
            way_out="Check the address, or download the file",
        ) from error
    except BaseException:
        kept.cleanup()
        raise

    def close() -> None:
        file.close()
        kept.cleanup()

    return file, close


def _require_remfile(address: str) -> Any:
    try:
        import remfile
    except ImportError as error:
        raise SourceError(
            "is an address, and remfile, which reads over the network, is not installed",
            file=address,
            way_out='Install it with pip install "nwb-autolfads[streaming]", or download the file',
        ) from error
    return remfile


def _url(address: str) -> str:
    scheme, _, rest = address.partition("://")
    if scheme.lower() in ("http", "https"):
        return address
    if scheme.lower() == "s3":
        bucket, _, key = rest.partition("/")
        return f"https://{bucket}.s3.amazonaws.com/{quote(key)}"
    if scheme.lower() == "dandi":
        from nwb_autolfads.sources.opening.dandi import url_of_asset

        return url_of_asset(address)
    raise SourceError(
        f"{scheme}:// is not a kind of address known here",
        file=address,
        way_out="Give https://, http://, s3:// or dandi://, or a path",
    )


def _size(url: str, address: str) -> int:
    """Return the size of the file (bytes), from a request for its first byte that also tells what the server can do."""
    import requests

    problem = ""
    for attempt in range(TRIES):
        time.sleep(0.5 * attempt)
        try:
            with requests.get(url, headers={"Range": "bytes=0-0"}, stream=True, timeout=_PATIENCE_S) as response:
                status, total = response.status_code, response.headers.get("Content-Range", "").rpartition("/")[2]
        except requests.RequestException as error:
            problem = f"cannot be reached ({one_line(error)})"
            continue
        if status == 206 and total.isdigit():
            return int(total)
        if status == 200:
            raise SourceError(
                "its server does not give parts of a file (no range requests)",
                file=address,
                way_out="Download the file, and give its path",
            )
        if status in (404, 410):
            raise SourceError("there is no such file at this address", file=address, way_out="Check the address")
        if status in (401, 403):
            raise SourceError(
                f"may not be read (the server answers {status})",
                file=address,
                way_out="Use a public address, or one that is signed and has not expired",
            )
        problem = f"cannot be read (the server answers {status} {response.reason})"
        if status < 500 and status != 429:
            break
    raise SourceError(problem, file=address, way_out="Check the address and the connection, and try again")


def _limit_waiting(session: Any) -> None:
    """Let a silent server be a lost connection: remfile itself would wait for ever."""
    plain = session.get
    session.get = lambda url, **options: plain(url, **{"timeout": _PATIENCE_S, **options})


def _require_self_contained_nwb(file: h5py.File, address: str) -> None:
    if file.attrs.get("nwb_version") is None:
        raise SourceError(
            "is HDF5 but not an NWB file (it has no nwb_version)", file=address, way_out="Check the address"
        )
    require_self_contained(file, address)
