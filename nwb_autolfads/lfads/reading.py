"""How the encoders are given the data: as it is, or its logarithm beside a mark of what is visible."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["linear", "logarithmic"]
FLOOR = 1e-3
"""Smallest value that the logarithm tells from others, in units of the scaled data."""


class Reading(nn.Module):
    """What P members' encoders are given of windows with parts hidden.

    ``linear``: the data times the gain of what is visible, 0 where hidden, as published. ``logarithmic``: the
    logarithm, centred and scaled per channel, 0 where hidden; and as many channels again that are 1 where the data is
    visible, for 0 is a value like any other in a logarithm.

    Parameters
    ----------
    members : int
        P.
    channels : int
        N.
    kind : {"linear", "logarithmic"}
    """

    centre: Tensor  # (P, 1, 1, N), mean of the logarithm
    spread: Tensor  # (P, 1, 1, N), its standard deviation

    def __init__(self, members: int, channels: int, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        if kind == "logarithmic":
            self.register_buffer("centre", torch.zeros(members, 1, 1, channels))
            self.register_buffer("spread", torch.ones(members, 1, 1, channels))

    @staticmethod
    def width(channels: int, kind: Kind) -> int:
        """Channels that the encoders are given."""
        return channels if kind == "linear" else 2 * channels

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Take centre and spread from data x (samples, N)."""
        if self.kind == "logarithmic":
            logarithm = x.clamp_min(FLOOR).log()
            self.centre[:] = logarithm.mean(0)
            self.spread[:] = logarithm.std(0).clamp_min(1e-3)

    def forward(self, x: Tensor, gain: Tensor) -> Tensor:
        """Give what the encoders read.

        Parameters
        ----------
        x : Tensor, (P, T, B, N)
            Data times gain.
        gain : Tensor, broadcastable to x
            0 where hidden.

        Returns
        -------
        Tensor, (P, T, B, N) or (P, T, B, 2 * N)
        """
        if self.kind == "linear":
            return x
        seen = (gain > 0).to(x.dtype).expand_as(x)
        logarithm = (x / torch.where(gain > 0, gain, torch.ones_like(gain))).clamp_min(FLOOR).log()
        return torch.cat([(logarithm - self.centre) / self.spread * seen, seen], dim=-1)
