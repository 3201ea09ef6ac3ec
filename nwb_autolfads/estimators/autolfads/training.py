"""From rectified EMG to trained models: what is hidden, the windows, the search, the members that are kept."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import torch
import xarray as xr
from torch import Tensor

from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.over_time import bins, block_length, hiding_of, long_segments, padded
from nwb_autolfads.estimators.autolfads.weights import ModelCard, TrainedModel, sizes_of
from nwb_autolfads.lfads.observation import OBSERVATIONS
from nwb_autolfads.search.budget import keep_to_budget
from nwb_autolfads.search.checkpoint import RunDirectory, fingerprint
from nwb_autolfads.search.engines.local import Population
from nwb_autolfads.search.pbt import PopulationBasedTraining
from nwb_autolfads.search.progress import Progress, ProgressCallback


@dataclass
class Training:
    """A search for models of one recording.

    Attributes
    ----------
    settings : AutoLFADSConfig
        With the length of window that is used.
    seed : int
    emg : DataArray, (time, muscle)
        Usable muscles only.
    block_ms : float
        Length of hidden blocks, 0 where there are none.
    data : Tensor, (bins, muscle)
        The segments that are long enough, one after the other.
    population : Population
    search : PopulationBasedTraining
    """

    settings: AutoLFADSConfig
    seed: int
    emg: xr.DataArray
    block_ms: float
    data: Tensor
    population: Population
    search: PopulationBasedTraining

    @classmethod
    def prepare(cls, settings: AutoLFADSConfig, emg: xr.DataArray, seed: int) -> Training:
        """Make a population that has learnt nothing yet; see `AutoLFADS.fit` for what is raised."""
        rate = float(emg.attrs["rate"])
        settings = _with_windows_of(emg, settings)
        window = bins(settings.window_ms, rate)
        segments = long_segments(emg, window, settings.observation)
        block_ms = block_length(settings, emg, segments)
        hiding = hiding_of(settings, rate, block_ms)
        segments = long_segments(emg, window, settings.observation, margin=hiding.margin)
        parts = [padded(emg[rows], window + 2 * hiding.margin) for rows in segments.slices]
        data = torch.cat(parts)
        population = Population(
            data=data,
            segment_bins=[len(part) for part in parts],
            window=window,
            sizes=sizes_of(settings, emg.sizes["muscle"]),
            observation=OBSERVATIONS[settings.observation](),
            hiding=hiding,
            config=settings.training,
            seed=seed,
        )
        search = PopulationBasedTraining(population, settings.training, torch.Generator().manual_seed(seed))
        return cls(settings, seed, emg, block_ms, data, population, search)

    def run(self, progress: ProgressCallback, run_directory: str | os.PathLike[str] | None = None) -> None:
        """Train to the end, from where the run directory is if it holds this run."""
        directory = None if run_directory is None else RunDirectory(run_directory, self._said())
        resumed = directory is not None and directory.restore(self.population, self.search)
        budget_s = self.settings.training.budget_s
        if budget_s is not None and not resumed:
            probe = Training.prepare(self.settings, self.emg, self.seed).population
            progress(_plan(self.population, keep_to_budget(self.population, probe, budget_s), budget_s))
        if directory is None:
            self.search.run(progress)
        else:
            self.search.run(progress, keep=lambda: directory.save(self.population, self.search))

    def best(self) -> TrainedModel:
        """Give the best members so far; the configuration that they keep says the steps that were used."""
        settings, population = self.settings, self.population
        if settings.training.budget_s is not None:
            used = settings.training.model_copy(update={"steps_per_epoch": population.steps_per_epoch})
            settings = settings.model_copy(update={"training": used})
        members = population.best_members(settings.ensemble_margin)
        card = ModelCard(
            muscles=tuple(self.emg["muscle"].values.tolist()),
            rate=float(self.emg.attrs["rate"]),
            seed=self.seed,
            config=settings,
            trained_on=self.emg.attrs.get("origin", ""),
            scores=tuple(population.best_score[members].tolist()),
            block_ms=self.block_ms,
        )
        return TrainedModel(card, population.best_models(members))

    def _said(self) -> str:
        """Say what the run is; only the same run can go on."""
        run = {"config": self.settings.model_dump(), "seed": self.seed, "data": fingerprint(self.data)}
        return json.dumps(run, indent=1)


def _with_windows_of(emg: xr.DataArray, settings: AutoLFADSConfig) -> AutoLFADSConfig:
    """Let windows be as long as the longest trial, where the EMG is cut into trials (`cut_trials`)."""
    longest = emg.attrs.get("trial_ms")
    if longest is None:
        return settings
    overlap = min(settings.window_overlap_ms, longest / 2)
    changed: dict[str, Any] = {"window_ms": float(longest), "window_overlap_ms": float(overlap)}
    return AutoLFADSConfig.model_validate(settings.model_dump() | changed)


def _plan(population: Population, seconds: float, budget_s: float) -> Progress:
    config, steps = population.config, population.steps_per_epoch
    models = "1 model" if config.members == 1 else f"{config.members} models"
    message = f"Training {models} for {config.max_epochs} epochs of {steps} steps, "
    message += f"about {seconds:.0f} s (budget {budget_s:.0f} s)"
    return Progress(0, config.max_epochs, torch.inf, torch.inf, elapsed_s=0.0, left_s=seconds, message=message)
