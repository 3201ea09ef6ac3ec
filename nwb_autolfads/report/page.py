"""Self-contained HTML pages, on the estimates in a file and on many recordings: no network, every text escaped."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

import jinja2
import xarray as xr
from markupsafe import Markup

from nwb_autolfads import palette
from nwb_autolfads.errors import printable
from nwb_autolfads.evaluation.tables import TEXT_COLUMNS
from nwb_autolfads.files.address import without_folder
from nwb_autolfads.report.content import Page
from nwb_autolfads.report.sections import made_by, sections
from nwb_autolfads.report.zoom import script


def render_report(estimates: Mapping[str, xr.Dataset], **given: Any) -> str:
    """Return the report page as HTML.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        At least one estimate by its name.
    **given
        ``title`` and the other fields of `nwb_autolfads.report.content.Page`.

    Returns
    -------
    str
        A page that loads nothing from elsewhere; the only script in it is the one that zooms, named by its hash.
    """
    page = Page(estimates, **given)
    shown = [(section, section.show(page)) for section in sections()]
    zoom_script, zoom_hash = script()
    return template("page.html.j2").render(
        title=page.title,
        estimates=made_by(page),
        shown=[(section, parts) for section, parts in shown if parts],
        zoom_script=Markup(zoom_script),
        zoom_hash=Markup(zoom_hash),
    )


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


def template(name: str) -> jinja2.Template:
    """Return a template of a page: every text in it is escaped, and it knows the colours and the version."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nwb_autolfads", "report/templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.globals |= {"text_columns": TEXT_COLUMNS, "palette": palette, "version": version("nwb-autolfads")}
    return environment.get_template(name)
