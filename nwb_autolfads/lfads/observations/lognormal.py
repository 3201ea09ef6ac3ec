"""Log-normal observation of rectified EMG: a Gaussian on its logarithm, for comparison."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..kernels.gamma import LOG_MEAN_RANGE

LOG_SD_RANGE = (-4.0, 1.5)


class LogNormal:
    """Gaussian observation of log x: density of x > 0 with the mean and the standard deviation of its logarithm.

    The standard deviation is kept between exp(-4) and exp(1.5), so that the density of no sample runs away.
    """

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
