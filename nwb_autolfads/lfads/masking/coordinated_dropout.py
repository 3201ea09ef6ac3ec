"""Coordinated dropout (Keshtkaran & Pandarinath 2019) with temporal shift (Wimalasena et al. 2022), as published."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..streams import Streams
from .base import Mask, MaskedBatch, without_missing


@dataclass(frozen=True)
class TemporalShift:
    """Each series of each window is moved in time by round(N(0, sd) truncated at +-largest) bins.

    Attributes
    ----------
    sd : float
        Spread (bins); 0: nothing is moved.
    largest : int
        Largest shift (bins).
    """

    sd: float = 3.0
    largest: int = 6

    @property
    def margin(self) -> int:
        """Bins that a window needs on both sides: the largest shift."""
        return self.largest if self.sd > 0 else 0

    def draw(self, x: Tensor, random: Streams) -> Tensor:
        """Draw shifts (P, B, N) for x (P, ..., B, N), by the inverse of the truncated normal's distribution."""
        if not self.margin:
            return torch.zeros(x[:, 0].shape, dtype=torch.long, device=x.device)
        lowest = 0.5 * (1 + math.erf(-self.largest / self.sd / math.sqrt(2)))
        uniform = random.uniform(*x.shape[2:], dtype=torch.float64)
        quantile = torch.special.ndtri(lowest + (1 - 2 * lowest) * uniform)
        return (self.sd * quantile).round().long().clamp(-self.largest, self.largest)

    def move(self, x: Tensor, shift: Tensor) -> Tensor:
        """Cut the margins off x (P, T + 2 * margin, B, N), each series moved by its shift: out[t] = x[t + shift]."""
        if not self.margin:
            return x
        bins = x.shape[1] - 2 * self.margin
        index = torch.arange(bins, device=x.device).view(-1, 1, 1) + self.margin + shift.unsqueeze(1)
        return x.gather(1, index)


@dataclass(frozen=True)
class CoordinatedDropout:
    """Single elements (window, bin, channel) are masked; input and target are shifted in time against each other.

    The mask M is drawn on the recording's own time base and travels with the data: input = shift(x M / (1 - rate)),
    target = shift'(x), weight = shift'(1 - M). So no element that counts was visible to the encoders, whatever the two
    shifts.

    Attributes
    ----------
    shift : TemporalShift
        Drawn for each window and channel, apart for input and target.
    """

    shift: TemporalShift = TemporalShift()
    predicts_masked: ClassVar[bool] = False

    @property
    def margin(self) -> int:
        """Bins that a window needs on both sides: the largest shift."""
        return self.shift.margin

    def draw(self, windows: Tensor, rate: Tensor, random: Streams) -> MaskedBatch:
        """Mask elements of windows.

        Parameters
        ----------
        windows : Tensor, (T + 2 * margin, B, N)
        rate : Tensor, (P,)
            Share that is masked, for each member. A member with rate 0 sees everything and everything counts.
        random : Streams
            One for each member.

        Returns
        -------
        MaskedBatch
        """
        W, B, N = windows.shape
        rate = rate.view(-1, 1, 1, 1)
        windows, known = without_missing(windows)
        x = windows.unsqueeze(0).expand(len(rate), W, B, N)
        masked = (random.uniform(W, B, N, dtype=x.dtype) < rate).to(x.dtype)
        input_mask = known * (1 - masked) / (1 - rate)
        input_shift, target_shift = self.shift.draw(x, random), self.shift.draw(x, random)
        weight = known * torch.where(rate > 0, masked, torch.ones_like(masked))
        return MaskedBatch(
            self.shift.move(x * input_mask, input_shift),
            self.shift.move(input_mask, input_shift),
            self.shift.move(x, target_shift),
            self.shift.move(weight, target_shift),
        )

    def masks(self, windows: Tensor, random: Streams, *, members: int = 1, passes: int | None = None) -> Iterator[Mask]:
        """Give the one mask with which everything is visible and counts."""
        everything = torch.ones_like(windows[..., :1])
        yield Mask(everything, everything)
