"""Held-out EMG: one score, without truth, for every estimator that predicts hidden bins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError, shown
from nwb_autolfads.estimators.heldout import N_FOLDS, held_out_likelihood
from nwb_autolfads.given import over_time


class PredictsHidden(Protocol):
    """What an estimator needs to be scored on hidden blocks."""

    def predict_hidden(self, emg: xr.DataArray, hidden: NDArray[np.bool_]) -> NDArray[np.floating]:
        """Predict activation ``(time, muscle)`` where ``hidden (time,)`` is true, without using ``emg`` there."""


def score_held_out(
    estimators: Mapping[str, PredictsHidden],
    emg: xr.DataArray,
    *,
    block_ms: float | None = None,
    folds: int = N_FOLDS,
    seed: int = 0,
) -> xr.Dataset:
    """Score estimators by how well they predict hidden blocks of rectified EMG.

    Parameters
    ----------
    estimators : mapping of str to estimator
        Fitted estimators that have ``predict_hidden``.
    emg : DataArray, (time, muscle)
        Rectified, scaled EMG.
    block_ms : float, optional
        Length of a hidden block (ms); by default that of the recording's own noise (`noise_length`). To predict across
        longer gaps is another task than to estimate what is there, and asks for slower filters.
    folds : int
        How many times a part is hidden; each bin is hidden exactly once.
    seed : int
        Decides which block falls into which fold.

    Returns
    -------
    Dataset
        ``nll`` and ``standard_error`` (estimator, muscle): mean negative log-likelihood per bin (nats) and its
        standard error over blocks; ``concentration`` (estimator, muscle); ``block_nll`` (estimator, block, muscle),
        whose differences between two estimators are paired, with ``block_time`` (s). Bins in which EMG is missing are
        left out. Unusable muscles are NaN.

    Raises
    ------
    SignalError
        When the recording has fewer blocks than two per fold, or it is no EMG.
    ConfigError
        If these are no estimators that predict hidden bins.
    """
    over_time(emg)
    if not isinstance(estimators, Mapping) or isinstance(estimators, xr.Dataset) or not estimators:
        raise ConfigError(
            f"estimators are {shown(type(estimators).__name__)}",
            obj="score_held_out",
            way_out="Give estimators by their names: {'LowPass': nal.LowPass()}",
        )
    for name, estimator in estimators.items():
        if not hasattr(estimator, "predict_hidden"):
            problem = f"{shown(type(estimator).__name__)} does not predict hidden bins"
            raise ConfigError(problem, obj=str(name), way_out="Give an estimator that has predict_hidden")
    each = [
        held_out_likelihood(e.predict_hidden, emg, block_ms=block_ms, folds=folds, seed=seed)
        for e in estimators.values()
    ]
    return xr.concat(each, dim=xr.Variable("estimator", list(estimators)))
