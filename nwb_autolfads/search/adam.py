"""Adam for a population: every member has its own learning rate, step count and gradient norm."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import torch
from torch import Tensor, nn

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
UNBIASED_FROM = 40_000  # steps, from which on nothing is left of the bias in float64


@cache
def _corrections() -> tuple[list[float], list[float]]:
    """Give, for each number of steps, what corrects the first moment, and the root of the second.

    A table: a power of a whole tensor may be rounded in one place of it otherwise than in another. A member that never
    moved has steps 0, and its correction is not used.
    """
    counts = range(1, UNBIASED_FROM)
    first, second = ([1 / (1 - beta**n) for n in counts] for beta in (BETA1, BETA2))
    return [1.0, *first], [1.0, *(root**0.5 for root in second)]


class PopulationAdam:
    """Adam (Kingma & Ba 2015) on parameters that lead with the population axis.

    Parameters
    ----------
    parameters : iterable of Parameter, each (P, ...)
    max_norm : float
        Largest norm of one member's gradient over all its parameters.

    Attributes
    ----------
    first, second : list of Tensor
        Running moments, shaped as the parameters.
    steps : Tensor, (P,)
        Updates made by each member.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], max_norm: float) -> None:
        self.parameters = list(parameters)
        self.max_norm = max_norm
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]
        self.steps = torch.zeros(len(self.parameters[0]), device=self.parameters[0].device)
        self.corrections = torch.tensor(_corrections(), dtype=torch.float64, device=self.steps.device)

    @torch.no_grad()
    def step(self, learning_rate: Tensor) -> Tensor:
        """Update every member whose gradient is finite, and clear the gradients.

        Parameters
        ----------
        learning_rate : Tensor, (P,)

        Returns
        -------
        Tensor of bool, (P,)
            False for members that were left as they were, because their gradient is not finite.
        """
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.parameters]
        # one after the other: the order of a sum over a stack would depend on how many members there are
        norm = sum((g.flatten(1).square().sum(1) for g in gradients), torch.zeros_like(learning_rate)).sqrt()
        finite = norm.isfinite()
        self.steps += finite
        scale = (self.max_norm / (norm + 1e-6)).clamp(max=1.0).where(finite, torch.zeros_like(norm))
        count = self.steps.long().clamp(max=self.corrections.shape[1] - 1)
        first_correction, second_correction = self.corrections[:, count]
        correction = second_correction.to(scale.dtype)
        moved = finite.to(scale.dtype)  # 0 leaves a member's moments and weights as they are
        rate = moved * (learning_rate * first_correction).to(scale.dtype)
        first_share, second_share = (1 - BETA1) * moved, (1 - BETA2) * moved
        # on a GPU the question would make the host wait for the answer
        fill = finite.device.type != "cpu" or not bool(finite.all())
        for p, g, first, second in zip(self.parameters, gradients, self.first, self.second, strict=True):
            own = [-1, *[1] * (p.dim() - 1)]  # one number per member against (P, ...)
            if fill:
                g.masked_fill_(~finite.view(own), 0)
            g.mul_(scale.view(own))
            first.lerp_(g, first_share.view(own))
            second.lerp_(g.square_(), second_share.view(own))
            size = second.sqrt().mul_(correction.view(own)).add_(EPSILON)
            p.sub_(torch.mul(first, rate.view(own)).div_(size))
            p.grad = None
        return finite

    @torch.no_grad()
    def forget(self, member: int) -> None:
        """Clear the moments and the step count of one member."""
        for moment in (*self.first, *self.second):
            moment[member] = 0
        self.steps[member] = 0
