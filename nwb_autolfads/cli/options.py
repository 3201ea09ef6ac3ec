"""Arguments and options that several commands take, each in one place, and what becomes of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nwb_autolfads.estimators import registry

if TYPE_CHECKING:
    from nwb_autolfads.config import RunSettings, Source
    from nwb_autolfads.results.outputs import Target


class DeviceChoice(StrEnum):
    """What `run --device` takes."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class EngineChoice(StrEnum):
    """What `run --engine` takes."""

    local = "local"
    ray = "ray"


def number(low: float = -math.inf, high: float = math.inf) -> Callable[[str], float]:
    """Return what reads a finite number within bounds: NaN and infinity are numbers to Python, and no use here."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise typer.BadParameter(f"{text[:40]!r} is not a number.") from None
        if not (math.isfinite(value) and low <= value <= high):
            above = f" from {low:g}" if math.isfinite(low) else ""
            below = f" up to {high:g}" if math.isfinite(high) else ""
            raise typer.BadParameter(f"{text[:40]} is not a finite number{above}{below}.")
        return value

    return read


LONGEST_S, LONGEST_MS = 86_400.0, 86_400_000.0
"""A day: more is a mistake."""


def _estimator_key(text: str) -> str:
    if text not in registry.choices():
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(registry.choices())}.")
    return text


EstimatorKey = Annotated[
    str,
    typer.Option(
        parser=_estimator_key,
        metavar="KEY",
        help=f"How to estimate activation: {', '.join(registry.choices())}.",
    ),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="An NWB file.", show_default=False)]
Recording = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="An NWB file, an address (https://, s3://, dandi://DANDISET/PATH), or a file that Neo reads.",
        show_default=False,
    ),
]
Recordings = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE",
        help="One recording or several: each an NWB file, an address (https://, s3://, dandi://DANDISET/PATH), or a "
        "file that Neo reads; @LIST.txt, a file with one of these per line; DANDI:DANDISET, all its NWB files.",
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
Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0, max=2**63 - 1)]
Config = Annotated[Path | None, typer.Option(metavar="FILE.yaml", help="Settings; see docs/getting-started.md.")]
Spikes = Annotated[
    str | None, typer.Option(metavar="PATH", help="Spike counts in bins, instead of the units.", show_default=False)
]
Correct = Annotated[
    bool | None,
    typer.Option(
        "--correct/--no-correct",
        help="Fuse what AutoLFADS predicts with each muscle's own data, or not; by default as the settings say.",
        show_default=False,
    ),
]
Device = Annotated[
    DeviceChoice | None, typer.Option(help="Where AutoLFADS trains: a GPU where there is one, or as said.")
]
Engine = Annotated[
    EngineChoice | None, typer.Option(help="Who trains AutoLFADS: this process, or a Ray cluster (docs/cluster.md).")
]
Workers = Annotated[
    int | None, typer.Option(metavar="N", help="Of the Ray cluster; by default all it has room for.", min=1)
]
Address = Annotated[
    str | None,
    typer.Option(metavar="auto|HOST:PORT", help="Of a Ray cluster; without, one of this machine is started."),
]
InferMissing = Annotated[
    bool, typer.Option("--infer-missing", help="Infer muscles that FILE lacks and other sessions of the model have.")
]
Events = Annotated[
    str | None,
    typer.Option(
        metavar="TABLE:COLUMN|PATH[:LABEL]",
        help="Times that repeat; by default those of the trials, or of the longest table.",
    ),
]
Before = Annotated[
    float | None,
    typer.Option(
        parser=number(0, LONGEST_S),
        metavar="SECONDS",
        help="Shown and compared before an event; by default as long as trials are.",
        show_default=False,
    ),
]
After = Annotated[
    float | None,
    typer.Option(
        parser=number(0, LONGEST_S),
        metavar="SECONDS",
        help="Shown and compared after an event; by default as long as trials are.",
        show_default=False,
    ),
]
Phases = Annotated[
    str | None, typer.Option(metavar="TABLE:COLUMN", help="Phases of behaviour, by name or by a time between.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout, for programs.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")]


def source_of(
    file: str | Path, emg: str | None, muscles: str | None, unit: str | None, io: str | None, outside_links: bool
) -> Source:
    """Return what to read."""
    from nwb_autolfads.config import Source

    names = None if muscles is None else tuple(name.strip() for name in muscles.split(","))
    return Source(file, emg, names, unit, io, outside_links)


def target_of(
    source: Source, out: Path | None, in_place: bool, link: bool, name: str | None, overwrite: bool
) -> Target:
    """Return where the result goes."""
    if link and in_place:
        raise typer.BadParameter("--link and --in-place exclude each other")
    if out is not None and in_place:
        raise typer.BadParameter("--out and --in-place exclude each other")
    from nwb_autolfads.results.outputs import Target

    return Target.of(source, out, in_place=in_place, name=name, overwrite=overwrite, link=link)


def settings_of(
    config: Path | None, session_start: str | None, subject: str | None, species: str | None
) -> RunSettings:
    """Return the settings, with what the command line says of the session over them."""
    from nwb_autolfads.config import read_settings

    return read_settings(config).with_session(start=session_start, subject_id=subject, species=species)
