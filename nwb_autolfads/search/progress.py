"""What training says while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """State of a run after an epoch: scores are validation NLL per hidden element (nats), times in seconds."""

    epoch: int
    n_epochs: int
    best: float
    median: float
    elapsed_s: float
    left_s: float
    message: str = ""
    shards: str = ""  # what each does at the moment, where there are several


ProgressCallback = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Say nothing."""
