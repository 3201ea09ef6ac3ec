"""Segments of recordings that are not NWB, one after the other on one session clock."""

from __future__ import annotations

from collections.abc import Sequence

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.limits import MAX_DURATION_S, MAX_RATE_HZ, MIN_RATE_HZ
from nwb_autolfads.segments import Segment, Segments


def lay_out(starts: Sequence[float], counts: Sequence[int], rate: float, *, file: str, obj: str) -> Segments:
    """Return the gap-free segments of parts of so many samples that start at these times (s, session clock).

    Raises
    ------
    SourceError
        If there are no samples, or a segment starts before the one before it has ended.
    """
    if sum(counts) == 0:
        raise SourceError("has no samples", file=file, obj=obj, way_out="Choose other channels with --emg PATH")
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ or sum(counts) / rate > MAX_DURATION_S:
        raise SourceError(
            f"its rate is {rate:g} Hz, at which it lasts {sum(counts) / rate if rate else 0:g} s",
            file=file,
            obj=obj,
            way_out=f"A recording has {MIN_RATE_HZ:g} to {MAX_RATE_HZ:g} Hz and at most {MAX_DURATION_S:g} s",
        )
    segments: list[Segment] = []
    first = 0
    for number, (start, count) in enumerate(zip(starts, counts, strict=True)):
        gap = start - (segments[-1].start_time + segments[-1].n_samples / rate) if segments else 0.0
        if gap * rate < -0.5:
            raise SourceError(
                f"segment {number} starts at {start:g} s, before the one before it has ended: they share no clock",
                file=file,
                obj=obj,
                way_out="Choose one, such as --emg 'segment 0' (in Python: path='segment 0')",
            )
        if segments and gap * rate < 0.5:  # what follows at once is the same segment
            before = segments.pop()
            segments.append(Segment(before.start_time, before.first_sample, before.n_samples + int(count)))
        elif count:
            segments.append(Segment(float(start), first, int(count)))
        first += int(count)
    return Segments(tuple(segments), rate)
