"""Addresses of the DANDI archive: ``dandi://DANDISET[@VERSION]/PATH``."""

from __future__ import annotations

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.border import one_line

_WAY_OUT = "Give dandi://DANDISET/PATH, such as dandi://000941/sub-L/sub-L_ses-1.nwb, or dandi://DANDISET@VERSION/PATH"


def url_of_asset(address: str) -> str:
    """Return where a file of a dandiset can be fetched from.

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
            asset = client.get_dandiset(dandiset, version or None).get_asset_by_path(path)
            return asset.get_content_url(follow_redirects=1, strip_query=True)
    except Exception as error:  # the client raises its own kinds and those of the layers below
        raise SourceError(
            f"the archive does not give it ({one_line(error)})", file=address, way_out=_WAY_OUT
        ) from error
