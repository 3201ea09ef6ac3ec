"""`report`: one page on the estimates in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nwb_autolfads.cli import options


def report(
    file: options.File,
    out: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Page to write; by default <stem>.html beside FILE.")
    ] = None,
    events: options.Events = None,
    before: options.Before = None,
    after: options.After = None,
    phases: options.Phases = None,
    outside_links: options.OutsideLinks = False,
    overwrite: options.Overwrite = False,
    config: options.Config = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Write one HTML page on the estimates in a file."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.report import report as write_report
    from nwb_autolfads.config import read_settings

    console = Console(as_json=as_json)
    asked = {
        "events": events,
        "before": before,
        "after": after,
        "phases": phases,
        "outside_links": outside_links or None,
    }
    settings = None if config is None else read_settings(config)
    page = write_report(file, out or file.with_suffix(".html"), settings, asked, overwrite=overwrite)
    console.tell(f"Wrote {page}")
    console.result({"report": str(page)})
