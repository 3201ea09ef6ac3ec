"""Kullback-Leibler terms of the evidence bound, one number per member."""

from __future__ import annotations

import math

import torch
from torch import Tensor

INITIAL_CONDITION_VARIANCE = 0.1


def kl_initial_condition(mean: Tensor, sd: Tensor, prior_mean: Tensor) -> Tensor:
    """KL of the initial condition's posterior from N(prior_mean, 0.1), analytic; summed over dims, mean over windows.

    Parameters
    ----------
    mean, sd : Tensor, (P, B, initial_condition)
    prior_mean : Tensor, (P, 1, initial_condition)

    Returns
    -------
    Tensor, (P,)
    """
    variance = INITIAL_CONDITION_VARIANCE
    kl = 0.5 * ((sd.square() + (mean - prior_mean).square()) / variance - 1 + math.log(variance)) - sd.log()
    return kl.sum(-1).mean(-1)


def kl_inputs(sample: Tensor, mean: Tensor, sd: Tensor, log_tau: Tensor, log_variance: Tensor) -> Tensor:
    """KL of the inputs' posterior from an AR(1) process, by one posterior sample; summed over time and dims.

    ``u_1 ~ N(0, v / (1 - a^2)), u_t ~ N(a u_(t-1), v)`` with ``a = exp(-1 / tau)``, tau in bins.

    Parameters
    ----------
    sample, mean, sd : Tensor, (P, T, B, inputs)
        The sample that drove the generator, and the posterior it was drawn from.
    log_tau, log_variance : Tensor, (P, 1, inputs)
        Time constant (bins) and innovation variance v of the prior.

    Returns
    -------
    Tensor, (P,)
        Mean over windows.
    """
    log_tau, log_variance = log_tau.unsqueeze(1), log_variance.unsqueeze(1)
    a = torch.exp(-torch.exp(-log_tau))
    first_log_variance = log_variance - torch.log1p(-a.square())
    log_q = _log_normal(sample, mean, 2 * sd.log())
    log_p = _log_normal(sample[:, 1:], a * sample[:, :-1], log_variance)
    log_p_first = _log_normal(sample[:, :1], torch.zeros_like(sample[:, :1]), first_log_variance)
    return (log_q.sum((1, 3)) - log_p.sum((1, 3)) - log_p_first.sum((1, 3))).mean(-1)


def _log_normal(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    return -0.5 * ((x - mean).square() * torch.exp(-log_variance) + log_variance + math.log(2 * math.pi))
