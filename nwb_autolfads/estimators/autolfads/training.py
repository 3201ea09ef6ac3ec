"""From rectified EMG to trained models: the masking, the windows, the search, the members that are kept."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import torch
import xarray as xr
from torch import Tensor

from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.masking import block_length, masking_of
from nwb_autolfads.estimators.autolfads.weights import ModelCard, TrainedModel, sizes_of
from nwb_autolfads.estimators.autolfads.windows import bins, long_segments, padded
from nwb_autolfads.lfads.observations import OBSERVATIONS
from nwb_autolfads.search.budget import keep_to_budget
from nwb_autolfads.search.checkpoint import CONFIG, HISTORY, STATE, RunDirectory, fingerprint
from nwb_autolfads.search.engines.local import LocalEngine
from nwb_autolfads.search.pbt import PopulationBasedTraining
from nwb_autolfads.search.progress import Progress, ProgressCallback
from nwb_autolfads.segments import FEWEST_TRIALS, Segments

KEPT = (STATE, HISTORY, CONFIG)
"""Files of a run directory."""


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
        Length of masked blocks, 0 where there are none.
    data : Tensor, (bins, muscle)
        The segments that are long enough, one after the other.
    engine : LocalEngine
    search : PopulationBasedTraining
    """

    settings: AutoLFADSConfig
    seed: int
    emg: xr.DataArray
    block_ms: float
    data: Tensor
    engine: LocalEngine
    search: PopulationBasedTraining

    @classmethod
    def prepare(cls, settings: AutoLFADSConfig, emg: xr.DataArray, seed: int) -> Training:
        """Make a population that has learnt nothing yet; see `AutoLFADS.fit` for what is raised."""
        rate = float(emg.attrs["rate"])
        emg = _short_segments_as_trials(emg, settings)
        settings = _with_windows_of(emg, settings)
        window = bins(settings.window_ms, rate)
        segments = long_segments(emg, window, settings.observation)
        block_ms = block_length(settings, emg, segments)
        masking = masking_of(settings, rate, block_ms)
        # A trial is a window: what the shift finds beyond it is not known.
        beyond = masking.margin if _are_trials(emg) else 0
        segments = long_segments(emg, window, settings.observation, margin=masking.margin - beyond)
        parts = [padded(emg[rows], window + 2 * masking.margin, before=beyond) for rows in segments.slices]
        data = torch.cat(parts)
        engine = LocalEngine(
            data=data,
            segment_bins=[len(part) for part in parts],
            window=window,
            sizes=sizes_of(settings, emg.sizes["muscle"]),
            observation=OBSERVATIONS[settings.observation](),
            masking=masking,
            config=settings.training,
            seed=seed,
        )
        search = PopulationBasedTraining(engine, settings.training, torch.Generator().manual_seed(seed))
        return cls(settings, seed, emg, block_ms, data, engine, search)

    def run(self, progress: ProgressCallback, run_directory: str | os.PathLike[str] | None = None) -> None:
        """Train to the end, from where the run directory is if it holds this run."""
        directory = None if run_directory is None else RunDirectory(run_directory, self._description())
        resumed = directory is not None and directory.restore(self.engine, self.search)
        budget_s = self.settings.training.budget_s
        if _are_trials(self.emg):
            progress(_told(self.engine, _windows_of_trials(self.emg, self.settings, self.engine.masking.margin)))
        if budget_s is not None and not resumed:
            probe = Training.prepare(self.settings, self.emg, self.seed).engine
            epochs = self.settings.training.max_epochs
            progress(_plan(self.engine, keep_to_budget(self.engine, probe, epochs, budget_s), budget_s))
        if directory is None:
            self.search.run(progress)
        else:
            self.search.run(progress, keep=lambda: directory.save(self.engine, self.search))

    def best(self) -> TrainedModel:
        """Give the best members so far; the configuration that they keep says the steps that were used."""
        settings, engine = self.settings, self.engine
        if settings.training.budget_s is not None:
            used = settings.training.model_copy(update={"steps_per_epoch": engine.steps_per_epoch})
            settings = settings.model_copy(update={"training": used})
        members = engine.best_members(settings.ensemble_margin)
        card = ModelCard(
            muscles=tuple(self.emg["muscle"].values.tolist()),
            rate=float(self.emg.attrs["rate"]),
            seed=self.seed,
            config=settings,
            trained_on=self.emg.attrs.get("origin", ""),
            scores=tuple(engine.best_score[members].tolist()),
            block_ms=self.block_ms,
        )
        return TrainedModel(card, engine.best_models(members))

    def _description(self) -> str:
        """Describe the run; only the same run can go on."""
        run = {"config": self.settings.model_dump(), "seed": self.seed, "data": fingerprint(self.data)}
        return json.dumps(run, indent=1)


def _are_trials(emg: xr.DataArray) -> bool:
    return "trial_ms" in emg.attrs


def _short_segments_as_trials(emg: xr.DataArray, settings: AutoLFADSConfig) -> xr.DataArray:
    """Take what was recorded between gaps for trials, where there are many and none is as long as a window."""
    segments = Segments.of(emg)
    if _are_trials(emg) or len(segments) < FEWEST_TRIALS:
        return emg
    longest_ms = 1000 * segments.longest.n_samples / segments.rate
    return emg if longest_ms >= settings.window_ms else emg.assign_attrs(trial_ms=longest_ms, between_gaps=True)


def _with_windows_of(emg: xr.DataArray, settings: AutoLFADSConfig) -> AutoLFADSConfig:
    """Let windows be as long as the longest trial, where the EMG is cut into trials (`cut_trials`)."""
    if not _are_trials(emg):
        return settings
    longest = float(emg.attrs["trial_ms"])
    overlap = min(settings.window_overlap_ms, longest / 2)
    changed: dict[str, Any] = {"window_ms": longest, "window_overlap_ms": float(overlap)}
    return AutoLFADSConfig.model_validate(settings.model_dump() | changed)


def _windows_of_trials(emg: xr.DataArray, settings: AutoLFADSConfig, margin: int) -> str:
    what = "what was recorded between gaps, up to" if "between_gaps" in emg.attrs else "the trials,"
    message = f"Windows are {what} {settings.window_ms:g} ms, whatever window_ms says"
    return f"{message}; what is shifted in from beyond them counts as missing" if margin else message


def _plan(engine: LocalEngine, seconds: float, budget_s: float) -> Progress:
    config, steps = engine.config, engine.steps_per_epoch
    models = "1 model" if config.members == 1 else f"{config.members} models"
    message = f"Training {models} for {config.max_epochs} epochs of {steps} steps, "
    message += f"about {seconds:.0f} s (budget {budget_s:.0f} s)"
    return _told(engine, message, seconds)


def _told(engine: LocalEngine, message: str, left_s: float = torch.inf) -> Progress:
    return Progress(0, engine.config.max_epochs, torch.inf, torch.inf, elapsed_s=0.0, left_s=left_s, message=message)
