"""All that a file tells about its estimates, in one go."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from nwb_autolfads.errors import SignalError, SourceError
from nwb_autolfads.evaluation import registry
from nwb_autolfads.evaluation.export import score_rows
from nwb_autolfads.evaluation.score import Score, Table
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.evaluation.session import Asked, opened_session


@dataclass(frozen=True)
class Comparison:
    """All that a file tells about its estimates.

    Attributes
    ----------
    scores : dict of str to Dataset
        By the keys of `nwb_autolfads.evaluation.registry.SCORES`.
    missing : dict of str to str
        Scores that the file has nothing for, and why.
    events : Events, optional
        What repeats.
    """

    scores: dict[str, xr.Dataset]
    missing: dict[str, str]
    events: Events | None

    @property
    def notes(self) -> list[str]:
        """What was done otherwise than one may expect, and what was left out and why."""
        notes: dict[str, None] = {}
        for scores in self.scores.values():
            notes |= dict.fromkeys(json.loads(scores.attrs.get("notes", "[]")))
            for kind in ("units", "muscles", "targets"):
                for name, why in json.loads(scores.attrs.get(f"excluded_{kind}", "{}")).items():
                    notes[f"{kind[:-1]} {name} was left out: {why}"] = None
        return list(notes)

    def tables(self) -> list[Table]:
        """Return what the command line prints: for each score its table and those of the tests between estimators."""
        tables = []
        for score in registry.SCORES:
            if score.key in self.scores:
                found = self.scores[score.key]
                pairs = [
                    Table(f"Differences, {each.title} (p after Holm)", each.columns, each.rows)
                    for each in score.pair_tables(found)
                ]
                further = [] if score.further is None else [score.further(found)]
                tables += [score.table(found), *further, *pairs]
        return tables

    def summary(self) -> dict[str, Any]:
        """Return everything for a program, JSON-serialisable."""
        scores = {
            # Gain and coherence at every frequency are for --csv and --netcdf.
            key: {
                "config": json.loads(found.attrs["config"]),
                "scores": list(score_rows(found.drop_dims("frequency", errors="ignore"))),
            }
            for key, found in self.scores.items()
        }
        return {**scores, "missing": self.missing, "notes": self.notes}


def compare_file(file: Path, **asked: Any) -> Comparison:
    """Compare every estimate in a file with whatever else the file holds.

    Parameters
    ----------
    file : Path
        With estimates.
    **asked
        The fields of `nwb_autolfads.evaluation.session.Asked`.

    Returns
    -------
    Comparison

    Raises
    ------
    SourceError
        If the file cannot be read, holds no estimates, or what was named is not in it.
    SignalError
        If what was named cannot be compared.
    """
    found: dict[str, xr.Dataset] = {}
    missing: dict[str, str] = {}
    with opened_session(file, Asked(**asked)) as session:
        for score in registry.SCORES:
            try:
                found[score.key] = score.compare(session)
            except (SourceError, SignalError) as error:
                if _was_named(score, session.asked):
                    raise
                missing[score.key] = error.problem
        return Comparison(found, missing, session.events)


def _was_named(score: Score, asked: Asked) -> bool:
    return bool(score.asked_by) and getattr(asked, score.asked_by) is not None
