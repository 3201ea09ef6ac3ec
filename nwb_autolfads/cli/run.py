"""`run`: estimate activation, and write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nwb_autolfads.cli import options

if TYPE_CHECKING:
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.many.item import Plan
    from nwb_autolfads.commands.run import Result
    from nwb_autolfads.config import RunOptions, RunSettings, Source
    from nwb_autolfads.results.outputs import Target


class PresetChoice(StrEnum):
    """What `run --preset` takes."""

    quick = "quick"
    paper = "paper"


def run(
    files: options.Recordings,
    emg: options.EmgPath = None,
    estimator: options.EstimatorKey = "autolfads",
    preset: Annotated[
        PresetChoice, typer.Option(help="AutoLFADS for a laptop, or with the sizes and the schedule of the paper.")
    ] = PresetChoice.quick,
    out: options.Out = None,
    together: Annotated[
        bool, typer.Option("--together", help="Train one model on all FILEs, and write a result for each.")
    ] = False,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for the results of several FILEs; without --together for their table too."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="FILEs at a time, with --out-dir.", min=1, max=256)] = 1,
    in_place: options.InPlace = False,
    link: options.Link = False,
    name: options.Name = None,
    overwrite: options.Overwrite = False,
    seed: options.Seed = 0,
    config: options.Config = None,
    muscles: options.Muscles = None,
    unit: options.Unit = None,
    io: options.NeoClass = None,
    outside_links: options.OutsideLinks = False,
    session_start: options.SessionStart = None,
    subject: options.SubjectId = None,
    species: options.Species = None,
    save_model: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Also keep the trained model in this file, for `apply`.")
    ] = None,
    weights: Annotated[
        bool, typer.Option("--weights", help="Also keep the trained model in the NWB file, for `apply`.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep the training of AutoLFADS in this folder, and go on from what it holds."
        ),
    ] = None,
    trials: Annotated[
        str | None,
        typer.Option(metavar="TABLE:COLUMN|PATH[:LABEL]", help="Events whose trials are the windows of AutoLFADS."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TABLE:COLUMN|PATH[:LABEL]", help="Events that end trials, each the first after its own."),
    ] = None,
    trial_from: Annotated[
        float,
        typer.Option(
            parser=options.number(-options.LONGEST_MS, options.LONGEST_MS),
            metavar="MS",
            help="Begin of a trial, after its event.",
        ),
    ] = -100.0,
    trial_to: Annotated[
        float | None,
        typer.Option(
            parser=options.number(-options.LONGEST_MS, options.LONGEST_MS),
            metavar="MS",
            help="End of a trial, after its event (default 400), or after --until's (0).",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            parser=options.number(0),
            metavar="M",
            help="Time for the training of AutoLFADS, in place of the preset's length.",
        ),
    ] = None,
    correct: options.Correct = None,
    infer_missing: options.InferMissing = False,
    device: options.Device = None,
    engine: options.Engine = None,
    workers: options.Workers = None,
    address: options.Address = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Estimate muscle activation, and write it."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.many.inputs import recordings, stem_of
    from nwb_autolfads.commands.many.item import Plan
    from nwb_autolfads.commands.run import run as estimate
    from nwb_autolfads.config import RunOptions
    from nwb_autolfads.estimators.registry import ALL

    if name is not None and estimator == ALL:
        raise typer.BadParameter("--name is for one estimate; --estimator all makes several under their own names")
    for_one = {"--out": out, "--in-place": in_place, "--save-model": save_model, "--resume": resume}
    if infer_missing and not together:
        raise typer.BadParameter("--infer-missing is for several FILEs with --together")
    _check_several(files, together, out_dir, jobs, for_one)
    if together:
        files = [each for given in files for each in recordings([given])]  # what is given twice is refused by name
    sources = [options.source_of(file, emg, muscles, unit, io, outside_links) for file in files]
    settings = options.settings_of(config, session_start, subject, species)
    asked = RunOptions(
        estimator,
        preset.value,
        seed,
        save_model=save_model,
        resume=resume,
        weights=weights,
        trials=trials,
        until=until,
        trial_from=trial_from,
        trial_to=trial_to,
        minutes=minutes,
        correct=correct,
        infer_missing=infer_missing,
        device=device and device.value,
        engine=engine and engine.value,
        workers=workers,
        address=address,
    )
    console = Console(as_json=as_json)
    if out_dir is not None and not together:
        _run_many(console, files, sources[0], Plan(out_dir, asked, settings, name, overwrite, link), jobs)
        return
    if together:
        places = [None if out_dir is None else out_dir / f"{stem_of(file)}_activation.nwb" for file in files]
        several = zip(sources, places, strict=True)
        targets = [options.target_of(source, place, in_place, link, name, overwrite) for source, place in several]
        _run_together(console, sources, targets, asked, settings)
        return
    target = options.target_of(sources[0], out, in_place, link, name, overwrite)
    with console.training() as progress:
        result = estimate(sources[0], target, asked, settings, tell=console.tell, progress=progress)
    show_result(console, result)


def _run_together(
    console: Console, sources: list[Source], targets: list[Target], asked: RunOptions, settings: RunSettings
) -> None:
    """Train one model on several files; show what was written, and fail if one could not be."""
    from nwb_autolfads.commands.together import run_together

    with console.training() as progress:
        done = run_together(sources, targets, asked, settings, tell=console.tell, progress=progress)
    for result in done.results.values():
        console.tell(f"Look at it: nwb-autolfads report {result.file}")
    console.result(done.summary())
    done.require_all()


def _check_several(
    files: Sequence[str], together: bool, out_dir: Path | None, jobs: int, for_one: Mapping[str, object]
) -> None:
    """Refuse what does not go together; ``for_one`` are options of which one file only can make use."""
    from nwb_autolfads.commands.many.inputs import means_several

    if together and for_one["--out"]:
        raise typer.BadParameter("--out and --together exclude each other: each FILE has a result of its own")
    if out_dir is None:
        if not together and means_several(files):
            raise typer.BadParameter(f"{len(files)} FILEs, or a list of them: give --out-dir, or --together")
        if jobs > 1:
            raise typer.BadParameter("--jobs is for several FILEs, with --out-dir")
        return
    if together and jobs > 1:
        raise typer.BadParameter("--jobs and --together exclude each other: there is one training")
    for option, value in for_one.items():
        if value and not (together and option in ("--save-model", "--resume")):
            raise typer.BadParameter(f"{option} and --out-dir exclude each other")


def _run_many(console: Console, files: Sequence[str], source: Source, plan: Plan, jobs: int) -> None:
    """Estimate each of several files by itself; show the table of all, and fail if one failed."""
    from nwb_autolfads.commands.many.run import run_many

    with console.training() as progress:
        done = run_many(files, source, plan, jobs=jobs, tell=console.tell, progress=progress)
    console.table(done.headline(), done.columns, [row.cells() for row in done.rows])
    console.tell(f"Look at them: {done.overview} (the same as a table: {done.table})")
    console.result(done.summary())
    done.require_all()


def show_result(console: Console, result: Result) -> None:
    """Say where to look, and print the result for a program."""
    console.tell(f"Look at it: nwb-autolfads report {result.file}")
    console.result(result.summary())
