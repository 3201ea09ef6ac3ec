"""Hyperparameters of each member: how they start and how they are explored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nwb_autolfads.lfads.loss import Penalties
from nwb_autolfads.lfads.streams import Streams
from nwb_autolfads.search.config import SearchRange, SearchSpace


@dataclass
class Hyperparameters:
    """What each member may have of its own, each (P,)."""

    learning_rate: Tensor
    dropout: Tensor
    mask_rate: Tensor
    kl_initial_condition: Tensor
    kl_inputs: Tensor
    l2_generator: Tensor
    l2_controller: Tensor

    @classmethod
    def draw(cls, space: SearchSpace, members: Sequence[int], random: Streams) -> Hyperparameters:
        """Let member 0 start where the space says; the others, where it is spread, anywhere in the range."""
        return cls(**{name: _draw(getattr(space, name), members, random) for name in SearchSpace.model_fields})

    def to(self, device: torch.device) -> Hyperparameters:
        """Return the same on a device."""
        return Hyperparameters(**{name: value.to(device) for name, value in vars(self).items()})

    @property
    def penalties(self) -> Penalties:
        """The weights of the loss among them."""
        return Penalties(self.kl_initial_condition, self.kl_inputs, self.l2_generator, self.l2_controller)

    def of(self, member: int) -> dict[str, float]:
        """Values of one member."""
        return {name: float(value[member]) for name, value in vars(self).items()}

    def explore(self, member: int, space: SearchSpace, random: Streams) -> None:
        """Move every value of one member by its stream, within its range; see `SearchRange`."""
        for name, value in vars(self).items():
            value[member] = _moved(float(value[member]), getattr(space, name), random)


def _draw(within: SearchRange, members: Sequence[int], random: Streams) -> Tensor:
    values = torch.full((len(members),), within.start)
    if within.spread:
        low, high = math.log(within.low + within.offset), math.log(within.high + within.offset)
        for index, share in enumerate(random.uniform().tolist()):
            anywhere = math.exp(low + (high - low) * share) - within.offset
            values[index] = min(max(anywhere, within.low), within.high) if members[index] else within.start
    return values


def _moved(value: float, within: SearchRange, random: Streams) -> float:
    step = (2 * float(random.uniform()) - 1) * math.log(1 + within.explore)
    moved = (value + within.offset) * math.exp(step) - within.offset
    return min(max(moved, within.low), within.high)
