"""Where training and validation windows may start: they share no bin."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nwb_autolfads.errors import TrainingError

HELD_OUT_EVERY = 5  # one part in five is for validation
PARTS = 50  # that a long recording is cut into


def split_starts(segment_bins: Sequence[int], window: int) -> tuple[Tensor, Tensor]:
    """Give the first bins of all possible training windows, and of validation windows in every fifth part.

    Parameters
    ----------
    segment_bins : sequence of int
        Lengths of the gap-free segments, which lie one after the other in the data.
    window : int
        Length of a window, margins included.

    Returns
    -------
    training : Tensor of int
        Every bin where a training window may start.
    validation : Tensor of int
        Starts of validation windows, which overlap by half within their part.

    Raises
    ------
    TrainingError
        If there is no room for a training and a validation window that share no bin.
    """
    total = sum(segment_bins)
    length = max(window, total // PARTS)
    parts: list[tuple[int, int]] = []  # first bin and end; the last part of a segment takes the rest
    first = 0
    for bins in segment_bins:
        # a segment may be shorter than a part: then it is one, if a window fits
        starts = [first + i * length for i in range(max(bins // length, int(bins >= window)))]
        parts += zip(starts, [*starts[1:], first + bins], strict=False)
        first += bins
    held_out = torch.zeros(total, dtype=torch.bool)
    validation: list[int] = []
    for begin, end in parts[min(2, len(parts) - 1) :: HELD_OUT_EVERY]:
        held_out[begin:end] = True
        validation += range(begin, end - window + 1, max(window // 2, 1))
    segment = torch.repeat_interleave(torch.arange(len(segment_bins)), torch.tensor(segment_bins))
    spoiled = torch.cat([torch.zeros(1, dtype=torch.long), held_out.long().cumsum(0)])
    start = torch.arange(max(total - window + 1, 0))
    free = (spoiled[start + window] == spoiled[start]) & (segment[start] == segment[start + window - 1])
    training = start[free]
    if not len(training) or not validation:
        raise TrainingError(
            f"{total} bins leave no room to train and to validate on windows of {window} bins that share none",
            way_out="Give a longer recording, or a shorter window and shift in the configuration.",
        )
    return training, torch.tensor(validation)
