"""What is hidden from the encoders, so that the model must predict it.

A hiding draws, for a batch of windows, what the encoders see, what the loss compares with, and where it counts; and,
for inference, through which views of the windows each bin is estimated. What is missing (NaN) is never seen and never
counts. A hiding decides what is learnt: noise that is shared by neighbouring bins or channels is learnt too when a
hidden part can be told from it (Batson & Royer 2019).
`Blocks` hides stretches of time; `Elements` is the published setting, coordinated dropout
(Keshtkaran & Pandarinath 2019) with temporal shift (Wimalasena et al. 2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Hidden(NamedTuple):
    """A batch with part of it hidden."""

    input: Tensor  # (P, T, B, N), the data times the gain
    gain: Tensor  # (P, T, B, N), 0 where hidden from the encoders, 1 / (share visible) elsewhere
    target: Tensor  # (P, T, B, N), what the read-out is compared with
    weight: Tensor  # (P, T, B, N), 0 where the target was visible or does not count


def without_missing(x: Tensor) -> tuple[Tensor, Tensor]:
    """Replace what is missing (NaN) by ones; give also where data is known, 1 or 0."""
    known = ~x.isnan()
    return torch.where(known, x, torch.ones_like(x)), known.to(x.dtype)


class View(NamedTuple):
    """One way to look at windows (T, B, N) at inference."""

    gain: Tensor  # (T, B, N or 1), 0 where hidden from the encoders, 1 / (share visible) elsewhere
    weight: Tensor  # (T, B, N or 1), how much each estimate from this view counts


class Hiding(Protocol):
    """Decides what is hidden."""

    @property
    def margin(self) -> int:
        """Bins that a window needs on both sides beyond those that the model sees."""

    def draw(self, windows: Tensor, rate: Tensor, random: torch.Generator) -> Hidden:
        """Hide part of windows (T + 2 * margin, B, N), the share ``rate`` (P,) of it for each member."""

    def views(self, windows: Tensor, random: torch.Generator) -> Iterator[View]:
        """Give the views of windows (T, B, N) that an estimate is averaged over."""


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
        windows, known = without_missing(windows)
        x = windows.unsqueeze(0).expand(len(rate), W, B, N)
        uniform = torch.rand(x.shape, generator=random, dtype=x.dtype, device=x.device)
        hidden = (uniform < rate).to(x.dtype)
        gain = known * (1 - hidden) / (1 - rate)
        input_shift, shift = self._draw_shift(x, random), self._draw_shift(x, random)
        weight = known * torch.where(rate > 0, hidden, torch.ones_like(hidden))
        return Hidden(
            self._moved(x * gain, input_shift),
            self._moved(gain, input_shift),
            self._moved(x, shift),
            self._moved(weight, shift),
        )

    def views(self, windows: Tensor, random: torch.Generator) -> Iterator[View]:
        """Give the one view in which everything is visible and counts."""
        everything = torch.ones_like(windows[..., :1])
        yield View(everything, everything)

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
        if not self.margin:
            return x
        bins = x.shape[1] - 2 * self.margin
        index = torch.arange(bins, device=x.device).view(-1, 1, 1) + self.margin + shift.unsqueeze(1)
        return x.gather(1, index)


@dataclass(frozen=True)
class Blocks:
    """Blocks of time are hidden; only what was hidden counts.

    The carrier of rectified EMG is correlated over several bins and, through cross-talk and transients, over channels.
    A block that is longer than that can only be predicted from the signal; and, where all channels are hidden at the
    same times, from the signal at other times. Channels with times of their own also tell of each other what happens
    within a block.

    Attributes
    ----------
    block : int
        Length of a block in bins; blocks start at a random phase in each window.
    together : float
        Share of windows all of whose channels are hidden at the same times. In the others each has times of its own.
    folds : int
        At inference the blocks are dealt into so many folds, each hidden once in a pass.
    passes : int
        Passes over all folds, each with new phases and folds.
    """

    block: int
    together: float = 0.5
    folds: int = 4
    passes: int = 2

    @property
    def margin(self) -> int:
        """No margin: nothing is shifted."""
        return 0

    def draw(self, windows: Tensor, rate: Tensor, random: torch.Generator) -> Hidden:
        """Hide blocks of windows (T, B, N), each with probability ``rate`` (P,); see `Hiding`."""
        T, B, N = windows.shape
        P = len(rate)
        windows, known = without_missing(windows)
        x = windows.unsqueeze(0).expand(P, T, B, N)
        rate = rate.view(P, 1, 1, 1)
        C = self._columns(N)
        chance = torch.rand(self._count(T), P * B * C, generator=random, dtype=x.dtype, device=x.device)
        chance = chance.gather(0, self._block_of_bin(T, P * B * C, random, x.device))
        hidden = (chance.view(T, P, B, C).transpose(0, 1) < rate).to(x.dtype)
        if 0 < self.together < 1:
            same = torch.rand(P, 1, B, 1, generator=random, device=x.device) < self.together
            hidden = torch.where(same, hidden[..., :1], hidden)
        hidden = hidden.expand(P, T, B, N)
        counts = known * torch.where(rate > 0, hidden, torch.ones_like(hidden))
        weight = counts / counts.mean((1, 2, 3), keepdim=True).clamp_min(1e-6)  # the NLL is a mean over hidden bins
        gain = known * (1 - hidden) / (1 - rate)
        return Hidden(x * gain, gain, x, weight)

    def views(self, windows: Tensor, random: torch.Generator) -> Iterator[View]:
        """Give views that hide a fold each: a bin's estimate comes from views that did not show it."""
        T, B, N = windows.shape
        C = self._columns(N)
        for _ in range(self.passes):
            # blocks are dealt in turn from a shuffled deck, so that a window's folds are as even as can be
            deck = torch.rand(self._count(T), B * C, generator=random, dtype=windows.dtype, device=windows.device)
            fold = deck.argsort(0).argsort(0) % self.folds
            fold_of_bin = fold.gather(0, self._block_of_bin(T, B * C, random, windows.device)).view(T, B, C)
            for k in range(self.folds):
                hidden = (fold_of_bin == k).to(windows.dtype)
                yield View((1 - hidden) * self.folds / (self.folds - 1), hidden)

    def _columns(self, channels: int) -> int:
        """Give how many times of their own the channels of a window may have."""
        return 1 if self.together >= 1 else channels

    def _count(self, bins: int) -> int:
        return bins // self.block + 2

    def _block_of_bin(self, bins: int, columns: int, random: torch.Generator, device: torch.device) -> Tensor:
        """Give the number of the block that each bin lies in, (bins, columns)."""
        phase = torch.randint(self.block, (columns,), generator=random, device=device)
        return (torch.arange(bins, device=device).unsqueeze(1) + phase) // self.block
