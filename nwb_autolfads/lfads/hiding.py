"""What is hidden from the encoders, so that the model must predict it: coordinated dropout with temporal shift.

A hiding draws, for a batch of windows, what the encoders see, what the loss compares with, and where it counts. It is
the part of the method most worth replacing, so it is kept small: anything with `margin` and `draw` will do.
Source: Keshtkaran & Pandarinath 2019 (coordinated dropout), Wimalasena et al. 2022 (shift).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Hidden(NamedTuple):
    """A batch with part of it hidden."""

    input: Tensor  # (P, T, B, N), what the encoders see
    target: Tensor  # (P, T, B, N), what the read-out is compared with
    weight: Tensor  # (P, T, B, N), 1 where the target was hidden and counts, 0 elsewhere


class Hiding(Protocol):
    """Decides what is hidden."""

    @property
    def margin(self) -> int:
        """Bins that a window needs on both sides beyond those that the model sees."""

    def draw(self, windows: Tensor, rate: Tensor, random: torch.Generator) -> Hidden:
        """Hide part of windows (T + 2 * margin, B, N), the share ``rate`` (P,) of it for each member."""


@dataclass(frozen=True)
class Elements:
    """Single elements (window, bin, channel) are hidden; input and target are shifted in time against each other.

    The mask is drawn on the recording's own time base and travels with the data: input = shift(x M / (1 - rate)),
    target = shift'(x), weight = shift'(1 - M). So no element that counts was visible to the encoders, whatever the two
    shifts.

    Attributes
    ----------
    shift_sd, shift_max : float, int
        Shifts (bins) are round(N(0, shift_sd) truncated at +-shift_max), one for each window and channel, drawn
        apart for input and target. 0 turns them off.
    """

    shift_sd: float = 3.0
    shift_max: int = 6

    @property
    def margin(self) -> int:
        """Bins that a window needs on both sides: the largest shift."""
        return self.shift_max if self.shift_sd > 0 else 0

    def draw(self, windows: Tensor, rate: Tensor, random: torch.Generator) -> Hidden:
        """Hide elements of windows.

        Parameters
        ----------
        windows : Tensor, (T + 2 * margin, B, N)
        rate : Tensor, (P,)
            Share that is hidden, for each member. A member with rate 0 sees everything and everything counts.
        random : torch.Generator

        Returns
        -------
        Hidden
        """
        W, B, N = windows.shape
        rate = rate.view(-1, 1, 1, 1)
        x = windows.unsqueeze(0).expand(len(rate), W, B, N)
        uniform = torch.rand(x.shape, generator=random, dtype=x.dtype, device=x.device)
        hidden = (uniform < rate).to(x.dtype)
        seen = self._shift(x * (1 - hidden) / (1 - rate), random)
        shift = self._draw_shift(x, random)
        weight = torch.where(rate > 0, hidden, torch.ones_like(hidden))
        return Hidden(seen, self._moved(x, shift), self._moved(weight, shift))

    def _shift(self, x: Tensor, random: torch.Generator) -> Tensor:
        return self._moved(x, self._draw_shift(x, random))

    def _draw_shift(self, x: Tensor, random: torch.Generator) -> Tensor:
        """Draw shifts (P, B, N) in bins, by the inverse of the truncated normal's distribution function."""
        if not self.margin:
            return torch.zeros(x[:, 0].shape, dtype=torch.long, device=x.device)
        lowest = 0.5 * (1 + math.erf(-self.shift_max / self.shift_sd / math.sqrt(2)))
        uniform = torch.rand(x[:, 0].shape, generator=random, dtype=torch.float64, device=x.device)
        quantile = torch.special.ndtri(lowest + (1 - 2 * lowest) * uniform)
        return (self.shift_sd * quantile).round().long().clamp(-self.shift_max, self.shift_max)

    def _moved(self, x: Tensor, shift: Tensor) -> Tensor:
        """Cut the margins off x (P, T + 2 * margin, B, N), each series moved by its shift: out[t] = x[t + shift]."""
        bins = x.shape[1] - 2 * self.margin
        index = torch.arange(bins, device=x.device).view(-1, 1, 1) + self.margin + shift.unsqueeze(1)
        return x.gather(1, index)
