"""The numbers of training and of the search, with defaults, bounds and units."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from nwb_autolfads.search.renamed import RenamedSettings

MOST_STEPS = 1_000_000


class SearchRange(RenamedSettings):
    """Where one hyperparameter starts, and where the search may take it.

    Exploring moves it by a random factor: ``log(value + offset)`` changes by a uniform draw from +-log(1 + explore), so
    that up and down are equally likely; a positive offset lets a value leave 0.
    """

    start: float = Field(ge=0, description="Value of the first member, and of all members unless they are spread.")
    low: float = Field(ge=0, description="Smallest value.")
    high: float = Field(ge=0, description="Largest value.")
    spread: bool = Field(False, description="Members after the first start anywhere in the range, log-uniformly.")
    explore: float = Field(0.3, ge=0, le=10, description="Largest relative change in one exploration.")
    offset: float = Field(0.0, ge=0, description="Added before the logarithm is taken.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.start <= self.high:
            raise ValueError(f"start {self.start} must lie in {self.low}..{self.high}")
        if self.low + self.offset <= 0 and (self.spread or self.explore):
            raise ValueError("low + offset must be positive where a value is spread or explored")
        return self


class SearchSpace(RenamedSettings):
    """Hyperparameters of each member; starts, ranges and widths as published (Keshtkaran et al. 2022)."""

    learning_rate: SearchRange = Field(
        SearchRange(start=4e-3, low=1e-5, high=5e-3), description="Adam's learning rate."
    )
    dropout: SearchRange = Field(
        SearchRange(start=0.05, low=0, high=0.6, spread=True, offset=0.05), description="Dropout rate."
    )
    mask_rate: SearchRange = Field(
        SearchRange(start=0.5, low=0.01, high=0.7), description="Share of the data that is masked in training."
    )
    kl_initial_condition: SearchRange = Field(
        SearchRange(start=1e-4, low=1e-6, high=1e-3, spread=True, explore=0.8),
        description="Weight of the initial condition's KL term.",
    )
    kl_inputs: SearchRange = Field(
        SearchRange(start=1e-4, low=1e-6, high=1e-4, spread=True, explore=0.8),
        description="Weight of the inferred inputs' KL term.",
    )
    l2_generator: SearchRange = Field(
        SearchRange(start=1e-4, low=1e-4, high=1, spread=True, explore=0.8),
        description="L2 penalty on the generator's recurrent weights.",
    )
    l2_controller: SearchRange = Field(
        SearchRange(start=1e-4, low=1e-4, high=1, spread=True, explore=0.8),
        description="L2 penalty on the controller's recurrent weights.",
    )


class TrainingConfig(RenamedSettings):
    """How a population is trained. Defaults follow Wimalasena et al. 2022 and Keshtkaran et al. 2022 where they say."""

    members: int = Field(1, ge=1, le=1024, description="Models trained side by side.")
    batch_windows: int = Field(64, ge=1, le=65536, description="Windows in a batch.")
    max_epochs: int = Field(40, ge=1, le=100_000, description="Epochs at most.")
    steps_per_epoch: int | None = Field(
        None,
        ge=1,
        le=MOST_STEPS,
        description="Gradient steps in an epoch, for each session; unset: one pass over the training windows.",
    )
    budget_s: float | None = Field(
        None, gt=0, le=1e7, description="Time (s) for training: epochs have fewer steps where they would take longer."
    )
    burn_in_epochs: int = Field(10, ge=0, description="Epochs before members are compared for the first time.")
    generation_epochs: int = Field(2, ge=1, description="Epochs between comparisons after that.")
    patience_generations: int = Field(4, ge=1, description="Stop after so many generations without improvement.")
    min_improvement: float = Field(5e-4, ge=0, le=1, description="Relative improvement of the score that counts.")
    score_smoothing: float = Field(0.7, gt=0, le=1, description="Share of the newest epoch in the smoothed score.")
    validation_windows: int = Field(
        64, ge=1, le=65536, description="Windows that are scored after each epoch, at most."
    )
    validation_draws: int = Field(4, ge=1, le=1024, description="Fixed masks of each of them.")
    validation_mask_rate: float = Field(0.5, gt=0, lt=1, description="Share masked in validation, for every member.")
    gradient_norm: float = Field(200.0, gt=0, description="Largest norm of a member's gradient of the scaled loss.")
    ramp_start_epoch: int = Field(0, ge=0, description="Epoch at which the KL and L2 terms start to grow.")
    ramp_epochs: int = Field(10, ge=0, description="Epochs over which they grow to their full weight.")
    decay_epochs: int = Field(
        0, ge=0, description="Last epochs, over which the learning rate falls linearly towards 0."
    )
    max_restarts: int = Field(3, ge=0, description="Times a member is restarted after a number that is not finite.")
    threads: int = Field(1, ge=1, le=256, description="CPU threads; small models on a busy machine are fastest with 1.")
    space: SearchSpace = Field(SearchSpace(), description="Hyperparameters that members may have of their own.")

    @model_validator(mode="after")
    def _ramps_end_before_the_first_comparison(self) -> Self:
        if self.burn_in_epochs < self.ramp_start_epoch + self.ramp_epochs:
            raise ValueError(
                f"burn_in_epochs {self.burn_in_epochs} must reach the end of the ramp at epoch "
                f"{self.ramp_start_epoch + self.ramp_epochs}: scores along a ramp say little about its end"
            )
        return self

    def ramp(self, epoch: int) -> float:
        """Weight in 0..1 of the KL and L2 terms at an epoch (counted from 0)."""
        return min(max((epoch + 1 - self.ramp_start_epoch) / (self.ramp_epochs + 1), 0.0), 1.0)

    def decay(self, epoch: int) -> float:
        """Factor in 0..1 of the learning rate at an epoch (counted from 0)."""
        return min((self.max_epochs - epoch) / (self.decay_epochs + 1), 1.0)
