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
        members = len(self.parameters[0])
        self._widths = [p[0].numel() for p in self.parameters]
        # the moments of all parameters side by side, (P, all): one operation on them costs less than one on each
        self._first, self._second = (self.parameters[0].new_zeros(members, sum(self._widths)) for _ in range(2))
        self.first, self.second = self._views(self._first.detach()), self._views(self._second.detach())
        self.steps = torch.zeros(members, device=self.parameters[0].device)

    def _views(self, flat: Tensor) -> list[Tensor]:
        parts = flat.split(self._widths, dim=1)
        return [part.view_as(p) for part, p in zip(parts, self.parameters, strict=True)]

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
        g = torch.cat([gradient.flatten(1) for gradient in gradients], dim=1)
        norm = torch.linalg.vector_norm(g, dim=1)
        finite = norm.isfinite()
        self.steps += finite
        if not finite.all():
            g[~finite] = 0
        g *= (self.max_norm / (norm + 1e-6)).clamp(max=1.0).where(finite, torch.zeros_like(norm)).unsqueeze(1)
        # a member that never moved has steps 0: its correction is not used, so it only has to be finite
        count = self.steps.clamp_min(1.0)
        rate = learning_rate * finite / (1 - BETA1**count)
        moved = finite.to(g.dtype).unsqueeze(1)
        self._first.lerp_(g, (1 - BETA1) * moved)
        self._second.lerp_(g.square_(), (1 - BETA2) * moved)
        size = (self._second / (1 - BETA2**count).unsqueeze(1)).sqrt_().add_(EPSILON)
        for p, update in zip(self.parameters, self._views(self._first / size * rate.unsqueeze(1)), strict=True):
            p.sub_(update)
            p.grad = None
        return finite

    @torch.no_grad()
    def forget(self, member: int) -> None:
        """Clear the moments and the step count of one member."""
        self._first[member] = self._second[member] = 0
        self.steps[member] = 0
