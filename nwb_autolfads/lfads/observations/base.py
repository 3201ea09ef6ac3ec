"""What every observation model gives: from read-out to likelihood."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


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
