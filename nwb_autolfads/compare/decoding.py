"""Ridge regression over lags, scored on blocks of time that share nothing with what it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError, SignalError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

STRENGTHS: Floats = np.logspace(-4, 1, 11)
"""Ridge strengths to choose from, relative to the variance of one predictor: from almost none to shrinking all."""

FEWEST_ROWS = 100
_CHUNK = 10_000  # rows whose lagged predictors are in memory at once


@dataclass(frozen=True)
class Folds:
    """Blocks of time that are held out in turn.

    Attributes
    ----------
    test : ndarray of bool, (fold, row)
        What a fold tests: contiguous, and every row in one fold.
    near : ndarray of bool, (fold, row)
        The test rows and those closer to them than the guard, all kept out of training.
    """

    test: Mask
    near: Mask


@dataclass(frozen=True)
class Decoding:
    """What was predicted, and how far off; every number is of held-out rows.

    Attributes
    ----------
    rows : ndarray of bool, (time,)
        Bins that were used: all lags and all targets known.
    predicted : ndarray, (time, target)
        By the model of all lags; NaN outside ``rows``.
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
    """

    rows: Mask
    predicted: Floats
    error: Floats
    error_at_lag: Floats
    error_one_lag: Floats
    variation: Floats
    strength: Floats
    n: NDArray[np.int64]

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


def blocked_folds(time: Floats, n_folds: int, guard: float) -> Folds:
    """Cut time into contiguous blocks of equally many bins, each with a guard on both sides.

    Parameters
    ----------
    time : ndarray, (row,)
        Ascending (s).
    n_folds : int
        At least 3, so that a strength can be chosen with one block held out and another tested.
    guard : float
        Time (s) between any tested and any training row, at least: as long as whatever makes one bin depend on
        another (window of the estimator, smoothing, lags).

    Raises
    ------
    ConfigError
        If there are fewer than 3 folds or the guard is negative.
    SignalError
        If the guards leave too little to train on.
    """
    if n_folds < 3 or guard < 0:
        raise ConfigError(f"{n_folds} folds with a guard of {guard:g} s", way_out="Give 3 or more folds, a guard >= 0")
    near = np.zeros((n_folds, len(time)), dtype=bool)
    test = np.zeros_like(near)
    if len(time) >= n_folds * 2:
        for fold, rows in enumerate(np.array_split(np.arange(len(time)), n_folds)):
            test[fold, rows] = True
            near[fold] = (time > time[rows[0]] - guard) & (time < time[rows[-1]] + guard)
    fewest = min(
        int(np.count_nonzero(~near[first] & ~near[second]))
        for first in range(n_folds)
        for second in range(n_folds)
        if first != second
    )
    untestable = any(not (test[g] & ~near[f]).any() for f in range(n_folds) for g in range(n_folds) if abs(f - g) > 1)
    if fewest < FEWEST_ROWS or untestable:
        raise SignalError(
            f"{len(time)} bins in common are too few: {n_folds} folds with guards of {guard:g} s leave "
            f"{max(0, fewest) if len(time) >= 2 * n_folds else 0} bins to train on",
            way_out="Use a longer recording, or fewer folds",
        )
    return Folds(test, near)


def lagged(values: Floats, rows: NDArray[np.intp], shifts: Sequence[int]) -> Floats:
    """Return ``values[row - shift]`` for each row, all predictors of one shift side by side, (row, lag * predictor)."""
    return values[rows[:, None] - np.asarray(shifts)].reshape(len(rows), len(shifts) * values.shape[1])


def decode(
    predictors: Floats,
    targets: Floats,
    time: Floats,
    segment: NDArray[np.int64],
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
    segment : ndarray of int, (time,)
        Number of the gap-free segment of each bin; no lag reaches across a gap.
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
    n_time, n_lags = len(time), len(shifts)
    usable = known_rows(predictors, segment, shifts) & np.isfinite(targets).all(axis=1)
    rows = np.flatnonzero(usable)
    folds = blocked_folds(time[rows], n_folds, guard) if folds is None else folds
    n_folds = len(folds.test)
    # Centring once keeps the sums of squares small against what they differ by.
    x = predictors - predictors[rows].mean(axis=0)
    y = targets - targets[rows].mean(axis=0)
    n_targets, width = y.shape[1], x.shape[1]

    def sums(mask: Mask) -> _Sums:
        return _Sums.over(x, y, rows, np.flatnonzero(mask), shifts)

    everything = sums(np.ones(len(rows), dtype=bool))
    near = [sums(mask) for mask in folds.near]
    blocks = [np.arange(n_lags * width), *np.arange(n_lags * width).reshape(n_lags, width)]  # all lags, then each one
    error = np.zeros((n_folds, len(blocks), len(strengths), n_targets))
    for f in range(n_folds):
        for g in range(f):
            both = near[f] + near[g] - sums(folds.near[f] & folds.near[g])
            train = everything - both
            inner = {f: sums(folds.test[g] & ~folds.near[f]), g: sums(folds.test[f] & ~folds.near[g])}
            for b, columns in enumerate(blocks):
                model = _fit(train.of(columns), strengths)
                for outer, tested in inner.items():
                    error[outer, b] += model.squared_error(tested.of(columns))

    off = np.zeros((n_folds, len(blocks), n_targets))
    variation = np.zeros((n_folds, n_targets))
    predicted = np.full((n_time, n_targets), np.nan)
    for f in range(n_folds):
        train, tested = everything - near[f], sums(folds.test[f])
        variation[f] = tested.total_variation()
        for b, columns in enumerate(blocks):
            model = _fit(train.of(columns), strengths).choose(error[f, b].argmin(axis=0))
            off[f, b] = model.squared_error(tested.of(columns))[0]
            if b == 0:
                held_out = rows[folds.test[f]]
                for part in np.array_split(held_out, 1 + len(held_out) // _CHUNK):
                    predicted[part] = lagged(x, part, shifts) @ model.weights[0] + model.intercept[0]
    chosen_lag = error[:, 1:].min(axis=2).argmin(axis=1)  # (fold, target)
    return Decoding(
        rows=usable,
        predicted=predicted + targets[rows].mean(axis=0),
        error=off[:, 0],
        error_at_lag=np.moveaxis(off[:, 1:], 1, 2),
        error_one_lag=np.take_along_axis(off[:, 1:], chosen_lag[:, None], axis=1)[:, 0],
        variation=variation,
        strength=strengths[error[:, 0].argmin(axis=1)],
        n=folds.test.sum(axis=1),
    )


def known_rows(values: Floats, segment: NDArray[np.int64], shifts: Sequence[int]) -> Mask:
    """Return in which bins the values at all lags are finite and of the same segment, (time,)."""
    finite = np.asarray(np.isfinite(values).all(axis=1))
    known = np.ones(len(values), dtype=bool)
    at = np.arange(len(values))
    for shift in shifts:
        source = np.clip(at - shift, 0, len(values) - 1)
        known &= (source == at - shift) & finite[source] & (segment[source] == segment)
    return known


@dataclass(frozen=True)
class _Sums:
    """Sums over rows from which any ridge regression on them, and its error on them, follow."""

    n: int
    x: Floats
    y: Floats
    xx: Floats
    xy: Floats
    yy: Floats

    @classmethod
    def over(
        cls, x: Floats, y: Floats, rows: NDArray[np.intp], picked: NDArray[np.intp], shifts: Sequence[int]
    ) -> _Sums:
        width, k = len(shifts) * x.shape[1], y.shape[1]
        total = cls(0, np.zeros(width), np.zeros(k), np.zeros((width, width)), np.zeros((width, k)), np.zeros(k))
        for part in np.array_split(picked, 1 + len(picked) // _CHUNK):
            a, b = lagged(x, rows[part], shifts), y[rows[part]]
            total = total + cls(len(part), a.sum(axis=0), b.sum(axis=0), a.T @ a, a.T @ b, (b**2).sum(axis=0))
        return total

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def __sub__(self, other: _Sums) -> _Sums:
        return _Sums(*(getattr(self, name) - getattr(other, name) for name in self.__dataclass_fields__))

    def of(self, columns: NDArray[np.intp]) -> _Sums:
        """Return the same for some of the predictors."""
        return _Sums(self.n, self.x[columns], self.y, self.xx[np.ix_(columns, columns)], self.xy[columns], self.yy)

    def total_variation(self) -> Floats:
        """Return ``sum (y - mean y)^2``, with what rounding leaves of a constant target set to 0."""
        variation = self.yy - self.y**2 / max(self.n, 1)
        return np.where(variation > 1e-12 * np.maximum(self.yy, 1e-300), variation, 0.0)


@dataclass(frozen=True)
class _Ridge:
    """Weights ``(strength, predictor, target)`` and intercepts ``(strength, target)``."""

    weights: Floats
    intercept: Floats

    def squared_error(self, on: _Sums) -> Floats:
        """Return ``sum (y - x w - b)^2``, (strength, target)."""
        w, b = self.weights, self.intercept
        quadratic = np.einsum("spk,spk->sk", w, on.xx @ w)
        wx = np.einsum("spk,p->sk", w, on.x)
        wxy = np.einsum("spk,pk->sk", w, on.xy)
        return on.yy + quadratic + on.n * b**2 - 2 * wxy - 2 * b * on.y + 2 * b * wx

    def choose(self, strength: NDArray[np.intp]) -> _Ridge:
        """Return the model with the strength given for each target."""
        at = np.arange(len(strength))
        return _Ridge(self.weights[strength, :, at].T[None], self.intercept[strength, at][None])


def _fit(train: _Sums, strengths: Floats) -> _Ridge:
    """Ridge on z-scored predictors: ``(C + s I) w = c`` with ``C`` their correlations, ``c`` with the targets."""
    mean_x, mean_y = train.x / train.n, train.y / train.n
    covariance = train.xx / train.n - np.outer(mean_x, mean_x)
    sd = np.sqrt(np.maximum(np.diag(covariance), 0))
    sd = np.where(sd > 1e-9 * max(sd.max(), 1e-300), sd, np.inf)  # what does not vary predicts nothing
    eigenvalues, vectors = np.linalg.eigh(covariance / np.outer(sd, sd))
    c = vectors.T @ ((train.xy / train.n - np.outer(mean_x, mean_y)) / sd[:, None])
    shrunk = c / (np.maximum(eigenvalues, 0)[None, :, None] + strengths[:, None, None])  # (strength, predictor, target)
    weights = (vectors @ shrunk) / sd[:, None]
    return _Ridge(weights, mean_y - np.einsum("p,spk->sk", mean_x, weights))
