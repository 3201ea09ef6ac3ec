"""`demo`: the main job on a simulated session."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nwb_autolfads.cli import options


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the files it makes.")] = Path("demo"),
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """See the main job on a simulated session."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.demo import run_demo

    console = Console(as_json=as_json)
    with console.training() as progress:
        done = run_demo(out, seed=seed, overwrite=overwrite, tell=console.tell, progress=progress)
    means = done.scores["r2"].mean("muscle")
    ranges = done.scores["r2"].min("muscle"), done.scores["r2"].max("muscle")
    names = [str(name) for name in done.scores["estimator"].values]
    console.table(
        "Share of the true activation's variance explained (R², 1 = all of it)",
        ("estimate", "mean over muscles", "worst muscle", "best muscle"),
        [(name, *(f"{float(score.sel(estimator=name)):.3f}" for score in (means, *ranges))) for name in names],
    )
    console.tell(f"NWB file: {done.result}")
    console.tell(f"Report:   {done.report}")
    scores = {
        name: dict(
            zip(done.scores["muscle"].values, done.scores["r2"].sel(estimator=name).values.tolist(), strict=True)
        )
        for name in names
    }
    console.result({"r2": scores, "file": str(done.result), "report": str(done.report), "picture": str(done.picture)})
