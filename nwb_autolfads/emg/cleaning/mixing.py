"""Cross-talk: how much of each muscle the electrodes of the others see, from the raw EMG itself.

Tissue conducts at once and linearly, so that the electrodes' raw EMG is ``x = A s``: s the muscles, A with ones on
its diagonal. Muscles are independent of each other at every instant, however alike their activation is, and each
becomes louder and quieter in a way of its own. That is enough to find A blindly (`joint_diagonalizer`), as for the
cross-talk between muscles of the forearm by Kilner, Baker & Lemon (2002, J Physiol 538:919).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from nwb_autolfads.emg.cleaning.joint import deviation, joint_diagonalizer

Floats = NDArray[np.float64]

WINDOW_S = 0.1
FEWEST_WINDOWS = 100
"""In less, 10 s, nothing is said of cross-talk."""
MOST_CHANNELS = 32
SAME_MUSCLE = 0.4
"""Two electrodes that see each other's muscle so much (the product of both shares) see one: they are left alone."""
LEAST = 0.02
"""Of the size of the own muscle, below which cross-talk is left."""
WORTH_IT = 0.05
"""Of an electrode's power, usually; if other muscles have no more of any electrode's, nothing is taken off."""
LEAST_CHANGE = 0.03
"""Variance of the logarithm of two muscles' power ratio, over some 0.1 s: below, they cannot be told apart."""
IN_ERRORS = 3.0
"""Standard errors below which cross-talk may be chance; above, it is shrunk by their share."""
_GROUPS = 8
_PASSES, _USUAL = 5, 2.5
_SMALLEST = 1e-4


def find_mixing(excerpts: Sequence[Floats], rate: float) -> Floats:
    """Find how much of each muscle each electrode sees.

    Parameters
    ----------
    excerpts : sequence of array, (samples, muscle)
        Gap-free raw EMG without mains and movement artifacts.
    rate : float
        Hz.

    Returns
    -------
    array, (electrode, muscle)
        In the unit of the electrodes, ones on the diagonal; 0 where there is no more than chance would give.

    Notes
    -----
    Windows in which the muscles are less independent than usual, as in an artifact that all electrodes see, count
    less, the more so the less they are. What is found is compared with what is found without an eighth of the
    recording, for each eighth: the jackknife's standard errors tell what is chance.
    """
    n = excerpts[0].shape[1] if excerpts else 0
    mixing, taking_part = np.eye(n), np.arange(n)
    covariances = _covariances(excerpts, round(WINDOW_S * rate))
    while len(covariances) >= FEWEST_WINDOWS and 1 < len(taking_part) <= MOST_CHANNELS:
        some = np.ix_(taking_part, taking_part)
        of_some = np.array([each[some] for each in covariances])
        found = _found(of_some)
        same = np.argwhere(np.abs(found * found.T - np.eye(len(found))) > SAME_MUSCLE)
        if not same.size:
            if (np.square(found).sum(axis=1) - 1).max() < WORTH_IT:
                break
            size = _sizes(of_some)
            mixing[some] = size[:, None] * found / size
            break
        taking_part = np.delete(taking_part, np.unique(same))
    return mixing


def _covariances(excerpts: Sequence[Floats], length: int) -> Floats:
    """Return the covariance of each window, (window, electrode, electrode), those where all electrodes have EMG."""
    parts = []
    for excerpt in excerpts:
        whole = len(excerpt) // length
        windows = excerpt[: whole * length].reshape(whole, length, -1)
        parts.append(windows.transpose(0, 2, 1) @ windows / length)
    covariances = np.concatenate(parts) if parts else np.empty((0, 0, 0))
    return covariances[(np.einsum("kii->ki", covariances) > 0).all(axis=1)]


def _found(covariances: Floats) -> Floats:
    """Find the mixing of electrodes of size 1 each, without what may be chance."""
    size = _sizes(covariances)
    one = np.eye(len(size))
    C = covariances / size[:, None] / size + _SMALLEST * one
    if not _told_apart(C).any():
        return one
    V, weights = one, np.ones(len(C))
    for _ in range(_PASSES):
        unmixed = V @ C @ V.T
        far = deviation(unmixed)
        weights = np.minimum(1, _USUAL * np.median(far) / np.maximum(far, 1e-12)) ** 2
        V = joint_diagonalizer(unmixed, weights) @ V
    unmixed, A = V @ C @ V.T, _by_muscle(V)
    others = []
    for group in np.array_split(np.arange(len(C)), _GROUPS):
        rest = np.delete(np.arange(len(C)), group)
        others.append(_by_muscle(joint_diagonalizer(unmixed[rest], weights[rest]) @ V))
    error = np.sqrt((_GROUPS - 1) * np.var(others, axis=0))
    shrunk = A * np.maximum(0, 1 - np.square(IN_ERRORS * error / np.where(A == 0, 1, A)))
    sure = (np.abs(shrunk) >= LEAST) & _told_apart(unmixed)
    return np.where(one > 0, 1.0, np.where(sure, shrunk, 0.0))


def _told_apart(unmixed: Floats) -> NDArray[np.bool_]:
    """Return which pairs of muscles change their power each in a way of its own, beyond what chance does."""
    power = np.log(np.einsum("kii->ki", unmixed))
    ratio = power[:, :, None] - power[:, None, :]
    ratio -= ratio.mean(axis=0)
    return np.asarray((ratio[1:] * ratio[:-1]).mean(axis=0) > LEAST_CHANGE)  # chance differs from window to window


def _sizes(covariances: Floats) -> Floats:
    return np.asarray(np.sqrt(np.median(np.einsum("kii->ki", covariances), axis=0)), np.float64)


def _by_muscle(V: Floats) -> Floats:
    """Return the mixing that V undoes, each source in the column of the electrode that it is the muscle of."""
    A = np.linalg.inv(V)
    power = np.square(A) + 1e-12
    share = np.log(power / power.sum(axis=0)) + np.log(power / power.sum(axis=1, keepdims=True))
    A = A[:, linear_sum_assignment(-share)[1]]
    return np.asarray(A / np.diag(A), np.float64)
