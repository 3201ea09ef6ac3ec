"""Observation models: from read-out to likelihood.

`Gamma` is for rectified EMG, `ZeroInflatedGamma` where it has exact zeros, `LogNormal` (Gaussian on its logarithm) for
comparison, `Poisson` for counts of spikes. The read-out of `Gamma` gives log mean and log concentration. Both are
linear in the factors, so this is the family of the paper's ``log alpha = A f + a, log beta = B f + b`` (log beta =
log alpha - log mean), in coordinates that can be bounded and started from the data.
"""

from __future__ import annotations

import math
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn.functional import softplus

from .kernels.gamma import LOG_MEAN_RANGE, bounded_nll, split

LOG_SD_RANGE = (-4.0, 1.5)
LOGIT_RANGE = (-12.0, 12.0)


class Observation(Protocol):
    """What every observation model gives; x is data (..., N), read-outs are (..., parameters * N)."""

    parameters: int
    has_zeros: bool  # whether exact zeros are data, not a floor that was missed

    def initial_bias(self, x: Tensor) -> Tensor:
        """Bias of the read-out that gives every channel of x (samples, N) its own moments."""

    def nll(self, x: Tensor, readout: Tensor) -> Tensor:
        """Negative log likelihood of each element, (..., N)."""

    def mean(self, readout: Tensor) -> Tensor:
        """Mean of the observation, (..., N)."""

    def concentration(self, readout: Tensor) -> Tensor:
        """Squared mean over variance, (..., N): the concentration of a gamma variable with the same two."""


class Gamma:
    """Gamma observation: density of x > 0 with concentration alpha and rate beta, mean alpha / beta."""

    parameters, has_zeros = 2, False

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
        return bounded_nll(x, readout)

    def mean(self, readout: Tensor) -> Tensor:
        """Mean alpha / beta (..., N)."""
        return split(readout)[0].exp()

    def concentration(self, readout: Tensor) -> Tensor:
        """Concentration alpha (..., N)."""
        return split(readout)[1].exp()


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


class LogNormal:
    """Gaussian observation of log x: density of x > 0 with the mean and the standard deviation of its logarithm."""

    parameters, has_zeros = 2, False

    def initial_bias(self, x: Tensor) -> Tensor:
        """Bias from the moments of log x; see `Observation`."""
        logarithm = x.log()
        return torch.cat([logarithm.mean(0), logarithm.std(0).clamp_min(1e-2).log()]).clamp(-4.0, 4.0)

    def nll(self, x: Tensor, readout: Tensor) -> Tensor:
        """Negative log density of x, not of log x, so that it compares with `Gamma`'s; see `Observation`."""
        mean, log_sd = self._split(readout)
        log_x = x.log()
        return 0.5 * ((log_x - mean) / log_sd.exp()).square() + log_sd + 0.5 * math.log(2 * math.pi) + log_x

    def mean(self, readout: Tensor) -> Tensor:
        """exp(mean + sd^2 / 2); see `Observation`."""
        mean, log_sd = self._split(readout)
        return (mean + 0.5 * (2 * log_sd).exp()).exp()

    def concentration(self, readout: Tensor) -> Tensor:
        """1 / (exp(sd^2) - 1); see `Observation`."""
        return 1 / torch.expm1((2 * self._split(readout)[1]).exp())

    def _split(self, readout: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_sd = readout.chunk(2, dim=-1)
        return mean.clamp(*LOG_MEAN_RANGE), log_sd.clamp(*LOG_SD_RANGE)


class Poisson:
    """Poisson observation of counts; the read-out is the log of the expected count."""

    parameters, has_zeros = 1, True

    def initial_bias(self, x: Tensor) -> Tensor:
        """Bias from the mean count; see `Observation`."""
        return x.mean(0).clamp_min(1e-4).log()

    def nll(self, x: Tensor, readout: Tensor) -> Tensor:
        """exp(r) - x r + log x!; see `Observation`."""
        log_mean = readout.clamp(*LOG_MEAN_RANGE)
        return log_mean.exp() - x * log_mean + torch.lgamma(x + 1)

    def mean(self, readout: Tensor) -> Tensor:
        """Mean count; see `Observation`."""
        return readout.clamp(*LOG_MEAN_RANGE).exp()

    def concentration(self, readout: Tensor) -> Tensor:
        """Mean count, which is also the variance; see `Observation`."""
        return self.mean(readout)


Name = Literal["gamma", "zero_inflated_gamma", "lognormal", "poisson"]
OBSERVATIONS: dict[Name, type[Observation]] = {
    "gamma": Gamma,
    "zero_inflated_gamma": ZeroInflatedGamma,
    "lognormal": LogNormal,
    "poisson": Poisson,
}
"""Observation models by the name that a configuration gives them."""
