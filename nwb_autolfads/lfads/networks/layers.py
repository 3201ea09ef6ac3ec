"""Linear maps of a population: (P, ..., in) -> (P, ..., out), and how weights start."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..streams import Streams


def initial_weight(shape: tuple[int, ...], fan_in: int, random: Streams | None) -> nn.Parameter:
    """Draw an initial weight (P, ...) from N(0, 1 / fan_in), each member's by its stream; None: leave it empty."""
    weight = torch.empty(shape) if random is None else random.normal(*shape[1:])
    return nn.Parameter(weight / math.sqrt(max(fan_in, 1)))


def multiply(x: Tensor, W: Tensor) -> Tensor:
    """Multiply by each member's matrix: (P, ..., in) x (P, in, out) -> (P, ..., out).

    All axes between are folded into one: broadcasting the matrix over time instead would make its gradient once for
    every bin.
    """
    return torch.bmm(x.flatten(1, -2), W).unflatten(1, x.shape[1:-1])


def beside(bias: Tensor, x: Tensor) -> Tensor:
    """Mask a bias (P, 1, out) so that it can be added to (P, ..., out)."""
    return bias.view(bias.shape[0], *[1] * (x.dim() - 2), bias.shape[-1])


class Linear(nn.Module):
    """P linear maps; initial weights N(0, 1 / inputs), initial bias 0.

    Parameters
    ----------
    members, inputs, outputs : int
    random : Streams or None
        Source of the initial weights; None: they are left empty, to be loaded.
    """

    def __init__(self, members: int, inputs: int, outputs: int, random: Streams | None) -> None:
        super().__init__()
        self.weight = initial_weight((members, inputs, outputs), inputs, random)
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, ..., inputs) to (P, ..., outputs)."""
        return multiply(x, self.weight) + beside(self.bias, x)
