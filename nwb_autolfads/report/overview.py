"""One HTML page about many recordings: a row for each, with a link to its own page."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from nwb_autolfads.errors import printable
from nwb_autolfads.files.address import without_folder
from nwb_autolfads.report.page import template


def render_overview(rows: Sequence[Mapping[str, Any]], *, headline: str, n_missing: int = 0) -> str:
    """Return the page as HTML; it loads nothing from elsewhere and has no script.

    Parameters
    ----------
    rows : sequence of mapping
        The attributes of `nwb_autolfads.commands.many.row.Row`, with ``quality`` and ``time`` in words.
    headline : str
        How many recordings came to what.
    n_missing : int
        Recordings that are still to come.

    Returns
    -------
    str
    """
    shown = [{**row, "name": printable(without_folder(row["recording"])), "href": _href(row["page"])} for row in rows]
    return template("overview.html.j2").render(rows=shown, headline=headline, n_missing=n_missing)


def _href(page: str) -> str:
    """Return a link to a page beside this one: never an address, whatever the page is called."""
    return f"./{quote(os.fsencode(page))}" if page else ""
