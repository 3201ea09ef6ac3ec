"""Adam for a population: every member has its own learning rate, step count and gradient norm."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


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
        norm = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0).sqrt()
        finite = norm.isfinite()
        self.steps += finite
        scale = (self.max_norm / (norm + 1e-6)).clamp(max=1.0).where(finite, torch.zeros_like(norm))
        # a member that never moved has steps 0: its correction is not used, so it only has to be finite
        count = self.steps.double().clamp_min(1.0)  # in float32, 1 - 0.999 is off by 1e-5
        correction = (1 - BETA2**count).rsqrt().to(scale.dtype)
        moved = finite.to(scale.dtype)  # 0 leaves a member's moments and weights as they are
        rate = moved * (learning_rate / (1 - BETA1**count)).to(scale.dtype)
        first_share, second_share = (1 - BETA1) * moved, (1 - BETA2) * moved
        all_finite = bool(finite.all())
        for p, g, first, second in zip(self.parameters, gradients, self.first, self.second, strict=True):
            own = [-1, *[1] * (p.dim() - 1)]  # one number per member against (P, ...)
            if not all_finite:
                g[~finite] = 0
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
