"""Poisson observation of counts of spikes."""

from __future__ import annotations

import torch
from torch import Tensor

from ..kernels.gamma import LOG_MEAN_RANGE


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
