"""The masking that a configuration asks for, and the length of its blocks for a recording."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.windows import bins
from nwb_autolfads.estimators.noise_length import hidden_block_ms
from nwb_autolfads.lfads.masking import MASKINGS, BlockMasking, CoordinatedDropout, Masking, TemporalShift
from nwb_autolfads.segments import Segments

SHORTEST_BLOCK_MS = 20.0
"""Blocks shorter than this are too easy to predict from their edges for a model to learn from them."""


def predicts_masked(settings: AutoLFADSConfig) -> bool:
    """Return whether a model with these settings estimates every bin from masks that kept it from the encoders."""
    return MASKINGS[settings.masking].predicts_masked


def block_length(settings: AutoLFADSConfig, emg: xr.DataArray, segments: Segments) -> float:
    """Give the length (ms) of the masked blocks: longer than the noise of this EMG; 0 where the masking has none."""
    if MASKINGS[settings.masking] is not BlockMasking:
        return 0.0
    if settings.block_ms:
        return settings.block_ms
    rate = float(emg.attrs["rate"])
    if settings.observation == "poisson":  # the noise of counts does not last
        return max(SHORTEST_BLOCK_MS, 1000 / rate)
    return hidden_block_ms(emg.values, segments, rate, shortest=SHORTEST_BLOCK_MS)


def masking_of(settings: AutoLFADSConfig, rate: float, block_ms: float) -> Masking:
    """Make the masking that the configuration names, at a rate (Hz), with blocks of ``block_ms``."""
    makers: dict[type[Masking], Callable[[], Masking]] = {
        BlockMasking: lambda: BlockMasking(
            max(bins(block_ms, rate), 1),
            settings.simultaneous_masking,
            settings.inference_folds,
            settings.inference_passes,
        ),
        CoordinatedDropout: lambda: CoordinatedDropout(
            TemporalShift(settings.shift_sd_ms * rate / 1000, bins(settings.shift_max_ms, rate))
        ),
    }
    return makers[MASKINGS[settings.masking]]()
