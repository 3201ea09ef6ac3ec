"""The numbers of AutoLFADS: model, windows, masking, training, inference; and the presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.search.config import MOST_STEPS, TrainingConfig
from nwb_autolfads.search.renamed import RenamedSettings, warn_of_old_names, with_names_of_today
from nwb_autolfads.validation import DOCUMENT, explained

Preset = Literal["quick", "paper"]
LONGEST_MINUTES = 100_000
MOST_RUNS = 10_000
"""Of the model for each window at inference: masks times posterior samples."""


class AutoLFADSConfig(RenamedSettings):
    """Configuration of the AutoLFADS estimator; every time is in ms, whatever the analysis rate."""

    ic_encoder: int = Field(64, ge=1, le=4096, description="Units of the initial condition's encoder, each direction.")
    ci_encoder: int = Field(64, ge=1, le=4096, description="Units of the controller input's encoder, each direction.")
    initial_condition: int = Field(30, ge=1, le=4096, description="Dimensions of the initial condition.")
    controller: int = Field(64, ge=1, le=4096, description="Units of the controller.")
    inputs: int = Field(3, ge=0, le=4096, description="Inferred inputs; 0: no controller.")
    generator: int = Field(64, ge=1, le=4096, description="Units of the generator.")
    factors: int = Field(10, ge=1, le=4096, description="Latent factors.")

    observation: Literal["gamma", "zero_inflated_gamma", "lognormal", "poisson"] = Field(
        "gamma", description="Distribution of the data: of rectified EMG, or poisson for counts of spikes."
    )
    window_ms: float = Field(200.0, gt=0, le=60_000, description="Length of a window (ms).")
    window_overlap_ms: float = Field(50.0, ge=0, le=60_000, description="Overlap of neighbouring windows (ms).")
    merge_power: float = Field(1.0, gt=0, le=10, description="Exponent of the ramp that merges windows.")
    masking: Literal["blocks", "elements"] = Field(
        "blocks", description="What is masked: blocks of time, or single elements with temporal shift as published."
    )
    block_ms: float | None = Field(
        None, gt=0, le=10_000, description="Length of a masked block (ms); unset: from the noise of the EMG."
    )
    simultaneous_masking: float = Field(
        0.5, ge=0, le=1, description="Share of windows whose muscles are all masked at the same times; masking blocks."
    )
    second_step: bool = Field(
        True, description="Whether predictions are fused with the muscle's own data; masking blocks."
    )
    inference_folds: int = Field(4, ge=2, le=100, description="Parts masked in turn at inference; masking blocks.")
    inference_passes: int = Field(
        2, ge=1, le=1000, description="Passes over them, dealt to the members; masking blocks."
    )
    shift_sd_ms: float = Field(6.0, ge=0, le=1000, description="Spread of the shift (ms), 0: none; masking elements.")
    shift_max_ms: float = Field(12.0, ge=0, le=1000, description="Largest shift (ms); masking elements.")

    input_transform: Literal["logarithmic", "linear"] = Field(
        "logarithmic", description="What the encoders get: the logarithm of the EMG and what is visible, or the EMG."
    )
    ensemble_margin: float = Field(
        0.02, ge=0, le=10, description="Members whose score is within so much of the best (nats) are averaged."
    )
    posterior_samples: int = Field(50, ge=1, le=10_000, description="Posterior samples averaged for each mask.")
    inference_windows: int = Field(256, ge=1, le=65536, description="Windows estimated at once; bounds the memory.")
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _windows_move_on(self) -> Self:
        if self.window_overlap_ms >= self.window_ms:
            raise ValueError(f"window_overlap_ms {self.window_overlap_ms:g} must be less than {self.window_ms:g}")
        return self

    @model_validator(mode="after")
    def _runs_are_not_too_many(self) -> Self:
        runs = self.inference_folds * self.inference_passes * self.posterior_samples
        if runs > MOST_RUNS:
            raise ValueError(
                f"posterior_samples, inference_folds and inference_passes make {runs} runs of the model "
                f"for each window, more than {MOST_RUNS}"
            )
        return self

    @classmethod
    def preset(cls, name: str) -> AutoLFADSConfig:
        """Return a preset: ``quick`` for a laptop, ``paper`` with the sizes and schedule of Wimalasena et al. 2022.

        Raises
        ------
        ConfigError
            If there is none of that name.
        """
        known = {str(key): preset for key, preset in PRESETS.items()}
        if name not in known:
            raise ConfigError(f"preset is {name!r}", obj="AutoLFADS", way_out=f"Use one of {', '.join(known)}.")
        return known[name]

    @classmethod
    def from_settings(cls, preset: str, settings: Mapping[str, Any]) -> AutoLFADSConfig:
        """Return a preset with the numbers that a settings file changes.

        Raises
        ------
        ConfigError
            If there is no such preset or number, or it is out of its range.
        """
        try:
            return cls.preset(preset).with_changes(settings)
        except ValidationError as error:
            problem, way_out = explained(error, cls, "autolfads")
            raise ConfigError(problem, way_out=way_out) from error
        except (ValueError, TypeError) as error:
            raise ConfigError(str(error), way_out=f"See {DOCUMENT}", obj="autolfads") from error

    def with_changes(self, changes: Mapping[str, Any]) -> AutoLFADSConfig:
        """Return the same with some numbers changed, also within parts: ``{"training": {"max_epochs": 20}}``.

        Raises
        ------
        pydantic.ValidationError, ValueError
            If there is no such number, or it is out of its bounds.

        Warns
        -----
        NwbAutolfadsWarning
            Where a number is given under its name of version 0.1.0.
        """
        warn_of_old_names(changes)
        return AutoLFADSConfig.model_validate(_merged(self.model_dump(), with_names_of_today(changes)))

    def observing(self, name: str) -> AutoLFADSConfig:
        """Return the same but for the observation model.

        Raises
        ------
        ConfigError
            If there is no such model.
        """
        from nwb_autolfads.lfads.observations import OBSERVATIONS  # torch takes its time

        if name not in OBSERVATIONS:
            way_out = f"Use one of {', '.join(OBSERVATIONS)}."
            raise ConfigError(f"observation is {name!r}", obj="AutoLFADS", way_out=way_out)
        return self.model_copy(update={"observation": name})

    def lasting(self, minutes: float) -> AutoLFADSConfig:
        """Return the same but for the length of its training, which fills so many minutes.

        Raises
        ------
        ConfigError
            If that is not a time.
        """
        if not 0 < minutes <= LONGEST_MINUTES:
            raise ConfigError(
                f"{minutes:g} minutes of training",
                obj="AutoLFADS",
                way_out=f"Give more than 0, up to {LONGEST_MINUTES}.",
            )
        training = self.training.model_copy(update={"budget_s": 60.0 * minutes, "steps_per_epoch": MOST_STEPS})
        return self.model_copy(update={"training": training})


PRESETS: dict[Preset, AutoLFADSConfig] = {
    "quick": AutoLFADSConfig(
        window_ms=300.0,
        window_overlap_ms=100.0,
        posterior_samples=1,
        inference_folds=3,
        training=TrainingConfig(
            members=4, batch_windows=16, steps_per_epoch=25, max_epochs=20, ramp_epochs=8, decay_epochs=8, budget_s=300
        ),
    ),
    "paper": AutoLFADSConfig(
        masking="elements",
        input_transform="linear",
        ensemble_margin=0,
        training=TrainingConfig(
            members=20,
            batch_windows=256,
            max_epochs=5000,
            burn_in_epochs=105,
            generation_epochs=25,
            ramp_epochs=80,
            validation_windows=256,
        ),
    ),
}


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay changes over a configuration, part by part."""
    both = {
        key: _merged(base[key], value) if isinstance(value, Mapping) and isinstance(base.get(key), Mapping) else value
        for key, value in changes.items()
    }
    return {**base, **both}
