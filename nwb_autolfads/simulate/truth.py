"""The true activation of a simulated session, read back."""

from __future__ import annotations

from os import PathLike

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from nwb_autolfads.errors import SignalError, SourceError
from nwb_autolfads.sources.opening.nwb import reading_nwb

TRUE_ACTIVATION = "true_activation"
COLUMNS = "columns: "


def read_true_activation(path: str | PathLike[str], time: ArrayLike | None = None) -> xr.DataArray:
    """Read the activation that made a simulated session's EMG.

    Parameters
    ----------
    path : str or path
        File written by `simulate_session`.
    time : array_like, shape (n_samples,), optional
        Times (s, session clock) to interpolate to, straight between the samples of the file; as stored where not given.

    Returns
    -------
    DataArray, (time, muscle)
        Named ``activation``, in arbitrary units, 1 = the peak of a usual burst; attrs ``rate`` (Hz, of the file's
        samples) and ``unit``.

    Raises
    ------
    SourceError
        If the file cannot be read or holds no true activation.
    SignalError
        If a time lies outside the session.
    """
    with reading_nwb(path) as opened:
        series = (opened.nwbfile.scratch or {}).get(TRUE_ACTIVATION)
        if series is None:
            raise SourceError(
                "no true activation in this file",
                way_out="Only sessions written by `nwb-autolfads simulate` or `simulate_session` hold it",
                file=str(path),
            )
        muscles = str(series.comments).removeprefix(COLUMNS).split(", ")
        if series.rate is None or np.shape(series.data)[1:] != (len(muscles),):
            raise SourceError(
                "the true activation has no rate, or not a column for each muscle that its comments name",
                way_out="Simulate the session again",
                file=str(path),
                obj=f"scratch/{TRUE_ACTIVATION}",
            )
        stored = np.asarray(series.data[:], dtype=np.float64)
        rate, start = float(series.rate), float(series.starting_time)
        unit = series.unit

    stored_time = start + np.arange(len(stored)) / rate
    wanted = stored_time if time is None else np.asarray(time, dtype=np.float64)
    # The last sample stands for the time up to the next one, which the EMG, sampled faster, still covers.
    if len(wanted) and not (wanted.min() >= start and wanted.max() <= stored_time[-1] + 1 / rate):
        raise SignalError(
            f"times {wanted.min():g} to {wanted.max():g} s asked, {start:g} to {stored_time[-1]:g} s simulated",
            way_out="Ask for times inside the session",
            file=str(path),
            obj=f"scratch/{TRUE_ACTIVATION}",
        )
    values = stored
    if time is not None:
        values = np.stack([np.interp(wanted, stored_time, column) for column in stored.T], axis=1)
    return xr.DataArray(
        values,
        dims=("time", "muscle"),
        coords={"time": wanted, "muscle": muscles},
        name="activation",
        attrs={"rate": rate, "unit": unit},
    )
