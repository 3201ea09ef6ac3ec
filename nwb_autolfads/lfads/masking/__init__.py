"""What is masked from the encoders, so that the model must predict it."""

from __future__ import annotations

from typing import Literal

from .base import Mask, MaskedBatch, Masking
from .blocks import BlockMasking
from .coordinated_dropout import CoordinatedDropout, TemporalShift

Name = Literal["blocks", "elements"]
MASKINGS: dict[Name, type[Masking]] = {"blocks": BlockMasking, "elements": CoordinatedDropout}
"""Maskings by the name that a configuration gives them."""

__all__ = ["MASKINGS", "BlockMasking", "CoordinatedDropout", "Mask", "MaskedBatch", "Masking", "Name", "TemporalShift"]
