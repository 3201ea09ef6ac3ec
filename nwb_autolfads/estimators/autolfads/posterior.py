"""A trained model over a whole recording: its windows in, one series in time out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn

from nwb_autolfads.estimators.autolfads.card import ModelCard
from nwb_autolfads.estimators.autolfads.masking import masking_of
from nwb_autolfads.estimators.autolfads.weights import TrainedModel
from nwb_autolfads.estimators.autolfads.windows import bins, long_segments, muscles_of_model, padded
from nwb_autolfads.lfads.inference import Posterior, infer
from nwb_autolfads.lfads.masking import Mask
from nwb_autolfads.lfads.observations import OBSERVATIONS
from nwb_autolfads.lfads.streams import Streams
from nwb_autolfads.lfads.windows import chop, merge, window_starts
from nwb_autolfads.segments import Segments

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

    def variables(
        self, card: ModelCard, emg: xr.DataArray, fused: tuple[NDArray[np.floating], ...] | None
    ) -> dict[str, Any]:
        """Return them as variables of an estimate, with activation and its error, each (time, muscle), if ``fused``."""
        series = self.series
        activation, std = fused or (series["mean"], series["mean_sd"])
        found: dict[str, Any] = {
            "activation": by_muscle(card, emg, activation),
            "activation_std": by_muscle(card, emg, std),
            "factors": (("time", "factor"), series["factors"]),
            "initial_condition": (("window", "ic"), self.initial_condition),
            "window_start": (("window",), self.window_start),
        }
        if card.config.observation == "gamma":
            found["concentration"] = by_muscle(card, emg, series["concentration"])
            found["rate_parameter"] = by_muscle(card, emg, series["concentration"] / activation)
        if card.config.inputs:
            found["inputs"] = (("time", "input"), series["inputs"])
            found["inputs_std"] = (("time", "input"), series["inputs_sd"])
        return found


def by_muscle(card: ModelCard, emg: xr.DataArray, values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Put columns in the model's order where the recording has them, (time, muscle); NaN for other muscles.

    NaN too in segments in which nothing of a muscle is known: nothing there tells how wrong the others are of it.
    """
    full = np.full((emg.sizes["time"], emg.sizes["muscle"]), np.nan, np.float32)
    full[:, emg.get_index("muscle").get_indexer(list(card.muscles))] = values
    for rows in Segments.of(emg).slices:
        full[rows, np.isnan(emg.values[rows]).all(axis=0)] = np.nan
    return full


def infer_recording(
    trained: TrainedModel, emg: xr.DataArray, seed: int, hidden: NDArray[np.bool_] | None = None
) -> RecordingPosterior:
    """Infer along a recording, with masks of what is predicted and, in all of them, of ``hidden`` bins.

    Parameters
    ----------
    trained : TrainedModel
        Of one session (`TrainedModel.of_session`).
    emg : DataArray, (time, muscle)
        With the muscles of the model.
    seed : int
    hidden : ndarray of bool, (time,), optional

    Returns
    -------
    RecordingPosterior
    """
    random, noise = inference_streams(trained, seed)
    masking = masking_of(trained.card.config, trained.card.rate, trained.card.block_ms)
    used, members = muscles_of_model(trained.card, emg), trained.model.members
    if hidden is None:
        return posterior_of_recording(trained, used, lambda x, _: masking.masks(x, random, members=members), noise)
    masked = torch.from_numpy(hidden).float().unsqueeze(1).to(random.device)

    def masks(windows: Tensor, starts: Sequence[int]) -> Iterator[Mask]:
        beyond = nn.functional.pad(masked, (0, 0, 0, len(windows)))  # the last window may reach past the end
        visible = 1 - chop(beyond, starts, len(windows))
        share = visible.mean(0, keepdim=True).clamp_min(1 / len(windows))
        for mask in masking.masks(windows, random, members=members, passes=1):
            yield Mask(mask.input_mask * visible / share, torch.where(visible > 0, mask.weight, 1.0))

    return posterior_of_recording(trained, used, masks, noise)


def inference_streams(trained: TrainedModel, seed: int) -> tuple[Streams, Streams]:
    """Give the stream that masks are drawn from, and those of the models' noise."""
    device = trained.device
    return (
        Streams.of([0], seed, MASKS, device=device),
        Streams.of(range(trained.model.members), seed, NOISE, device=device),
    )


def posterior_of_recording(
    trained: TrainedModel, emg: xr.DataArray, masks: Masks, random: Streams, *, unknown: int = 0
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
    unknown : int
        Of so many muscles, the last ones, nothing is known: they are only predicted.

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
    known = emg[:, : emg.sizes["muscle"] - unknown]
    for segment in long_segments(known, window, settings.observation):
        data, length = padded(emg[segment.rows], window), segment.n_samples
        starts = window_starts(len(data), window, overlap)
        batches = []
        for i in range(0, len(starts), settings.inference_windows):
            some = starts[i : i + settings.inference_windows]
            windows = chop(data, some, window).to(trained.device)
            seen = masks(windows, [segment.first_sample + start for start in some])
            samples = settings.posterior_samples
            inferred = infer(trained.model, observation, windows, seen, samples=samples, random=random)
            batches.append([part.cpu() for part in inferred])
        # windows are the last axis but one everywhere
        posterior = Posterior(*(torch.cat(parts, dim=-2) for parts in zip(*batches, strict=True)))._asdict()
        initial_conditions.append(posterior.pop("initial_condition"))
        window_start.append(emg["time"].values[segment.rows][starts])
        for name, values in posterior.items():
            merged = merge(values, starts, settings.merge_power)[:length].numpy()
            whole = series.setdefault(name, np.full((emg.sizes["time"], merged.shape[1]), np.nan, np.float32))
            whole[segment.rows] = merged
    return RecordingPosterior(series, torch.cat(initial_conditions).numpy(), np.concatenate(window_start))
