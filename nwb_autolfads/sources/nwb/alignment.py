"""Several series on one clock: cut to the time they share, or refused with the pair that differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nwb_autolfads.errors import SourceError
from nwb_autolfads.segments import Segment, Segments
from nwb_autolfads.sources.nwb.timebase import TimeBase

_APART = 0.5  # samples by which clocks of one rate lie apart at most, when the nearest samples are paired


@dataclass(frozen=True)
class Span:
    """Samples that follow each other in the recording and in a series: where they are in each, and how many."""

    in_recording: int
    in_series: int
    n_samples: int


@dataclass(frozen=True)
class Alignment:
    """The shared time base, the spans that each series gives to it, and a sentence where something was cut."""

    base: TimeBase
    spans: tuple[tuple[Span, ...], ...]
    notes: tuple[str, ...]


def align(names: Sequence[str], bases: Sequence[TimeBase], *, file: str, obj: str) -> Alignment:
    """Find the time that all series share, pairing the samples nearest in time.

    Parameters
    ----------
    names : sequence of str
        Of the series.
    bases : sequence of TimeBase
        Theirs.
    file, obj : str
        What messages name.

    Raises
    ------
    SourceError
        If two have other rates, or no time in common; it names them.
    """
    first = bases[0]
    if all(_same(first, base) for base in bases[1:]):
        n_samples = first.segments.n_samples
        return Alignment(first, tuple((Span(0, 0, n_samples),) for _ in bases), ())
    shared = _on_clock(first, first.segments[0].start_time, first.rate)
    for name, base in zip(names[1:], bases[1:], strict=True):
        if abs(base.rate - first.rate) > 1e-6 * first.rate:
            difference = f"two rates, {first.rate:g} Hz and {base.rate:g} Hz"
        else:
            shared = _intersection(shared, _on_clock(base, first.segments[0].start_time, first.rate))
            difference = "" if shared else "they share no time"
        if difference:
            raise SourceError(
                f"{names[0]} and {name} were not sampled together: {difference}",
                file=file,
                obj=obj,
                way_out="Choose series with one clock with --emg PATH, or resample them first",
            )
    return _lay_out(bases, shared)


def _lay_out(bases: Sequence[TimeBase], shared: list[tuple[int, int]]) -> Alignment:
    first = bases[0]
    zero, rate = first.segments[0].start_time, first.rate
    counts = [stop - start for start, stop in shared]
    firsts = [0, *np.cumsum(counts).tolist()]
    spans: list[list[Span]] = [[] for _ in bases]
    segments = []
    for (start, stop), at in zip(shared, firsts, strict=False):
        for number, base in enumerate(bases):
            segment, begin = _holding(base, zero, rate, start)
            spans[number].append(Span(at, segment.first_sample + start - begin, stop - start))
            if number == 0:
                segments.append(Segment(segment.start_time + (start - begin) / rate, at, stop - start))
    longest = max(base.segments.n_samples for base in bases)
    lost = longest - firsts[-1]
    notes = (f"the series are cut to the time they share, {lost} samples less than the longest",) if lost else ()
    return Alignment(TimeBase(rate, first.rate_from, Segments(tuple(segments), rate)), tuple(map(tuple, spans)), notes)


def _holding(base: TimeBase, zero: float, rate: float, sample: int) -> tuple[Segment, int]:
    """Return the segment that holds a sample of the shared clock, and the sample of that clock it begins at."""
    return next(
        (segment, begin)
        for segment, (begin, end) in zip(base.segments, _on_clock(base, zero, rate), strict=True)
        if begin <= sample < end
    )


def _on_clock(base: TimeBase, zero: float, rate: float) -> list[tuple[int, int]]:
    """Return first and last sample of each segment, counted on the clock that is 0 at ``zero``."""
    begins = [round((segment.start_time - zero) * rate) for segment in base.segments]
    return [(begin, begin + segment.n_samples) for begin, segment in zip(begins, base.segments, strict=True)]


def _intersection(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> list[tuple[int, int]]:
    both = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return [(start, stop) for start, stop in both if start < stop]


def _same(one: TimeBase, other: TimeBase) -> bool:
    if abs(one.rate - other.rate) > 1e-6 * one.rate or len(one.segments) != len(other.segments):
        return False
    return all(
        mine.n_samples == theirs.n_samples and abs(mine.start_time - theirs.start_time) * one.rate <= _APART
        for mine, theirs in zip(one.segments, other.segments, strict=True)
    )
