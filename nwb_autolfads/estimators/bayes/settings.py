"""The settings of the Bayesian filter, with their bounds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nwb_autolfads.validation import Settings

Observation = Literal["laplace", "gauss"]
Transition = Literal["exact", "euler"]
Amplitudes = Literal["logarithmic", "linear"]


class BayesianFilterSettings(Settings):
    """Settings of `BayesianFilter`."""

    observation: Observation = Field("laplace", description="Distribution of the EMG around zero.")
    diffusion: float | None = Field(
        None,
        ge=0,
        le=1e6,
        description="How fast the logarithm of the amplitude (or, for `linear`, the scaled amplitude) spreads; "
        "nothing: the likeliest of each muscle.",
        json_schema_extra={"unit": "squared per s"},
    )
    jump: float | None = Field(
        None,
        ge=0,
        le=1e6,
        description="Jumps to anywhere; nothing: the likeliest of each muscle.",
        json_schema_extra={"unit": "per s"},
    )
    temper: float | None = Field(
        None,
        gt=0,
        le=100,
        description="Power of the likelihood of a bin: 1, every bin is news, as published; nothing: from the strength "
        "of each muscle's noise, which lasts longer than a bin.",
    )
    grid: int = Field(100, ge=3, le=2000, description="Number of amplitudes.")
    smooth: bool = Field(
        False, description="Whether each bin knows the future too; true in a run from the command line."
    )
    estimate: Literal["mean", "mode"] = Field("mean", description="What of the posterior is the activation.")
    amplitudes: Amplitudes = Field("logarithmic", description="What is equally spaced, diffuses and jumps.")
    transition: Transition = Field("exact", description="Matrix exponential, or the published explicit Euler step.")
