"""Held-out EMG: one score, without truth, for every estimator that predicts hidden bins.

Time is cut into short blocks and the blocks are dealt into folds. For each fold its blocks are hidden, all muscles at
once, so that neither noise that muscles share nor noise that lasts a few bins can help; the estimator predicts the
hidden bins from all visible ones. The prediction is scored as the mean of a gamma distribution,

    x ~ Gamma(concentration k, mean m),    -log p = -[k log(k / m) - lgamma(k) + (k - 1) log x - k x / m]

after an affine map per muscle, m = a + b * prediction: what is asked is how much the prediction tells, not its scale.
Map and concentration are fitted by maximum likelihood on the other folds' predictions. Blocks and folds follow from the
EMG and the seed alone, so that every estimator is asked the same questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, polygamma

from nwb_autolfads.errors import ConfigError, SignalError, shown
from nwb_autolfads.estimators.noise_length import noise_length
from nwb_autolfads.estimators.observed import FLOOR, observe, require_between
from nwb_autolfads.given import over_time
from nwb_autolfads.segments import Segments

N_FOLDS = 5
MAP_STEPS = 8

Predict = Callable[[xr.DataArray, NDArray[np.bool_]], NDArray[np.floating]]


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


def held_out_likelihood(
    predict: Predict, emg: xr.DataArray, *, block_ms: float | None = None, folds: int = N_FOLDS, seed: int = 0
) -> xr.Dataset:
    """Score one way of predicting hidden bins by its likelihood.

    Parameters
    ----------
    predict : callable
        Takes rectified EMG and which bins are hidden ``(time,)``; returns activation ``(time, muscle)``.
    emg, block_ms, folds, seed
        See `nwb_autolfads.score_held_out`.

    Returns
    -------
    Dataset
        That of `nwb_autolfads.score_held_out`, without ``estimator``.
    """
    observed = observe(emg)
    if block_ms is None:
        block_ms = noise_length(observed.values, observed.segments, observed.rate)
    positive = emg.copy(data=np.maximum(emg.values, FLOOR))  # so that what was raised is said once, here
    starts, fold_of_bin = hidden_blocks(emg, block_ms=block_ms, folds=folds, seed=seed)
    mean = np.empty_like(observed.values)
    for fold in range(folds):
        hidden = fold_of_bin == fold
        mean[hidden] = np.asarray(predict(positive, hidden), dtype=np.float64)[np.ix_(hidden, observed.usable)]
    np.maximum(mean, FLOOR, out=mean)

    nll = np.empty_like(mean)  # NaN where the EMG is missing
    concentrations = np.empty((folds, mean.shape[1]))
    for fold in range(folds):
        hidden = fold_of_bin == fold
        offset, slope = fit_map(observed.values[~hidden], mean[~hidden])
        mapped = offset + slope * mean
        concentrations[fold] = fit_concentration(observed.values[~hidden], mapped[~hidden])
        nll[hidden] = gamma_nll(observed.values[hidden], mapped[hidden], concentrations[fold])

    scored = ~np.isnan(nll)
    n_bins = np.add.reduceat(scored, starts, axis=0, dtype=int)
    sums = np.add.reduceat(np.where(scored, nll, 0), starts, axis=0)
    block_nll = np.divide(sums, n_bins, out=np.full_like(sums, np.nan), where=n_bins > 0)
    per_muscle = {
        "nll": np.nanmean(nll, axis=0),
        "standard_error": np.nanstd(block_nll, axis=0, ddof=1) / np.sqrt((n_bins > 0).sum(axis=0)),
        "concentration": concentrations.mean(axis=0),
    }
    return xr.Dataset(
        {name: ("muscle", observed.spread(values[None])[0]) for name, values in per_muscle.items()}
        | {"block_nll": (("block", "muscle"), observed.spread(block_nll))},
        coords={"muscle": emg["muscle"].values, "block_time": ("block", emg["time"].values[starts])},
        attrs={"block_ms": block_ms, "folds": folds, "seed": seed},
    )


def hidden_blocks(
    emg: xr.DataArray, *, block_ms: float, folds: int = N_FOLDS, seed: int = 0
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Cut time into blocks, none across a gap, and deal each run of ``folds`` neighbours at random into the folds.

    Returns
    -------
    starts : array of int, (block,)
        First bin of each block.
    fold_of_bin : array of int, (time,)
        The fold in which a bin is hidden.
    """
    rate = float(emg.attrs["rate"])
    require_between("block_ms", block_ms, 1e3 / rate, 1e4, unit="ms")
    require_between("folds", folds, 2, 100)
    length = round(block_ms * rate / 1e3)
    starts = Segments.of(emg).chunks(length).firsts
    if len(starts) < 2 * folds:
        raise SignalError(
            f"{emg.sizes['time']} bins are {len(starts)} blocks of {block_ms:g} ms, too few for {folds} folds",
            way_out="Take a longer recording, shorter blocks or fewer folds",
        )
    random = np.random.default_rng(seed)
    dealt = np.concatenate([random.permutation(folds) for _ in range(-(-len(starts) // folds))])[: len(starts)]
    return starts, np.repeat(dealt, np.diff([*starts, emg.sizes["time"]]))


def gamma_nll(
    x: NDArray[np.floating], mean: NDArray[np.floating], concentration: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the negative log density of ``x`` under a gamma distribution of given mean and concentration."""
    k = concentration
    return -(k * np.log(k / mean) - gammaln(k) + (k - 1) * np.log(x) - k * x / mean)


def fit_map(x: NDArray[np.floating], prediction: NDArray[np.floating]) -> tuple[NDArray[np.float64], ...]:
    """Fit offset (not negative) and slope per muscle of the gamma mean as a line in the prediction, both (muscle,).

    Bins in which ``x`` is NaN are left out.

    Maximum likelihood by iterated least squares with weights 1 / mean^2 (McCullagh & Nelder 1989, Generalized Linear
    Models, 2.5), which does not depend on the concentration. Where the best offset is negative, or the line falls, the
    offset is 0, and the slope the best one through 0.
    """
    prediction = np.where(np.isnan(x), np.nan, prediction)  # what is missing counts for nothing
    through_zero = np.nanmean(x / prediction, axis=0)
    offset, slope = np.zeros(x.shape[1]), through_zero
    for _ in range(MAP_STEPS):
        w = 1 / np.square(offset + slope * prediction)
        wp = w * prediction
        s0, s1, s2, t0, t1 = (np.nansum(each, axis=0) for each in (w, wp, wp * prediction, w * x, wp * x))
        determinant = s0 * s2 - s1**2
        flat = determinant <= 1e-12 * s0 * s2  # a prediction that never changes has no slope
        determinant = np.where(flat, 1.0, determinant)
        offset, slope = (s2 * t0 - s1 * t1) / determinant, (s0 * t1 - s1 * t0) / determinant
        outside = flat | (offset < 0) | (slope <= 0)
        offset, slope = np.where(outside, 0.0, offset), np.where(outside, through_zero, slope)
    return offset, slope


def fit_concentration(x: NDArray[np.floating], mean: NDArray[np.floating]) -> NDArray[np.float64]:
    """Fit the gamma concentration per muscle by maximum likelihood, the means being given.

    The derivative of the likelihood is zero where ``log k - digamma(k) = mean(r - log r) - 1``, ``r = x / mean``; its
    left side falls from infinity to 0, so there is one root, found by Newton's method in ``log k``.
    """
    r = x / mean
    target = np.maximum(np.nanmean(r - np.log(r), axis=0) - 1, 1e-9)
    k = (3 - target + np.sqrt((target - 3) ** 2 + 24 * target)) / (12 * target)  # Minka 2002, within 1.5 %
    for _ in range(4):
        excess = np.log(k) - digamma(k) - target
        k = k * np.exp(-excess / (1 - k * polygamma(1, k)))
    return k
