"""Joint approximate diagonalization: one matrix that makes many covariances as diagonal as it can."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_SWEEPS = 20
TOLERANCE = 1e-6
LEAST_CHANGE = 0.02
"""Variance of the logarithm of two sources' power ratio, chance included: below, their rotation is not looked for."""


def joint_diagonalizer(covariances: Floats, weights: Floats) -> Floats:
    """Find V so that ``V C V'`` is as diagonal as it can be for all covariances C at once.

    Sources that are independent, mixed by one matrix, and change their power each in its own way, have covariances
    that the inverse of that matrix makes diagonal, and no other matrix does. The measure is the likelihood of Gaussian
    sources, in which a loud window counts no more than a quiet one; pairs of rows are improved in turn
    (Pham 2001, SIAM J Matrix Anal Appl 22:1136; Pham & Cardoso 2001, IEEE Trans Signal Process 49:1837).

    Parameters
    ----------
    covariances : array, (window, n, n)
        Positive definite.
    weights : array, (window,)
        How much each counts.

    Returns
    -------
    array, (n, n)
    """
    C, w = covariances.copy(), weights / weights.sum()
    n = C.shape[1]
    V = np.eye(n)
    for _ in range(MOST_SWEEPS):
        gained = 0.0
        for i in range(1, n):
            for j in range(i):
                first, second, both = C[:, i, i], C[:, j, j], C[:, i, j]
                g_ij, g_ji = w @ (both / first), w @ (both / second)
                o_ij, o_ji = w @ (second / first), w @ (first / second)
                size, scale = np.sqrt(o_ij * o_ji), np.sqrt(o_ji / o_ij)
                even = (scale * g_ij + g_ji) / (size + 1)
                odd = (scale * g_ij - g_ji) / (size - 1) if size - 1 > LEAST_CHANGE else 0.0
                h_ij, h_ji = even + odd, (even - odd) / scale
                gained += abs(g_ij * h_ij + g_ji * h_ji) / 2
                half = 1 + np.sqrt(max(0.0, 1 - h_ij * h_ji))
                T = np.array([[1.0, -h_ij / half], [-h_ji / half, 1.0]])
                pair = [i, j]
                C[:, pair, :] = T @ C[:, pair, :]
                C[:, :, pair] = C[:, :, pair] @ T.T
                V[pair] = T @ V[pair]
        if gained < TOLERANCE:
            break
    return V


def deviation(covariances: Floats) -> Floats:
    """Return how far each covariance (window, n, n) is from diagonal, (window,): 0 where it is (Hadamard)."""
    powers = np.einsum("kii->ki", covariances)
    return np.asarray(np.log(powers).sum(axis=1) - np.linalg.slogdet(covariances)[1], np.float64)
