"""Speed of the Bayesian filter and smoother on one core, in times real time: ``python benchmarks/bayes_speed.py``."""

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import time

import numpy as np
import xarray as xr

from nwb_autolfads.estimators.bayes.estimator import BayesianFilter

RATE, MUSCLES, SECONDS, REPEATS = 500, 12, 600, 2


def rectified_emg() -> xr.DataArray:
    random = np.random.default_rng(0)
    t = np.arange(SECONDS * RATE) / RATE
    phase = np.linspace(0, 2 * np.pi, MUSCLES, endpoint=False)
    amplitude = 0.05 + np.maximum(np.sin(2 * np.pi * t[:, None] + phase), 0) ** 2
    return xr.DataArray(
        np.maximum(random.exponential(amplitude), 1e-4).astype(np.float32),
        dims=("time", "muscle"),
        coords={
            "time": t,
            "muscle": [f"muscle {i}" for i in range(MUSCLES)],
            "segment": ("time", np.zeros(len(t), int)),
        },
        attrs={"rate": float(RATE)},
    )


def main() -> None:
    emg = rectified_emg()
    print(f"{MUSCLES} muscles, {SECONDS} s at {RATE} Hz, 100 amplitudes, one core; best of {REPEATS}")
    for smooth in (False, True):
        estimator = BayesianFilter("laplace", 8.0, 0.5, smooth=smooth)
        walls, cpus = [], []
        for _ in range(REPEATS):
            wall, cpu = time.perf_counter(), time.process_time()
            estimator.estimate(emg)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        print(
            f"{'smoother' if smooth else 'filter':8s} {min(walls):5.2f} s, {SECONDS / min(walls):5.0f} times real time"
            f" (processor time {min(cpus):.2f} s, {SECONDS / min(cpus):.0f} times)"
        )


if __name__ == "__main__":
    main()
