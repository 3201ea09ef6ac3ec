"""EMG with known activation and estimates of it, for the tests of the report."""

import json

import numpy as np
import xarray as xr

RATE = 500.0


def made_up_emg(muscles=("TA", "SOL", "GM"), seconds=8.0):
    rng = np.random.default_rng(0)
    time = np.arange(round(seconds * RATE)) / RATE
    activation = 0.2 + np.sin(2 * np.pi * time[:, None] * (0.5 + 0.2 * np.arange(len(muscles)))) ** 2
    emg = np.abs(activation * rng.normal(size=activation.shape)) + 1e-4
    coords = {
        "time": time,
        "muscle": list(muscles),
        "segment": ("time", (time > seconds / 2).astype(int)),
        "scale": ("muscle", np.full(len(muscles), 2e-5)),
        "usable": ("muscle", np.array([True] * (len(muscles) - 1) + [False])),
    }
    attrs = {
        "rate": RATE,
        "unit": "V",
        "origin": json.dumps({"file": "walk.nwb", "object_path": "acquisition/EMG", "file_identifier": "abc-1"}),
        "preprocessing": json.dumps(
            [{"step": "high-pass", "cutoff_hz": 65.0}, {"step": "clip", "at": [0.1, 0.25], "mains_hz": None}]
        ),
    }
    dims = ("time", "muscle")
    return (
        xr.DataArray(emg.astype(np.float32), dims=dims, coords=coords, attrs=attrs, name="emg"),
        xr.DataArray(activation, dims=dims, coords={"time": time, "muscle": list(muscles)}),
    )


def made_up_estimate(emg, name="AutoLFADS", history=True):
    values = emg.copy(data=emg.values.copy())
    values[:, -1] = np.nan
    attrs = {"estimator": name, "config": json.dumps({"cutoff": 20.0}), "version": "0.1.0", "seed": 3, **emg.attrs}
    data = {"activation": values.drop_attrs()}
    if history:
        rows = [(epoch, member) for epoch in range(5) for member in range(2)]
        data["search_epoch"] = ("search_row", [row[0] for row in rows])
        data["search_member"] = ("search_row", [row[1] for row in rows])
        data["search_valid_nll"] = ("search_row", [1.0 / (1 + epoch + member) for epoch, member in rows])
    return xr.Dataset(data, attrs=attrs)
