"""Likelihood of gamma variables, as a formula and with its gradient by hand.

With mean mu and concentration alpha, density of x > 0: ``-log p = alpha (e^r - 1 - r) + S(alpha) + log x``, where
``r = log x - log mu`` and ``S(alpha) = lgamma(alpha) - alpha log alpha + alpha``. Its slopes are ``-alpha (e^r - 1)``
for log mu, and ``alpha (e^r - 1 - r + S')`` with ``S' = digamma(alpha) - log alpha`` for log alpha.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import compiled, recurrence

LOG_MEAN_RANGE = (-11.0, 5.0)  # scaled EMG lies in 1e-4..about 3
LOG_CONCENTRATION_RANGE = (-4.0, 7.0)
STIRLING_FROM = 20.0  # above it the series below is exact to float64 rounding of what float32 can hold


def split(readout: Tensor) -> tuple[Tensor, Tensor]:
    """Split a read-out (..., 2 * N) into bounded log mean and log concentration, each (..., N)."""
    log_mean, log_concentration = readout.chunk(2, dim=-1)
    return log_mean.clamp(*LOG_MEAN_RANGE), log_concentration.clamp(*LOG_CONCENTRATION_RANGE)


def bounded_nll(x: Tensor, readout: Tensor) -> Tensor:
    """Negative log density of x (..., N), strictly positive, for a read-out (..., 2 * N) that is kept within bounds."""
    if recurrence.path_for(x) == "compiled" and x.dtype == readout.dtype:
        return _Compiled.apply(x, readout)
    return gamma_nll(x, *split(readout))


class _Compiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, readout: Tensor) -> Tensor:
        x, readout = x.contiguous(), readout.contiguous()
        channels = x.shape[-1]
        bounds = x.new_tensor([*LOG_MEAN_RANGE, *LOG_CONCENTRATION_RANGE])
        nll, slopes = torch.empty_like(x), torch.empty_like(readout)
        sizes = (x.numel() // channels, channels, compiled.thread_count())
        compiled.load().call("gamma_nll", sizes, (x, readout, bounds, nll, slopes))
        ctx.save_for_backward(slopes)
        return nll

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_nll: Tensor) -> tuple[None, Tensor]:
        (slopes,) = ctx.saved_tensors
        return None, (slopes.unflatten(-1, (2, -1)) * d_nll.unsqueeze(-2)).flatten(-2)


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
