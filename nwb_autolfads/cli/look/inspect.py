"""`inspect`: what is in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nwb_autolfads.cli import options

if TYPE_CHECKING:
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.inspect import Overview


def inspect(
    file: options.Recording,
    emg: options.EmgPath = None,
    muscles: options.Muscles = None,
    unit: options.Unit = None,
    io: options.NeoClass = None,
    outside_links: options.OutsideLinks = False,
    picture: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Also draw a stretch of each muscle beside its quality.")
    ] = None,
    config: options.Config = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Show what is in a file, and the quality of its EMG."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.inspect import inspect_file
    from nwb_autolfads.config import read_settings

    source = options.source_of(file, emg, muscles, unit, io, outside_links)
    overview = inspect_file(source, read_settings(config), picture=picture)
    console = Console(as_json=as_json)
    _show_overview(console, overview)
    if picture is not None and overview.quality is not None:
        console.tell(f"Wrote {picture}")


def _show_overview(console: Console, overview: Overview) -> None:
    from nwb_autolfads.commands.inspect import QUALITY_COLUMNS, gaps_in

    contents = overview.contents
    console.tell(f"{contents.file}: {contents.session_description or contents.note}")
    if contents.session_description and contents.note:
        console.tell(contents.note)
    for found in contents.emg:
        kind = "EMG" if found.likely else "perhaps EMG"
        console.tell(f"{kind}: {found.candidate}{f', {found.problem}' if found.problem else ''}")
        if len(found.segments) > 1:
            console.tell(f"  {gaps_in(found)}")
    for series, kind in [(each, "behaviour") for each in contents.behavior] + [
        (each, "other") for each in contents.other
    ]:
        rate = f"{series.rate:g} Hz" if series.rate else "no rate"
        console.tell(f"{kind}: {series.path} ({' x '.join(map(str, series.shape))}, {series.unit}, {rate})")
    for table in contents.intervals:
        console.tell(f"table: {table.path} ({table.n_rows} rows: {', '.join(table.columns)})")
    for events in contents.events:
        console.tell(f"events: {events.path} ({events.n_rows})")
    console.tell(f"units: {contents.n_units} sorted")
    if overview.problem:
        console.tell(f"No EMG would be read: {overview.problem}")
    for assumption in overview.assumptions:
        console.tell(f"assumed: {assumption}")
    for trials in overview.trials:
        console.tell(f"trials: {trials}")
    if overview.quality is not None:
        console.table("Muscles", QUALITY_COLUMNS[:-1], [row[:-1] for row in overview.muscle_rows()])
        for muscle, *_, advice in overview.muscle_rows():
            if advice:
                console.tell(f"{muscle}: {advice}")
    console.result(overview.summary())
