"""Everything random in one pass of the model, drawn beforehand.

With the draws given, the model is a plain function of parameters and data: a member of a population can be compared
with the same model alone, and a faster implementation with the reference.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .kernels import compiled, recurrence
from .sizes import Sizes
from .streams import Streams


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


def draw_noise(sizes: Sizes, bins: int, windows: int, dropout_rate: Tensor, random: Streams, *, dropout: bool) -> Noise:
    """Draw the noise of one pass.

    Parameters
    ----------
    sizes : Sizes
    bins, windows : int
        T and B.
    dropout_rate : Tensor, (P,)
        Below 1. Its dtype and device are those of the draws.
    random : Streams
        One for each member.
    dropout : bool
        False at inference.

    Returns
    -------
    Noise
    """

    def normal(*shape: int) -> Tensor:
        return random.normal(*shape, dtype=dropout_rate.dtype)

    def mask(*shape: int) -> Tensor:
        return draw_mask(dropout_rate, shape, random)

    return Noise(
        initial_condition=normal(windows, sizes.initial_condition),
        inputs=normal(bins, windows, sizes.inputs),
        dropout=Dropout(
            ic_state=mask(windows, 2 * sizes.ic_encoder),
            controller_input=mask(bins, windows, 2 * sizes.ci_encoder if sizes.inputs else 0),
            factors=mask(bins, windows, sizes.factors),
            generator=mask(bins + 1, windows, sizes.generator),
        )
        if dropout
        else None,
    )


def draw_mask(rate: Tensor, shape: tuple[int, ...], random: Streams) -> Tensor:
    """Draw masks of inverted dropout, (P, *shape), for rates (P,).

    Masks are most of what is random in training: 16 bits decide on one element. The compiled kernel draws the same.
    """
    P, count = len(rate), math.prod(shape)
    words = -(-count // 4)
    first_kept = (rate * 2**16).round() - 2**15  # of -2**15 .. 2**15 - 1
    kept = 1 / (0.5 - first_kept / 2**16)
    if recurrence.path_for(rate) == "compiled":
        masks, seeds = rate.new_empty(P, *shape), random.skip(words).tolist()
        compiled.load().call("draw_mask", (P, count, compiled.thread_count(), *seeds), (first_kept, kept, masks))
        return masks
    bits = random.words(words).view(torch.int16)[:, :count]
    return ((bits >= first_kept.to(torch.int16).unsqueeze(1)) * kept.unsqueeze(1)).view(P, *shape)


def no_noise(sizes: Sizes, bins: int, windows: int, like: Tensor, members: int) -> Noise:
    """Noise of zeros: the pass follows the posterior means, without dropout."""
    return Noise(
        initial_condition=like.new_zeros(members, windows, sizes.initial_condition),
        inputs=like.new_zeros(members, bins, windows, sizes.inputs),
        dropout=None,
    )
