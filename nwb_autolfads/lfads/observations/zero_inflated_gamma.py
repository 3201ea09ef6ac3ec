"""Gamma observation of rectified EMG that has exact zeros."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from .gamma import Gamma

LOGIT_RANGE = (-12.0, 12.0)


class ZeroInflatedGamma:
    """Exactly zero with some probability, gamma otherwise; the read-out adds the logit of a zero to `Gamma`'s."""

    parameters, has_zeros = 3, True

    def initial_bias(self, x: Tensor) -> Tensor:
        """Bias from the share of zeros and the moments of the rest; see `Observation`."""
        zero = (x <= 0).to(x.dtype)
        count = (1 - zero).sum(0).clamp_min(1)
        mean = x.sum(0) / count
        variance = ((x - mean).square() * (1 - zero)).sum(0) / count
        share = zero.mean(0).clamp(1e-3, 1 - 1e-3)
        concentration = mean.square() / variance.clamp_min(1e-8)
        return torch.cat([torch.logit(share), mean.log().clamp(-4, 4), concentration.log().clamp(-4, 4)])

    def nll(self, x: Tensor, readout: Tensor) -> Tensor:
        """-log p0 where x is zero, -log(1 - p0) and that of the gamma variable elsewhere; see `Observation`."""
        logit, gamma = self._split(readout)
        zero = x <= 0
        positive = torch.where(zero, torch.ones_like(x), x)
        return torch.where(zero, softplus(-logit), softplus(logit) + Gamma().nll(positive, gamma))

    def mean(self, readout: Tensor) -> Tensor:
        """(1 - p0) alpha / beta; see `Observation`."""
        logit, gamma = self._split(readout)
        return torch.sigmoid(-logit) * Gamma().mean(gamma)

    def concentration(self, readout: Tensor) -> Tensor:
        """Squared mean over variance, zeros included; see `Observation`."""
        logit, gamma = self._split(readout)
        share = torch.sigmoid(-logit)
        return share / (1 + 1 / Gamma().concentration(gamma) - share)

    def _split(self, readout: Tensor) -> tuple[Tensor, Tensor]:
        channels = readout.shape[-1] // 3
        return readout[..., :channels].clamp(*LOGIT_RANGE), readout[..., channels:]
