"""What a masking gives: for training a batch with part of it masked, for inference the masks to look through.

What is missing (NaN) is never seen and never counts. A masking decides what is learnt: noise that is shared by
neighbouring bins or channels is learnt too when a masked part can be told from it (Batson & Royer 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from ..streams import Streams


class MaskedBatch(NamedTuple):
    """A batch with part of it masked."""

    input: Tensor  # (P, T, B, N), the data times the input mask
    input_mask: Tensor  # (P, T, B, N), 0 where masked from the encoders, 1 / (share visible) elsewhere
    target: Tensor  # (P, T, B, N), what the read-out is compared with
    weight: Tensor  # (P, T, B, N), 0 where the target was visible or does not count


class Mask(NamedTuple):
    """What of windows (T, B, N) is masked in one pass of inference."""

    input_mask: Tensor  # (T, B, N or 1), or of each member (P, T, B, N); 0 where masked, 1 / (share visible) elsewhere
    weight: Tensor  # as input_mask, how much each estimate made with this mask counts


class Masking(Protocol):
    """Decides what is masked.

    Attributes
    ----------
    predicts_masked : bool
        Whether, at inference, what is estimated for a bin comes from masks that kept it from the encoders.
    """

    predicts_masked: ClassVar[bool]

    @property
    def margin(self) -> int:
        """Bins that a window needs on both sides beyond those that the model sees."""

    def draw(self, windows: Tensor, rate: Tensor, random: Streams) -> MaskedBatch:
        """Mask part of windows (T + 2 * margin, B, N), the share ``rate`` (P,) of it for each member, by its stream."""

    def masks(self, windows: Tensor, random: Streams, *, members: int = 1, passes: int | None = None) -> Iterator[Mask]:
        """Give the masks of windows (T, B, N) that an estimate is averaged over; members share the passes."""


def without_missing(x: Tensor) -> tuple[Tensor, Tensor]:
    """Replace what is missing (NaN) by ones; give also where data is known, 1 or 0."""
    known = ~x.isnan()
    return torch.where(known, x, torch.ones_like(x)), known.to(x.dtype)
