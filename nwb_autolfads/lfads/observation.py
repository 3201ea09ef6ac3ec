"""Observation models: from read-out to likelihood.

The read-out gives log mean and log concentration. Both are linear in the factors, so this is the family of the paper's
``log alpha = A f + a, log beta = B f + b`` (log beta = log alpha - log mean), in coordinates that can be bounded and
started from the data.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOG_MEAN_RANGE = (-11.0, 5.0)  # scaled EMG lies in 1e-4..about 3
LOG_CONCENTRATION_RANGE = (-4.0, 7.0)
STIRLING_FROM = 20.0  # above it the series below is exact to float64 rounding of what float32 can hold


class Gamma:
    """Gamma observation: density of x > 0 with concentration alpha and rate beta, mean alpha / beta."""

    parameters = 2

    def initial_bias(self, x: Tensor) -> Tensor:
        """Bias of the read-out that gives every channel its own mean and variance.

        Parameters
        ----------
        x : Tensor, (samples, N)

        Returns
        -------
        Tensor, (2 * N,)
        """
        mean, variance = x.mean(0), x.var(0)
        concentration = mean.square() / variance.clamp_min(1e-8)
        return torch.cat([mean.log(), concentration.log()]).clamp(-4.0, 4.0)

    def split(self, readout: Tensor) -> tuple[Tensor, Tensor]:
        """Split a read-out (..., 2 * N) into bounded log mean and log concentration, each (..., N)."""
        log_mean, log_concentration = readout.chunk(2, dim=-1)
        return log_mean.clamp(*LOG_MEAN_RANGE), log_concentration.clamp(*LOG_CONCENTRATION_RANGE)

    def nll(self, x: Tensor, readout: Tensor) -> Tensor:
        """Negative log likelihood of each element.

        Parameters
        ----------
        x : Tensor, (..., N)
            Strictly positive.
        readout : Tensor, (..., 2 * N)

        Returns
        -------
        Tensor, (..., N)
        """
        return gamma_nll(x, *self.split(readout))

    def mean(self, readout: Tensor) -> Tensor:
        """Mean alpha / beta (..., N)."""
        return self.split(readout)[0].exp()

    def concentration(self, readout: Tensor) -> Tensor:
        """Concentration alpha (..., N)."""
        return self.split(readout)[1].exp()


def gamma_nll(x: Tensor, log_mean: Tensor, log_concentration: Tensor) -> Tensor:
    """Negative log density of a gamma variable, exact in float32 also for large concentrations.

    ``-log p = -[alpha log beta - lgamma(alpha) + (alpha - 1) log x - beta x]`` with ``beta = alpha / mean``. With
    ``r = log x - log mean`` this is ``alpha (e^r - 1 - r) + [lgamma(alpha) - alpha log alpha + alpha] + log x``; for
    large alpha the bracket is a small difference of large numbers and is replaced by Stirling's series.

    Parameters
    ----------
    x, log_mean, log_concentration : Tensor
        Broadcastable; x strictly positive.

    Returns
    -------
    Tensor
    """
    log_x = x.log()
    r = log_x - log_mean
    alpha = log_concentration.exp()
    large = alpha > STIRLING_FROM
    small_alpha = torch.where(large, torch.ones_like(alpha), alpha)  # keeps unused branches, and gradients, finite
    inverse = 1 / torch.where(large, alpha, torch.full_like(alpha, STIRLING_FROM))
    exact = torch.lgamma(small_alpha) - small_alpha * small_alpha.log() + small_alpha
    square = inverse.square()
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    stirling = 0.5 * (math.log(2 * math.pi) - log_concentration) + series
    return alpha * (torch.expm1(r) - r) + torch.where(large, stirling, exact) + log_x
