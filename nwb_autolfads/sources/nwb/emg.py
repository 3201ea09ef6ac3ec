"""EMG from NWB files: choose it, name its muscles, and read it lazily in its unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile, TimeSeries
from pynwb.ecephys import ElectricalSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.limits import MAX_EMG_VALUES
from nwb_autolfads.sources.assumptions import name_muscles, settle_unit
from nwb_autolfads.sources.border import border
from nwb_autolfads.sources.names import VOLTS, normalise_unit
from nwb_autolfads.sources.nwb.alignment import Alignment, Span, align
from nwb_autolfads.sources.nwb.arrays import load_numbers, require_stored
from nwb_autolfads.sources.nwb.candidates import (
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
from nwb_autolfads.sources.nwb.masks import find_masks
from nwb_autolfads.sources.nwb.timebase import read_time_base
from nwb_autolfads.sources.opening.nwb import OpenedFile, open_nwb
from nwb_autolfads.sources.recording import EmgRecording, Origin, Session, guarded
from nwb_autolfads.sources.sign import judge_sign


def open_nwb_emg(
    source: str | Path | NWBFile,
    *,
    path: str | None = None,
    muscles: Sequence[str] | None = None,
    unit: str | None = None,
    outside_links: bool = False,
) -> EmgRecording:
    """Open the EMG of an NWB file; see `nwb_autolfads.open_emg`."""
    opened = open_nwb(source, outside_links=outside_links)
    try:
        with border(opened.name):
            candidate = choose(opened, path)
            return _recording(opened, candidate, muscles, unit)
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
            way_out="If one of these is EMG, name it with --emg PATH (in Python: path=...), and a unit that is none "
            f"of EMG with --unit:{_listing(opened)}",
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


def _recording(
    opened: OpenedFile, candidate: Candidate, muscles: Sequence[str] | None, unit: str | None
) -> EmgRecording:
    origin = Origin(
        file=opened.name,
        file_identifier=opened.nwbfile.identifier,
        object_path=candidate.path,
        object_id=",".join(series.object_id for series in candidate.series),
    )
    _require_bounded(candidate, origin)
    naming = name_muscles(origin, list(candidate.muscles), candidate.named_by, candidate.shape[1], muscles)
    settled, unit_from = settle_unit(origin, candidate.unit, unit)
    factor = candidate.series[0].conversion
    if factor not in (1.0, None):
        unit_from += f" (after conversion {factor:g})"
    alignment = _align(opened, candidate)
    base = alignment.base
    masks, mask_notes = find_masks(opened, candidate, base)
    read = _reader(candidate.series, alignment.spans, naming.columns, origin)
    sign, rectified = judge_sign(guarded(read, origin), base.segments.n_samples, base.rate, _texts(candidate.series))
    return EmgRecording(
        muscles=naming.names,
        rate=base.rate,
        unit=settled,
        rectified=rectified,
        segments=base.segments,
        origin=origin,
        assumptions=(
            f"EMG is {candidate.path}",
            sign,
            *base.describe(),
            *alignment.notes,
            unit_from,
            naming.note,
            *mask_notes,
            *opened.notes,
        ),
        _read=read,
        _close=opened.close,
        session=_session(opened.nwbfile),
        masks=masks,
    )


def _require_bounded(candidate: Candidate, origin: Origin) -> None:
    """Refuse samples that are claimed and not stored, and more of them than any recording has."""
    for series in candidate.series:
        require_stored(series.data, file=origin.file, obj=f"{origin.object_path}/data")
        _require_electrodes(series, origin)
    n_values = candidate.shape[0] * candidate.shape[1]
    if n_values > MAX_EMG_VALUES:
        raise SourceError(
            f"has {candidate.shape[0]} x {candidate.shape[1]} samples, more than {MAX_EMG_VALUES}",
            file=origin.file,
            obj=origin.object_path,
            way_out="Cut the recording into several files",
        )


def _require_electrodes(series: TimeSeries, origin: Origin) -> None:
    """Refuse electrodes that are not in the table, or more than the columns; fewer are a matter of their names."""
    if not isinstance(series, ElectricalSeries):
        return
    rows, table, place = series.electrodes.data, series.electrodes.table, f"{origin.object_path}/electrodes"
    n_columns, problem = (shape_of(series) or (0, 0))[1], ""
    if len(rows) > n_columns:
        problem = f"names {len(rows)} electrodes for {n_columns} columns"
    elif wrong := [int(row) for row in rows[:] if not 0 <= row < len(table)]:
        problem = f"names electrode {wrong[0]}, and the table of electrodes has {len(table)} rows"
    if problem:
        raise SourceError(problem, file=origin.file, obj=place, way_out="Name one row of the table for each column")


def _texts(series: Sequence[TimeSeries]) -> list[str]:
    return [str(text) for each in series for text in (each.name, each.description, each.comments) if text]


def _session(nwbfile: NWBFile) -> Session:
    keys = ("subject_id", "species", "sex", "age", "description")
    subject = {key: getattr(nwbfile.subject, key, None) for key in keys}
    return Session(
        start=nwbfile.session_start_time,
        description=nwbfile.session_description,
        subject={key: str(value) for key, value in subject.items() if value},
    )


def _align(opened: OpenedFile, candidate: Candidate) -> Alignment:
    """Return the time that all series of a candidate share, or refuse naming the pair that differs."""
    bases = []
    for series in candidate.series:
        shape = shape_of(series) or (0, 0)
        obj = candidate.path if len(candidate.series) == 1 else f"{candidate.path} ({series.name})"
        bases.append(read_time_base(series, shape[0], file=opened.name, obj=obj))
    names = [series.name for series in candidate.series]
    return align(names, bases, file=opened.name, obj=candidate.path)


def _reader(
    series: Sequence[TimeSeries], spans: Sequence[Sequence[Span]], columns: NDArray[np.intp], origin: Origin
) -> Callable[[int, int], NDArray[np.float32]]:
    """Return a function that reads a range of samples of some columns, converted to the unit of the first series."""
    arrays = [array_of(each) for each in series]
    scales = [_conversion(each, series[0], origin) for each in series]
    picked = slice(None) if np.array_equal(columns, np.arange(columns[-1] + 1)) else columns

    def read(start: int, stop: int) -> NDArray[np.float32]:
        parts = []
        for array, of_series, (factor, offset) in zip(arrays, spans, scales, strict=True):
            samples = _samples(array, of_series, start, stop)
            with np.errstate(over="ignore", invalid="ignore"):  # what is infinite then is judged as missing
                converted = (samples.reshape(stop - start, -1) * factor + offset).astype(np.float32, copy=False)
            parts.append(converted)
        chunk = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        return np.ascontiguousarray(chunk[:, picked])

    return read


def _samples(array: Any, spans: Sequence[Span], start: int, stop: int) -> NDArray:
    """Return samples of the recording from what a series gives to it."""
    parts = []
    for span in spans:
        low, high = max(start, span.in_recording), min(stop, span.in_recording + span.n_samples)
        if low < high or len(spans) == 1:
            shift = span.in_series - span.in_recording
            parts.append(np.asarray(array[low + shift : high + shift]))
    return parts[0] if len(parts) == 1 else np.concatenate(parts or [np.asarray(array[:0])])


def _conversion(series: TimeSeries, first: TimeSeries, origin: Origin) -> tuple[NDArray[np.float32], np.float32]:
    """Return factor (one, or one per column) and offset that turn what is stored into the unit of the first series."""
    unit, wanted = normalise_unit(series.unit), normalise_unit(first.unit)
    if unit != wanted and not (unit in VOLTS and wanted in VOLTS):
        raise SourceError(
            f"{first.name} is in {wanted!r} and {series.name} in {unit!r}",
            file=origin.file,
            obj=origin.object_path,
            way_out="Choose series of one unit with --emg PATH",
        )
    to_unit = 1.0 if unit == wanted else VOLTS[unit] / VOLTS[wanted]
    factor = to_unit * np.float64(1.0 if series.conversion is None else series.conversion)
    per_channel = getattr(series, "channel_conversion", None) if isinstance(series, ElectricalSeries) else None
    offset = to_unit * float(series.offset or 0.0)
    factors = np.atleast_1d(factor)
    if per_channel is not None:
        place = f"{origin.object_path}/channel_conversion"
        n_columns = (shape_of(series) or (0, 0))[1]
        factors = factor * load_numbers(per_channel, file=origin.file, obj=place)
        if factors.shape != (n_columns,):
            raise SourceError(
                f"has {factors.size} conversions for {n_columns} columns",
                file=origin.file,
                obj=place,
                way_out="Write one conversion per column, or none",
            )
    for name, values in (("conversion", factors), ("offset", np.array([offset]))):
        largest = float(np.finfo(np.float32).max)
        wrong = ~(np.abs(values) <= largest) | ((values == 0) & (name == "conversion"))
        if wrong.any():
            raise SourceError(
                f"its {name} is {values[wrong][0]:g}",
                file=origin.file,
                obj=origin.object_path,
                way_out=f"Set the true {name} in the file",
            )
    return np.asarray(factors, dtype=np.float32), np.float32(offset)
