"""Random numbers of a population: a stream for each member, named by a key, and the same wherever it is drawn.

A stream is SplitMix64 (Steele et al. 2014, "Fast splittable pseudorandom number generators"): its n-th number is a
function of its seed and of n. So all members draw at once, on any device, and each draws the same numbers whether it is
trained beside others or alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

STEP = 0x9E3779B97F4A7C15
SHIFTS_AND_FACTORS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
IN_CACHE = 2**15  # numbers worked on at a time


class Streams:
    """P streams that go on side by side.

    Parameters
    ----------
    seeds : Tensor of int64, (P,)
        Its device is that of all that is drawn.
    """

    def __init__(self, seeds: Tensor) -> None:
        self.seeds = seeds

    @classmethod
    def of(cls, members: Iterable[int], *key: int, device: torch.device | str = "cpu") -> Streams:
        """Make the streams of some members for what a key names, such as a seed, a purpose and an epoch."""
        seeds = [_signed(_seed(*key, member)) for member in members]
        return cls(torch.tensor(seeds, dtype=torch.int64, device=device))

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def device(self) -> torch.device:
        """Where the numbers are made."""
        return self.seeds.device

    def skip(self, count: int) -> Tensor:
        """Pass over the next ``count`` words of each stream; give the seeds (P,) of streams that begin with them."""
        before, self.seeds = self.seeds, self.seeds + _signed(count * STEP)
        return before

    def words(self, count: int) -> Tensor:
        """Draw 64-bit numbers, int64 (P, count)."""
        drawn = torch.arange(1, count + 1, device=self.device).mul_(_signed(STEP)) + self.skip(count).unsqueeze(1)
        for part in drawn.view(-1).split(IN_CACHE if drawn.device.type == "cpu" else max(drawn.numel(), 1)):
            for shift, factor in SHIFTS_AND_FACTORS:
                shifted = (part >> shift).bitwise_and_((1 << 64 - shift) - 1)  # without the sign, which >> keeps
                part.bitwise_xor_(shifted).mul_(_signed(factor))
        return drawn

    def uniform(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw from [0, 1), multiples of 2**-24; (P, *shape)."""
        count = math.prod(shape)
        halves = self.words(-(-count // 2)).view(torch.int32)[:, :count]
        return (halves >> 8).to(dtype).mul_(2.0**-24).add_(0.5).view(len(self), *shape)

    def normal(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw from N(0, 1), by the transform of Box and Muller (1958); (P, *shape)."""
        count = math.prod(shape)
        pairs = self.uniform(2, -(-count // 2), dtype=dtype)
        radius, angle = pairs[:, 0].neg().add_(1).log_().mul_(-2).sqrt_(), pairs[:, 1] * (2 * math.pi)
        return torch.cat([radius * angle.cos(), radius * angle.sin()], 1)[:, :count].reshape(len(self), *shape)

    def integers(self, below: int, *shape: int) -> Tensor:
        """Draw from 0 .. below - 1, int64; (P, *shape)."""
        return self.words(math.prod(shape)).bitwise_and_(2**63 - 1).remainder_(below).view(len(self), *shape)


def _seed(*key: int) -> int:
    """Mix a key into a seed; keys that differ in their last number alone never share one."""
    seed = 0
    for part in key:
        seed = (seed + (part + 1) * STEP) % 2**64
        for shift, factor in SHIFTS_AND_FACTORS:
            seed = (seed ^ seed >> shift) * factor % 2**64
    return seed


def _signed(word: int) -> int:
    """Give the number whose 64 bits are those of a word."""
    return (word + 2**63) % 2**64 - 2**63
