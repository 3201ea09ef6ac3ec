"""Rectified EMG in chunks with margins wide enough that each is what filtering the segment at once would give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.emg.filters import filter_both_ways, memory_of, resampling_memory, response_of
from nwb_autolfads.emg.missing import LARGEST_SHARE, bridged, power_share
from nwb_autolfads.emg.quality import QualityTally
from nwb_autolfads.segments import Segment
from nwb_autolfads.sources.recording import EmgRecording

_CHUNK_VALUES = 16_000_000  # values (samples x muscles) read at once, margins not counted


@dataclass(frozen=True)
class Chunk:
    """Part of a segment, at its own rate and at the new one.

    Attributes
    ----------
    first, last : int
        Samples of the segment that are read, margins included.
    inner : slice
        What of the samples read is no margin.
    new : slice
        Where the chunk lies in the resampled segment.
    new_inner : slice
        What of the chunk, resampled with its margins, lies there.
    """

    first: int
    last: int
    inner: slice
    new: slice
    new_inner: slice


def rectified_chunks(
    recording: EmgRecording, segment: Segment, sections: NDArray | None, ratio: Fraction, tally: QualityTally
) -> Iterator[tuple[Chunk, int, NDArray[np.float64]]]:
    """Yield, for each chunk of a segment and each muscle, the filtered and rectified samples with their margins.

    Samples are NaN where they are missing, or so near to missing ones that the filter cannot tell them.

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
    """
    margin = resampling_memory(ratio) + (0 if sections is None else memory_of(sections))
    for chunk in _cut(segment.n_samples, len(recording.muscles), margin, ratio):
        raw = recording.read(segment.first_sample + chunk.first, segment.first_sample + chunk.last)
        tally.add(raw[chunk.inner])
        for muscle in range(raw.shape[1]):
            yield chunk, muscle, _rectified(raw[:, muscle].astype(np.float64), sections)


def _cut(n_samples: int, n_muscles: int, margin: int, ratio: Fraction) -> Iterator[Chunk]:
    """Cut a segment where old and new samples coincide."""
    step = -(-max(_CHUNK_VALUES // n_muscles, 4 * margin) // ratio.denominator) * ratio.denominator
    margin = -(-margin // ratio.denominator) * ratio.denominator
    for start in range(0, n_samples, step):
        stop = min(start + step, n_samples)
        first = max(0, start - margin)
        new = slice(_new_index(start, ratio), _new_index(stop, ratio))
        skipped = new.start - _new_index(first, ratio)
        yield Chunk(
            first,
            min(stop + margin, n_samples),
            slice(start - first, stop - first),
            new,
            slice(skipped, skipped + new.stop - new.start),
        )


def _new_index(sample: int, ratio: Fraction) -> int:
    return -(-sample * ratio.numerator // ratio.denominator)


def _rectified(samples: NDArray[np.float64], sections: NDArray | None) -> NDArray[np.float64]:
    """Filter and rectify one muscle; NaN where too much of the result comes from what is missing."""
    missing = ~np.isfinite(samples)
    bridge = bridged(samples)
    rectified = np.abs(bridge if sections is None else filter_both_ways(bridge, sections))
    if missing.any():
        share = missing if sections is None else power_share(missing, response_of(sections))
        rectified[missing | (share > LARGEST_SHARE)] = np.nan
    return rectified
