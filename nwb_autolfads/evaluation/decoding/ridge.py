"""Ridge regression over lags, scored on parts of time that share nothing with what it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.evaluation.decoding.folds import Folds, Mask, contiguous_folds
from nwb_autolfads.evaluation.decoding.lagged import Sums, at_rows, known_rows, lagged_map, lagged_sums
from nwb_autolfads.segments import Segments

Floats = NDArray[np.float64]

ALPHAS: Floats = np.logspace(-4, 1, 11)
"""Penalties to choose from, relative to the variance of one predictor: from almost none to shrinking all."""


@dataclass(frozen=True)
class Decoding:
    """What was predicted, and how far off; every number is of held-out rows.

    Attributes
    ----------
    rows : ndarray of bool, (time,)
        Bins that were used: all lags and all targets known.
    error : ndarray, (fold, target)
        ``sum (y - predicted)^2`` of the model of all lags.
    error_at_lag : ndarray, (fold, target, lag)
        The same of models of one lag.
    error_one_lag : ndarray, (fold, target)
        The same at the lag that was chosen inside the training rows.
    variation : ndarray, (fold, target)
        ``sum (y - mean y)^2``, the mean that of the fold.
    alpha : ndarray, (fold, target)
        Ridge penalty of the model of all lags, chosen inside the training rows.
    n : ndarray of int, (fold,)
        Rows that were tested.
    predict : callable
        Returns `predicted`.
    """

    rows: Mask
    error: Floats
    error_at_lag: Floats
    error_one_lag: Floats
    variation: Floats
    alpha: Floats
    n: NDArray[np.int64]
    predict: Callable[[], Floats]

    @cached_property
    def predicted(self) -> Floats:
        """Predictions of the model of all lags, (time, target); NaN outside ``rows``. Few need them."""
        return self.predict()

    @property
    def r2_fold(self) -> Floats:
        """``1 - error / variation`` of each fold, (fold, target); NaN where the target does not vary in it."""
        return _explained(self.error, self.variation)

    @property
    def r2(self) -> Floats:
        """``1 - error / variation``, each summed over folds, (target,): also called VAF.

        A fold in which little happens then weighs little; the mean of `r2_fold` can be far below 0 for one such fold.
        """
        return _explained(self.error.sum(axis=0), self.variation.sum(axis=0))

    @property
    def r2_at_lag(self) -> Floats:
        """The same of models of one lag, (target, lag)."""
        return _explained(self.error_at_lag.sum(axis=0), self.variation.sum(axis=0)[:, None])

    @property
    def r2_one_lag(self) -> Floats:
        """The same at the lag chosen in training, (target,)."""
        return _explained(self.error_one_lag.sum(axis=0), self.variation.sum(axis=0))


def _explained(error: Floats, variation: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(variation > 0, 1 - error / variation, np.nan)


def decode(
    predictors: Floats,
    targets: Floats,
    time: Floats,
    segments: Segments,
    shifts: Sequence[int],
    *,
    n_folds: int,
    guard: float,
    alphas: Floats = ALPHAS,
    folds: Folds | None = None,
) -> Decoding:
    """Predict targets from lagged predictors by ridge regression, everything chosen inside the training rows.

    Predictors are z-scored and alpha is chosen per target by the squared error on each other fold in turn,
    with the same guards around it; the tested fold and its guards play no part. All regressions come from sums over
    spans of rows, so that none is computed twice and memory stays bounded.

    Parameters
    ----------
    predictors : ndarray, (time, predictor)
    targets : ndarray, (time, target)
    time : ndarray, (time,)
        Of the bins (s), ascending.
    segments : Segments
        Of the bins; no lag reaches across a gap.
    shifts : sequence of int
        Lags in bins: the target at t is predicted from the predictors at ``t - shift``.
    n_folds : int
    guard : float
        See `contiguous_folds`.
    alphas : ndarray, optional
        To choose from: the penalty per bin on z-scored predictors.
    folds : Folds, optional
        Instead of those of `contiguous_folds`, over the rows that are used.

    Raises
    ------
    SignalError
        If there are too few bins in which everything is known.
    """
    usable = known_rows(predictors, segments, shifts) & np.isfinite(targets).all(axis=1)
    rows = np.flatnonzero(usable)
    folds = contiguous_folds(time[rows], n_folds, guard, segments.numbers[rows]) if folds is None else folds
    # Centring once keeps the sums of squares small against what they differ by.
    middle = at_rows(targets, rows).mean(axis=0)
    x, y = predictors - at_rows(predictors, rows).mean(axis=0), targets - middle
    x[~np.isfinite(x)] = 0.0

    spans, of_spans = folds.spans()
    sums = _FoldSums([lagged_sums(x, y, rows[span], shifts) for span in spans], of_spans)
    error, error_at_lag = _inner_errors(sums, len(shifts), alphas)
    off, off_at_lag, variation, models = [], [], [], []
    for fold in range(len(folds.test)):
        train, tested = sums.train(fold), sums.tested(fold)
        all_lags, one_lag = (
            _fit(train.split(each.shape[1]), alphas).choose(each[fold].argmin(axis=1)) for each in (error, error_at_lag)
        )
        off.append(all_lags.squared_error(tested.split(1))[0, 0])
        off_at_lag.append(one_lag.squared_error(tested.split(len(shifts)))[:, 0].T)
        variation.append(tested.total_variation())
        models.append(all_lags)

    def predict() -> Floats:
        predicted = np.full(targets.shape, np.nan)
        for model, tested in zip(models, folds.test, strict=True):
            constant = middle + model.intercept[0, 0]
            predicted[rows[tested]] = constant + lagged_map(x, rows[tested], shifts, model.weights[0, :, 0])
        return predicted

    chosen_lag = error_at_lag.min(axis=2).argmin(axis=1)  # (fold, target)
    return Decoding(
        rows=usable,
        error=np.array(off),
        error_at_lag=np.array(off_at_lag),
        error_one_lag=np.take_along_axis(np.array(off_at_lag), chosen_lag[..., None], axis=2)[..., 0],
        variation=np.array(variation),
        alpha=alphas[error[:, 0].argmin(axis=1)],
        n=folds.test.sum(axis=1),
        predict=predict,
    )


class _FoldSums:
    """Sums over what folds test and train on, from sums over spans of rows of which all of it is made up."""

    def __init__(self, parts: list[Sums], folds: Folds) -> None:
        self._parts, self._folds = parts, folds
        self._all = sum(parts[1:], parts[0])
        self._near = [self._over(mask) for mask in folds.near]
        self.n_folds, self.n_targets = len(folds.test), len(parts[0].y)

    def _over(self, mask: Mask) -> Sums:
        none = Sums.none(len(self._parts[0].x), len(self._parts[0].y))
        return sum((self._parts[span] for span in np.flatnonzero(mask)), none)

    def train(self, fold: int, other: int | None = None) -> Sums:
        """Return the sums over the rows that train where one fold, or two, are held out with their guards."""
        if other is None:
            return self._all - self._near[fold]
        near = self._folds.near
        return self._all - self._near[fold] - self._near[other] + self._over(near[fold] & near[other])

    def tested(self, fold: int, beside: int | None = None) -> Sums:
        """Return the sums over the rows that a fold tests, without those near another fold."""
        mask = self._folds.test[fold]
        return self._over(mask if beside is None else mask & ~self._folds.near[beside])


def _inner_errors(sums: _FoldSums, n_lags: int, alphas: Floats) -> tuple[Floats, Floats]:
    """Return each fold's squared errors in all other folds, each of them held out in turn too.

    Returns
    -------
    all_lags : ndarray, (fold, 1, alpha, target)
        Of models of all lags.
    one_lag : ndarray, (fold, lag, alpha, target)
        Of models of one lag.
    """
    all_lags = np.zeros((sums.n_folds, 1, len(alphas), sums.n_targets))
    one_lag = np.zeros((sums.n_folds, n_lags, len(alphas), sums.n_targets))
    for f in range(sums.n_folds):
        for g in range(f):
            train = sums.train(f, g)
            of_all, of_one = (_fit(train.split(n_parts), alphas) for n_parts in (1, n_lags))
            for outer, inner in ((f, g), (g, f)):
                tested = sums.tested(inner, beside=outer)
                all_lags[outer] += of_all.squared_error(tested.split(1))
                one_lag[outer] += of_one.squared_error(tested.split(n_lags))
    return all_lags, one_lag


@dataclass(frozen=True)
class _Ridge:
    """Weights ``(part, predictor, alpha, target)`` and intercepts ``(part, alpha, target)``, each part a model."""

    weights: Floats
    intercept: Floats

    def squared_error(self, on: Sums) -> Floats:
        """Return ``sum (y - x w - b)^2``, (part, alpha, target)."""
        w, b = self.weights, self.intercept
        quadratic = np.einsum("bpsk,bpsk->bsk", w, (on.xx @ w.reshape(*on.x.shape, -1)).reshape(w.shape))
        wx = np.einsum("bpsk,bp->bsk", w, on.x)
        wxy = np.einsum("bpsk,bpk->bsk", w, on.xy)
        return on.yy + quadratic + on.n * b**2 - 2 * wxy - 2 * b * on.y + 2 * b * wx

    def choose(self, alpha: NDArray[np.intp]) -> _Ridge:
        """Return the models with the alpha given for each part and target, (part, target)."""
        return _Ridge(
            np.take_along_axis(self.weights, alpha[:, None, None], axis=2),
            np.take_along_axis(self.intercept, alpha[:, None], axis=1),
        )


def _fit(train: Sums, alphas: Floats) -> _Ridge:
    """Ridge on z-scored predictors: ``(C + alpha I) w = c`` with ``C`` their correlations, ``c`` with the targets."""
    mean_x, mean_y = train.x / train.n, train.y / train.n
    covariance = train.xx / train.n - mean_x[:, :, None] * mean_x[:, None]
    sd = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0))
    sd = np.where(sd > 1e-9 * sd.max(axis=1, keepdims=True), sd, np.inf)  # else it says nothing
    eigenvalues, vectors = np.linalg.eigh(covariance / (sd[:, :, None] * sd[:, None]))
    c = np.swapaxes(vectors, 1, 2) @ ((train.xy / train.n - mean_x[:, :, None] * mean_y) / sd[:, :, None])
    shrunk = c[:, :, None] / (np.maximum(eigenvalues, 0)[:, :, None, None] + alphas[:, None])
    weights = (vectors @ shrunk.reshape(*sd.shape, -1)).reshape(shrunk.shape) / sd[:, :, None, None]
    return _Ridge(weights, mean_y - np.einsum("bp,bpsk->bsk", mean_x, weights))
