"""A small AutoLFADS, and EMG whose activation is known, for the tests of the estimator."""

import json

import numpy as np
import xarray as xr

from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.search.config import TrainingConfig

RATE = 500.0
TINY = AutoLFADSConfig(
    ic_encoder=8,
    ci_encoder=8,
    initial_condition=4,
    controller=8,
    inputs=2,
    generator=16,
    factors=3,
    window_ms=100,
    window_overlap_ms=20,
    shift_sd_ms=2,
    shift_max_ms=4,
    posterior_samples=4,
    training=TrainingConfig(
        steps_per_epoch=10, max_epochs=4, batch_windows=16, validation_windows=8, ramp_epochs=2, burn_in_epochs=2
    ),
)


def rectified(bins=2000, muscles=4, gaps=(), seed=0):
    """EMG whose activation, two mixed rhythms, is known: returns both."""
    rng = np.random.default_rng(seed)
    time = np.arange(bins) / RATE
    segment = np.zeros(bins, int)
    for gap in gaps:
        time[gap:] += 1.0
        segment[gap:] += 1
    rhythms = np.exp(1.5 * np.sin(2 * np.pi * time[:, None] * [2.0, 3.1] + [0, 1]))
    activation = rhythms @ rng.dirichlet([1, 1], muscles).T
    activation /= np.quantile(activation, 0.95, axis=0)
    emg = rng.gamma(1.0, activation).clip(1e-4).astype(np.float32)
    coords = {
        "time": time,
        "muscle": [f"M{i}" for i in range(muscles)],
        "segment": ("time", segment),
        "scale": ("muscle", np.full(muscles, 2.0)),
        "usable": ("muscle", np.ones(muscles, bool)),
    }
    origin = {"file": "session.nwb", "file_identifier": "a", "object_path": "acquisition/EMG", "object_id": "b"}
    attrs = {"rate": RATE, "unit": "V", "origin": json.dumps(origin), "preprocessing": "[]"}
    return xr.DataArray(emg, dims=("time", "muscle"), coords=coords, attrs=attrs, name="emg"), activation
