"""The settings of low-pass estimators and Wiener smoother, with their bounds: what classes and a settings file take."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nwb_autolfads.validation import MAX_SEED, Settings

Method = Literal["pca", "nmf"]


class LowPassSettings(Settings):
    """Settings of `LowPass`."""

    cutoff: Annotated[float, Field(ge=0.01, le=100_000)] | Literal["auto"] = Field(
        20.0,
        description="Cutoff of the low-pass; `auto`: the one that agrees best with the Wiener smoother.",
        json_schema_extra={"unit": "Hz"},
    )
    order: int = Field(4, ge=1, le=12, description="Order of the Butterworth filter, which runs both ways.")
    block_ms: float | None = Field(None, gt=0, le=10_000, description="Of version 0.1.0; not used any more.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Of version 0.1.0; not used any more.")


class LowPassSubspaceSettings(LowPassSettings):
    """Settings of `LowPassSubspace`."""

    components: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = Field(
        "auto",
        description="Dimensions kept, no more than usable muscles; `auto`: what agrees best with the Wiener smoother.",
    )
    method: Method = Field("pca", description="Principal components, or non-negative synergies.")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Starts the synergies; otherwise that of the run.")


class WienerSmootherSettings(Settings):
    """Settings of `WienerSmoother`."""

    window_ms: float = Field(
        512.0, ge=100, le=10_000, description="Length of the windows of spectra, and of the filter (ms)."
    )
    highest_hz: float = Field(
        45.0, gt=0, le=250, description="What is faster is noise.", json_schema_extra={"unit": "Hz"}
    )
    noise: float = Field(1.15, gt=0, le=100, description="Factor on the noise that is found; above 1 it is smoother.")
