"""Movement and forces of a session, read piece by piece."""

from __future__ import annotations

import numpy as np
from pynwb import NWBFile, TimeSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.names import names_of_columns, repeated
from nwb_autolfads.sources.nwb.arrays import require_numbers, require_stored
from nwb_autolfads.sources.nwb.behavior import behavioral_series
from nwb_autolfads.sources.nwb.candidates import array_of, shape_of
from nwb_autolfads.sources.nwb.timebase import read_time_base
from nwb_autolfads.viewer.signals.signal import Limits, Signal

MOST_COLUMNS = 32
"""Of a series that are drawn."""


def movement_signals(nwbfile: NWBFile, file: str) -> tuple[dict[str, Signal], list[str]]:
    """Return the behavioural series of a file by their paths, and why others are not drawn, one sentence each."""
    signals: dict[str, Signal] = {}
    notes = []
    for path, series in behavioral_series(nwbfile):
        try:
            signals[path] = _signal(path, series, file)
        except SourceError as error:
            notes.append(f"{path} is not drawn: {error.problem}")
    return signals, notes


def _signal(path: str, series: TimeSeries, file: str) -> Signal:
    n_samples, n_columns = shape_of(series) or (0, 0)
    require_numbers(series.data, file=file, obj=path)
    require_stored(series.data, file=file, obj=path)
    base = read_time_base(series, n_samples, file=file, obj=path)
    names = names_of_columns(series, n_columns)[0]
    if len(names) != n_columns or repeated(names):
        names = [series.name] if n_columns == 1 else [f"{series.name} {index}" for index in range(n_columns)]
    array, factor, offset = array_of(series), float(series.conversion or 1.0), float(series.offset or 0.0)

    def read(start: int, stop: int) -> Limits:
        stored = np.asarray(array[start:stop]).reshape(stop - start, n_columns)[:, :MOST_COLUMNS]
        values = (stored * factor + offset).astype(np.float32)
        return values, values

    return Signal(tuple(names[:MOST_COLUMNS]), base.segments, read, str(series.unit))
