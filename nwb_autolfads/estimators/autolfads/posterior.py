"""A trained model over a whole recording: its windows in, one series in time out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from nwb_autolfads.estimators.autolfads.weights import TrainedModel
from nwb_autolfads.estimators.autolfads.windows import bins, long_segments, padded
from nwb_autolfads.lfads.inference import Posterior, infer
from nwb_autolfads.lfads.masking import Mask
from nwb_autolfads.lfads.observations import OBSERVATIONS
from nwb_autolfads.lfads.streams import Streams
from nwb_autolfads.lfads.windows import chop, merge, window_starts

Masks = Callable[[Tensor, Sequence[int]], Iterable[Mask]]
"""From windows (T, B, N), and the bins of the recording that each starts at, to the masks to average over."""
MASKS, NOISE = 100, 101
"""What random numbers of inference are for; training has purposes of its own."""


@dataclass(frozen=True)
class RecordingPosterior:
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


def inference_streams(trained: TrainedModel, seed: int) -> tuple[Streams, Streams]:
    """Give the stream that masks are drawn from, and those of the models' noise."""
    return Streams.of([0], seed, MASKS), Streams.of(range(trained.model.members), seed, NOISE)


def posterior_of_recording(
    trained: TrainedModel, emg: xr.DataArray, masks: Masks, random: Streams
) -> RecordingPosterior:
    """Infer in overlapping windows and merge them, each gap-free segment apart.

    Parameters
    ----------
    trained : TrainedModel
    emg : DataArray, (time, muscle)
        The muscles of the model, in its order.
    masks : callable
        What is masked in each window.
    random : Streams
        One for each model.

    Returns
    -------
    RecordingPosterior

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
            seen = masks(windows, [segment.first_sample + start for start in some])
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
    return RecordingPosterior(series, torch.cat(initial_conditions).numpy(), np.concatenate(window_start))
