"""Spikes of sorted units counted in bins, in the form that AutoLFADS takes: factors of cortex instead of muscles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from pynwb import NWBFile

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.files.limits import MAX_COUNTS
from nwb_autolfads.sources.spikes.trains import read_spikes

if TYPE_CHECKING:
    from spikeinterface import BaseSorting

LEAST_RATE_HZ = 0.5
"""Units below this rate are marked as not usable."""


def count_spikes(
    source: str | Path | NWBFile | BaseSorting,
    *,
    bin_ms: float = 10.0,
    start: float | None = None,
    stop: float | None = None,
) -> xr.DataArray:
    """Count the spikes of every unit in bins.

    Parameters
    ----------
    source : str, Path, pynwb.NWBFile or spikeinterface.BaseSorting
        See `nwb_autolfads.sources.spikes.trains.read_spikes`.
    bin_ms : float
        Length of a bin (ms), 1 to 1000.
    start, stop : float, optional
        What to count (s, session clock); from the first spike to the last when not given.

    Returns
    -------
    DataArray, (time, muscle)
        Counts, float32, as ``nwb_autolfads.AutoLFADS(observation="poisson")`` takes them in place of EMG: the
        coordinate ``muscle`` holds the units' names, ``time`` the middle of each bin (s). NaN where a unit was not
        observed; units below 0.5 Hz are not ``usable``.

    Raises
    ------
    SourceError
        If there are no units.
    ConfigError
        If the bin or the stretch of time is out of range.
    SignalError
        If there are no spikes.
    """
    if not 1 <= bin_ms <= 1000:
        raise ConfigError(f"bin_ms={bin_ms!r} is out of range", obj="count_spikes", way_out="Give 1 to 1000 ms")
    file = str(source) if isinstance(source, str | Path) else ""
    trains = read_spikes(source)
    every = np.concatenate(trains.times)
    if not len(every):
        raise SignalError("no unit has a spike", file=file, obj="units", way_out="Choose a file with spikes")
    start, stop = (float(every.min()) if start is None else start), (float(every.max()) if stop is None else stop)
    n_bins = int(np.floor((stop - start) * 1000 / bin_ms)) if stop > start else 0
    if not 1 <= n_bins * len(trains.units) <= MAX_COUNTS:
        raise ConfigError(
            f"start={start:g} s, stop={stop:g} s and bin_ms={bin_ms:g} make {n_bins} bins of {len(trains.units)} units",
            file=file,
            obj="units",
            way_out=f"Give a stretch with at least one bin and at most {MAX_COUNTS} counts",
        )
    edges = start + np.arange(n_bins + 1) * bin_ms / 1000
    counts = trains.counts(edges).astype(np.float32)
    for column, intervals in zip(counts.T, trains.observed, strict=True):
        if len(intervals):
            inside = [(edges[:-1] >= begin) & (edges[1:] <= end) for begin, end in intervals]
            column[~np.any(inside, axis=0)] = np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = np.nansum(counts, axis=0) / (np.isfinite(counts).sum(axis=0) * bin_ms / 1000)
    origin = {"file": file, "object_path": "units"}
    return xr.DataArray(
        counts,
        dims=("time", "muscle"),
        name="counts",
        coords={
            "time": (edges[:-1] + edges[1:]) / 2,
            "muscle": list(trains.units),
            "segment": ("time", np.zeros(n_bins, int)),
            "scale": ("muscle", np.ones(len(trains.units))),
            "usable": ("muscle", rates >= LEAST_RATE_HZ),
        },
        attrs={"rate": 1000 / bin_ms, "unit": "count", "origin": json.dumps(origin), "preprocessing": "[]"},
    )
