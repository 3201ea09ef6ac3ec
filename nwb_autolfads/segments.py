"""Gap-free segments of a signal: when each starts, its samples, and what fits into one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import xarray as xr


FEWEST_TRIALS = 10
"""One trial in five is held out for validation, and training must see what varies."""


@dataclass(frozen=True)
class Segment:
    """A stretch without gaps: start time (s, session clock), first sample and number of samples."""

    start_time: float
    first_sample: int
    n_samples: int

    @property
    def stop(self) -> int:
        """One past the last sample."""
        return self.first_sample + self.n_samples

    @property
    def rows(self) -> slice:
        """The samples, along the time of an array."""
        return slice(self.first_sample, self.stop)


@dataclass(frozen=True)
class Segments(Sequence[Segment]):
    """Gap-free segments, in time order, none overlapping another.

    Attributes
    ----------
    each : tuple of Segment
        Samples between two of them, if any, belong to none.
    rate : float
        Sampling rate in all of them (Hz).
    """

    each: tuple[Segment, ...]
    rate: float

    @classmethod
    def of(cls, signal: xr.DataArray | xr.Dataset) -> Segments:
        """Read the coordinates ``time`` and ``segment`` of a signal; without ``segment`` there are no gaps.

        The rate is what the attribute ``rate`` says, or the median step of ``time``.
        """
        time = np.asarray(signal["time"].values, np.float64)
        numbers = signal["segment"].values if "segment" in signal.coords else np.zeros(len(time), int)
        steps = np.diff(time)
        rate = float(signal.attrs.get("rate") or (1 / np.median(steps) if steps.size else 1.0))
        return cls.between(np.flatnonzero(np.diff(numbers)) + 1, time, rate)

    @classmethod
    def between(cls, gaps: ArrayLike, time: NDArray[np.floating], rate: float) -> Segments:
        """Cut samples taken at these times (s) before each of the samples ``gaps``."""
        edges = [0, *np.asarray(gaps, int).tolist(), len(time)]
        return cls(
            tuple(Segment(float(time[low]), low, high - low) for low, high in pairwise(edges) if low < high), rate
        )

    @classmethod
    def of_lengths(cls, lengths: Sequence[int], rate: float, start_times: Sequence[float] | None = None) -> Segments:
        """Return segments of so many samples, one after the other.

        They start at ``start_times`` (s), by default each as soon as the one before it has ended, the first at 0.
        """
        firsts = [0, *np.cumsum(lengths, dtype=int).tolist()][: len(lengths)]
        starts = [first / rate for first in firsts] if start_times is None else start_times
        parts = zip(starts, firsts, lengths, strict=True)
        return cls(tuple(Segment(float(start), first, int(n)) for start, first, n in parts), rate)

    def __len__(self) -> int:
        return len(self.each)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.each)

    @overload
    def __getitem__(self, index: int) -> Segment: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Segment | Self:
        return type(self)(self.each[index], self.rate) if isinstance(index, slice) else self.each[index]

    @property
    def slices(self) -> list[slice]:
        """The samples of each segment, along the time of an array."""
        return [segment.rows for segment in self.each]

    @property
    def firsts(self) -> NDArray[np.intp]:
        """First sample of each."""
        return np.array([segment.first_sample for segment in self.each], np.intp)

    @property
    def lengths(self) -> NDArray[np.intp]:
        """Number of samples of each."""
        return np.array([segment.n_samples for segment in self.each], np.intp)

    @property
    def start_times(self) -> NDArray[np.float64]:
        """Time of the first sample of each (s)."""
        return np.array([segment.start_time for segment in self.each], np.float64)

    @property
    def n_samples(self) -> int:
        """Number of samples in all of them."""
        return sum(segment.n_samples for segment in self.each)

    @property
    def numbers(self) -> NDArray[np.intp]:
        """For each sample in them the number of its segment: the coordinate ``segment``, (time,)."""
        return np.repeat(np.arange(len(self.each)), self.lengths)

    @property
    def times(self) -> NDArray[np.float64]:
        """Time of each sample in them (s): the coordinate ``time``, (time,)."""
        parts = [segment.start_time + np.arange(segment.n_samples) / self.rate for segment in self.each]
        return np.concatenate(parts) if parts else np.empty(0)

    @property
    def longest(self) -> Segment:
        """The longest, and of several as long the first; there must be one."""
        return max(self.each, key=lambda segment: segment.n_samples)

    @property
    def usual_length(self) -> int:
        """Samples of the segment that half of all samples are in, or in longer ones; there must be one."""
        lengths = np.sort(self.lengths)[::-1]
        return int(lengths[np.searchsorted(np.cumsum(lengths), lengths.sum() / 2)])

    def time_of(self, sample: int) -> float:
        """Return the time (s) of a sample that is in one of them."""
        segment = self.each[int(np.searchsorted(self.firsts, sample, side="right")) - 1]
        return segment.start_time + (sample - segment.first_sample) / self.rate

    def at_least(self, n_samples: float) -> Self:
        """Leave out those that are shorter."""
        return type(self)(tuple(segment for segment in self.each if segment.n_samples >= n_samples), self.rate)

    def resampled(self, ratio: Fraction) -> Self:
        """Return the segments after resampling each from its first sample on, to ``ratio`` times the rate."""
        counts = [-(-n * ratio.numerator // ratio.denominator) for n in self.lengths.tolist()]
        starts = [segment.start_time for segment in self.each]
        return type(self)(self.of_lengths(counts, 1.0, starts).each, float(self.rate * ratio))

    def chunks(self, length: int) -> Self:
        """Cut each from its first sample on into chunks of ``length`` samples; its last one may be shorter."""
        return self._parts(
            (segment, first, min(first + length, segment.stop))
            for segment in self.each
            for first in range(segment.first_sample, segment.stop, length)
        )

    def excerpts(self, count: int, length: int) -> Self:
        """Return at most ``count`` excerpts of at most ``length`` samples, spread evenly, none across a gap."""
        wanted = np.linspace(0, self.n_samples, count, endpoint=False).astype(int)
        found = []
        for segment in self.each:
            done = segment.first_sample
            for start in wanted[(wanted >= segment.first_sample) & (wanted < segment.stop)].tolist():
                begin = max(done, start)
                done = min(begin + length, segment.stop)
                found.append((segment, begin, done))
        return self._parts(part for part in found if part[1] < part[2])

    def where(self, known: NDArray[np.bool_]) -> Self:
        """Return what is left of them where ``known`` (time,) is true, cut where it is not."""
        edges = np.flatnonzero(np.diff(known)) + 1
        return self._parts(
            (segment, low, high)
            for segment in self.each
            for low, high in _pairs(segment.first_sample, edges, segment.stop)
            if known[low]
        )

    def hold(self, firsts: ArrayLike, lengths: ArrayLike) -> NDArray[np.bool_]:
        """Return which runs of ``lengths`` samples from ``firsts`` on lie in one segment each."""
        firsts = np.asarray(firsts, int)
        at = np.searchsorted(self.firsts, firsts, side="right") - 1
        never = np.iinfo(np.intp).min  # index -1: what begins before all of them
        stops = np.append(self.firsts + self.lengths, never)
        return firsts + np.asarray(lengths, int) <= stops[at]

    def _parts(self, parts: Iterator[tuple[Segment, int, int]]) -> Self:
        """Return segments from a first sample up to a last one of given segments."""
        found = (
            Segment(segment.start_time + (low - segment.first_sample) / self.rate, low, high - low)
            for segment, low, high in parts
        )
        return type(self)(tuple(found), self.rate)


def _pairs(first: int, edges: NDArray[np.intp], stop: int) -> Iterator[tuple[int, int]]:
    """Yield neighbouring edges within a range, its ends included."""
    inside = [first, *edges[(edges > first) & (edges < stop)].tolist(), stop]
    return pairwise(inside)
