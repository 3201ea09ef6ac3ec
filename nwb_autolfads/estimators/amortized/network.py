"""The network of the amortized smoother: convolutions in time, the same for every muscle, that see what others do.

What a muscle is told of the others at each step is their mean and spread, so that their order and number are free
(Zaheer et al. 2017, Deep Sets). It returns by how much the mean of the logarithms of the Wiener and the state-space
smoother's estimates is to be raised.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import gelu

from nwb_autolfads.estimators.amortized.steps import N_FEATURES

WEIGHTS = Path(__file__).with_name("weights.safetensors")
"""Learnt by ``benchmarks/amortized.py``."""
CHANNELS = 24
DILATIONS = (1, 2, 4, 8, 16, 32)
REACH = 2 + sum(DILATIONS)
"""Steps before and after one that it sees."""
_TINY = 1e-12


class Network(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv1d(N_FEATURES, CHANNELS, 5, padding=2)
        self.blocks = nn.ModuleList(_Block(dilation) for dilation in DILATIONS)
        self.leave = nn.Conv1d(CHANNELS, 1, 1)
        for weights in self.leave.parameters():
            nn.init.zeros_(weights)

    def forward(self, features: Tensor) -> Tensor:
        """Return the correction (piece, muscle, step) of features (piece, muscle, feature, step)."""
        pieces, muscles = features.shape[:2]
        hidden = self.enter(features.flatten(0, 1))
        for block in self.blocks:
            hidden = block(hidden, pieces)
        return self.leave(hidden)[:, 0].unflatten(0, (pieces, muscles))


class _Block(nn.Module):
    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.in_time = nn.Conv1d(CHANNELS, CHANNELS, 3, padding=dilation, dilation=dilation)
        self.of_all = nn.Conv1d(2 * CHANNELS, CHANNELS, 1)
        self.out = nn.Conv1d(CHANNELS, CHANNELS, 1)

    def forward(self, hidden: Tensor, pieces: int) -> Tensor:
        """Add to hidden (piece and muscle, channel, step) what time and all muscles of its piece say."""
        muscles = hidden.unflatten(0, (pieces, -1))
        mean = muscles.mean(dim=1)
        # torch.std over such a dimension takes as long as the convolutions.
        spread = ((muscles - mean[:, None]) ** 2).mean(dim=1).add(_TINY).sqrt()
        all_of_them = torch.cat([mean, spread], dim=1)
        told = self.of_all(all_of_them).repeat_interleave(muscles.shape[1], dim=0)
        return hidden + self.out(gelu(self.in_time(hidden) + told))


@cache
def learnt() -> Network:
    """Return the network with the weights that were learnt, for inference."""
    network = Network()
    network.load_state_dict(load_file(WEIGHTS))
    return network.eval().requires_grad_(False)
