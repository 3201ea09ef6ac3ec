"""Spikes as a raster: how many of each unit are in each bin, at any level of detail."""

from __future__ import annotations

from threading import Event

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.sources.spikes.trains import SpikeTrains
from nwb_autolfads.viewer.signals.pyramid import STEP, TILE

RATE = 1000.0
"""Bins per second of the finest level: two spikes of a unit are hardly nearer."""


class Raster:
    """Spike trains at every level of detail, counted when they are asked for.

    Parameters
    ----------
    trains : SpikeTrains
    start, stop : float
        The session (s).
    """

    channels = 1
    """Arrays in a tile: counts."""
    is_built = True
    rate = RATE

    def __init__(self, trains: SpikeTrains, start: float, stop: float) -> None:
        self.trains, self.columns, self.start, self.stop = trains, trains.units, start, stop
        self.n_bins = max(1, int(np.ceil((stop - start) * RATE)))

    @property
    def n_levels(self) -> int:
        """Levels until one tile holds all of the session."""
        level = 0
        while TILE * STEP**level < self.n_bins:
            level += 1
        return level + 1

    def build(self, stop: Event) -> None:
        """Do nothing: trains are in memory."""

    def tile(self, level: int, index: int) -> tuple[NDArray[np.float32], bool]:
        """Return how many spikes of each unit are in each bin, (1, units, bins); see `Pyramid.tile`."""
        size = STEP**level if 0 <= level < self.n_levels else 0
        first = index * TILE * size
        if not size or not 0 <= first < self.n_bins:
            raise IndexError(f"no tile {index} of level {level}")
        n_bins = min(TILE, -(-(self.n_bins - first) // size))
        edges = self.start + (first + size * np.arange(n_bins + 1)) / RATE
        return self.trains.counts(edges).T.astype(np.float32)[None], True
