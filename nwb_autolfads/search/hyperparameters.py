"""Hyperparameters of each member: how they start and how they are explored."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nwb_autolfads.lfads.loss import Penalties
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
    def draw(cls, space: SearchSpace, members: int, random: torch.Generator) -> Hyperparameters:
        """Let the first member start where the space says; the others, where it is spread, anywhere in the range."""
        return cls(**{name: _draw(getattr(space, name), members, random) for name in SearchSpace.model_fields})

    @property
    def penalties(self) -> Penalties:
        """The weights of the loss among them."""
        return Penalties(self.kl_initial_condition, self.kl_inputs, self.l2_generator, self.l2_controller)

    def of(self, member: int) -> dict[str, float]:
        """Values of one member."""
        return {name: float(value[member]) for name, value in vars(self).items()}

    def explore(self, member: int, space: SearchSpace, random: torch.Generator) -> None:
        """Move every value of one member at random, within its range; see `SearchRange`."""
        for name, value in vars(self).items():
            value[member] = _moved(float(value[member]), getattr(space, name), random)


def _draw(within: SearchRange, members: int, random: torch.Generator) -> Tensor:
    values = torch.full((members,), within.start)
    if within.spread:
        low, high = torch.tensor([within.low + within.offset, within.high + within.offset]).log()
        anywhere = torch.exp(low + (high - low) * torch.rand(members, generator=random)) - within.offset
        values[1:] = anywhere[1:].clamp(within.low, within.high)
    return values


def _moved(value: float, within: SearchRange, random: torch.Generator) -> float:
    step = (2 * torch.rand((), generator=random) - 1) * torch.tensor(1 + within.explore).log()
    moved = (value + within.offset) * float(step.exp()) - within.offset
    return min(max(moved, within.low), within.high)
