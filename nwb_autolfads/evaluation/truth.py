"""How well an estimate follows the true activation of a simulated session."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import SignalError


def score_against_truth(
    estimates: Mapping[str, xr.Dataset], truth: xr.DataArray, *, max_lag: float = 0.0
) -> xr.Dataset:
    """Score each estimate, muscle by muscle, by the variance of the true activation it explains.

    EMG fixes activation only up to a scale and an offset per muscle, so the estimate is first mapped onto the truth
    by the affine map of least squares, one per muscle; R2 is what this map leaves unexplained, taken from 1.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        ``activation`` ``(time, muscle)`` by the name of its estimate. Bins that are NaN are left out.
    truth : DataArray, (time, muscle)
        The true activation, any unit, on a time axis of its own (s, session clock); interpolated linearly to the time
        of each estimate.
    max_lag : float, optional
        Largest delay (s) of the estimate behind the truth, or lead before it, that the best-lag score tries, in steps
        of one bin.

    Returns
    -------
    Dataset
        ``r2`` ``(estimator, muscle)`` at lag 0, ``r2_best_lag`` and the ``best_lag`` (s, positive where the estimate
        comes late). NaN where nothing was estimated or the estimate does not vary.

    Raises
    ------
    SignalError
        If a muscle of an estimate has no true activation, or ``max_lag`` is negative.
    """
    if max_lag < 0:
        raise SignalError(f"the largest lag is {max_lag} s", way_out="Give 0 or a positive number of seconds")
    scores = [_score_one(name, estimate["activation"], truth, max_lag) for name, estimate in estimates.items()]
    return xr.concat(scores, dim=xr.Variable("estimator", list(estimates)), join="outer")


def _score_one(name: str, activation: xr.DataArray, truth: xr.DataArray, max_lag: float) -> xr.Dataset:
    muscles = [str(muscle) for muscle in activation["muscle"].values]
    unknown = sorted(set(muscles) - {str(muscle) for muscle in truth["muscle"].values})
    if unknown:
        raise SignalError(
            f"no true activation of {', '.join(unknown)}",
            way_out="Score an estimate against the session it was made from",
            obj=name,
        )
    time = activation["time"].values
    bin_width = float(np.median(np.diff(time)))
    n_lags = round(max_lag / bin_width)
    lags = bin_width * np.arange(-n_lags, n_lags + 1)
    values = activation.transpose("time", "muscle").values.astype(np.float64)
    true = truth.transpose("time", "muscle").sel(muscle=muscles)
    r2 = np.stack([_r2_after_affine_map(values, _truth_at(true, time - lag)) for lag in lags])  # (lag, muscle)
    best = np.argmax(np.where(np.isnan(r2), -np.inf, r2), axis=0)
    r2_best = np.take_along_axis(r2, best[None], axis=0)[0]
    return xr.Dataset(
        {
            "r2": ("muscle", r2[n_lags]),
            "r2_best_lag": ("muscle", r2_best),
            "best_lag": ("muscle", np.where(np.isnan(r2_best), np.nan, lags[best]), {"units": "s"}),
        },
        coords={"muscle": muscles},
    )


def _truth_at(truth: xr.DataArray, time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the truth at ``time``, (time, muscle), NaN outside the time it is known."""
    known = truth["time"].values
    # Rounding of the clock must not make the first and the last bin unknown.
    tolerance = 1e-6
    outside = (time < known[0] - tolerance) | (time > known[-1] + tolerance)
    columns = [np.interp(time, known, column) for column in truth.values.astype(np.float64).T]
    return np.where(outside[:, None], np.nan, np.stack(columns, axis=1))


def _r2_after_affine_map(estimate: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """R2 per column of the least-squares line from estimate to truth: the squared correlation."""
    r2 = np.full(estimate.shape[1], np.nan)
    for column in range(estimate.shape[1]):
        both = np.isfinite(estimate[:, column]) & np.isfinite(truth[:, column])
        x, y = estimate[both, column], truth[both, column]
        if np.unique(x).size > 1 and np.unique(y).size > 1:
            x, y = x - x.mean(), y - y.mean()
            r2[column] = (x @ y) ** 2 / ((x @ x) * (y @ y))
    return r2
