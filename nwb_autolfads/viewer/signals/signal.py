"""A signal that is drawn: columns along the session's clock, read lazily."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.segments import Segments

Limits = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Lowest and highest value of each sample or block, each (samples, columns); of a line both are the same array."""


@dataclass(frozen=True)
class Signal:
    """A signal of several columns.

    Attributes
    ----------
    columns : tuple of str
        Names.
    segments : Segments
        Gap-free stretches with their start (s, session clock), and the rate (Hz).
    read : callable
        Called with a first and a last sample it returns those from the one to before the other: as `Limits`, so that
        a band has a lower and an upper edge.
    unit : str
        Of its values.
    """

    columns: tuple[str, ...]
    segments: Segments
    read: Callable[[int, int], Limits] = field(repr=False)
    unit: str = ""

    @property
    def start(self) -> float:
        """Time of the first sample (s)."""
        return self.segments[0].start_time

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Where each segment begins on an even grid at the signal's rate that begins with the first sample."""
        return np.rint((self.segments.start_times - self.start) * self.segments.rate).astype(np.int64)

    @property
    def n_bins(self) -> int:
        """Length of that grid, gaps included."""
        return int(self.places[-1]) + self.segments[-1].n_samples

    @property
    def stop(self) -> float:
        """Time after the last sample (s)."""
        return self.start + self.n_bins / self.segments.rate
