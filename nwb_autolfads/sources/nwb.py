"""EMG from NWB files: choose it, name its muscles, and read it lazily in its unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile, TimeSeries
from pynwb.ecephys import ElectricalSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.candidates import (
    CLEAR_LEAD,
    EMG_SCORE,
    MOST_MUSCLES,
    Candidate,
    array_of,
    find_emg,
    resolve,
    shape_of,
    walk_series,
)
from nwb_autolfads.sources.names import SPOKEN_UNITS, normalise_unit, repeated
from nwb_autolfads.sources.opening import OpenedFile, open_nwb
from nwb_autolfads.sources.recording import EmgRecording, Origin
from nwb_autolfads.sources.timebase import TimeBase, read_time_base

_GLANCES, _GLANCE = 8, 8192  # stretches, and samples of each, from which sign and offset are judged


def open_nwb_emg(
    source: str | Path | NWBFile, *, path: str | None = None, muscles: Sequence[str] | None = None
) -> EmgRecording:
    """Open the EMG of an NWB file; see `nwb_autolfads.open_emg`."""
    opened = open_nwb(source)
    try:
        candidate = choose(opened, path)
        return _recording(opened, candidate, muscles)
    except BaseException:
        opened.close()
        raise


def choose(opened: OpenedFile, path: str | None) -> Candidate:
    """Return the EMG at a path, or the one that is clearly EMG.

    Raises
    ------
    SourceError
        If there is none, nothing clear, nothing at the path, or what is there cannot be muscles.
    """
    candidate = _at_path(opened, path) if path else _clear_winner(opened)
    samples, columns = candidate.shape
    if columns > MOST_MUSCLES:
        looks = "a probe" if samples > columns else "data stored columns first"
        raise SourceError(
            f"has {columns} columns and {samples} samples: it looks like {looks}, not like muscles",
            file=opened.name,
            obj=candidate.path,
            way_out=f"Choose a series of at most {MOST_MUSCLES} muscles, time first, with --emg PATH",
        )
    return candidate


def _clear_winner(opened: OpenedFile) -> Candidate:
    candidates = find_emg(opened.nwbfile)
    likely = [each for each in candidates if each.score >= EMG_SCORE]
    if not likely:
        raise SourceError(
            "no EMG was found",
            file=opened.name,
            way_out=f"If one of these is EMG, name it with --emg PATH (in Python: path=...):{_listing(opened)}",
        )
    if len(likely) > 1 and likely[0].score - likely[1].score < CLEAR_LEAD:
        raise SourceError(
            f"{len(likely)} series could be the EMG",
            file=opened.name,
            way_out="Choose one with --emg PATH (in Python: path=...):" + "".join(f"\n  {each}" for each in likely),
        )
    return likely[0]


def _at_path(opened: OpenedFile, path: str) -> Candidate:
    try:
        candidate = resolve(opened.nwbfile, path)
    except ValueError as error:
        raise SourceError(
            str(error), file=opened.name, obj=path, way_out="Name one series, or 1-D series only, with --emg PATH"
        ) from error
    if candidate is None:
        raise SourceError(
            "there is no numeric series at this path",
            file=opened.name,
            obj=path,
            way_out=f"Give --emg one of the paths in the file:{_listing(opened)}",
        )
    return candidate


def _listing(opened: OpenedFile) -> str:
    scored = {each.path: f"\n  {each}" for each in find_emg(opened.nwbfile)}
    for path, series in walk_series(opened.nwbfile):
        size = " x ".join(map(str, shape_of(series) or ())) or "not numeric"
        scored.setdefault(path, f"\n  {path} ({type(series).__name__}, {size}, {normalise_unit(series.unit)})")
    return "".join(scored.values()) or "\n  (the file holds no time series)"


def _recording(opened: OpenedFile, candidate: Candidate, muscles: Sequence[str] | None) -> EmgRecording:
    names, columns, named = _muscles(opened, candidate, muscles)
    base = _common_time_base(opened, candidate)
    read = _reader(candidate.series, columns)
    sign, rectified = _judge_sign(read, candidate.shape[0])
    factor = candidate.series[0].conversion
    unit = SPOKEN_UNITS.get(candidate.unit, f"in {candidate.unit!r}, a unit not known here and kept as it stands")
    if factor not in (1.0, None):
        unit += f" (after conversion {factor:g})"
    origin = Origin(
        file=opened.name,
        file_identifier=opened.nwbfile.identifier,
        object_path=candidate.path,
        object_id=",".join(series.object_id for series in candidate.series),
    )
    return EmgRecording(
        muscles=tuple(names),
        rate=base.rate,
        unit=candidate.unit,
        rectified=rectified,
        segments=base.segments,
        origin=origin,
        assumptions=(f"EMG is {candidate.path}", sign, *base.describe(), unit, named),
        _read=read,
        _close=opened.close,
    )


def _muscles(
    opened: OpenedFile, candidate: Candidate, given: Sequence[str] | None
) -> tuple[list[str], NDArray[np.intp], str]:
    """Return the names, the columns they stand for, and a sentence on where the names come from."""
    n_columns = candidate.shape[1]
    in_file = list(candidate.muscles)
    names, by = (in_file, candidate.named_by) if given is None else ([str(name) for name in given], "hand")
    columns = np.arange(n_columns)
    if given is None and not names:
        names = [f"muscle {number}" for number in range(1, n_columns + 1)]
        return names, columns, f"{n_columns} muscles, without names in the file: numbered"
    if double := repeated(names):
        raise SourceError(
            f"muscle names given by {by} occur more than once: {', '.join(double)}",
            file=opened.name,
            obj=candidate.path,
            way_out="Give every column its own name with --muscles",
        )
    if given is not None and names and len(in_file) == n_columns and set(names) < set(in_file):
        columns = np.array([in_file.index(name) for name in names])
        return names, columns, f"{len(names)} of {n_columns} muscles, named by {candidate.named_by}, chosen by hand"
    if len(names) != n_columns:
        known = f" (the file names {', '.join(in_file)})" if in_file and given is not None else ""
        raise SourceError(
            f"{len(names)} muscle names given by {by} for {n_columns} columns: {', '.join(names)}{known}",
            file=opened.name,
            obj=candidate.path,
            way_out="Give one name per column, in order, with --muscles",
        )
    return names, columns, f"{n_columns} muscles, named by {by}"


def _common_time_base(opened: OpenedFile, candidate: Candidate) -> TimeBase:
    """Return the time base of all series of a candidate, or refuse naming the pair that differs."""
    bases = []
    for series in candidate.series:
        shape = shape_of(series) or (0, 0)
        obj = candidate.path if len(candidate.series) == 1 else f"{candidate.path} ({series.name})"
        bases.append(read_time_base(series, shape[0], file=opened.name, obj=obj))
    for series, base in zip(candidate.series[1:], bases[1:], strict=True):
        if difference := _difference(bases[0], base):
            raise SourceError(
                f"{candidate.series[0].name} and {series.name} were not sampled together: {difference}",
                file=opened.name,
                obj=candidate.path,
                way_out="Choose series with one clock with --emg PATH, or resample them first",
            )
    return bases[0]


def _difference(one: TimeBase, other: TimeBase) -> str:
    if abs(one.rate - other.rate) > 1e-6 * one.rate:
        return f"two rates, {one.rate:g} Hz and {other.rate:g} Hz"
    counts = [sum(segment.n_samples for segment in base.segments) for base in (one, other)]
    if counts[0] != counts[1]:
        return f"{counts[0]} and {counts[1]} samples"
    for mine, theirs in zip(one.segments, other.segments, strict=False):
        if abs(mine.start_time - theirs.start_time) * one.rate > 0.5 or mine.n_samples != theirs.n_samples:
            return f"a segment starts at {mine.start_time:g} s and at {theirs.start_time:g} s"
    return ""


def _reader(series: Sequence[TimeSeries], columns: NDArray[np.intp]) -> Callable[[int, int], NDArray[np.float32]]:
    """Return a function that reads a range of samples of some columns, converted to the unit of the series."""
    arrays = [array_of(each) for each in series]
    scales = [_conversion(each) for each in series]
    picked = slice(None) if np.array_equal(columns, np.arange(columns[-1] + 1)) else columns

    def read(start: int, stop: int) -> NDArray[np.float32]:
        parts = []
        for array, (factor, offset) in zip(arrays, scales, strict=True):
            samples = np.asarray(array[start:stop])
            converted = samples.reshape(stop - start, -1) * factor
            if offset:
                converted += offset
            parts.append(converted)
        block = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        return np.ascontiguousarray(block[:, picked], dtype=np.float32)

    return read


def _conversion(series: TimeSeries) -> tuple[NDArray[np.float32], np.float32]:
    """Return factor (per column) and offset that turn what is stored into the unit of the series."""
    factor = np.float64(1.0 if series.conversion is None else series.conversion)
    per_channel = getattr(series, "channel_conversion", None) if isinstance(series, ElectricalSeries) else None
    factors = np.atleast_1d(factor if per_channel is None else factor * np.asarray(per_channel[:], dtype=np.float64))
    return factors.astype(np.float32), np.float32(series.offset or 0.0)


def _judge_sign(read: Callable[[int, int], NDArray[np.float32]], n_samples: int) -> tuple[str, bool]:
    """Say whether the EMG is rectified, judged on stretches spread over the recording."""
    starts = np.unique(np.linspace(0, max(0, n_samples - _GLANCE), _GLANCES).astype(int))
    glance = np.concatenate([read(int(start), min(n_samples, int(start) + _GLANCE)) for start in starts])
    finite = np.isfinite(glance)
    if not finite.any():
        return "raw (taken for granted: no finite value was seen)", False
    if glance[finite].min() < 0:
        return "raw (negative values are present)", False
    low, middle, high = np.quantile(np.where(finite, glance, 0.0), [0.01, 0.5, 0.99], axis=0)
    upper, lower = high - middle, middle - low
    varying = upper + lower > 0
    if varying.any() and np.median(lower[varying] / (upper + lower)[varying]) > 1 / 3:
        # Rectified EMG piles up at zero; what spreads evenly to both sides only sits on an offset.
        return "raw (no negative values, but spread evenly about an offset, which the high-pass removes)", False
    return "rectified already (no negative values)", True
