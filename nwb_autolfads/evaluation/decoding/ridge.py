"""Ridge regression over lags, scored on blocks of time that share nothing with what it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.evaluation.decoding.folds import Folds, Mask, blocked_folds
from nwb_autolfads.evaluation.decoding.lagged import Sums, at_rows, known_rows, lagged_map, lagged_sums
from nwb_autolfads.segments import Segments

Floats = NDArray[np.float64]

STRENGTHS: Floats = np.logspace(-4, 1, 11)
"""Ridge strengths to choose from, relative to the variance of one predictor: from almost none to shrinking all."""


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
    strength : ndarray, (fold, target)
        Ridge strength of the model of all lags, chosen inside the training rows.
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
    strength: Floats
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
    strengths: Floats = STRENGTHS,
    folds: Folds | None = None,
) -> Decoding:
    """Predict targets from lagged predictors by ridge regression, everything chosen inside the training rows.

    Predictors are z-scored and the strength is chosen per target by the squared error on each other block in turn,
    with the same guards around it; the tested block and its guards play no part. All regressions come from sums over
    blocks of rows, so that none is computed twice and memory stays bounded.

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
        See `blocked_folds`.
    strengths : ndarray, optional
        Ridge strengths to choose from: the penalty per bin on z-scored predictors.
    folds : Folds, optional
        Instead of those of `blocked_folds`, over the rows that are used.

    Raises
    ------
    SignalError
        If there are too few bins in which everything is known.
    """
    usable = known_rows(predictors, segments, shifts) & np.isfinite(targets).all(axis=1)
    rows = np.flatnonzero(usable)
    folds = blocked_folds(time[rows], n_folds, guard) if folds is None else folds
    n_folds, n_lags, n_targets = len(folds.test), len(shifts), targets.shape[1]
    # Centring once keeps the sums of squares small against what they differ by.
    middle = at_rows(targets, rows).mean(axis=0)
    x, y = predictors - at_rows(predictors, rows).mean(axis=0), targets - middle
    x[~np.isfinite(x)] = 0.0

    pieces, of_pieces = folds.pieces()
    parts = [lagged_sums(x, y, rows[piece], shifts) for piece in pieces]

    def sums(mask: Mask) -> Sums:
        return sum((parts[piece] for piece in np.flatnonzero(mask)), Sums.none(n_lags * x.shape[1], n_targets))

    test, near = of_pieces.test, of_pieces.near
    everything, left_out = sum(parts[1:], parts[0]), [sums(mask) for mask in near]
    error = np.zeros((n_folds, 1, len(strengths), n_targets))
    error_at_lag = np.zeros((n_folds, n_lags, len(strengths), n_targets))
    for f in range(n_folds):
        for g in range(f):
            train = everything - left_out[f] - left_out[g] + sums(near[f] & near[g])
            together, apart = (_fit(train.in_blocks(n_blocks), strengths) for n_blocks in (1, n_lags))
            for outer, tested in ((f, sums(test[g] & ~near[f])), (g, sums(test[f] & ~near[g]))):
                error[outer] += together.squared_error(tested.in_blocks(1))
                error_at_lag[outer] += apart.squared_error(tested.in_blocks(n_lags))

    off, off_at_lag = np.zeros((n_folds, n_targets)), np.zeros((n_folds, n_lags, n_targets))
    variation = np.zeros((n_folds, n_targets))
    models = []
    for f in range(n_folds):
        train, tested = everything - left_out[f], sums(test[f])
        together, apart = (
            _fit(train.in_blocks(each.shape[1]), strengths).choose(each[f].argmin(axis=1))
            for each in (error, error_at_lag)
        )
        off[f] = together.squared_error(tested.in_blocks(1))[0, 0]
        off_at_lag[f] = apart.squared_error(tested.in_blocks(n_lags))[:, 0]
        variation[f] = tested.total_variation()
        models.append(together)

    def predict() -> Floats:
        predicted = np.full(targets.shape, np.nan)
        for model, tested in zip(models, folds.test, strict=True):
            constant = middle + model.intercept[0, 0]
            predicted[rows[tested]] = constant + lagged_map(x, rows[tested], shifts, model.weights[0, :, 0])
        return predicted

    chosen_lag = error_at_lag.min(axis=2).argmin(axis=1)  # (fold, target)
    return Decoding(
        rows=usable,
        error=off,
        error_at_lag=np.moveaxis(off_at_lag, 1, 2),
        error_one_lag=np.take_along_axis(off_at_lag, chosen_lag[:, None], axis=1)[:, 0],
        variation=variation,
        strength=strengths[error[:, 0].argmin(axis=1)],
        n=folds.test.sum(axis=1),
        predict=predict,
    )


@dataclass(frozen=True)
class _Ridge:
    """Weights ``(block, predictor, strength, target)`` and intercepts ``(block, strength, target)``."""

    weights: Floats
    intercept: Floats

    def squared_error(self, on: Sums) -> Floats:
        """Return ``sum (y - x w - b)^2``, (block, strength, target)."""
        w, b = self.weights, self.intercept
        quadratic = np.einsum("bpsk,bpsk->bsk", w, (on.xx @ w.reshape(*on.x.shape, -1)).reshape(w.shape))
        wx = np.einsum("bpsk,bp->bsk", w, on.x)
        wxy = np.einsum("bpsk,bpk->bsk", w, on.xy)
        return on.yy + quadratic + on.n * b**2 - 2 * wxy - 2 * b * on.y + 2 * b * wx

    def choose(self, strength: NDArray[np.intp]) -> _Ridge:
        """Return the models with the strength given for each block and target, (block, target)."""
        return _Ridge(
            np.take_along_axis(self.weights, strength[:, None, None], axis=2),
            np.take_along_axis(self.intercept, strength[:, None], axis=1),
        )


def _fit(train: Sums, strengths: Floats) -> _Ridge:
    """Ridge on z-scored predictors: ``(C + s I) w = c`` with ``C`` their correlations, ``c`` with the targets."""
    mean_x, mean_y = train.x / train.n, train.y / train.n
    covariance = train.xx / train.n - mean_x[:, :, None] * mean_x[:, None]
    sd = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0))
    sd = np.where(sd > 1e-9 * np.maximum(sd.max(axis=1, keepdims=True), 1e-300), sd, np.inf)  # else it says nothing
    eigenvalues, vectors = np.linalg.eigh(covariance / (sd[:, :, None] * sd[:, None]))
    c = np.swapaxes(vectors, 1, 2) @ ((train.xy / train.n - mean_x[:, :, None] * mean_y) / sd[:, :, None])
    shrunk = c[:, :, None] / (np.maximum(eigenvalues, 0)[:, :, None, None] + strengths[:, None])
    weights = (vectors @ shrunk.reshape(*sd.shape, -1)).reshape(shrunk.shape) / sd[:, :, None, None]
    return _Ridge(weights, mean_y - np.einsum("bp,bpsk->bsk", mean_x, weights))
