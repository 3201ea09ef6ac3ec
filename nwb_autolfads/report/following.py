"""How far an estimate follows the rectified EMG that it was made from."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

SMOOTH_S = 0.05


def explained_share(activation: xr.DataArray, emg: xr.DataArray) -> dict[str, float]:
    """Return per muscle the squared correlation of activation with rectified EMG, both averaged over 50 ms."""
    shares = {}
    for muscle in [str(name) for name in activation["muscle"].values]:
        pair = [each.sel(muscle=muscle) for each in (activation, emg) if muscle in each["muscle"].values]
        if len(pair) < 2:
            continue
        step = float(np.median(np.diff(activation["time"].values)))
        pair[1] = pair[1].reindex(time=pair[0]["time"].values, method="nearest", tolerance=step / 2)
        width = max(1, round(SMOOTH_S / step))
        a, b = (_average_of_known(np.asarray(each.values, dtype=np.float64), width) for each in pair)
        known = np.isfinite(a) & np.isfinite(b)
        varies = known.sum() > 2 and np.ptp(a[known]) > 0 and np.ptp(b[known]) > 0
        shares[muscle] = float(np.corrcoef(a[known], b[known])[0, 1] ** 2) if varies else float("nan")
    return shares


def _average_of_known(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the moving average of what is known; NaN where less than half is."""
    known = np.isfinite(values)
    if known.all():
        return uniform_filter1d(values, width)
    weight = uniform_filter1d(known.astype(np.float64), width)
    total = uniform_filter1d(np.where(known, values, 0.0), width)
    return np.where(weight >= 0.5, total / np.maximum(weight, 0.5), np.nan)
