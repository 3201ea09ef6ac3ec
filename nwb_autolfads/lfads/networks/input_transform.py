"""What the encoders are given of the data: the data themselves, or their logarithm beside a mark of what is visible."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["linear", "logarithmic"]
FLOOR = 1e-3
"""Smallest value that the logarithm tells from others, in units of the scaled data."""


class InputTransform(nn.Module):
    """What P members' encoders are given of windows with parts masked.

    ``linear``: the data times the input mask, 0 where masked, as published. ``logarithmic``: the
    logarithm, centred and scaled per channel, 0 where masked; and as many channels again that are 1 where the data is
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

    def forward(self, x: Tensor, input_mask: Tensor) -> Tensor:
        """Give what the encoders read.

        Parameters
        ----------
        x : Tensor, (P, T, B, N)
            Data times the input mask.
        input_mask : Tensor, broadcastable to x
            0 where masked, 1 / (share visible) elsewhere.

        Returns
        -------
        Tensor, (P, T, B, N) or (P, T, B, 2 * N)
        """
        if self.kind == "linear":
            return x
        seen = (input_mask > 0).to(x.dtype).expand_as(x)
        logarithm = (x / torch.where(input_mask > 0, input_mask, torch.ones_like(input_mask))).clamp_min(FLOOR).log()
        return torch.cat([(logarithm - self.centre) / self.spread * seen, seen], dim=-1)
