"""NWB files in HDF5 at an address: only what is read is fetched, once, and a lost connection is tried again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import h5py

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.border import one_line
from nwb_autolfads.sources.opening.http import PATIENCE_S, ask
from nwb_autolfads.sources.opening.links import require_self_contained

_BLOCK_BYTES = 64 * 1024  # what is fetched at least
_AHEAD_BYTES = 1024 * 1024  # what is fetched at most beyond what was asked
_MEMORY_BYTES = 64 * 1024 * 1024  # chunks held in memory; all that was fetched is held in a temporary folder


def open_address(address: str, url: str) -> tuple[h5py.File, Callable[[], None]]:
    """Open an HDF5 file at an address, fetching by ranges.

    Parameters
    ----------
    address : str
        What the user gave, for messages.
    url : str
        Where it is fetched from.

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


def _size(url: str, address: str) -> int:
    """Return the size of the file (bytes), from a request for its first byte that also tells what the server can do."""

    def size(response: Any) -> int | None:
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
        if response.status_code == 206 and total.isdigit():
            return int(total)
        if response.status_code == 200:
            raise SourceError(
                "its server does not give parts of a file (no range requests)",
                file=address,
                way_out="Download the file, and give its path",
            )
        return None

    return ask(url, address, size, headers={"Range": "bytes=0-0"})


def _limit_waiting(session: Any) -> None:
    """Let a silent server be a lost connection: remfile itself would wait for ever."""
    plain = session.get
    session.get = lambda url, **options: plain(url, **{"timeout": PATIENCE_S, **options})


def _require_self_contained_nwb(file: h5py.File, address: str) -> None:
    if file.attrs.get("nwb_version") is None:
        raise SourceError(
            "is HDF5 but not an NWB file (it has no nwb_version)", file=address, way_out="Check the address"
        )
    require_self_contained(file, address)
