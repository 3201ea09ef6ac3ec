"""Signals at several lags: where they are known, their sums of products over rows, and linear maps of them.

The design matrix, all predictors of one lag side by side, is never made. The product of two lags depends on the
difference of the lags alone, but for what lies between them at the ends of a run of rows: each difference is
multiplied out once, and other pairs of lags with it are had by adding and taking away those few rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.segments import Segments

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


def known_rows(values: Floats, segments: Segments, shifts: Sequence[int]) -> NDArray[np.bool_]:
    """Return in which bins the values at all lags are finite and of the same segment, (time,)."""
    finite = np.asarray(np.isfinite(values).all(axis=1))
    segment = segments.numbers
    known = np.ones(len(values), dtype=bool)
    at = np.arange(len(values))
    for shift in shifts:
        source = np.clip(at - shift, 0, len(values) - 1)
        known &= (source == at - shift) & finite[source] & (segment[source] == segment)
    return known


@dataclass(frozen=True)
class Sums:
    """Sums over rows from which any ridge regression of y on x, and its error on these rows, follow.

    Attributes
    ----------
    n : int
        Rows.
    x, y : ndarray, (..., predictor) and (target,)
        ``sum x`` and ``sum y``.
    xx, xy : ndarray, (..., predictor, predictor) and (..., predictor, target)
        ``sum x x'`` and ``sum x y'``.
    yy : ndarray, (target,)
        ``sum y^2``.
    """

    n: int
    x: Floats
    y: Floats
    xx: Floats
    xy: Floats
    yy: Floats

    @classmethod
    def none(cls, n_predictors: int, n_targets: int) -> Sums:
        """Return the sums over no rows."""
        square, by_target = np.zeros((n_predictors, n_predictors)), np.zeros((n_predictors, n_targets))
        return cls(0, np.zeros(n_predictors), np.zeros(n_targets), square, by_target, np.zeros(n_targets))

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def __sub__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, name) - getattr(other, name) for name in self.__dataclass_fields__))

    def split(self, n_parts: int) -> Sums:
        """Return the sums for equal parts of the predictors, each part for itself: ``(part, predictor, ...)``."""
        width = len(self.x) // n_parts
        square = self.xx.reshape(n_parts, width, n_parts, width)
        return Sums(
            self.n,
            self.x.reshape(n_parts, width),
            self.y,
            np.einsum("ipiq->ipq", square),
            self.xy.reshape(n_parts, width, -1),
            self.yy,
        )

    def total_variation(self) -> Floats:
        """Return ``sum (y - mean y)^2``, with what rounding leaves of a constant target set to 0."""
        variation = self.yy - self.y**2 / max(self.n, 1)
        return np.where(variation > 1e-12 * np.maximum(self.yy, 1e-300), variation, 0.0)


def lagged_sums(x: Floats, y: Floats, rows: Rows, shifts: Sequence[int]) -> Sums:
    """Return the sums over rows of ``x[row - shift]``, all of one shift side by side, and of ``y[row]``.

    Parameters
    ----------
    x : ndarray, (time, predictor)
        Finite everywhere.
    y : ndarray, (time, target)
        Finite in the rows.
    rows : ndarray of int
        Ascending, one or more; ``row - shift`` is in the time of ``x`` for all of them.
    shifts : sequence of int
    """
    targets = at_rows(y, rows)
    with_one = np.column_stack([targets, np.ones(len(rows))])
    by_target = np.concatenate([at_rows(x, rows - shift).T @ with_one for shift in shifts])
    squares = np.einsum("tk,tk->k", targets, targets)
    square = _products(x, rows, shifts).reshape(len(by_target), len(by_target))
    return Sums(len(rows), by_target[:, -1], targets.sum(axis=0), square, by_target[:, :-1], squares)


def _products(x: Floats, rows: Rows, shifts: Sequence[int]) -> Floats:
    """Return ``sum over rows of x[row - shift] x[row - other]'``, (shift, predictor, other, predictor)."""
    result = np.empty((len(shifts), x.shape[1], len(shifts), x.shape[1]))
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    first, last = rows[np.concatenate([[0], breaks])], rows[np.concatenate([breaks - 1, [-1]])] + 1
    done: dict[int, tuple[int, Floats]] = {}
    for i, shift in enumerate(shifts):
        for j, other in enumerate(shifts[: i + 1]):
            apart = shift - other
            before, product = done.get(apart, (shift, None))
            moved = before - shift
            if product is None or 2 * abs(moved) * len(first) >= len(rows):
                product = at_rows(x, rows - shift).T @ at_rows(x, rows - other)
            elif moved:
                between = np.arange(min(moved, 0), max(moved, 0))
                entered, left = ((edge[:, None] - before + between).ravel() for edge in (last, first))
                change = x[entered].T @ x[entered + apart] - x[left].T @ x[left + apart]
                product = product + np.sign(moved) * change
            done[apart] = shift, product
            result[i, :, j], result[j, :, i] = product, product.T
    return result


def lagged_map(x: Floats, rows: Rows, shifts: Sequence[int], weights: Floats) -> Floats:
    """Return ``sum over lags of x[row - shift] w_lag``, (row, target), of weights ``(lag * predictor, target)``."""
    parts = zip(shifts, np.split(weights, len(shifts)), strict=True)
    return sum((at_rows(x, rows - shift) @ part for shift, part in parts), np.zeros((len(rows), weights.shape[1])))


def at_rows(values: NDArray, rows: Rows) -> NDArray:
    """Return ``values[rows]``, without a copy where the rows are one run."""
    one_run = rows[-1] - rows[0] == len(rows) - 1
    return values[rows[0] : rows[-1] + 1] if one_run else values[rows]
