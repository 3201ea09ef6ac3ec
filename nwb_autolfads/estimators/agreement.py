"""What filters are chosen by where nobody says: how well their output agrees with the Wiener smoother's.

The Wiener smoother knows this recording's spectra of signal and noise and what its muscles share, and needs no choice.
It is not the truth, but its errors are small beside those of a filter that is far off.
"""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import SignalError
from nwb_autolfads.estimators.observed import ObservedEmg
from nwb_autolfads.estimators.wiener import WienerSmoother

Floats = NDArray[np.float64]


def wiener_estimate(emg: xr.DataArray, observed: ObservedEmg) -> Floats:
    """Return the activation that the Wiener smoother finds, (time, usable muscle).

    Raises
    ------
    SignalError
        When recording or segments are too short for spectra, or the rate is too low.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what `observe` had to say it has said, and nobody asked for this smoother
        try:
            estimate = WienerSmoother().fit(emg).estimate(emg)
        except SignalError as error:
            way_out = f"Give a number in place of 'auto'. For the Wiener smoother, which chooses: {error.way_out}"
            raise SignalError(error.problem, file=error.file, obj=error.obj, way_out=way_out) from error
    return np.asarray(estimate["activation"].values[:, observed.usable], np.float64)


def unexplained(smooth: Floats, reference: Floats) -> float:
    """Return the share of a reference's variance that the best line from another estimate leaves, mean over muscles.

    Both are (time, muscle). Bins that either does not know (NaN) are left out; a muscle that does not vary is all
    unexplained.
    """
    left = []
    for x, y in zip(smooth.T, reference.T, strict=True):
        both = np.isfinite(x) & np.isfinite(y)
        x, y = (z[both] - z[both].mean() if both.any() else z[both] for z in (x, y))
        power = (x @ x) * (y @ y)
        left.append(1 - (x @ y) ** 2 / power if power > 0 else 1.0)
    return float(np.mean(left))
