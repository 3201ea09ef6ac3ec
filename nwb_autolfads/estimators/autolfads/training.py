"""From rectified EMG to trained models: the population, its search, the members that are kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from nwb_autolfads.estimators.autolfads.card import ModelCard
from nwb_autolfads.estimators.autolfads.prepared import Prepared
from nwb_autolfads.estimators.autolfads.weights import TrainedModel, sizes_of
from nwb_autolfads.estimators.autolfads.windows import bins
from nwb_autolfads.lfads.observations import OBSERVATIONS
from nwb_autolfads.search.budget import keep_to_budget
from nwb_autolfads.search.checkpoint import CONFIG, HISTORY, STATE, RunDirectory, fingerprint
from nwb_autolfads.search.engines.placement import Placement
from nwb_autolfads.search.engines.population import Population
from nwb_autolfads.search.pbt import PopulationBasedTraining
from nwb_autolfads.search.progress import Progress, ProgressCallback

KEPT = (STATE, HISTORY, CONFIG)
"""Files of a run directory."""


@dataclass
class Training:
    """A search for models of one or several sessions.

    Attributes
    ----------
    prepared : Prepared
    seed : int
    engine : Population
    search : PopulationBasedTraining
    """

    prepared: Prepared
    seed: int
    engine: Population
    search: PopulationBasedTraining

    @classmethod
    @contextmanager
    def of(cls, prepared: Prepared, seed: int, placement: Placement) -> Iterator[Training]:
        """Yield a population that has learnt nothing yet of what is prepared; what trains it is let go at the end."""
        settings = prepared.settings
        learning = (
            prepared.sessions,
            bins(settings.window_ms, prepared.rate),
            sizes_of(settings, [len(s.channels) for s in prepared.sessions], prepared.components),
            OBSERVATIONS[settings.observation](),
            prepared.masking,
            settings.training,
            seed,
        )
        with placement.engine_for(*learning) as engine:
            search = PopulationBasedTraining(engine, settings.training, torch.Generator().manual_seed(seed))
            yield cls(prepared, seed, engine, search)

    def run(self, progress: ProgressCallback, run_directory: str | os.PathLike[str] | None = None) -> None:
        """Train to the end, from where the run directory is if it holds this run."""
        directory = None if run_directory is None else RunDirectory(run_directory, self._description())
        resumed = directory is not None and directory.restore(self.engine, self.search)
        training = self.prepared.settings.training
        if self.prepared.are_trials:
            progress(_told(self.engine, self.prepared.windows_of_trials()))
        if training.budget_s is not None and not resumed:
            seconds = keep_to_budget(self.engine, training.max_epochs, training.budget_s)
            progress(_plan(self.engine, seconds, training.budget_s))
        if directory is None:
            self.search.run(progress)
        else:
            self.search.run(progress, keep=lambda: directory.save(self.engine, self.search))

    def best(self) -> TrainedModel:
        """Give the best members so far; the configuration that they keep says the steps that were used."""
        settings, engine = self.prepared.settings, self.engine
        if settings.training.budget_s is not None:
            used = settings.training.model_copy(update={"steps_per_epoch": engine.steps_per_epoch})
            settings = settings.model_copy(update={"training": used})
        members = engine.best_members(settings.ensemble_margin)
        card = ModelCard(
            sessions=self.prepared.cards(),
            seed=self.seed,
            config=settings,
            scores=tuple(engine.best_score[members].tolist()),
            block_ms=self.prepared.block_ms,
            components=self.prepared.components,
            started_from=self.prepared.started_from,
        )
        return TrainedModel(card, engine.best_models(members))

    def _description(self) -> str:
        """Describe the run; only the same run can go on."""
        run: dict[str, Any] = {"config": self.prepared.settings.model_dump(), "seed": self.seed}
        data = [fingerprint(session.data) for session in self.prepared.sessions]
        run["data"] = data[0] if len(data) == 1 else dict(zip(self.prepared.emgs, data, strict=True))
        return json.dumps(run, indent=1)


def _plan(engine: Population, seconds: float, budget_s: float) -> Progress:
    config, steps, sessions = engine.config, engine.steps_per_epoch, len(engine.windows.sessions)
    models = "1 model" if config.members == 1 else f"{config.members} models"
    message = f"Training {models} for {config.max_epochs} epochs of {steps} steps"
    message += f" for each of {sessions} sessions" if sessions > 1 else ""
    message += f", about {seconds:.0f} s (budget {budget_s:.0f} s)"
    return _told(engine, message, seconds)


def _told(engine: Population, message: str, left_s: float = torch.inf) -> Progress:
    return Progress(0, engine.config.max_epochs, torch.inf, torch.inf, elapsed_s=0.0, left_s=left_s, message=message)
