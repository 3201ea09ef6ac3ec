"""All that a file tells about its estimates, in one go."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.errors import SignalError, SourceError
from nwb_autolfads.evaluation.formats import PARTS, score_rows
from nwb_autolfads.evaluation.reading import AROUND_S, inside, opened_file, read_any_spikes, read_rectified
from nwb_autolfads.evaluation.scores.behavior import score_against_behavior
from nwb_autolfads.evaluation.scores.cortex import score_against_cortex
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.evaluation.scores.force import coherence_with_force
from nwb_autolfads.evaluation.scores.spectra import transfer_function
from nwb_autolfads.sources.nwb.behavior import read_behavior, read_forces
from nwb_autolfads.sources.nwb.events import read_events
from nwb_autolfads.sources.nwb.phases import read_phases


@dataclass(frozen=True)
class Comparison:
    """All that a file tells about its estimates; None what it does not, and why in ``missing``; what repeats."""

    cortex: xr.Dataset | None
    behavior: xr.Dataset | None
    response: xr.Dataset | None
    force: xr.Dataset | None
    missing: dict[str, str]
    events: Events | None

    @property
    def parts(self) -> dict[str, xr.Dataset]:
        """What there is, by name."""
        return {name: getattr(self, name) for name in PARTS if getattr(self, name) is not None}

    @property
    def notes(self) -> list[str]:
        """What was done otherwise than one may expect, and what was left out and why."""
        notes: dict[str, None] = {}
        for part in self.parts.values():
            notes |= dict.fromkeys(json.loads(part.attrs.get("notes", "[]")))
            for kind in ("units", "muscles", "targets"):
                for name, why in json.loads(part.attrs.get(f"excluded_{kind}", "{}")).items():
                    notes[f"{kind[:-1]} {name} was left out: {why}"] = None
        return list(notes)

    def summary(self) -> dict[str, Any]:
        """Return everything for a program, JSON-serialisable."""
        parts = {
            # Gain and coherence at every frequency are for --csv and --netcdf.
            name: {
                "config": json.loads(part.attrs["config"]),
                "scores": list(score_rows(part.drop_dims("frequency", errors="ignore"))),
            }
            for name, part in self.parts.items()
        }
        return {**parts, "missing": self.missing, "notes": self.notes}


def compare_file(
    file: Path,
    *,
    counts: str | None = None,
    series: Sequence[str] | None = None,
    events: str | None = None,
    around: tuple[float, float] = AROUND_S,
    phases: str | None = None,
    forces: Sequence[str] | None = None,
    bin_width: float = 0.01,
    n_folds: int = 10,
    n_shuffles: int = 1,
    seed: int = 0,
    preprocessing: PreprocessingConfig | None = None,
    emg: xr.DataArray | None = None,
) -> Comparison:
    """Compare every estimate in a file with whatever else the file holds.

    Parameters
    ----------
    file : Path
        With estimates.
    counts, series, events, around, phases, preprocessing, emg
        See `nwb_autolfads.compare_with_behavior`, `compare_with_cortex`, `frequency_response`.
    forces
        The ``series`` of `nwb_autolfads.force_coherence`.
    bin_width, n_folds, n_shuffles, seed
        See `nwb_autolfads.evaluation.scores.cortex.score_against_cortex`.

    Returns
    -------
    Comparison

    Raises
    ------
    SourceError
        If the file cannot be read, holds no estimates, or what was named is not in it.
    """
    missing: dict[str, str] = {}

    def attempt(what: str, make: Callable[[], xr.Dataset], *, asked_for: bool) -> xr.Dataset | None:
        try:
            return make()
        except (SourceError, SignalError) as error:
            if asked_for:
                raise
            missing[what] = error.problem
            return None

    with opened_file(file) as (named, nwbfile):
        found, found_phases = read_events(nwbfile, events), read_phases(nwbfile, phases)
        repeats = None if found is None else Events(found.name, found.times, *around)
        cut = None if found_phases is None else found_phases.intervals
        settings: dict[str, Any] = {"events": repeats, "bin_width": bin_width, "n_folds": n_folds}
        settings |= {"n_shuffles": n_shuffles, "seed": seed}

        def respond() -> xr.Dataset:
            rectified = read_rectified(nwbfile, next(iter(named.values())), preprocessing) if emg is None else emg
            return transfer_function(named, rectified, None if cut is None else inside(cut, rectified))

        return Comparison(
            cortex=attempt(
                "cortex",
                lambda: score_against_cortex(named, read_any_spikes(nwbfile, counts), **settings),
                asked_for=counts is not None,
            ),
            behavior=attempt(
                "behavior",
                lambda: score_against_behavior(named, read_behavior(nwbfile, series), **settings),
                asked_for=series is not None,
            ),
            response=attempt("response", respond, asked_for=phases is not None),
            force=attempt(
                "force", lambda: coherence_with_force(named, read_forces(nwbfile, forces)), asked_for=forces is not None
            ),
            missing=missing,
            events=repeats,
        )
