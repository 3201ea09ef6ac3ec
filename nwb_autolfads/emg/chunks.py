"""Rectified EMG in chunks with margins wide enough that each is what filtering the segment at once would give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.emg.cleaning.artifacts import CommonArtifacts
from nwb_autolfads.emg.cleaning.found import Unmixing
from nwb_autolfads.emg.cleaning.whitening import Whitening
from nwb_autolfads.emg.filters import filter_both_ways, memory_of, resampling_memory, response_of
from nwb_autolfads.emg.missing import LARGEST_SHARE, bridged, power_share
from nwb_autolfads.emg.quality import QualityTally
from nwb_autolfads.segments import Segment
from nwb_autolfads.sources.recording import EmgRecording

_CHUNK_VALUES = 16_000_000  # values (samples x muscles) read at once, margins not counted


class Cleaning(NamedTuple):
    """What is done to raw EMG before it is rectified.

    Attributes
    ----------
    sections : ndarray or None
        The filter, run both ways; None for EMG that is rectified already.
    unmixing : Unmixing or None
        None where there is nothing to take off.
    whitening : Whitening or None
        None where no frequency is weighted.
    """

    sections: NDArray | None = None
    unmixing: Unmixing | None = None
    whitening: Whitening | None = None

    def reach(self, rate: float) -> int:
        """Return how many samples (at a rate in Hz) to either side decide what becomes of one."""
        filters = 0 if self.sections is None else memory_of(self.sections)
        artifacts = self.unmixing is not None and self.unmixing.artifacts is not None
        filters += 0 if self.whitening is None else self.whitening.reach(rate)
        return filters + (int(np.ceil(CommonArtifacts.reach_s() * rate)) if artifacts else 0)

    def response(self, muscle: int, rate: float) -> NDArray[np.float64]:
        """Return what the filters make of a single 1 of a muscle, which lies in the middle."""
        response = np.ones(1) if self.sections is None else response_of(self.sections)
        return response if self.whitening is None else np.convolve(response, self.whitening.response(muscle, rate))


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
    recording: EmgRecording, segment: Segment, cleaning: Cleaning, ratio: Fraction, tally: QualityTally
) -> Iterator[tuple[Chunk, int, NDArray[np.float64]]]:
    """Yield, for each chunk of a segment and each muscle, the filtered and rectified samples with their margins.

    Samples are NaN where they are missing, or so near to missing ones that the filter cannot tell them.

    Parameters
    ----------
    recording : EmgRecording
    segment : Segment
        One of its segments.
    cleaning : Cleaning
    ratio : Fraction
        New rate over old rate.
    tally : QualityTally
        Counts every raw sample once.
    """
    margin = resampling_memory(ratio) + cleaning.reach(recording.rate)
    for chunk in _cut(segment.n_samples, len(recording.muscles), margin, ratio):
        raw = recording.read(segment.first_sample + chunk.first, segment.first_sample + chunk.last)
        tally.add(raw[chunk.inner])
        for muscle, samples in enumerate(_filtered(raw, cleaning, recording.rate)):
            missing = ~np.isfinite(raw[:, muscle])
            response = cleaning.response(muscle, recording.rate) if missing.any() else np.ones(1)
            yield chunk, muscle, _rectified(samples, missing, response)


def _filtered(raw: NDArray[np.float32], cleaning: Cleaning, rate: float) -> Iterator[NDArray[np.float64]]:
    """Give each muscle as it is before it is rectified."""
    unmixed = _unmixed(raw, cleaning, rate)
    if cleaning.whitening is None:
        yield from unmixed
        return
    for muscle, samples in enumerate(unmixed):
        yield cleaning.whitening.filtered(samples, muscle, rate)


def _unmixed(raw: NDArray[np.float32], cleaning: Cleaning, rate: float) -> Iterator[NDArray[np.float64]]:
    """Give each muscle without what is filtered and taken off; artifacts need all of them at once."""
    sections, unmixing, _ = cleaning
    columns = _columns(raw) if unmixing is None else unmixing.columns(raw)
    filtered = columns if sections is None else map(partial(filter_both_ways, sections=sections), columns)
    if unmixing is None or unmixing.artifacts is None:
        yield from filtered
        return
    together = np.empty(raw.shape, np.float32)
    for muscle, column in enumerate(filtered):
        together[:, muscle] = column
    unmixing.remove_artifacts(together, rate)
    for column in together.T:
        yield column.astype(np.float64)


def _columns(raw: NDArray[np.float32]) -> Iterator[NDArray[np.float64]]:
    for column in raw.T:
        yield np.asarray(bridged(column.astype(np.float64)), np.float64)


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


def _rectified(
    filtered: NDArray[np.float64], missing: NDArray[np.bool_], response: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rectify one muscle; NaN where too much of the result comes from what is missing."""
    rectified = np.abs(filtered)
    if missing.any():
        rectified[missing | (power_share(missing, response) > LARGEST_SHARE)] = np.nan
    return rectified
