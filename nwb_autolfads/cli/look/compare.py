"""`compare`: the estimates in a file beside cortex, movement and force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nwb_autolfads.cli import options

if TYPE_CHECKING:
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.evaluation import Comparison


def compare(
    file: options.File,
    spikes: options.Spikes = None,
    behavior: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH", help="A behavioural series, or a pattern; can be given again.", show_default=False
        ),
    ] = None,
    events: options.Events = None,
    before: options.Before = None,
    after: options.After = None,
    phases: options.Phases = None,
    force: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="A force, or a pattern; can be given again.", show_default=False),
    ] = None,
    bin_width: Annotated[
        float, typer.Option(parser=options.number(0.001, 1.0), metavar="SECONDS", help="Bins in which all is averaged.")
    ] = 0.01,
    folds: Annotated[int, typer.Option(help="Parts of the time that are held out in turn.", min=3, max=100)] = 10,
    shuffles: Annotated[int, typer.Option(help="Controls with one side in random order.", min=0, max=100)] = 1,
    seed: options.Seed = 0,
    config: options.Config = None,
    outside_links: options.OutsideLinks = False,
    write: Annotated[bool, typer.Option("--write", help="Write the scores into FILE.")] = False,
    csv: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Write all scores, tests and responses, one per row.")
    ] = None,
    netcdf: Annotated[Path | None, typer.Option(metavar="DIR", help="Write each comparison as netCDF.")] = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Compare the estimates in a file by cortex, movement and force."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.compare import ScoreFiles
    from nwb_autolfads.commands.compare import compare as compare_estimates
    from nwb_autolfads.config import read_settings

    console = Console(as_json=as_json)
    found = compare_estimates(
        file,
        ScoreFiles(write, csv, netcdf, overwrite, config),
        tell=console.tell,
        show=lambda comparison: _show_comparison(console, comparison),
        counts=spikes,
        series=behavior,
        events=events,
        around=(before, after),
        phases=phases,
        forces=force,
        bin_width=bin_width,
        n_folds=folds,
        n_shuffles=shuffles,
        seed=seed,
        outside_links=outside_links,
        preprocessing=None if config is None else read_settings(config).preprocessing,
    )
    console.result(found.summary())


def _show_comparison(console: Console, found: Comparison) -> None:
    for table in found.tables():
        console.table(table.title, table.columns, table.rows)
    for what, why in found.missing.items():
        console.tell(f"no {what}: {why}")
    for note in found.notes:
        console.tell(f"note: {note}")
