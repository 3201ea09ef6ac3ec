"""Asking a server: a lost connection is tried again, and what its answers mean is said in one place."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.border import one_line

TRIES = 4
PATIENCE_S = 30.0
"""Without a byte for so long, a connection counts as lost."""

Said = TypeVar("Said")


def ask(
    url: str, address: str, understand: Callable[[Any], Said | None], *, session: Any = None, **options: Any
) -> Said:
    """Ask a server, and return what an answer was understood as.

    Parameters
    ----------
    url : str
    address : str
        What the user gave, for messages.
    understand : callable
        Takes an answer whose body was not read yet. None leaves it to what its status means everywhere.
    session : requests.Session, optional
        By default a connection of its own.
    **options
        Of ``requests.get``.

    Raises
    ------
    SourceError
        If there is nothing at the address, it may not be read, or the server cannot be reached in several tries.
    """
    import requests

    get = requests.get if session is None else session.get
    problem = ""
    for attempt in range(TRIES):
        time.sleep(0.5 * attempt)
        try:
            with get(url, stream=True, timeout=PATIENCE_S, **options) as response:
                said = understand(response)
                if said is not None:
                    return said
                status, reason = response.status_code, response.reason
        except (requests.RequestException, OSError) as error:
            problem = f"cannot be reached ({one_line(error)})"
            continue
        if status in (404, 410):
            raise SourceError("there is no such file at this address", file=address, way_out="Check the address")
        if status in (401, 403):
            raise SourceError(
                f"may not be read (the server answers {status})",
                file=address,
                way_out="Use a public address, or one that is signed and has not expired",
            )
        problem = f"cannot be read (the server answers {status} {reason})"
        if status < 500 and status != 429:
            break
    raise SourceError(problem, file=address, way_out="Check the address and the connection, and try again")


def url_of(address: str) -> str:
    """Return where a file is fetched from.

    Parameters
    ----------
    address : str
        ``https://``, ``http://``, ``s3://BUCKET/KEY`` (public) or ``dandi://DANDISET/PATH``.

    Raises
    ------
    SourceError
        If it is another kind of address, or the archive does not give the file.
    """
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
