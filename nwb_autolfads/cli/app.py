"""The command line: parses, calls, prints. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nwb_autolfads.errors import NwbAutolfadsError

if TYPE_CHECKING:
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.inspect import Overview
    from nwb_autolfads.commands.workflow import Result
    from nwb_autolfads.evaluation import Comparison

app = typer.Typer(
    name="nwb-autolfads",
    help="Muscle activation from the EMG in NWB files, by AutoLFADS and the estimators it must beat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class EstimatorChoice(StrEnum):
    """What `run --estimator` takes."""

    autolfads = "autolfads"
    lowpass = "lowpass"
    bayes = "bayes"
    all = "all"


class PresetChoice(StrEnum):
    """What `run --preset` takes."""

    quick = "quick"
    paper = "paper"


File = Annotated[Path, typer.Argument(metavar="FILE", help="An NWB file.", show_default=False)]
Recording = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="An NWB file, an address (https://, s3://, dandi://DANDISET/PATH), or a file that Neo reads.",
        show_default=False,
    ),
]
EmgPath = Annotated[
    str | None,
    typer.Option(
        "--emg", metavar="PATH", help="Where the EMG is in the file, such as acquisition/EMG; for Neo, channels A,B,..."
    ),
]
Unit = Annotated[str | None, typer.Option(help="Unit of the samples where the file's is wrong: V, mV, uV or a.u.")]
NeoClass = Annotated[
    str | None, typer.Option("--io", metavar="CLASS", help="Neo class to read FILE, such as Spike2IO.")
]
OutsideLinks = Annotated[
    bool, typer.Option("--outside-links", help="Trust FILE to read from other folders of this machine.")
]
SessionStart = Annotated[
    str | None, typer.Option(metavar="TIME", help="For a new NWB file: 2024-05-01T09:30:00+02:00.", show_default=False)
]
SubjectId = Annotated[str | None, typer.Option("--subject", metavar="ID", help="For a new NWB file: the subject.")]
Species = Annotated[str | None, typer.Option(help="For a new NWB file: the subject's species, such as Homo sapiens.")]
Muscles = Annotated[
    str | None,
    typer.Option(help="Names of the columns in order, or the muscles to read, separated by commas.", metavar="A,B,..."),
]
Out = Annotated[
    Path | None, typer.Option(metavar="OUT.nwb", help="File to write; by default <stem>_activation.nwb beside FILE.")
]
InPlace = Annotated[bool, typer.Option("--in-place", help="Add the result to FILE itself.")]
Link = Annotated[bool, typer.Option("--link", help="Write a small file that names FILE instead of a copy of it.")]
Name = Annotated[str | None, typer.Option(help="Name of the estimate in the file; by default the estimator's.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file or estimate of this name.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0)]
Config = Annotated[Path | None, typer.Option(metavar="FILE.yaml", help="Settings; see docs/getting-started.md.")]
Events = Annotated[
    str | None,
    typer.Option(metavar="TABLE:COLUMN|PATH[:LABEL]", help="Times that repeat; by default the longest table's starts."),
]
Before = Annotated[float, typer.Option(metavar="SECONDS", help="Shown and compared before an event.", min=0.0)]
After = Annotated[float, typer.Option(metavar="SECONDS", help="Shown and compared after an event.", min=0.0)]
Phases = Annotated[
    str | None, typer.Option(metavar="TABLE:COLUMN", help="Phases of behaviour, by name or by a time between.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout, for programs.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")]


@app.command()
def inspect(
    file: Recording,
    emg: EmgPath = None,
    muscles: Muscles = None,
    unit: Unit = None,
    io: NeoClass = None,
    outside_links: OutsideLinks = False,
    picture: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Also draw a stretch of each muscle beside its quality.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what is in a file, and the quality of its EMG."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.inspect import inspect_file
    from nwb_autolfads.config import Source, read_settings

    source = Source(file, emg, _split(muscles), unit, io, outside_links)
    overview = inspect_file(source, read_settings(config), picture=picture)
    console = Console(as_json=as_json)
    _show_overview(console, overview)
    if picture is not None and overview.quality is not None:
        console.tell(f"Wrote {picture}")


@app.command()
def run(
    file: Recording,
    emg: EmgPath = None,
    estimator: Annotated[EstimatorChoice, typer.Option(help="How to estimate activation.")] = EstimatorChoice.autolfads,
    preset: Annotated[
        PresetChoice, typer.Option(help="AutoLFADS for a laptop, or with the sizes and the schedule of the paper.")
    ] = PresetChoice.quick,
    out: Out = None,
    in_place: InPlace = False,
    link: Link = False,
    name: Name = None,
    overwrite: Overwrite = False,
    seed: Seed = 0,
    config: Config = None,
    muscles: Muscles = None,
    unit: Unit = None,
    io: NeoClass = None,
    outside_links: OutsideLinks = False,
    session_start: SessionStart = None,
    subject: SubjectId = None,
    species: Species = None,
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
    trial_from: Annotated[float, typer.Option(metavar="MS", help="Begin of a trial, after its event.")] = -100.0,
    trial_to: Annotated[
        float | None,
        typer.Option(metavar="MS", help="End of a trial, after its event (default 400), or after --until's (0)."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(metavar="M", help="Time for the training of AutoLFADS, in place of the preset's length."),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Estimate muscle activation, and write it."""
    _refuse_both(out, in_place, link)
    if name is not None and estimator is EstimatorChoice.all:
        raise typer.BadParameter("--name is for one estimate; --estimator all makes several under their own names")
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands import workflow
    from nwb_autolfads.commands.choice import Choice
    from nwb_autolfads.config import Source, read_settings
    from nwb_autolfads.results import outputs

    console = Console(as_json=as_json)
    source = Source(file, emg, _split(muscles), unit, io, outside_links)
    settings = read_settings(config).with_session(start=session_start, subject_id=subject, species=species)
    with console.training() as progress:
        result = workflow.run(
            source,
            outputs.Target.of(source, out, in_place=in_place, name=name, overwrite=overwrite, link=link),
            Choice(
                estimator.value,
                preset.value,
                seed,
                save_model=save_model,
                resume=resume,
                weights=weights,
                trials=trials,
                until=until,
                trial_from_ms=trial_from,
                trial_to_ms=trial_to,
                minutes=minutes,
            ),
            settings,
            tell=console.tell,
            progress=progress,
        )
    _show_result(console, result)


@app.command()
def apply(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="What `run --save-model` kept, or an NWB file of `run --weights`.")
    ],
    file: Recording,
    emg: EmgPath = None,
    out: Out = None,
    in_place: InPlace = False,
    link: Link = False,
    name: Name = None,
    overwrite: Overwrite = False,
    trained_as: Annotated[
        str | None, typer.Option(metavar="NAME", help="The estimate in MODEL, where that has several with models.")
    ] = None,
    config: Config = None,
    muscles: Muscles = None,
    unit: Unit = None,
    io: NeoClass = None,
    outside_links: OutsideLinks = False,
    session_start: SessionStart = None,
    subject: SubjectId = None,
    species: Species = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Use a trained model on another recording."""
    _refuse_both(out, in_place, link)
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands import workflow
    from nwb_autolfads.config import Source, read_settings
    from nwb_autolfads.results import outputs

    console = Console(as_json=as_json)
    source = Source(file, emg, _split(muscles), unit, io, outside_links)
    result = workflow.apply(
        model,
        source,
        outputs.Target.of(source, out, in_place=in_place, name=name, overwrite=overwrite, link=link),
        read_settings(config).with_session(start=session_start, subject_id=subject, species=species),
        trained_as=trained_as,
        tell=console.tell,
    )
    _show_result(console, result)


@app.command()
def compare(
    file: File,
    spikes: Annotated[
        str | None, typer.Option(metavar="PATH", help="Spike counts in bins, instead of the units.", show_default=False)
    ] = None,
    behavior: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH", help="A behavioural series, or a pattern; can be given again.", show_default=False
        ),
    ] = None,
    events: Events = None,
    before: Before = 0.1,
    after: After = 0.25,
    phases: Phases = None,
    force: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="A force, or a pattern; can be given again.", show_default=False),
    ] = None,
    bin_width: Annotated[
        float, typer.Option(metavar="SECONDS", help="Bins in which all is averaged.", min=0.001, max=1.0)
    ] = 0.01,
    folds: Annotated[int, typer.Option(help="Blocks of time held out in turn.", min=3, max=100)] = 10,
    shuffles: Annotated[int, typer.Option(help="Controls with one side in random order.", min=0, max=100)] = 1,
    seed: Seed = 0,
    config: Config = None,
    write: Annotated[bool, typer.Option("--write", help="Write the scores into FILE.")] = False,
    csv: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Write all scores, tests and responses, one per row.")
    ] = None,
    netcdf: Annotated[Path | None, typer.Option(metavar="DIR", help="Write each comparison as netCDF.")] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Compare the estimates in a file by cortex, movement and force."""
    from nwb_autolfads import evaluation
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.config import read_settings

    console = Console(as_json=as_json)
    evaluation.check_outputs(csv, netcdf, overwrite=overwrite)
    found = evaluation.compare_file(
        file,
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
        preprocessing=read_settings(config).preprocessing,
    )
    _show_comparison(console, found)
    if write:
        console.tell(f"Wrote {', '.join(evaluation.write_tables(found.scores, file, overwrite=overwrite))} to {file}")
    if csv is not None:
        console.tell(f"Wrote {evaluation.write_csv(found.scores, csv, overwrite=overwrite)}")
    if netcdf is not None:
        written = evaluation.write_netcdf(found.scores, netcdf, overwrite=overwrite)
        console.tell(f"Wrote {', '.join(str(each) for each in written)}")
    console.result(found.summary())


@app.command()
def report(
    file: File,
    out: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Page to write; by default <stem>.html beside FILE.")
    ] = None,
    events: Events = None,
    before: Before = 0.1,
    after: After = 0.25,
    phases: Phases = None,
    overwrite: Overwrite = False,
    config: Config = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write one HTML page on the estimates in a file."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands import workflow
    from nwb_autolfads.config import read_settings

    console = Console(as_json=as_json)
    asked = {"events": events, "around": (before, after), "phases": phases}
    page = workflow.report(file, out or file.with_suffix(".html"), read_settings(config), asked, overwrite=overwrite)
    console.tell(f"Wrote {page}")
    console.result({"report": str(page)})


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT.nwb", help="File to write.")],
    duration: Annotated[float, typer.Option(help="Length (s).")] = 120.0,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a session with known activation."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.simulate import simulate_session

    console = Console(as_json=as_json)
    session = simulate_session(out, seed=seed, duration=duration, overwrite=overwrite)
    console.tell(f"Wrote {session}")
    console.result({"session": str(session)})


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the files it makes.")] = Path("demo"),
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    debug: Debug = False,
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


@app.command()
def doctor(as_json: Json = False, debug: Debug = False) -> None:
    """Show versions, accelerator and what is missing."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.doctor import examine

    console, facts = Console(as_json=as_json), examine()
    console.table(
        "", ("what", "found", "what to do"), [(fact.subject, fact.found or "-", fact.advice) for fact in facts]
    )
    console.result({"facts": [asdict(fact) for fact in facts]})
    if not all(fact.healthy for fact in facts):
        raise typer.Exit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: exit 0 when done, 1 when the input or the machine is at fault, 2 for wrong usage."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    warnings.formatwarning = lambda message, *_: f"Note: {message}\n"  # not the line of code that gave it
    try:
        app(arguments)
    except (NwbAutolfadsError, OSError, MemoryError) as error:
        if "--debug" in arguments:
            raise
        from nwb_autolfads.cli.console import fail

        fail(str(error) or type(error).__name__)
        raise SystemExit(1) from None


def _split(muscles: str | None) -> tuple[str, ...] | None:
    return None if muscles is None else tuple(name.strip() for name in muscles.split(","))


def _refuse_both(out: Path | None, in_place: bool, link: bool) -> None:
    if link and in_place:
        raise typer.BadParameter("--link and --in-place exclude each other")
    if out is not None and in_place:
        raise typer.BadParameter("--out and --in-place exclude each other")


def _show_result(console: Console, result: Result) -> None:
    console.tell(f"Look at it: nwb-autolfads report {result.file}")
    console.result(result.summary())


def _show_comparison(console: Console, found: Comparison) -> None:
    for table in found.tables():
        console.table(table.title, table.columns, table.rows)
    for what, why in found.missing.items():
        console.tell(f"no {what}: {why}")
    for note in found.notes:
        console.tell(f"note: {note}")


def _show_overview(console: Console, overview: Overview) -> None:
    from nwb_autolfads.commands.inspect import QUALITY_COLUMNS

    contents = overview.contents
    console.tell(f"{contents.file}: {contents.session_description or contents.note}")
    if contents.session_description and contents.note:
        console.tell(contents.note)
    for found in contents.emg:
        kind = "EMG" if found.likely else "perhaps EMG"
        console.tell(f"{kind}: {found.candidate}{f', {found.problem}' if found.problem else ''}")
        if len(found.segments) > 1:
            console.tell(f"  {len(found.segments) - 1} gaps")
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
    if overview.quality is not None:
        console.table("Muscles", QUALITY_COLUMNS, overview.muscle_rows())
    console.result(overview.summary())
