"""Lowest and highest values of a signal in blocks of 4, 16, 64 ... samples, so that any stretch is drawn at once."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.viewer.signals.signal import Signal
from nwb_autolfads.viewer.signals.turns import Turns

TILE = 1024
"""Blocks of one tile."""
STEP = 4
"""How many blocks of one level are a block of the next."""
_FINEST_KEPT = 64  # samples of a block, at least, that is kept in memory
_MOST_KEPT = 4_000_000  # blocks x columns of one signal: four arrays of 16 MB, however long the session is
_MOST_READ = 250_000  # samples x columns read at once


class Pyramid:
    """A signal at every level of detail.

    Fine levels are read from the file when they are asked for. Coarse ones are taken from blocks that are kept in
    memory; `build` fills these in the order of time, and memory stays the same whatever the signal's length.

    Parameters
    ----------
    signal : Signal
    turns : Turns
        Who may read the file: its reader is not made for several threads.
    """

    channels = 2
    """Arrays in a tile: lowest and highest values."""

    def __init__(self, signal: Signal, turns: Turns) -> None:
        self.signal, self.columns, self._turns = signal, signal.columns, turns
        n_columns = len(signal.columns)
        self.block = _FINEST_KEPT
        while -(-signal.n_bins // self.block) * n_columns > _MOST_KEPT:
            self.block *= STEP
        shape = (-(-signal.n_bins // self.block), n_columns)
        self._sums, self._counts = (np.zeros(shape, np.float32) for _ in range(2))
        self._low, self._high = (np.full(shape, np.nan, np.float32) for _ in range(2))
        self._pieces_left = np.zeros(shape[0], np.int32)
        for place, _, length in self._pieces():
            self._pieces_left[self._blocks_of(place, length)] += 1

    @property
    def start(self) -> float:
        """Time of the first sample (s)."""
        return self.signal.start

    @property
    def rate(self) -> float:
        """Bins per second of the finest level."""
        return self.signal.segments.rate

    @property
    def n_bins(self) -> int:
        """Bins of the finest level, gaps included."""
        return self.signal.n_bins

    @property
    def n_levels(self) -> int:
        """Levels until one tile holds all of the signal."""
        level = 0
        while TILE * STEP**level < self.signal.n_bins:
            level += 1
        return level + 1

    @property
    def is_built(self) -> bool:
        """Whether the coarse levels are known everywhere."""
        return not self._pieces_left.any()

    def build(self, stop: Event) -> None:
        """Fill the coarse levels, until all is known or ``stop`` is set."""
        for place, first, length in self._pieces():
            if stop.is_set():
                return
            with self._turns.in_background():
                low, high = self.signal.read(first, first + length)
            _widen(self._low, self._high, 0, place, low, high, self.block)
            self._add(place, low)
            self._pieces_left[self._blocks_of(place, length)] -= 1

    @property
    def means(self) -> NDArray[np.float32]:
        """Mean of each block that is kept, of `block` samples, (blocks, columns); NaN where nothing is known."""
        with np.errstate(invalid="ignore"):
            return self._sums / self._counts

    def tile(self, level: int, index: int) -> tuple[NDArray[np.float32], bool]:
        """Return a tile: blocks ``index * TILE`` and on of a level.

        Parameters
        ----------
        level : int
            Blocks of it are of ``4 ** level`` samples.
        index : int
            Number of the tile, from 0 on.

        Returns
        -------
        ndarray of float32, (2, columns, blocks)
            Lowest and highest values; NaN in gaps and where nothing is known. At most `TILE` blocks.
        complete : bool
            Whether all of it is known already.

        Raises
        ------
        IndexError
            If there is no such tile.
        """
        size = STEP**level if 0 <= level < self.n_levels else 0
        first = index * TILE * size
        if not size or not 0 <= first < self.signal.n_bins:
            raise IndexError(f"no tile {index} of level {level}")
        stop = min(first + TILE * size, self.signal.n_bins)
        if size < self.block:
            low, high = self._read(first, stop, size)
            return np.stack([low.T, high.T]), True
        kept = slice(first // self.block, -(-stop // self.block))
        low, high = self._low[kept], self._high[kept]
        edges = np.arange(0, len(low), size // self.block)
        both = np.stack([np.fmin.reduceat(low, edges).T, np.fmax.reduceat(high, edges).T])
        return both, not self._pieces_left[kept].any()

    def _read(self, first: int, stop: int, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return blocks of so many samples, from one bin of the grid to before another."""
        low, high = (np.full((-(-(stop - first) // size), len(self.signal.columns)), np.nan, np.float32) for _ in "lh")
        places = self.signal.places
        for number in range(max(0, int(np.searchsorted(places, first, side="right")) - 1), len(places)):
            segment, place = self.signal.segments[number], int(places[number])
            if place >= stop:
                break
            begin, end = max(first, place), min(stop, place + segment.n_samples)
            for at in range(begin, end, self._step):
                sample = segment.first_sample + at - place
                with self._turns:
                    part = self.signal.read(sample, sample + min(self._step, end - at))
                _widen(low, high, first // size, at, *part, size)
        return low, high

    def _add(self, place: int, values: NDArray[np.float32]) -> None:
        """Add new samples from a place on to the sums of their blocks."""
        edges, into = _cut(place, len(values), self.block, 0)
        known = np.isfinite(values)
        self._sums[into] += np.add.reduceat(np.where(known, values, np.float32(0)), edges)
        self._counts[into] += np.add.reduceat(known, edges, dtype=np.float32)

    @property
    def _step(self) -> int:
        """Samples that are read at once."""
        return max(self.block, _MOST_READ // len(self.signal.columns) // self.block * self.block)

    def _pieces(self) -> Iterator[tuple[int, int, int]]:
        """Yield what is read at once: its place on the grid, first sample and number of samples."""
        for segment, place in zip(self.signal.segments, self.signal.places.tolist(), strict=True):
            for done in range(0, segment.n_samples, self._step):
                yield place + done, segment.first_sample + done, min(self._step, segment.n_samples - done)

    def _blocks_of(self, place: int, length: int) -> slice:
        return slice(place // self.block, (place + length - 1) // self.block + 1)


def _widen(
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    first_block: int,
    place: int,
    new_low: NDArray[np.float32],
    new_high: NDArray[np.float32],
    size: int,
) -> None:
    """Let blocks of so many samples, the first of which is ``first_block``, hold new samples from a place on."""
    edges, into = _cut(place, len(new_low), size, first_block)
    np.fmin(low[into], np.fmin.reduceat(new_low, edges), out=low[into])
    np.fmax(high[into], np.fmax.reduceat(new_high, edges), out=high[into])


def _cut(place: int, length: int, size: int, first_block: int) -> tuple[NDArray[np.intp], slice]:
    """Return where new samples from a place on are cut into blocks, and which blocks these are."""
    edges = np.arange(-(place % size), length, size)
    edges[0] = 0
    return edges, slice(place // size - first_block, place // size - first_block + len(edges))
