"""Everything random in one pass of the model, drawn beforehand.

With the draws given, the model is a plain function of parameters and data: a member of a population can be compared
with the same model alone, and a faster implementation with the reference.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .sizes import Sizes


class Dropout(NamedTuple):
    """Masks of inverted dropout: 0 where dropped, 1 / (1 - rate) elsewhere."""

    ic_state: Tensor  # (P, B, 2 * ic_encoder)
    controller_input: Tensor  # (P, T, B, 2 * ci_encoder)
    factors: Tensor  # (P, T, B, factors), as fed back to the controller
    generator: Tensor  # (P, T + 1, B, generator), the first for the initial state


class Noise(NamedTuple):
    """Draws of one pass; standard normal samples, and dropout masks or None where nothing is dropped."""

    initial_condition: Tensor  # (P, B, initial_condition)
    inputs: Tensor  # (P, T, B, inputs)
    dropout: Dropout | None


def draw_noise(
    sizes: Sizes, bins: int, windows: int, dropout_rate: Tensor, random: torch.Generator, *, dropout: bool
) -> Noise:
    """Draw the noise of one pass.

    Parameters
    ----------
    sizes : Sizes
    bins, windows : int
        T and B.
    dropout_rate : Tensor, (P,)
        Below 1. Its dtype and device are those of the draws.
    random : torch.Generator
    dropout : bool
        False at inference.

    Returns
    -------
    Noise
    """
    P, rate = len(dropout_rate), dropout_rate.view(-1, 1, 1, 1)
    # Masks are most of what is drawn, and 16 bits are enough for one element: four come from one draw
    dropped = (rate * 2**16).round()
    first_kept, kept = (dropped - 2**15).to(torch.int16), 1 / (1 - dropped / 2**16)

    def normal(*shape: int) -> Tensor:
        return torch.empty(shape, dtype=rate.dtype, device=rate.device).normal_(generator=random)

    def mask(*shape: int) -> Tensor:
        count = math.prod(shape)
        words = torch.empty(-(-count // 4), dtype=torch.int64, device=rate.device)
        draws = words.random_(-(2**63), None, generator=random).view(torch.int16)[:count].view(shape)
        return (draws >= first_kept) * kept

    return Noise(
        initial_condition=normal(P, windows, sizes.initial_condition),
        inputs=normal(P, bins, windows, sizes.inputs),
        dropout=Dropout(
            ic_state=mask(P, 1, windows, 2 * sizes.ic_encoder).squeeze(1),
            controller_input=mask(P, bins, windows, 2 * sizes.ci_encoder if sizes.inputs else 0),
            factors=mask(P, bins, windows, sizes.factors),
            generator=mask(P, bins + 1, windows, sizes.generator),
        )
        if dropout
        else None,
    )


def no_noise(sizes: Sizes, bins: int, windows: int, like: Tensor, members: int) -> Noise:
    """Noise of zeros: the pass follows the posterior means, without dropout."""
    return Noise(
        initial_condition=like.new_zeros(members, windows, sizes.initial_condition),
        inputs=like.new_zeros(members, bins, windows, sizes.inputs),
        dropout=None,
    )
