"""Rectified EMG as preprocessing gives it, for the tests of the estimators."""

import numpy as np
import xarray as xr

RATE = 500.0


def rectified_emg(values, *, segment=None, usable=None):
    n_bins, n_muscles = values.shape
    return xr.DataArray(
        values.astype(np.float32),
        dims=("time", "muscle"),
        name="emg",
        coords={
            "time": 10 + np.arange(n_bins) / RATE,
            "muscle": [f"muscle {i}" for i in range(n_muscles)],
            "segment": ("time", np.zeros(n_bins, int) if segment is None else segment),
            "scale": ("muscle", np.ones(n_muscles)),
            "usable": ("muscle", np.ones(n_muscles, bool) if usable is None else usable),
        },
        attrs={"rate": RATE, "unit": "V", "origin": "{}", "preprocessing": "[]"},
    )
