"""Rectified EMG in blocks with margins wide enough that each is what filtering the segment at once would give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.emg.filters import filter_both_ways, memory_of, resampling_memory
from nwb_autolfads.emg.quality import QualityTally
from nwb_autolfads.errors import SignalError
from nwb_autolfads.segments import Segment
from nwb_autolfads.sources.recording import EmgRecording

_BLOCK_VALUES = 16_000_000  # values (samples x muscles) read at once, margins not counted


@dataclass(frozen=True)
class Block:
    """Part of a segment, at its own rate and at the new one.

    Attributes
    ----------
    first, last : int
        Samples of the segment that are read, margins included.
    inner : slice
        What of the samples read is no margin.
    new : slice
        Where the block lies in the resampled segment.
    new_inner : slice
        What of the block, resampled with its margins, lies there.
    """

    first: int
    last: int
    inner: slice
    new: slice
    new_inner: slice


def rectified_blocks(
    recording: EmgRecording, segment: Segment, sections: NDArray | None, ratio: Fraction, tally: QualityTally
) -> Iterator[tuple[Block, int, NDArray[np.float64]]]:
    """Yield, for each block of a segment and each muscle, the filtered and rectified samples with their margins.

    Parameters
    ----------
    recording : EmgRecording
    segment : Segment
        One of its segments.
    sections : ndarray or None
        The filter, run both ways; None for EMG that is rectified already.
    ratio : Fraction
        New rate over old rate.
    tally : QualityTally
        Counts every raw sample once.

    Raises
    ------
    SignalError
        If samples are not finite.
    """
    margin = resampling_memory(ratio) + (0 if sections is None else memory_of(sections))
    for block in _cut(segment.n_samples, len(recording.muscles), margin, ratio):
        raw = recording.read(segment.first_sample + block.first, segment.first_sample + block.last)
        tally.add(raw[block.inner])
        if tally.n_nan.any():
            raise _not_finite(recording)
        for muscle in range(raw.shape[1]):
            samples = raw[:, muscle].astype(np.float64)
            yield block, muscle, np.abs(samples if sections is None else filter_both_ways(samples, sections))


def _cut(n_samples: int, n_muscles: int, margin: int, ratio: Fraction) -> Iterator[Block]:
    """Cut a segment where old and new samples coincide."""
    step = -(-max(_BLOCK_VALUES // n_muscles, 4 * margin) // ratio.denominator) * ratio.denominator
    margin = -(-margin // ratio.denominator) * ratio.denominator
    for start in range(0, n_samples, step):
        stop = min(start + step, n_samples)
        first = max(0, start - margin)
        new = slice(_new_index(start, ratio), _new_index(stop, ratio))
        skipped = new.start - _new_index(first, ratio)
        yield Block(
            first,
            min(stop + margin, n_samples),
            slice(start - first, stop - first),
            new,
            slice(skipped, skipped + new.stop - new.start),
        )


def _new_index(sample: int, ratio: Fraction) -> int:
    return -(-sample * ratio.numerator // ratio.denominator)


def _not_finite(recording: EmgRecording) -> SignalError:
    """Count what is not finite and say where the first of it is."""
    count = np.zeros(len(recording.muscles), dtype=int)
    first: dict[int, float] = {}
    step = max(1, _BLOCK_VALUES // len(recording.muscles))
    for segment in recording.segments:
        for start in range(0, segment.n_samples, step):
            stop = min(start + step, segment.n_samples)
            bad = ~np.isfinite(recording.read(segment.first_sample + start, segment.first_sample + stop))
            count += bad.sum(axis=0)
            for muscle in np.flatnonzero(bad.any(axis=0)):
                at = segment.start_time + (start + int(bad[:, muscle].argmax())) / recording.rate
                first.setdefault(int(muscle), at)
    said = "; ".join(
        f"{recording.muscles[muscle]} has {count[muscle]}, the first at {at:g} s" for muscle, at in first.items()
    )
    return SignalError(
        f"has samples that are NaN or infinite: {said}",
        file=recording.origin.file,
        obj=recording.origin.object_path,
        way_out="Choose the other muscles with --muscles, or repair these samples in the file",
    )
