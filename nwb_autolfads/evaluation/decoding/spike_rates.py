"""Firing rates of units in the bins of the activation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from nwb_autolfads.errors import SignalError
from nwb_autolfads.evaluation.decoding.binning import CLOCK_S, Bins
from nwb_autolfads.sources.spikes.trains import SpikeTrains

_SUPPORT_SD = 4.0  # a Gaussian is cut off there


@dataclass(frozen=True)
class SpikeRates:
    """Smoothed firing rates.

    Attributes
    ----------
    rates : ndarray, (time, unit)
        Hz; NaN where not all units were observed.
    units : tuple of str
        Units in ``rates``.
    excluded : dict of str to str
        The others, with the reason.
    """

    rates: NDArray[np.float64]
    units: tuple[str, ...]
    excluded: dict[str, str]


def spike_rates(spikes: SpikeTrains | xr.DataArray, bins: Bins, *, smoothing: float, min_rate: float) -> SpikeRates:
    """Count spikes in the bins of the activation, leave out units that say too little, and smooth.

    Parameters
    ----------
    spikes : SpikeTrains or DataArray, (time, unit)
        Spike times, or counts in bins of their own, no longer than the bins here, by the middle of each (s).
    bins : Bins
    smoothing : float
        Standard deviation of the Gaussian (s).
    min_rate : float
        Units that fire less than this (Hz) while both are recorded are left out.

    Raises
    ------
    SignalError
        If spikes and activation have no time in common, no unit is left, or the given bins are too long.
    """
    counts, observed, units = _recount(spikes, bins) if isinstance(spikes, xr.DataArray) else _count(spikes, bins)
    span = f"{bins.time[0]:.1f} to {bins.time[-1]:.1f} s"
    if not observed.any() or not counts[observed].any():
        raise SignalError(
            f"no spike lies in the time of the activation, {span}",
            way_out="Check that spikes and EMG are on one clock",
            obj="spikes",
        )
    n_observed = observed.sum(axis=0)
    shares = n_observed / np.count_nonzero(observed.any(axis=1))
    fired = counts.sum(axis=0, where=observed) / (np.maximum(n_observed, 1) * bins.width)
    excluded = {}
    for unit, share, rate in zip(units, shares, fired, strict=True):
        if share < 0.9:
            excluded[unit] = f"observed in {100 * share:.0f} % of the time"
        elif rate < min_rate:
            excluded[unit] = f"fires at {rate:.2g} Hz, less than {min_rate:g} Hz"
    kept = [index for index, unit in enumerate(units) if unit not in excluded]
    if not kept:
        raise SignalError(
            f"none of {len(units)} units can be used ({next(iter(excluded.values()))})",
            way_out="Lower min_rate, or use another session",
            obj="spikes",
        )
    rates = np.take(counts, kept, axis=1) / bins.width
    for rows in bins.segments.slices:
        rates[rows] = gaussian_filter1d(
            rates[rows], smoothing / bins.width, axis=0, mode="nearest", truncate=_SUPPORT_SD
        )
    rates[~observed[:, kept].all(axis=1)] = np.nan
    return SpikeRates(rates, tuple(units[index] for index in kept), excluded)


def smoothing_reach(smoothing: float) -> float:
    """Return the time (s) that two values smoothed by the Gaussian must be apart to share no spike."""
    return 2 * _SUPPORT_SD * smoothing


def _count(spikes: SpikeTrains, bins: Bins) -> tuple[NDArray[np.float64], NDArray[np.bool_], tuple[str, ...]]:
    counts = np.zeros((len(bins.time), len(spikes.units)))
    half = bins.width / 2
    for rows in bins.segments.slices:
        edges = np.append(bins.time[rows] - half, bins.time[rows][-1] + half)
        counts[rows] = spikes.counts(edges)
    observed = np.ones(counts.shape, dtype=bool)
    for index, (intervals, times) in enumerate(zip(spikes.observed, spikes.times, strict=True)):
        if len(intervals):
            inside = [(bins.time >= start) & (bins.time <= stop) for start, stop in intervals]
            observed[:, index] = np.any(inside, axis=0)
        elif len(times):
            # Without a word on when it was observed: from the first to the last spike of any unit.
            observed[:, index] = (bins.time >= _earliest(spikes)) & (bins.time <= _latest(spikes))
    return counts, observed, spikes.units


def _earliest(spikes: SpikeTrains) -> float:
    return min(float(times[0]) for times in spikes.times if len(times))


def _latest(spikes: SpikeTrains) -> float:
    return max(float(times[-1]) for times in spikes.times if len(times))


def _recount(counts: xr.DataArray, bins: Bins) -> tuple[NDArray[np.float64], NDArray[np.bool_], tuple[str, ...]]:
    given = counts.transpose("time", ...)
    time = given["time"].values.astype(np.float64)
    step = float(np.median(np.diff(time))) if len(time) > 1 else np.inf
    if step > 1.01 * bins.width:
        raise SignalError(
            f"spikes are counted in bins of {1000 * step:g} ms, activation in {1000 * bins.width:g} ms",
            way_out=f"Give --bin-width {step:g} (in Python: bin_width={step:g}), or spike times",
            obj="spikes",
        )
    half = bins.width / 2
    first, last = (np.searchsorted(time, bins.time - CLOCK_S + side) for side in (-half, half))
    sums = np.vstack([np.zeros(given.shape[1]), np.cumsum(np.nan_to_num(given.values.astype(np.float64)), axis=0)])
    seen = (last > first) & (bins.time >= time[0] - half) & (bins.time <= time[-1] + half)
    units = tuple(str(unit) for unit in given[str(given.dims[1])].values)
    return sums[last] - sums[first], np.repeat(seen[:, None], len(units), axis=1), units
