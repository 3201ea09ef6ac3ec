"""From rectified EMG to a trained population: what is hidden, the windows, the search, the members that are kept."""

from __future__ import annotations

import json
import os
from typing import Any

import torch
import xarray as xr
from torch import Tensor

from nwb_autolfads.estimators.config import AutoLFADSConfig
from nwb_autolfads.estimators.over_time import bins, block_length, hiding_of, long_segments, padded
from nwb_autolfads.estimators.weights import ModelCard, TrainedModel, sizes_of
from nwb_autolfads.lfads.observation import OBSERVATIONS
from nwb_autolfads.search.budget import keep_to_budget
from nwb_autolfads.search.checkpoint import RunDirectory, fingerprint
from nwb_autolfads.search.pbt import PopulationBasedTraining
from nwb_autolfads.search.population import Population
from nwb_autolfads.search.progress import Progress, ProgressCallback


def train(
    settings: AutoLFADSConfig,
    emg: xr.DataArray,
    seed: int,
    progress: ProgressCallback,
    run_directory: str | os.PathLike[str] | None,
) -> tuple[TrainedModel, list[dict[str, float]]]:
    """Search for models of a recording; see `AutoLFADS.fit`.

    Parameters
    ----------
    settings : AutoLFADSConfig
    emg : DataArray, (time, muscle)
        Usable muscles only.
    seed : int
    progress : callable
    run_directory : path or None

    Returns
    -------
    trained : TrainedModel
        The best members; the configuration that it keeps has the window and the steps that were used.
    history : list of dict
        One row per epoch and member.
    """
    rate = float(emg.attrs["rate"])
    settings = with_windows_of(emg, settings)
    window = bins(settings.window_ms, rate)
    segments = long_segments(emg, window, settings.observation)
    block_ms = block_length(settings, emg, segments)
    hiding = hiding_of(settings, rate, block_ms)
    segments = long_segments(emg, window, settings.observation, margin=hiding.margin)
    parts = [padded(emg[segment], window + 2 * hiding.margin) for segment in segments]
    data = torch.cat(parts)

    def new_population() -> Population:
        return Population(
            data=data,
            segment_bins=[len(part) for part in parts],
            window=window,
            sizes=sizes_of(settings, emg.sizes["muscle"]),
            observation=OBSERVATIONS[settings.observation](),
            hiding=hiding,
            config=settings.training,
            seed=seed,
        )

    population = new_population()
    search = PopulationBasedTraining(population, settings.training, torch.Generator().manual_seed(seed))
    directory = None if run_directory is None else RunDirectory(run_directory, _said(settings, seed, data))
    resumed = directory is not None and directory.restore(population, search)
    if settings.training.budget_s is not None:
        if not resumed:
            progress(_plan(population, keep_to_budget(population, new_population())))
        used = settings.training.model_copy(update={"steps_per_epoch": population.steps_per_epoch})
        settings = settings.model_copy(update={"training": used})
    if directory is None:
        search.run(progress)
    else:
        search.run(progress, keep=lambda: directory.save(population, search))
    members = population.best_members(settings.ensemble_margin)
    card = ModelCard(
        muscles=tuple(emg["muscle"].values.tolist()),
        rate=rate,
        seed=seed,
        config=settings,
        trained_on=emg.attrs.get("origin", ""),
        scores=tuple(population.best_score[members].tolist()),
        block_ms=block_ms,
    )
    return TrainedModel(card, population.best_models(members)), population.history


def with_windows_of(emg: xr.DataArray, settings: AutoLFADSConfig) -> AutoLFADSConfig:
    """Let windows be as long as the longest trial, where the EMG is cut into trials (`cut_trials`)."""
    longest = emg.attrs.get("trial_ms")
    if longest is None:
        return settings
    overlap = min(settings.window_overlap_ms, longest / 2)
    changed: dict[str, Any] = {"window_ms": float(longest), "window_overlap_ms": float(overlap)}
    return AutoLFADSConfig.model_validate(settings.model_dump() | changed)


def _said(settings: AutoLFADSConfig, seed: int, data: Tensor) -> str:
    """Say what a run is; only the same run can go on."""
    run = {"config": settings.model_dump(), "seed": seed, "data": fingerprint(data)}
    return json.dumps(run, indent=1)


def _plan(population: Population, seconds: float) -> Progress:
    config, steps = population.config, population.steps_per_epoch
    models = "1 model" if config.members == 1 else f"{config.members} models"
    message = f"Training {models} for {config.max_epochs} epochs of {steps} steps, "
    message += f"about {seconds:.0f} s (budget {config.budget_s:.0f} s)"
    return Progress(0, config.max_epochs, torch.inf, torch.inf, elapsed_s=0.0, left_s=seconds, message=message)
