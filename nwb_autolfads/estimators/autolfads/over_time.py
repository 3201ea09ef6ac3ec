"""A trained model over a whole recording: its windows in, one series in time out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn

from nwb_autolfads.errors import SignalError
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.correction import Correction
from nwb_autolfads.estimators.autolfads.weights import TrainedModel
from nwb_autolfads.estimators.noise_length import hidden_block_ms, noise_length
from nwb_autolfads.lfads.inference import Posterior, infer
from nwb_autolfads.lfads.masking import Blocks, Elements, Hiding, View
from nwb_autolfads.lfads.observation import OBSERVATIONS, Name
from nwb_autolfads.lfads.windows import chop, merge, window_starts
from nwb_autolfads.segments import Segments

SHORTEST_BLOCK_MS = 20.0
"""Blocks shorter than this are too easy to predict from their edges for a model to learn from them."""
SHORTEST_SHARE = 0.25
"""Of a window: in shorter segments there is too little around a bin to predict it from."""
Views = Callable[[Tensor, Sequence[int]], Iterable[View]]
"""From windows (T, B, N), and the bins of the recording that each starts at, to the views to average over."""


@dataclass(frozen=True)
class OverTime:
    """What a model infers along a recording.

    Attributes
    ----------
    series : dict of str to ndarray, each (time, ...)
        The fields of `Posterior` but for the initial condition, merged over windows; NaN in segments that are too
        short.
    initial_condition : ndarray, (window, ic)
    window_start : ndarray, (window,)
        Times (s, session clock).
    """

    series: dict[str, NDArray[np.float32]]
    initial_condition: NDArray[np.float32]
    window_start: NDArray[np.float64]


def posterior_over_time(trained: TrainedModel, emg: xr.DataArray, views: Views, random: torch.Generator) -> OverTime:
    """Infer in overlapping windows and merge them, each gap-free segment apart.

    Parameters
    ----------
    trained : TrainedModel
    emg : DataArray, (time, muscle)
        The muscles of the model, in its order.
    views : callable
        What is hidden in each window.
    random : torch.Generator

    Returns
    -------
    OverTime

    Raises
    ------
    SignalError
        If a value cannot be an observation, or no segment is long enough.
    """
    settings, rate = trained.card.config, trained.card.rate
    window, overlap = bins(settings.window_ms, rate), bins(settings.window_overlap_ms, rate)
    observation = OBSERVATIONS[settings.observation]()
    series: dict[str, NDArray[np.float32]] = {}
    initial_conditions, window_start = [], []
    for segment in long_segments(emg, window, settings.observation):
        data, length = padded(emg[segment.rows], window), segment.n_samples
        starts = window_starts(len(data), window, overlap)
        batches = []
        for i in range(0, len(starts), settings.inference_windows):
            some = starts[i : i + settings.inference_windows]
            windows = chop(data, some, window)
            seen = views(windows, [segment.first_sample + start for start in some])
            samples = settings.posterior_samples
            batches.append(infer(trained.model, observation, windows, seen, samples=samples, random=random))
        # windows are the last axis but one everywhere
        posterior = Posterior(*(torch.cat(parts, dim=-2) for parts in zip(*batches, strict=True)))._asdict()
        initial_conditions.append(posterior.pop("initial_condition"))
        window_start.append(emg["time"].values[segment.rows][starts])
        for name, values in posterior.items():
            merged = merge(values, starts, settings.merge_power)[:length].numpy()
            whole = series.setdefault(name, np.full((emg.sizes["time"], merged.shape[1]), np.nan, np.float32))
            whole[segment.rows] = merged
    return OverTime(series, torch.cat(initial_conditions).numpy(), np.concatenate(window_start))


def corrected(
    trained: TrainedModel,
    emg: xr.DataArray,
    predicted: NDArray[np.float32],
    hidden: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Correct a prediction of the model's muscles by their own data, but for ``hidden`` bins (time,).

    Returns
    -------
    activation, expected_error : ndarray, (time, muscle)
        None instead where bins were not hidden in blocks, the configuration asks for no correction, or the data are
        counts, each of which says too little.
    """
    settings, rate = trained.card.config, trained.card.rate
    if settings.masking != "blocks" or not settings.correction_ms or settings.observation == "poisson":
        return None
    segments = long_segments(emg, bins(settings.window_ms, rate), settings.observation)
    correction = Correction(settings.correction_ms * rate / 1000, settings.prediction_weight_ms * rate / 1000)
    activation = correction.apply(emg.values, predicted, segments, hidden)
    noise = max(1, bins(noise_length(emg.values, segments, rate), rate))
    return activation, activation * correction.relative_error(emg.values, predicted, segments, noise)


def block_length(settings: AutoLFADSConfig, emg: xr.DataArray, segments: Segments) -> float:
    """Give the length (ms) of the blocks that are hidden: longer than the noise of this EMG; 0 where none are."""
    if settings.masking != "blocks":
        return 0.0
    if settings.block_ms:
        return settings.block_ms
    rate = float(emg.attrs["rate"])
    if settings.observation == "poisson":  # the noise of counts does not last
        return max(SHORTEST_BLOCK_MS, 1000 / rate)
    return hidden_block_ms(emg.values, segments, rate, shortest=SHORTEST_BLOCK_MS)


def hiding_of(settings: AutoLFADSConfig, rate: float, block_ms: float) -> Hiding:
    """Make what the configuration says is hidden, at a rate (Hz); blocks of ``block_ms``."""
    if settings.masking == "elements":
        return Elements(settings.shift_sd_ms * rate / 1000, bins(settings.shift_max_ms, rate))
    block = max(bins(block_ms, rate), 1)
    return Blocks(block, settings.together, settings.inference_folds, settings.inference_passes)


def bins(ms: float, rate: float) -> int:
    """Turn ms into bins at a rate (Hz)."""
    return round(ms * rate / 1000)


def padded(emg: xr.DataArray, at_least: int) -> Tensor:
    """Return the values, float32 (time, muscle), with nothing known (NaN) after their end up to a window's length."""
    values = torch.from_numpy(np.ascontiguousarray(emg.values, dtype=np.float32))
    return nn.functional.pad(values, (0, 0, 0, max(at_least - len(values), 0)), value=torch.nan)


def unfit(emg: xr.DataArray, problem: str, way_out: str) -> SignalError:
    """Return an error that names where the EMG comes from."""
    origin = json.loads(emg.attrs.get("origin", "{}"))
    return SignalError(problem, file=origin.get("file", ""), obj=origin.get("object_path", ""), way_out=way_out)


def long_segments(emg: xr.DataArray, window: int, observation: Name, *, margin: int = 0) -> Segments:
    """Find the gap-free segments that are long enough, in data that a model with this observation can take.

    NaN is what is missing: it is neither learnt from nor counted. One segment at least must be as long as a window with
    its margins; others are used from a quarter of that on (`SHORTEST_SHARE`).

    Raises
    ------
    SignalError
        If there is none, no muscle is left, nothing of a muscle is known, or a value is infinite, negative, or zero
        where the observation has no zeros.
    """
    if not emg.sizes["muscle"]:
        raise unfit(emg, "no muscle is usable", "Run `nwb-autolfads inspect` to see why.")
    zeros = OBSERVATIONS[observation].has_zeros
    bad = np.isinf(emg.values) | (emg.values < 0 if zeros else emg.values <= 0)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise unfit(
            emg,
            f"{bad.sum()} values are infinite or {'negative' if zeros else 'not positive'}, the first is "
            f"{emg.values[row, column]} for muscle "
            f"{emg['muscle'].values[column]} at {float(emg['time'].values[row]):.3f} s",
            "Preprocess the EMG first: it is rectified and floored there.",
        )
    unknown = emg["muscle"].values[np.isnan(emg.values).all(axis=0)]
    if len(unknown):
        raise unfit(emg, f"muscle {unknown[0]} has no value at all (NaN)", "Mark it as unusable.")
    segments, at_least = Segments.of(emg), window + 2 * margin
    longest = max(segments.lengths, default=0)
    if longest < at_least:
        rate = float(emg.attrs["rate"])
        raise unfit(
            emg,
            f"the longest segment without a gap is {longest / rate:.3f} s, shorter than one window of "
            f"{at_least / rate:.3f} s",
            "Give a longer recording, or a shorter `window_ms` in the configuration.",
        )
    return segments.at_least(SHORTEST_SHARE * at_least)
