"""What is in a file: the EMG that would be read, its quality per muscle, and what else is there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import xarray as xr

from nwb_autolfads.config import RunSettings, Source
from nwb_autolfads.emg.quality import assess_quality, middle_excerpt
from nwb_autolfads.emg.trial_tables import TrialTable, trial_tables
from nwb_autolfads.errors import SignalError, SourceError, printable
from nwb_autolfads.files.atomic import write_bytes
from nwb_autolfads.files.places import Output, check_outputs
from nwb_autolfads.results.neighbours import files_behind
from nwb_autolfads.sources.contents import list_contents
from nwb_autolfads.sources.excerpt import within_budget
from nwb_autolfads.sources.found import Contents, FoundEmg
from nwb_autolfads.sources.nwb.events import read_intervals
from nwb_autolfads.sources.recording import EmgRecording

FEW_SHOWN, MOST_SHOWN = 5, 64  # of each kind in text, and of each kind in a notebook
PICTURE_S = 10.0  # length of the stretch that is drawn, from the middle of the longest segment

QUALITY_COLUMNS = (
    "muscle",
    "usable",
    "mains share",
    "saturated share",
    "share missing",
    "movement share",
    "cross-talk",
    "with",
    "bursts (dB)",
    "why not",
    "advice",
)


@dataclass(frozen=True)
class Overview:
    """What `inspect_file` finds: the contents, the EMG chosen, its quality and its trials, or why none was chosen."""

    contents: Contents
    assumptions: tuple[str, ...]
    quality: xr.Dataset | None
    problem: str
    trials: tuple[TrialTable, ...] = ()

    def __repr__(self) -> str:
        likely = [each.candidate.path for each in self.contents.emg if each.likely]
        more = f" and {len(likely) - FEW_SHOWN} more" if len(likely) > FEW_SHOWN else ""
        lines = [f"EMG: {', '.join(likely[:FEW_SHOWN]) or 'none for sure'}{more}"]
        if self.quality is not None:
            usable = self.quality["usable"]
            lines.append(f"{int(usable.sum())} of {usable.size} muscles are usable")
            lines += [f"not {name}: {reason}" for name, *_, reason, _ in self.muscle_rows() if reason][:FEW_SHOWN]
        lines += [f"trials: {each}" for each in self.trials[:FEW_SHOWN]]
        lines += [self.problem] if self.problem else []
        return f"<Overview of {self.contents.file}\n  " + "\n  ".join(printable(line) for line in lines) + ">"

    def _repr_html_(self) -> str:
        """Return a small page for a notebook: what is in the file, and the quality of each muscle; all text escaped."""
        from nwb_autolfads.report.page import template

        return template("inspected.html.j2").render(
            contents=self.contents,
            others=[
                *((each.path, f"{each.shape[0]} x {each.shape[1]}, {each.unit}") for each in self.contents.behavior),
                *((each.path, f"{each.n_rows} rows") for each in self.contents.intervals),
                *((each.path, f"{each.n_rows} events") for each in self.contents.events),
            ],
            columns=QUALITY_COLUMNS,
            rows=self.muscle_rows(),
            problem=self.problem,
            assumptions=self.assumptions,
            trials=[str(each) for each in self.trials],
            most=MOST_SHOWN,
            printable=printable,
        )

    def muscle_rows(self) -> list[tuple[str, ...]]:
        """Return what `QUALITY_COLUMNS` names for each muscle, as text."""
        if self.quality is None:
            return []
        columns = ("mains_share", "saturated_share", "missing_share", "movement_share", "crosstalk")
        return [
            (
                str(muscle.values),
                "yes" if quality["usable"] else "no",
                *(f"{float(quality[column]):.3f}" for column in columns),
                str(quality["crosstalk_with"].values),
                f"{float(quality['snr_db']):.1f}",
                str(quality["reason"].values),
                str(quality["advice"].values),
            )
            for muscle, quality in ((m, self.quality.sel(muscle=m)) for m in self.quality["muscle"])
        ]

    def summary(self) -> dict[str, Any]:
        """Return what a program wants to know, JSON-serialisable."""
        return {
            "file": self.contents.file,
            "identifier": self.contents.identifier,
            "emg": [
                {
                    "path": found.candidate.path,
                    "shape": found.candidate.shape,
                    "rate": found.candidate.rate,
                    "unit": found.candidate.unit,
                    "muscles": found.candidate.muscles,
                    "score": found.candidate.score,
                    "reasons": found.candidate.reasons,
                    "likely": found.likely,
                    "segments": [asdict(segment) for segment in found.segments],
                    "problem": found.problem,
                }
                for found in self.contents.emg
            ],
            "behavior": [asdict(found) for found in self.contents.behavior],
            "other": [asdict(found) for found in self.contents.other],
            "intervals": [asdict(found) for found in self.contents.intervals],
            "events": [asdict(found) for found in self.contents.events],
            "units": self.contents.n_units,
            "assumptions": self.assumptions,
            "trials": [asdict(found) for found in self.trials],
            "quality": [_by_name(row) for row in self.muscle_rows()],
            "problem": self.problem,
            "note": self.contents.note,
        }


def gaps_in(found: FoundEmg) -> str:
    """Say how many gaps there are in EMG, and how long what was recorded between them is."""
    lengths = sorted(segment.n_samples / (found.candidate.rate or 1.0) for segment in found.segments)
    low, usual, high = lengths[0], lengths[len(lengths) // 2], lengths[-1]
    span = (
        f"{usual:.3g} s" if high - low < 0.01 * usual else f"{low:.3g} to {high:.3g} s, half of them over {usual:.3g} s"
    )
    return f"{len(lengths) - 1} gaps between {len(lengths)} stretches of {span}"


def _by_name(row: tuple[str, ...]) -> dict[str, str]:
    values = dict(zip(QUALITY_COLUMNS, row, strict=True))
    return {**values, "share not finite": values["share missing"]}  # its name in version 0.1.0


def inspect_file(source: Source, settings: RunSettings, *, picture: Path | None = None) -> Overview:
    """Look at a file: what is in it, which EMG would be read, and how good that is.

    Parameters
    ----------
    source : Source
        The EMG, or the file to look for it in.
    settings : RunSettings
        How the EMG would be preprocessed.
    picture : Path, optional
        PNG to draw, of a stretch of each muscle beside its quality; it must not exist.

    Returns
    -------
    Overview

    Raises
    ------
    SourceError
        If the file cannot be read.
    OutputError
        If the picture cannot be written.
    """
    if picture is not None:
        check_outputs([Output(picture)], files_behind(source.file))
    contents = list_contents(source.file, io=source.io, outside_links=source.outside_links)
    if contents.remote:
        return Overview(contents, (), None, "")
    try:
        with source.open() as recording:
            judged, assumptions = within_budget(recording)
            quality = assess_quality(judged, settings.preprocessing)
            if picture is not None:
                _draw(recording, quality, picture)
            trials = (
                () if source.nwb_file() is None else trial_tables(read_intervals(str(source.file)), recording.segments)
            )
            return Overview(contents, (*recording.assumptions, *assumptions), quality, "", tuple(trials))
    except (SourceError, SignalError) as error:
        return Overview(contents, (), None, str(error))


def _draw(recording: EmgRecording, quality: xr.Dataset, picture: Path) -> None:
    from nwb_autolfads.report.recording import plot_quality

    drawn = BytesIO()
    plot_quality(quality, middle_excerpt(recording, PICTURE_S)).savefig(drawn, format="png", dpi=120)
    write_bytes(picture, drawn.getvalue(), may_exist=False)
