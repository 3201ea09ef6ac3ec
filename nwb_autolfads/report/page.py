"""One self-contained HTML page about the estimates in a file: no network, pictures inside, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import jinja2
import xarray as xr
from markupsafe import Markup

from nwb_autolfads import palette
from nwb_autolfads.evaluation.tables import TEXT_COLUMNS
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
