"""`simulate`: a session with known activation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nwb_autolfads.cli import options


def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT.nwb", help="File to write.")],
    duration: Annotated[float, typer.Option(parser=options.number(0), metavar="SECONDS", help="Length.")] = 120.0,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Write a session with known activation."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.simulate import simulate_session

    console = Console(as_json=as_json)
    session = simulate_session(out, seed=seed, duration=duration, overwrite=overwrite)
    console.tell(f"Wrote {session}")
    console.result({"session": str(session)})
