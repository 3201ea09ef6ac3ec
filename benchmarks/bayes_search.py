"""Choosing diffusion and jump rate: the package's search beside those of scipy.optimize, muscle by muscle.

``python benchmarks/bayes_search.py``. Processor time, and how far each falls short of the best log predictive
likelihood that any of them finds (nats for each bin), the worst of the muscles.
"""

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import time
from collections.abc import Callable

import numpy as np
import xarray as xr
from bayes_speed import RATE, rectified_emg
from numpy.typing import NDArray
from scipy.optimize import minimize

from nwb_autolfads.estimators.bayes.amplitude_hmm import AmplitudeModel, amplitude_grid, transition_kernel
from nwb_autolfads.estimators.bayes.estimator import DIFFUSION_BOUNDS, JUMP_BOUNDS, BayesianFilter
from nwb_autolfads.estimators.bayes.side_by_side import infer
from nwb_autolfads.segments import Segments

MUSCLES, BINS, START = 6, 16_384, (8.0, 0.5)
"""As many bins as `BayesianFilter.fit` looks at."""


def main() -> None:
    emg = rectified_emg().isel(time=slice(BINS), muscle=slice(MUSCLES))
    began = time.process_time()
    estimator = BayesianFilter(temper=1.0).fit(emg)
    assert estimator.fitted_ is not None
    fitted = np.array(list(estimator.fitted_.values()))
    print(f"{'package':12s} {time.process_time() - began:6.2f} s")
    found = {"package": np.array([-cost(emg, muscle)(np.log(fitted[muscle])) for muscle in range(MUSCLES)])}
    for method in ("Nelder-Mead", "Powell", "L-BFGS-B"):
        began, calls, best = time.process_time(), 0, []
        for muscle in range(MUSCLES):
            bounds = np.log([DIFFUSION_BOUNDS, JUMP_BOUNDS])
            options = {"xatol": 0.2, "fatol": 1e-3} if method == "Nelder-Mead" else {}
            options |= {"xtol": 0.1, "ftol": 1e-6} if method == "Powell" else {}
            options |= {"eps": 0.05, "ftol": 1e-7} if method == "L-BFGS-B" else {}
            end = minimize(cost(emg, muscle), np.log(START), method=method, bounds=bounds, options=options)
            calls += end.nfev
            best.append(-end.fun)
        found[method] = np.array(best)
        print(f"{method:12s} {time.process_time() - began:6.2f} s, {calls / MUSCLES:.0f} likelihoods for each muscle")
    top = np.max(list(found.values()), axis=0)
    for name, reached in found.items():
        print(f"{name:12s} {np.max(top - reached) / BINS:.1e} nats for each bin below the best")


def cost(emg: xr.DataArray, muscle: int) -> Callable[[NDArray[np.float64]], float]:
    """Return minus the log predictive likelihood of one muscle, of the logarithms of diffusion and jump rate."""
    x = emg.values[:, [muscle]].astype(float)
    rested = np.lib.stride_tricks.sliding_window_view(x, 25, axis=0).mean(axis=-1)
    grid, spacing = amplitude_grid(100, np.quantile(rested, 0.02, axis=0), rested.max(axis=0), "logarithmic")
    chunks = Segments.of_lengths([BINS], RATE).chunks(1024)

    def value(logarithms: NDArray[np.float64]) -> float:
        diffusion, jump = np.exp(logarithms)
        kernel = transition_kernel(100, spacing[0], 1 / RATE, diffusion, jump)[None].astype(np.float32)
        return -float(infer(AmplitudeModel(grid, kernel, "laplace", np.ones(1)), x, chunks).log_predictive.sum())

    return value


if __name__ == "__main__":
    main()
