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
    session: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Session of MODEL that FILE is of; with --adapt, the name of the new one."),
    ] = None,
    adapt: Annotated[
        bool, typer.Option("--adapt", help="Let the model learn this session first: its read-in and read-out.")
    ] = False,
    reprocess: Annotated[
        bool, typer.Option("--reprocess", help="Preprocess FILE as the EMG was that MODEL was trained on.")
    ] = False,
    infer_missing: options.InferMissing = False,
    save_model: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="With --adapt: keep the model that knows this session too.")
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
    from nwb_autolfads.commands.apply import Use
    from nwb_autolfads.commands.apply import apply as estimate

    source = options.source_of(file, emg, muscles, unit, io, outside_links)
    target = options.target_of(source, out, in_place, link, name, overwrite)
    settings = options.settings_of(config, session_start, subject, species)
    console = Console(as_json=as_json)
    use = Use(trained_as, session, adapt, reprocess, correct, infer_missing, save_model)
    with console.training() as progress:
        result = estimate(model, source, target, settings, use, tell=console.tell, progress=progress)
    show_result(console, result)
