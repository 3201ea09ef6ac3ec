"""One recording among many: skipped where it is done, estimated, compared, its page written; it never raises."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from nwb_autolfads.commands.many.inputs import stem_of
from nwb_autolfads.commands.many.row import DONE, KEPT, Note, Row, fingerprint, same
from nwb_autolfads.commands.run import asked_of, run
from nwb_autolfads.config import RunOptions, RunSettings, Source
from nwb_autolfads.errors import NwbAutolfadsError, OutputError, shown
from nwb_autolfads.estimators import registry
from nwb_autolfads.results.inside import look_inside
from nwb_autolfads.results.outputs import Target

if TYPE_CHECKING:
    from nwb_autolfads.evaluation import Comparison
    from nwb_autolfads.search.progress import ProgressCallback

log = logging.getLogger("nwb_autolfads.many")

NOTES = ".nwb-autolfads"
"""Folder, within that of the results, of what a later run needs to go on."""


@dataclass(frozen=True)
class Plan:
    """What is done with each of many recordings.

    Attributes
    ----------
    folder : Path
        Where results go.
    options : RunOptions
        How to estimate.
    settings : RunSettings
        How the EMG is preprocessed, and arguments of the estimators.
    name : str or None
        Name of the estimate; by default the estimator's.
    overwrite : bool
        Whether a result that was made with other settings is replaced.
    link : bool
        Whether results only name their recordings.
    """

    folder: Path
    options: RunOptions
    settings: RunSettings
    name: str | None = None
    overwrite: bool = False
    link: bool = False

    @property
    def notes(self) -> Path:
        """The folder of notes."""
        return self.folder / NOTES

    def result_of(self, recording: str) -> Path:
        """Return the NWB file that is made of a recording."""
        return self.folder / f"{stem_of(recording)}_activation.nwb"

    def page_of(self, recording: str) -> Path:
        """Return its page."""
        return self.result_of(recording).with_suffix(".html")


def do_one(source: Source, plan: Plan, progress: ProgressCallback | None = None) -> Row:
    """Do all that is to be done with one recording; what goes wrong is in the row.

    Parameters
    ----------
    source : Source
        The EMG.
    plan : Plan
    progress : callable, optional
        Called while AutoLFADS trains.

    Returns
    -------
    Row
    """
    began = time.monotonic()
    try:
        return _done(source, plan, began, progress)
    except Exception as error:  # the others go on
        log.debug("%s", source.file, exc_info=True)
        return Row(str(source.file), error=_in_words(error), seconds=time.monotonic() - began)


def _in_words(error: Exception) -> str:
    if isinstance(error, NwbAutolfadsError):
        return str(error)
    return f"failed in a way that nobody foresaw ({type(error).__name__}: {shown(str(error))})"


def _done(source: Source, plan: Plan, began: float, progress: ProgressCallback | None) -> Row:
    recording = str(source.file)
    result, page = plan.result_of(recording), plan.page_of(recording)
    note_file = plan.notes / f"{result.stem}.json"
    note = Note(fingerprint(recording), _asked_for(source, plan))
    before = Note.read(note_file)
    ours = note.of_the_same(before) and result.exists() and _holds(result, note)
    if ours and before is not None and before.row is not None and page.exists():
        return replace(before.row, recording=recording, status=KEPT)
    if not ours:
        if result.exists() and not plan.overwrite:
            raise OutputError(
                "exists already, made of another recording or with other settings",
                way_out="Choose another --out-dir, or --overwrite it",
                file=str(result),
            )
        note.write(note_file)
        _estimate(source, plan, plan.notes / f"{result.stem}-{note.key()}", progress)
    row = replace(_judged(result, page, plan, bool(before), source), recording=recording)
    row = replace(row, status=DONE, seconds=time.monotonic() - began)
    note.with_row(row).write(note_file)
    return row


def _asked_for(source: Source, plan: Plan) -> dict[str, str]:
    """Return what is asked for of each estimate, by its name; as `run` stores it."""
    entries = registry.chosen(plan.options.estimator)
    return {
        plan.name or entry.name: asked_of(source, plan.options, plan.settings, entry).to_json() for entry in entries
    }


def _holds(result: Path, note: Note) -> bool:
    """Return whether a result holds the estimates, made as is asked for."""
    with suppress(OutputError, ValueError):
        there = look_inside(result).asked
        return same(note.asked).items() <= same({name: there[name] for name in note.asked if name in there}).items()
    return False


def _estimate(source: Source, plan: Plan, training: Path, progress: ProgressCallback | None) -> None:
    """Estimate; training is kept while it goes on, so that a run that was killed goes on from there."""
    trains = any(entry.can.trains for entry in registry.chosen(plan.options.estimator))
    options = replace(plan.options, resume=training) if trains else plan.options
    result = plan.result_of(str(source.file))
    target = Target.of(source, result, name=plan.name, overwrite=plan.overwrite, link=plan.link)
    run(source, target, options, plan.settings, tell=log.info, progress=progress)
    if trains and training.is_dir() and not training.is_symlink():
        shutil.rmtree(training, ignore_errors=True)


def _judged(result: Path, page: Path, plan: Plan, replaces: bool, source: Source) -> Row:
    """Compare the estimates in a result with what else it holds, and write its page."""
    from nwb_autolfads.commands.report import report
    from nwb_autolfads.evaluation import compare_file
    from nwb_autolfads.results.read import list_estimates, read_activation

    trusted = {"outside_links": True} if source.outside_links else {}
    names = list(_asked_for(source, plan))
    found = compare_file(result, preprocessing=plan.settings.preprocessing, **trusted)
    report(result, page, plan.settings, trusted, overwrite=replaces or plan.overwrite, found=found)
    estimates = {name: read_activation(result, name) for name in names if name in list_estimates(result)}
    verdict, judged = _verdict(estimates, found)
    usable = next(iter(estimates.values()))["usable"]
    return Row(
        "",
        estimates=list(estimates),
        verdict=verdict,
        n_usable=int(usable.sum()),
        n_muscles=usable.size,
        unusable=[str(name) for name in usable["muscle"].values[~usable.values]],
        r2_movement=_r2_movement(found, judged),
        judged=judged,
        result=result.name,
        page=page.name,
    )


def _verdict(estimates: Mapping[str, xr.Dataset], found: Comparison) -> tuple[str, str]:
    """Return the verdict that is kept with the trained estimate, and its name; else what is to be said of filters."""
    from nwb_autolfads.report.verdict import judge

    for name, estimate in estimates.items():
        if (kept := json.loads(estimate.attrs["config"]).get("verdict")) is not None:
            return str(kept["headline"]), name
    verdict = judge(estimates, comparisons=found.scores, missing=found.missing)
    return verdict.headline, verdict.subject or next(iter(estimates))


def _r2_movement(found: Comparison, judged: str) -> float | None:
    if (scores := found.scores.get("behavior")) is None or judged not in scores["estimator"].values:
        return None
    r2 = float(np.mean(scores["r2"].sel(estimator=judged)))
    return r2 if np.isfinite(r2) else None
