"""Blocks of a recording that no model is trained on, so that its estimate can be judged there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import SourceError, shown
from nwb_autolfads.estimators.base import with_config
from nwb_autolfads.estimators.observed import file_of
from nwb_autolfads.estimators.registry import is_trained
from nwb_autolfads.segments import Segments

HELD_OUT = "unseen_s"
"""In the configuration of an estimate: start and stop (s) of each block that its model was not trained on."""

PERIOD_S = 10.0
"""One block lies in the middle of each."""
SHARE = 0.1
"""Of a period, and so of the recording."""
FEWEST = 4
"""Blocks, or nothing is held out: from fewer no difference could be told from chance."""
SHORTEST_S = 0.2
"""Of a block: in shorter ones nothing is left between what lies next to the training."""


def unseen_bins(emg: xr.DataArray, share: float = SHARE) -> NDArray[np.bool_]:
    """Return which bins no model is trained on, (time,): the same whenever the same EMG is taken.

    A tenth of the recording, in blocks of a second, or shorter ones where it lasts less than 40 s; every tenth segment
    where most are shorter than a block, as trials are. None where it is too short for four blocks.

    Parameters
    ----------
    emg : DataArray, (time, muscle)
        Rectified EMG with the coordinates ``time`` (s) and ``segment``, and the attribute ``rate``.
    share : float
        Of the recording.
    """
    n = emg.sizes["time"]
    rate = float(emg.attrs["rate"])
    period = int(min(PERIOD_S * rate, n / FEWEST))
    length = round(share * period)
    lengths = Segments.of(emg).lengths
    if len(lengths) and ("trial_ms" in emg.attrs or np.median(lengths) < length):
        trial = np.repeat(np.arange(len(lengths)), lengths)
        every = round(1 / share)
        chosen = trial % every == every // 2
        return chosen if len(np.unique(trial[chosen])) >= FEWEST else np.zeros(n, bool)
    if length < SHORTEST_S * rate:
        return np.zeros(n, bool)
    first = (period - length) // 2
    place = np.arange(n) % period
    return np.asarray((place >= first) & (place < first + length))


def without(emg: xr.DataArray, bins: NDArray[np.bool_]) -> xr.DataArray:
    """Return the EMG with these bins (time,) missing, which estimators neither learn from nor count."""
    return emg.where(~xr.DataArray(bins, dims="time")) if bins.any() else emg


def with_blocks(estimate: xr.Dataset, emg: xr.DataArray, bins: NDArray[np.bool_]) -> xr.Dataset:
    """Return the estimate with the times of these bins (time,) of the EMG in its configuration, as `HELD_OUT`."""
    return with_config(estimate, **{HELD_OUT: intervals(emg, bins)})


def intervals(emg: xr.DataArray, bins: NDArray[np.bool_]) -> list[list[float]]:
    """Return start and stop (s, session clock) of each run of these bins, none across a gap."""
    if not bins.any():
        return []
    half = 0.5 / float(emg.attrs["rate"])
    runs = Segments.of(emg).where(bins)
    return [
        [round(run.start_time - half, 6), round(run.start_time + (2 * run.n_samples - 1) * half, 6)] for run in runs
    ]


@dataclass(frozen=True)
class Blocks:
    """Where estimates are judged.

    Attributes
    ----------
    number : ndarray of int, (time,)
        Of the block that a bin is in, -1 where it is in none.
    trained : tuple of str
        Estimates whose models may have been trained there too, as they name no block that was held out.
    """

    number: NDArray[np.intp]
    trained: tuple[str, ...]


def blocks_of(estimates: Mapping[str, xr.Dataset], time: NDArray[np.float64], segments: Segments) -> Blocks:
    """Return the blocks that no trained estimate has seen; all of the time, by the second, where none was trained.

    Where a trained one names none, the blocks are those of the others or of all of the time, and it is named.

    Raises
    ------
    SourceError
        If what a trained one names are no blocks.
    """
    named = {name: _held_out(name, estimate) for name, estimate in estimates.items() if is_trained(estimate)}
    trained = tuple(name for name, intervals in named.items() if not len(intervals))
    kept = [intervals for intervals in named.values() if len(intervals)]
    if not kept:
        lengths = segments.chunks(max(1, round(segments.rate))).lengths
        return Blocks(np.repeat(np.arange(len(lengths)), lengths), trained)
    number = _numbers(kept[0], time)
    for other in kept[1:]:
        number = np.where(_numbers(other, time) >= 0, number, -1)
    return Blocks(number, trained)


def _held_out(name: str, estimate: xr.Dataset) -> NDArray[np.float64]:
    """Return the blocks that an estimate names (s), ``(block, 2)``; it may come from a file of somebody else."""
    said = json.loads(estimate.attrs.get("config", "{}")).get(HELD_OUT) or []
    try:
        intervals = np.array(said, np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        intervals = np.full((1, 2), np.nan)
    if not (np.diff(intervals.ravel()) > 0).all():
        raise SourceError(
            f"its configuration names no blocks that ascend in {HELD_OUT}: {shown(said)}",
            file=file_of(estimate),
            obj=name,
            way_out="Make the estimate again with `nwb-autolfads run`",
        )
    return intervals


def _numbers(intervals: NDArray[np.float64], time: NDArray[np.float64]) -> NDArray[np.intp]:
    starts, stops = intervals.T
    at = np.searchsorted(starts, time, side="right") - 1
    return np.where((at >= 0) & (time < stops[at]), at, -1)
