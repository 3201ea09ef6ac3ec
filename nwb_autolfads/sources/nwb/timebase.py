"""When the samples of a series were taken: one rate and gap-free segments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pynwb import TimeSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.limits import MAX_DURATION_S, MAX_RATE_HZ, MAX_TIME_S, MAX_TIMESTAMPS, MIN_RATE_HZ
from nwb_autolfads.segments import Segment, Segments
from nwb_autolfads.sources.nwb.arrays import are_numbers, require_numbers, require_stored

_BLOCK = 1_000_000  # timestamps held in memory at once
_HEAD = 10_000  # timestamps, at most, from which the sampling period is first guessed
_GAP = 1.5  # a step longer than this many periods is a gap
_SHORTEST = 10  # samples per segment, on average, below which the series has no steady rate


@dataclass(frozen=True)
class TimeBase:
    """Sampling rate (Hz), where it was read, and the gap-free segments."""

    rate: float
    rate_from: str
    segments: Segments

    def describe(self) -> list[str]:
        """Say the rate, the start and the gaps, one sentence each."""
        sentences = [f"{self.rate:g} Hz (from the series' {self.rate_from})"]
        if self.segments[0].start_time:
            sentences.append(f"starts at {self.segments[0].start_time:g} s of the session")
        if len(self.segments) > 1:
            gaps = [
                (after.start_time - before.start_time - before.n_samples / self.rate, after.start_time)
                for before, after in zip(self.segments, self.segments[1:], strict=False)
            ]
            longest, end = max(gaps)
            sentences.append(
                f"{len(gaps)} gaps, so {len(self.segments)} segments; the longest gap ends at {end:g} s ({longest:g} s)"
            )
        return sentences


def glance_rate(series: TimeSeries) -> float | None:
    """Return the rate (Hz) without reading more than the first timestamps; None where there is none."""
    if series.rate is not None:
        return float(series.rate)
    if series.timestamps is None or not are_numbers(series.timestamps):
        return None
    steps = np.diff(np.asarray(series.timestamps[:1000], dtype=np.float64))
    period = float(np.median(steps)) if steps.size else 0.0
    return _tidy(1.0 / period) if 0 < period < np.inf else None


def read_time_base(series: TimeSeries, n_samples: int, *, file: str, obj: str) -> TimeBase:
    """Work out the rate and the segments of a series, in bounded memory.

    Parameters
    ----------
    series : TimeSeries
        With a rate, or with timestamps.
    n_samples : int
        Number of samples along time.
    file, obj : str
        What messages name.

    Raises
    ------
    SourceError
        If there is nothing to read, the rate, start or duration is out of the limits, or the timestamps are no numbers,
        go backwards or have no steady rate.
    """
    if n_samples == 0:
        raise SourceError("has no samples", file=file, obj=obj, way_out="Choose another series with --emg PATH")
    if series.rate is not None:
        rate, start = float(series.rate), float(series.starting_time or 0.0)
        segments = Segments((Segment(start, 0, n_samples),), rate)
        return require_plausible(TimeBase(rate, "rate", segments), file=file, obj=obj)
    timestamps = series.timestamps
    if timestamps is None or len(timestamps) != n_samples:
        raise SourceError(
            f"has {0 if timestamps is None else len(timestamps)} timestamps for {n_samples} samples",
            file=file,
            obj=obj,
            way_out="Write a rate, or one timestamp per sample, into the file",
        )
    if n_samples > MAX_TIMESTAMPS:
        raise SourceError(
            f"has {n_samples} timestamps, more than {MAX_TIMESTAMPS}",
            file=file,
            obj=obj,
            way_out="Write a rate into the file instead, or cut the series",
        )
    require_numbers(timestamps, file=file, obj=f"{obj}/timestamps")
    require_stored(timestamps, file=file, obj=f"{obj}/timestamps")
    return require_plausible(_from_timestamps(timestamps, n_samples, file, obj), file=file, obj=obj)


def require_plausible(base: TimeBase, *, file: str, obj: str) -> TimeBase:
    """Refuse a rate, a start or a duration that no recording has.

    Raises
    ------
    SourceError
        Naming the value and the limit.
    """
    start, duration = base.segments[0].start_time, base.segments.n_samples / base.rate if base.rate else 0.0
    problem, way_out = "", "Set the true sampling rate in the file"
    if not MIN_RATE_HZ <= base.rate <= MAX_RATE_HZ:  # false for NaN too
        limits = f"{MIN_RATE_HZ:g} to {MAX_RATE_HZ:g} Hz"
        problem = f"its rate is {base.rate:g} Hz, not within {limits} (from its {base.rate_from})"
    elif not abs(start) <= MAX_TIME_S:
        problem, way_out = f"it starts at {start:g} s of the session", "Set the true starting_time in the file"
    elif duration > MAX_DURATION_S:
        problem = f"it lasts {duration:g} s at {base.rate:g} Hz, longer than {MAX_DURATION_S:g} s"
    if problem:
        raise SourceError(problem, file=file, obj=obj, way_out=way_out)
    return base


def _from_timestamps(timestamps: Any, n_samples: int, file: str, obj: str) -> TimeBase:
    way_out = "Resample the series to one rate, or correct its timestamps"
    glance = min(_HEAD, max(100, n_samples // 10))
    head = np.diff(np.asarray(timestamps[:glance], dtype=np.float64))
    period = float(np.median(head)) if head.size else 0.0

    first, spans = [0], []  # first sample and first to last timestamp of each segment
    previous, segment_start = np.nan, np.nan
    for start, chunk in _chunks(timestamps, n_samples):
        steps = np.diff(chunk, prepend=previous)
        wrong = np.flatnonzero(~((steps > 0) & np.isfinite(chunk)))
        wrong = wrong[wrong + start > 0]  # the first sample has none before it
        if wrong.size or not np.isfinite(chunk[0]):
            at = int(wrong[0]) if wrong.size else 0
            before = chunk[at - 1] if at else previous
            raise SourceError(
                f"its timestamps go backwards, stand still or are missing at sample {start + at} "
                f"({chunk[at]:g} s after {before:g} s)",
                file=file,
                obj=obj,
                way_out=way_out,
            )
        if start == 0:
            segment_start = chunk[0]
        for at in np.flatnonzero(steps > _GAP * period).tolist() if period > 0 else ():
            spans.append((segment_start, chunk[at - 1] if at else previous))
            first.append(start + at)
            segment_start = chunk[at]
            if len(first) > 2 * _SHORTEST and (start + at) / len(first) < _SHORTEST:
                tail = np.diff(np.asarray(timestamps[-glance:], dtype=np.float64))
                raise SourceError(
                    f"has no steady rate: {1 / period:g} Hz at first, {1 / np.median(tail):g} Hz at the end, "
                    f"{len(first)} gaps in the first {start + at} samples",
                    file=file,
                    obj=obj,
                    way_out=way_out,
                )
        previous = chunk[-1]
    spans.append((segment_start, previous))

    counts = np.diff([*first, n_samples])
    span = sum(stop - start for start, stop in spans)
    if span <= 0:
        raise SourceError(f"has {n_samples} sample(s): too few for a rate", file=file, obj=obj, way_out=way_out)
    rate = _tidy(float((counts - 1).sum() / span))
    _require_steady(timestamps, n_samples, rate, np.asarray(first), np.array([s for s, _ in spans]), file, obj)
    segments = Segments.of_lengths(counts.tolist(), rate, [start for start, _ in spans])
    return TimeBase(rate, "timestamps", segments)


def _require_steady(
    timestamps: Any, n_samples: int, rate: float, first: NDArray, starts: NDArray, file: str, obj: str
) -> None:
    """Refuse a series whose timestamps leave the steady clock of their segment by more than one sample."""
    for start, chunk in _chunks(timestamps, n_samples):
        index = np.arange(start, start + len(chunk))
        segment = np.searchsorted(first, index, side="right") - 1
        deviation = np.abs(chunk - (starts[segment] + (index - first[segment]) / rate))
        worst = int(deviation.argmax())
        if deviation[worst] * rate > 1.0:
            raise SourceError(
                f"has no steady rate: at {chunk[worst]:g} s its timestamps are {deviation[worst]:g} s off "
                f"a clock of {rate:g} Hz",
                file=file,
                obj=obj,
                way_out="Resample the series to one rate, or correct its timestamps",
            )


def _chunks(timestamps: Any, n_samples: int) -> Iterator[tuple[int, NDArray[np.float64]]]:
    for start in range(0, n_samples, _BLOCK):
        yield start, np.asarray(timestamps[start : start + _BLOCK], dtype=np.float64)


def _tidy(rate: float) -> float:
    """Undo the rounding of timestamps: 999.9999999 Hz is 1000 Hz."""
    rounded = round(rate, 3)
    return rounded if abs(rounded - rate) < 1e-8 * rate else rate
