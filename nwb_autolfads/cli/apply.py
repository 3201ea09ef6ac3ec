"""`apply`: a trained model on another recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nwb_autolfads.cli import options
from nwb_autolfads.cli.run import show_result


def apply(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="What `run --save-model` kept, or an NWB file of `run --weights`.")
    ],
    file: options.Recording,
    emg: options.EmgPath = None,
    out: options.Out = None,
    in_place: options.InPlace = False,
    link: options.Link = False,
    name: options.Name = None,
    overwrite: options.Overwrite = False,
    trained_as: Annotated[
        str | None, typer.Option(metavar="NAME", help="The estimate in MODEL, where that has several with models.")
    ] = None,
    config: options.Config = None,
    muscles: options.Muscles = None,
    unit: options.Unit = None,
    io: options.NeoClass = None,
    outside_links: options.OutsideLinks = False,
    session_start: options.SessionStart = None,
    subject: options.SubjectId = None,
    species: options.Species = None,
    correct: options.Correct = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Use a trained model on another recording."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.apply import apply as estimate

    source = options.source_of(file, emg, muscles, unit, io, outside_links)
    target = options.target_of(source, out, in_place, link, name, overwrite)
    settings = options.settings_of(config, session_start, subject, species)
    console = Console(as_json=as_json)
    result = estimate(model, source, target, settings, trained_as=trained_as, correct=correct, tell=console.tell)
    show_result(console, result)
