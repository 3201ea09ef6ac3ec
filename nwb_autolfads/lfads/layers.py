"""Linear maps of a population: (..., P, B, in) -> (..., P, B, out), and how weights start."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def initial_weight(shape: tuple[int, ...], fan_in: int, random: torch.Generator | None) -> nn.Parameter:
    """Draw an initial weight from N(0, 1 / fan_in)."""
    return nn.Parameter(torch.randn(shape, generator=random) / math.sqrt(max(fan_in, 1)))


def multiply(x: Tensor, W: Tensor) -> Tensor:
    """Multiply by each member's matrix: (..., P, B, in) x (P, in, out) -> (..., P, B, out).

    Time and windows are folded into one axis: broadcasting the matrix over time instead would make its gradient once
    for every bin.
    """
    if x.dim() == 3:
        return torch.bmm(x, W)
    T, P, B, _ = x.shape
    return torch.bmm(x.transpose(0, 1).reshape(P, T * B, -1), W).view(P, T, B, -1).transpose(0, 1)


class Linear(nn.Module):
    """P linear maps; initial weights N(0, 1 / inputs), initial bias 0.

    Parameters
    ----------
    members, inputs, outputs : int
    random : torch.Generator or None
        Source of the initial weights; None: torch's global one.
    """

    def __init__(self, members: int, inputs: int, outputs: int, random: torch.Generator | None) -> None:
        super().__init__()
        self.weight = initial_weight((members, inputs, outputs), inputs, random)
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., P, B, inputs) to (..., P, B, outputs)."""
        return multiply(x, self.weight) + self.bias
