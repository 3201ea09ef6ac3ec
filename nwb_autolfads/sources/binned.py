"""Spikes that a file holds as counts in bins: a series, or BinnedAlignedSpikes around events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBFile, TimeSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.opening import open_nwb
from nwb_autolfads.sources.timebase import read_time_base

ALIGNED = "BinnedAlignedSpikes"


def read_binned_spikes(source: str | Path | NWBFile, path: str) -> xr.DataArray:
    """Read spike counts.

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        An NWB file, or one that is open already.
    path : str
        Where the counts are: a series ``(time, unit)``, each time the start of its bin, or a ``BinnedAlignedSpikes``
        of ndx-binned-spikes.

    Returns
    -------
    DataArray, (time, unit)
        Counts by the middle of each bin (s, session clock). Where the bins of two events overlap, the earlier event's.

    Raises
    ------
    SourceError
        If nothing is there, or it is neither of the two.
    """
    with open_nwb(source) as opened:
        found = _at(opened.nwbfile, path)
        if isinstance(found, TimeSeries):
            counts = np.asarray(found.data[:])
            if counts.ndim == 2 and counts.dtype.kind in "iuf":
                base = read_time_base(found, len(counts), file=opened.name, obj=path)
                starts = [each.start_time + np.arange(each.n_samples) / base.rate for each in base.segments]
                return _array(counts, np.concatenate(starts) + 0.5 / base.rate)
        elif getattr(found, "neurodata_type", "") == ALIGNED:
            return aligned_counts(
                np.asarray(found.data[:]),
                np.asarray(found.event_timestamps[:], dtype=np.float64),
                width=float(found.bin_width_in_milliseconds) / 1000,
                first=float(found.milliseconds_from_event_to_first_bin or 0.0) / 1000,
            )
        raise SourceError(
            "holds no spike counts" if found is not None else "there is nothing of this name",
            file=opened.name,
            obj=path,
            way_out=f"Give the path of a series (time, unit) or of {ALIGNED}",
        )


def aligned_counts(counts: NDArray[Any], events: NDArray[np.float64], *, width: float, first: float) -> xr.DataArray:
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
    return _array(laid[new], middle[new])


def _array(counts: NDArray[Any], time: NDArray[np.float64]) -> xr.DataArray:
    coords = {"time": time, "unit": [str(unit) for unit in range(counts.shape[1])]}
    return xr.DataArray(counts, dims=("time", "unit"), coords=coords, name="spike_counts")


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
