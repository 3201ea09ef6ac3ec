"""Gamma observation of rectified EMG.

The read-out gives log mean and log concentration. Both are linear in the factors, so this is the family of the paper's
``log alpha = A f + a, log beta = B f + b`` (log beta = log alpha - log mean), in coordinates that can be bounded and
started from the data.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..kernels.gamma import bounded_nll, split


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
