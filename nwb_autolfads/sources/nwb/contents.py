"""What is in an NWB file, for `inspect`: EMG candidates, behaviour, intervals, units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hdmf.common import DynamicTable
from pynwb import NWBFile, TimeSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.limits import INSPECT_TIMESTAMPS
from nwb_autolfads.sources.found import Contents, FoundEmg, FoundEvents, FoundSeries, FoundTable
from nwb_autolfads.sources.names import normalise_unit
from nwb_autolfads.sources.nwb.arrays import are_numbers, require_stored
from nwb_autolfads.sources.nwb.candidates import EMG_SCORE, Candidate, find_emg, shape_of, walk_series
from nwb_autolfads.sources.nwb.events import event_series, event_tables, interval_tables
from nwb_autolfads.sources.nwb.timebase import glance_rate, read_time_base
from nwb_autolfads.sources.opening.nwb import OpenedFile, reading_nwb

_GLANCED = 200  # timestamps that tell samples from events
_STEADY = 0.9  # share of steps that are alike where a series is sampled
_REMOTE = "over the network: signals were not fetched, so neither gaps nor quality were looked at"


def list_objects(source: str | Path | NWBFile, *, outside_links: bool = False) -> Contents:
    """List what an NWB file holds; see `nwb_autolfads.sources.contents.list_contents`."""
    with reading_nwb(source, outside_links=outside_links) as opened:
        nwbfile = opened.nwbfile
        candidates = find_emg(nwbfile)
        taken = {id(series) for each in candidates for series in each.series}
        behavior: list[FoundSeries] = []
        other: list[FoundSeries] = []
        for path, series in walk_series(nwbfile):
            shape = shape_of(series)
            if shape is None or id(series) in taken:
                continue
            found = FoundSeries(path, shape, glance_rate(series), normalise_unit(series.unit))
            (behavior if path.startswith("processing/behavior/") else other).append(found)
        tables = {f"intervals/{name}": table for name, table in interval_tables(nwbfile).items()}
        tables |= {f"events/{name}": table for name, table in event_tables(nwbfile).items()}
        return Contents(
            file=opened.name,
            identifier=nwbfile.identifier,
            session_description=nwbfile.session_description,
            emg=tuple(_with_segments(each, opened) for each in candidates),
            behavior=tuple(behavior),
            other=tuple(other),
            intervals=tuple(FoundTable(path, len(table), tuple(table.colnames)) for path, table in tables.items()),
            events=tuple(
                FoundEvents(path, len(found if isinstance(found, DynamicTable) else found.timestamps))
                for path, found in event_series(nwbfile).items()
                if id(found) not in taken and not _is_sampled(found)
            ),
            n_units=0 if nwbfile.units is None else len(nwbfile.units),
            remote=opened.remote,
            note=_REMOTE if opened.remote else "",
        )


def _is_sampled(found: object) -> bool:
    """Whether timestamps are those of samples at a steady rate: a recording, perhaps with gaps, and no events."""
    if not isinstance(found, TimeSeries) or not are_numbers(found.timestamps):
        return False
    steps = np.diff(np.asarray(found.timestamps[:_GLANCED], dtype=np.float64))
    return len(steps) >= _GLANCED // 2 and float(np.mean(np.isclose(steps, np.median(steps), rtol=0.01))) > _STEADY


def _with_segments(candidate: Candidate, opened: OpenedFile) -> FoundEmg:
    likely = candidate.score >= EMG_SCORE
    if opened.remote and candidate.series[0].rate is None:
        return FoundEmg(candidate, likely, (), "its gaps were not looked for: that fetches all timestamps")
    try:
        for series in candidate.series:
            require_stored(series.data, file=opened.name, obj=candidate.path)
        timestamps = candidate.series[0].timestamps
        if timestamps is not None and len(timestamps) > INSPECT_TIMESTAMPS:
            return FoundEmg(candidate, likely, (), f"its gaps were not looked for: {len(timestamps)} timestamps")
        base = read_time_base(candidate.series[0], candidate.shape[0], file=opened.name, obj=candidate.path)
    except SourceError as error:
        return FoundEmg(candidate, likely, (), error.problem)
    return FoundEmg(candidate, likely, base.segments, "")
