"""Addresses of the DANDI archive: a file is ``dandi://DANDISET[@VERSION]/PATH``, a whole dandiset ``DANDI:000123``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.border import one_line

_WAY_OUT = "Give dandi://DANDISET/PATH, such as dandi://000941/sub-L/sub-L_ses-1.nwb, or dandi://DANDISET@VERSION/PATH"
_DANDISET_WAY_OUT = "Give DANDI:DANDISET, such as DANDI:000941, or DANDI:DANDISET/VERSION"
_OBJECTS = r"/zarr/[\w-]+/?$"
"""Of the places that the archive gives for a file in Zarr, the one below which its objects are."""
_DANDISET = re.compile(
    r"^(?:dandi:(?://)?|https://(?:gui\.)?dandiarchive\.org/(?:\#/)?dandiset/)(\d{6})(?:[/@]([\w.]+))?/?$",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class Dandiset:
    """A dandiset as it was given: ``number`` of six digits, and ``version`` ("" for the latest)."""

    given: str
    number: str
    version: str


def dandiset_of(address: str) -> Dandiset | None:
    """Return the dandiset that an address names as a whole; None where it names anything else.

    Parameters
    ----------
    address : str
        ``DANDI:000123``, ``DANDI:000123/0.220126.1903``, ``dandi://000123``, or its page in the archive.
    """
    found = _DANDISET.match(address)
    return None if found is None else Dandiset(address, found[1], found[2] or "")


def files_of_dandiset(dandiset: Dandiset) -> list[str]:
    """Return the address of each NWB file of a dandiset, by name, with the version that the archive gave.

    Raises
    ------
    SourceError
        If the dandi client is not installed, or the archive has no such dandiset or no NWB file in it.
    """
    with _client(dandiset.given, _DANDISET_WAY_OUT) as client:
        found = client.get_dandiset(dandiset.number, dandiset.version or None)
        version = dandiset.version or found.version_id
        paths = sorted(str(asset.path) for asset in found.get_assets())
    files = [path for path in paths if path.lower().endswith((".nwb", ".nwb.zarr"))]
    if not files:
        raise SourceError("there is no NWB file in it", file=dandiset.given, way_out=_DANDISET_WAY_OUT)
    return [f"dandi://{dandiset.number}@{version}/{path}" for path in files]


def url_of_asset(address: str) -> str:
    """Return where a file of a dandiset can be fetched from; of one in Zarr, where its objects are: it ends with "/".

    Parameters
    ----------
    address : str
        ``dandi://DANDISET/PATH`` (its latest version) or ``dandi://DANDISET@VERSION/PATH``.

    Raises
    ------
    SourceError
        If the address is incomplete, the dandi client is not installed, or the archive has no such file.
    """
    dandiset, _, path = address.partition("://")[2].partition("/")
    dandiset, _, version = dandiset.partition("@")
    if not dandiset or not path:
        raise SourceError("names no file of a dandiset", file=address, way_out=_WAY_OUT)
    with _client(address, _WAY_OUT) as client:
        asset = client.get_dandiset(dandiset, version or None).get_asset_by_path(path)
        if getattr(asset, "zarr", None):  # what the archive offers for downloads is refused for Zarr
            return f"{asset.get_content_url(regex=_OBJECTS, strip_query=True).rstrip('/')}/"
        return asset.get_content_url(follow_redirects=1, strip_query=True)


@contextmanager
def _client(address: str, way_out: str) -> Iterator[Any]:
    """Give the client of the archive; what goes wrong with it is said of the address."""
    try:
        from dandi.dandiapi import DandiAPIClient
    except ImportError as error:
        raise SourceError(
            "is an address of the DANDI archive, and its client is not installed",
            file=address,
            way_out='Install it with pip install "nwb-autolfads[dandi,streaming]", or download the file',
        ) from error
    try:
        with DandiAPIClient() as client:
            yield client
    except Exception as error:  # the client raises its own kinds and those of the layers below
        raise SourceError(f"the archive does not give it ({one_line(error)})", file=address, way_out=way_out) from error
