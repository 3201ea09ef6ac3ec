"""Block masking: stretches of time are masked, so that noise which lasts a few bins cannot help to predict them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..streams import Streams
from .base import Mask, MaskedBatch, without_missing


@dataclass(frozen=True)
class BlockMasking:
    """Blocks of time are masked; only what was masked counts.

    The carrier of rectified EMG is correlated over several bins and, through cross-talk and transients, over channels.
    A block that is longer than that can only be predicted from the signal; and, where all channels are masked at the
    same times, from the signal at other times. Channels with times of their own also tell of each other what happens
    within a block.

    Attributes
    ----------
    block : int
        Length of a block in bins; blocks start at a random phase in each window.
    simultaneous : float
        Share of windows all of whose channels are masked at the same times. In the others each has times of its own.
    folds : int
        At inference the blocks are dealt into so many folds, each masked once in a pass.
    passes : int
        Passes over all folds, each with new phases and folds: dealt to the members in turn, and one at least for each.
    """

    block: int
    simultaneous: float = 0.5
    folds: int = 4
    passes: int = 2
    predicts_masked: ClassVar[bool] = True

    @property
    def margin(self) -> int:
        """No margin: nothing is shifted."""
        return 0

    def draw(self, windows: Tensor, rate: Tensor, random: Streams) -> MaskedBatch:
        """Mask blocks of windows (T, B, N), each with probability ``rate`` (P,); see `Masking`."""
        T, B, N = windows.shape
        P = len(rate)
        windows, known = without_missing(windows)
        x = windows.unsqueeze(0).expand(P, T, B, N)
        rate = rate.view(P, 1, 1, 1)
        C = self._columns(N)
        chance = random.uniform(self._count(T), B * C, dtype=x.dtype)
        chance = chance.gather(1, self._block_of_bin(T, B * C, random)).view(P, T, B, C)
        masked = (chance < rate).to(x.dtype)
        if 0 < self.simultaneous < 1:
            same = random.uniform(1, B, 1) < self.simultaneous
            masked = torch.where(same, masked[..., :1], masked)
        masked = masked.expand(P, T, B, N)
        counts = known * torch.where(rate > 0, masked, torch.ones_like(masked))
        weight = counts / counts.mean((1, 2, 3), keepdim=True).clamp_min(1e-6)  # the NLL is a mean over masked bins
        input_mask = known * (1 - masked) / (1 - rate)
        return MaskedBatch(x * input_mask, input_mask, x, weight)

    def masks(self, windows: Tensor, random: Streams, *, members: int = 1, passes: int | None = None) -> Iterator[Mask]:
        """Give masks of a fold each, of each member: a bin's estimate comes from those that did not show it.

        All channels are masked at the same times in as large a share of the passes as of the windows in training: such
        a prediction knows nothing of noise that channels share, the others know what other channels tell.
        """
        T, B, N = windows.shape
        turns = -(-(self.passes if passes is None else passes) // members)
        for first in range(0, turns * members, members):
            numbers, own = range(first, first + members), (1 - self.simultaneous) * turns * members
            together = [number + 0.5 > own for number in numbers]
            folds = torch.stack([self._folds(T, B, 1 if same else N, random).expand(T, B, N) for same in together])
            for k in range(self.folds):
                masked = (folds == k).to(windows.dtype)
                yield Mask((1 - masked) * self.folds / (self.folds - 1), masked)

    def _folds(self, T: int, B: int, C: int, random: Streams) -> Tensor:
        """Deal blocks from a shuffled deck, so that a window's folds are as even as can be; of each bin, (T, B, C)."""
        (deck,) = random.uniform(self._count(T), B * C)
        fold = deck.argsort(0).argsort(0) % self.folds
        return fold.gather(0, self._block_of_bin(T, B * C, random)[0]).view(T, B, C)

    def _columns(self, channels: int) -> int:
        """Give how many times of their own the channels of a window may have."""
        return 1 if self.simultaneous >= 1 else channels

    def _count(self, bins: int) -> int:
        return bins // self.block + 2

    def _block_of_bin(self, bins: int, columns: int, random: Streams) -> Tensor:
        """Give the number of the block that each bin lies in, (P, bins, columns)."""
        phase = random.integers(self.block, 1, columns)
        return (torch.arange(bins, device=random.device).unsqueeze(1) + phase) // self.block
