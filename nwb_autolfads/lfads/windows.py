"""Windows of a continuous recording: where they start, cutting them out, merging what was estimated in them.

Merging (as published): where two windows overlap by L bins, ``x = linspace(1/L, 1 - 1/L, L)``, ``ramp = 1 - x^p``,
``merged = ramp * earlier + (1 - ramp) * later``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def window_starts(n_bins: int, window: int, overlap: int) -> list[int]:
    """First bins of windows that cover ``n_bins``; the last one ends with the recording and may overlap more.

    Parameters
    ----------
    n_bins, window, overlap : int
        In bins; ``overlap < window <= n_bins``.

    Returns
    -------
    list of int
    """
    last = n_bins - window
    return [*range(0, last, window - overlap), last]


def chop(x: Tensor, starts: Sequence[int] | Tensor, window: int) -> Tensor:
    """Cut windows out of a recording.

    Parameters
    ----------
    x : Tensor, (bins, N)
    starts : sequence of int, length B
    window : int

    Returns
    -------
    Tensor, (window, B, N)
    """
    first = torch.as_tensor(starts, device=x.device)
    return x[torch.arange(window, device=x.device).unsqueeze(1) + first]


def merge(windows: Tensor, starts: Sequence[int], power: float) -> Tensor:
    """Put overlapping windows back together, blending each with what came before.

    Parameters
    ----------
    windows : Tensor, (window, B, features)
    starts : sequence of int, length B
        Increasing, without gaps between windows, from 0.
    power : float
        p; 1 for EMG.

    Returns
    -------
    Tensor, (starts[-1] + window, features)
    """
    window = windows.shape[0]
    merged = windows.new_empty(starts[-1] + window, windows.shape[2])
    filled = 0
    for b, start in enumerate(starts):
        L = filled - start
        if L > 0:
            x = torch.linspace(1 / L, 1 - 1 / L, L, dtype=windows.dtype, device=windows.device)
            ramp = (1 - x**power).unsqueeze(1)
            merged[start:filled] = ramp * merged[start:filled] + (1 - ramp) * windows[:L, b]
        merged[filled : start + window] = windows[max(L, 0) :, b]
        filled = start + window
    return merged
