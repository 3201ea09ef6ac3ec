"""Spikes that a file holds as counts in bins: a series, or the types of ndx-binned-spikes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBFile, TimeSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.nwb.arrays import load, load_numbers
from nwb_autolfads.sources.nwb.timebase import read_time_base
from nwb_autolfads.sources.opening.nwb import reading_nwb

ALIGNED, WHOLE = "BinnedAlignedSpikes", "BinnedSpikes"


def read_binned_spikes(source: str | Path | NWBFile, path: str) -> xr.DataArray:
    """Read spike counts.

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        An NWB file, or one that is open already.
    path : str
        Where the counts are: a series ``(time, unit)``, each time the start of its bin, or a ``BinnedAlignedSpikes`` or
        ``BinnedSpikes`` of ndx-binned-spikes, written by any of its versions.

    Returns
    -------
    DataArray, (time, unit)
        Counts by the middle of each bin (s, session clock). Where the bins of two events overlap, the earlier event's.
        Units are named by their id in the units table where the counts refer to it, else numbered.

    Raises
    ------
    SourceError
        If nothing is there, or it is none of these.
    """
    with reading_nwb(source) as opened:
        found = _at(opened.nwbfile, path)
        if isinstance(found, TimeSeries):
            counts = load(found.data, file=opened.name, obj=path)
            if counts.ndim == 2 and counts.dtype.kind in "iuf":
                base = read_time_base(found, len(counts), file=opened.name, obj=path)
                return _array(counts, base.segments.times + 0.5 / base.rate)
        elif getattr(found, "neurodata_type", "") in (ALIGNED, WHOLE):
            return _of_extension(found, opened.name, path)
        raise SourceError(
            "holds no spike counts" if found is not None else "there is nothing of this name",
            file=opened.name,
            obj=path,
            way_out=f"Give the path of a series (time, unit), {ALIGNED} or {WHOLE}",
        )


def _of_extension(found: Any, file: str, path: str) -> xr.DataArray:
    counts = load(found.data, file=file, obj=path)
    width = _milliseconds(found, "bin_width_in_ms", "bin_width_in_milliseconds") / 1000
    region = getattr(found, "units_region", None)
    units = None if region is None else [str(region.table.id[int(row)]) for row in region.data[:]]
    aligned = found.neurodata_type == ALIGNED
    events = load_numbers(found.event_timestamps, file=file, obj=path) if aligned else np.empty(0)
    expected = (len(counts), len(events), counts.shape[-1]) if aligned else (len(counts), counts.shape[-1])
    if counts.shape != expected or not width > 0 or not np.isfinite(events).all():
        raise SourceError(
            f"counts {counts.shape} in bins of {1000 * width:g} ms around {len(events)} events do not fit together",
            file=file,
            obj=path,
            way_out="Write them again; counts are (unit, event, bin) or (unit, bin)",
        )
    if aligned:
        first = _milliseconds(found, "event_to_bin_offset_in_ms", "milliseconds_from_event_to_first_bin") / 1000
        return aligned_counts(counts, events, width=width, first=first, units=units)
    start = _milliseconds(found, "start_time_in_ms") / 1000
    return _array(counts.T, start + width * np.arange(0.5, counts.shape[1], dtype=np.float64), units)


def aligned_counts(
    counts: NDArray[Any],
    events: NDArray[np.float64],
    *,
    width: float,
    first: float,
    units: Sequence[str] | None = None,
) -> xr.DataArray:
    """Lay counts around events out in time.

    Parameters
    ----------
    counts : ndarray, (unit, event, bin)
    events : ndarray, (event,)
        Times (s).
    width : float
        Of a bin (s).
    first : float
        From the event to the start of the first bin (s), negative where it lies before.
    units : sequence of str, optional
        Names; by default numbers.

    Returns
    -------
    DataArray, (time, unit)
    """
    order = np.argsort(events, kind="stable")
    middle = events[order][:, None] + first + width * (np.arange(counts.shape[2]) + 0.5)
    # Only bins that begin after all bins of the events before them ended.
    ended = np.concatenate([[-np.inf], np.maximum.accumulate(middle[:, -1])[:-1]])
    new = middle > ended[:, None] + 0.5 * width
    laid = np.moveaxis(counts[:, order], 0, -1)
    return _array(laid[new], middle[new], units)


def _array(counts: NDArray[Any], time: NDArray[np.float64], units: Sequence[str] | None = None) -> xr.DataArray:
    names = [str(unit) for unit in range(counts.shape[1])] if units is None else list(units)
    coords = {"time": time, "unit": names}
    return xr.DataArray(counts, dims=("time", "unit"), coords=coords, name="spike_counts")


def _milliseconds(found: Any, *names: str) -> float:
    """Return an attribute under the name that the file's version of the extension has for it; 0 where it is not set."""
    given = [getattr(found, name, None) for name in names]
    return float(next((value for value in given if value is not None), 0.0))


def _at(nwbfile: NWBFile, path: str) -> Any:
    """Return the object of this path, such as processing/ecephys/counts; None where there is none."""
    found: Any = nwbfile
    for part in path.strip("/").split("/"):
        if isinstance(found, NWBFile):
            found = getattr(found, part, None)
        elif hasattr(found, "__getitem__") and part in getattr(found, "data_interfaces", found):
            found = found[part]
        else:
            return None
    return found
