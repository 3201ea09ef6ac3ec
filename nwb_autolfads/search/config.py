"""The numbers of training, with defaults, bounds and units."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TrainingConfig(BaseModel):
    """How a population is trained. Defaults follow Wimalasena et al. 2022 and Keshtkaran et al. 2022 where they say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: int = Field(1, ge=1, le=1024, description="Models trained side by side.")
    batch_windows: int = Field(64, ge=1, le=65536, description="Windows in a batch.")
    max_epochs: int = Field(40, ge=1, le=100_000, description="Epochs at most.")
    steps_per_epoch: int | None = Field(
        None, ge=1, le=1_000_000, description="Gradient steps in an epoch; unset: one pass over the training windows."
    )
    patience_epochs: int = Field(10, ge=1, description="Stop after so many epochs without improvement.")
    min_improvement: float = Field(5e-4, ge=0, le=1, description="Relative improvement of the score that counts.")
    score_smoothing: float = Field(0.7, gt=0, le=1, description="Share of the newest epoch in the smoothed score.")
    validation_windows: int = Field(
        64, ge=1, le=65536, description="Windows that are scored after each epoch, at most."
    )
    validation_draws: int = Field(4, ge=1, le=1024, description="Fixed draws of what is hidden from each of them.")
    validation_hide_rate: float = Field(0.5, gt=0, lt=1, description="Share hidden in validation, for every member.")

    learning_rate: float = Field(4e-3, gt=0, le=1, description="Adam's learning rate.")
    gradient_norm: float = Field(200.0, gt=0, description="Largest norm of a member's gradient of the scaled loss.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout rate.")
    hide_rate: float = Field(0.5, ge=0, lt=1, description="Share of the elements hidden in training.")
    kl_initial_condition: float = Field(1e-4, ge=0, description="Weight of the initial condition's KL term.")
    kl_inputs: float = Field(1e-4, ge=0, description="Weight of the inferred inputs' KL term.")
    l2_generator: float = Field(1e-4, ge=0, description="L2 penalty on the generator's recurrent weights.")
    l2_controller: float = Field(1e-4, ge=0, description="L2 penalty on the controller's recurrent weights.")
    ramp_start_epoch: int = Field(0, ge=0, description="Epoch at which the KL and L2 terms start to grow.")
    ramp_epochs: int = Field(10, ge=0, description="Epochs over which they grow to their full weight.")
    max_restarts: int = Field(3, ge=0, description="Times a member is restarted after a number that is not finite.")
    threads: int = Field(1, ge=1, le=256, description="CPU threads; small models on a busy machine are fastest with 1.")

    def ramp(self, epoch: int) -> float:
        """Weight in 0..1 of the KL and L2 terms at an epoch (counted from 0)."""
        return min(max((epoch + 1 - self.ramp_start_epoch) / (self.ramp_epochs + 1), 0.0), 1.0)
