"""Folds of cross-validation over time: contiguous, held out in turn, with guards around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError, SignalError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEWEST_ROWS = 100


@dataclass(frozen=True)
class Folds:
    """Contiguous parts of time that are held out in turn.

    Attributes
    ----------
    test : ndarray of bool, (fold, row)
        What a fold tests: contiguous, and every row in one fold.
    near : ndarray of bool, (fold, row)
        The test rows and those closer to them than the guard, all kept out of training.
    """

    test: Mask
    near: Mask

    def spans(self) -> tuple[list[NDArray[np.intp]], Folds]:
        """Cut the rows where any fold begins or ends, so that whatever is tested or trained on is a union of spans.

        Returns
        -------
        rows : list of ndarray of int
            Rows of each span.
        folds : Folds
            The same folds, ``(fold, span)``.
        """
        both = np.concatenate([self.test, self.near])
        starts = np.flatnonzero((both[:, 1:] != both[:, :-1]).any(axis=0)) + 1
        firsts = np.concatenate([[0], starts])
        return np.split(np.arange(both.shape[1]), starts), Folds(self.test[:, firsts], self.near[:, firsts])


def contiguous_folds(time: Floats, n_folds: int, guard: float, trials: NDArray[np.intp] | None = None) -> Folds:
    """Cut time into contiguous folds of about equally many bins, each with a guard on both sides.

    Parameters
    ----------
    time : ndarray, (row,)
        Ascending (s).
    n_folds : int
        At least 3, so that alpha can be chosen with one fold held out and another tested.
    guard : float
        Time (s) between any tested and any training row, at least: as long as whatever makes one bin depend on
        another (window of the estimator, smoothing, lags).
    trials : ndarray of int, (row,), optional
        Ascending number of the gap-free segment of each row. Where there are enough of them, folds are whole segments.

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
        for fold, rows in enumerate(np.split(np.arange(len(time)), _edges(len(time), n_folds, trials))):
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


def _edges(n_rows: int, n_folds: int, trials: NDArray[np.intp] | None) -> NDArray[np.intp]:
    """Return the first row of each fold but the first: of a trial, where every fold can have whole ones."""
    if trials is not None:
        firsts = np.flatnonzero(np.diff(trials, prepend=-1))
        middles = (firsts + np.append(firsts[1:], n_rows)) / 2
        fold = (middles * n_folds / n_rows).astype(int)
        if len(np.unique(fold)) == n_folds:
            return firsts[np.flatnonzero(np.diff(fold)) + 1]
    return np.cumsum([len(part) for part in np.array_split(np.arange(n_rows), n_folds)])[:-1]
