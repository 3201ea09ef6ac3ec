"""Every number of the preprocessing, with its unit, bound and source."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from nwb_autolfads.validation import Settings

HIGHEST_HZ = 1e6

PRESETS: dict[str, dict[str, Any]] = {
    "wimalasena-2022": {},
    "falcon-m1": {
        "notch_hz": (60.0, 180.0, 200.0, 300.0, 400.0),
        "clip_quantile": 0.99,
        "clip_first": True,
        "analysis_rate_hz": 50.0,
        "lowpass_hz": 10.0,
        "crosstalk": "keep",
        "common_artifacts": "keep",
        "spectrum": "keep",
    },
    "rectified": {"rectified": True},
}
"""What each preset sets; everything else is as in `PreprocessingConfig`."""


class PreprocessingConfig(Settings):
    """Settings of `nwb_autolfads.preprocess`.

    The defaults are those of Wimalasena et al. 2022 (J Neural Eng 19 036013) for the rat hindlimb, with exceptions:
    they removed the harmonics 1, 2, 4, 5 and 7 of 60 Hz, here all of the first seven are; and they neither took off
    cross-talk and artifacts that all electrodes see, nor weighted frequencies (`nwb_autolfads.emg.cleaning`). The
    preset ``falcon-m1`` is that of the M1 task of the FALCON benchmark (DANDI 000941), ``rectified`` is for EMG that
    was rectified before. A number that is given goes before that of the preset.
    """

    preset: Literal["wimalasena-2022", "falcon-m1", "rectified"] = Field(
        default="wimalasena-2022", description="Where the numbers that are not given come from."
    )
    rectified: bool | None = Field(
        default=None,
        description="Whether the EMG is rectified already, which skips notch, high-pass and rectification; "
        "none: judged by its negative values, spectrum, rate and description.",
    )
    mains_hz: Literal[50, 60] | None = Field(
        default=None,
        description="Mains frequency (Hz) to remove; none: 50 or 60, whichever stands out of the spectrum, if any.",
    )
    notch_harmonics: int = Field(
        default=7,
        ge=0,
        le=100,
        description="Multiples of the mains frequency removed, itself included; 0 removes nothing.",
    )
    notch_hz: tuple[Annotated[float, Field(gt=0, le=HIGHEST_HZ)], ...] = Field(
        default=(),
        max_length=100,
        strict=False,  # YAML has lists
        description="Frequencies (Hz) to remove instead of multiples of the mains.",
    )
    notch_bandwidth_hz: float = Field(default=2.0, gt=0, le=10, description="Width of each notch at -3 dB (Hz).")
    highpass_hz: float = Field(
        default=65.0, gt=0, le=HIGHEST_HZ, description="Cut-off of the Butterworth high-pass (Hz)."
    )
    highpass_order: int = Field(
        default=4, ge=1, le=10, description="Order of the high-pass; it runs in both directions."
    )
    crosstalk: Literal["remove", "keep"] = Field(
        default="remove",
        description="Whether what an electrode sees of other muscles is taken off, as far as the raw EMG shows it.",
    )
    common_artifacts: Literal["remove", "keep"] = Field(
        default="remove",
        description="Whether artifacts that all electrodes see at once are taken off raw EMG.",
    )
    spectrum: Literal["whiten", "keep"] = Field(
        default="whiten",
        description="Whether the frequencies of raw EMG are weighted by what they tell of its amplitude.",
    )
    analysis_rate_hz: float = Field(
        default=500.0,
        gt=0,
        le=HIGHEST_HZ,
        description="Rate (Hz) after resampling; a recording slower than this keeps its own rate.",
    )
    lowpass_hz: float | None = Field(
        default=None,
        gt=0,
        le=HIGHEST_HZ,
        description="Cut-off (Hz) of a zero-phase Butterworth low-pass of order 4 after resampling; none: no low-pass.",
    )
    clip_first: bool = Field(
        default=False, description="Whether to clip and scale at the recording's own rate, before resampling."
    )
    clip_quantile: float = Field(
        default=0.999, gt=0.5, le=1, description="Quantile of each muscle above which it is clipped."
    )
    scale_quantile: float = Field(
        default=0.95, gt=0, le=1, description="Quantile of each muscle, after clipping, that becomes 1."
    )
    floor: float = Field(
        default=1e-4, gt=0, le=1e-2, description="Smallest value left: a gamma density does not exist at 0."
    )
    saturated_share_limit: float = Field(
        default=0.05, ge=0, le=1, description="A muscle with a larger share of samples at its rails is not usable."
    )
    missing_share_limit: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="A muscle of which more is missing (not finite, or absurdly large) is not usable.",
    )
    mains_share_limit: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="A muscle with more mains in its power above 20 Hz is not usable.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {**PRESETS.get(str(given.get("preset")), {}), **given}
