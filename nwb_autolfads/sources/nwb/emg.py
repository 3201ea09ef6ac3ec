"""EMG from NWB files: choose it, name its muscles, and read it lazily in its unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pynwb import NWBFile, TimeSeries
from pynwb.ecephys import ElectricalSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.limits import MAX_EMG_VALUES
from nwb_autolfads.sources.about import known
from nwb_autolfads.sources.assumptions import name_muscles, settle_unit
from nwb_autolfads.sources.border import border
from nwb_autolfads.sources.names import normalise_unit
from nwb_autolfads.sources.nwb.alignment import Alignment, align
from nwb_autolfads.sources.nwb.arrays import require_stored
from nwb_autolfads.sources.nwb.candidates import (
    CLEAR_LEAD,
    EMG_SCORE,
    MOST_MUSCLES,
    Candidate,
    find_emg,
    resolve,
    shape_of,
    walk_series,
)
from nwb_autolfads.sources.nwb.columns import about_muscles
from nwb_autolfads.sources.nwb.masks import find_masks
from nwb_autolfads.sources.nwb.samples import sample_reader
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
    candidate = _all_columns(candidate, muscles)
    naming = name_muscles(origin, list(candidate.muscles), candidate.named_by, candidate.shape[1], muscles)
    columns = [candidate.columns[at] for at in naming.columns]
    settled, unit_from = settle_unit(origin, candidate.unit, unit)
    factor = candidate.series[0].conversion
    if factor not in (1.0, None):
        unit_from += f" (after conversion {factor:g})"
    alignment = _align(opened, candidate)
    base = alignment.base
    masks, mask_notes = find_masks(opened, candidate, base)
    read = sample_reader(candidate.series, alignment.spans, columns, origin)
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
            *candidate.notes,
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
        about=known(about_muscles(candidate.series, _n_columns(candidate), columns, naming.names), naming.names),
    )


def _n_columns(candidate: Candidate) -> int:
    return (shape_of(candidate.series[0]) or (0, 0))[1]


def _all_columns(candidate: Candidate, muscles: Sequence[str] | None) -> Candidate:
    """Take every column for a muscle where as many names are given by hand as there are columns."""
    n_columns = _n_columns(candidate)
    if len(candidate.series) > 1 or muscles is None or not len(candidate.columns) < n_columns == len(muscles):
        return candidate
    columns = [(at,) for at in range(n_columns)]
    return replace(candidate, muscles=(), shape=(candidate.shape[0], n_columns), columns=columns, notes=())


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
