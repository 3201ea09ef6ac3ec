"""Samples of EMG, read by range from one series or several, in the unit of the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pynwb import TimeSeries
from pynwb.ecephys import ElectricalSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.names import VOLTS, normalise_unit
from nwb_autolfads.sources.nwb.alignment import Span
from nwb_autolfads.sources.nwb.arrays import load_numbers
from nwb_autolfads.sources.nwb.candidates import array_of, shape_of
from nwb_autolfads.sources.nwb.columns import Columns
from nwb_autolfads.sources.recording import Origin


def sample_reader(
    series: Sequence[TimeSeries], spans: Sequence[Sequence[Span]], muscles: Columns, origin: Origin
) -> Callable[[int, int], NDArray[np.float32]]:
    """Return a function that reads a range of samples of some muscles, converted to the unit of the first series.

    Parameters
    ----------
    series : sequence of TimeSeries
        One of several columns, or several of one.
    spans : sequence
        For each, which of its samples belong to the recording.
    muscles : Columns
        For each muscle its column, or two, of which the second is taken from the first.
    origin : Origin
        For messages.
    """
    arrays = [array_of(each) for each in series]
    scales = [_conversion(each, series[0], origin) for each in series]
    first = [columns[0] for columns in muscles]
    second = [columns[1] for columns in muscles if len(columns) == 2]

    def read(start: int, stop: int) -> NDArray[np.float32]:
        parts = []
        for array, of_series, (factor, offset) in zip(arrays, spans, scales, strict=True):
            samples = _samples(array, of_series, start, stop)
            with np.errstate(over="ignore", invalid="ignore"):  # what is infinite then is judged as missing
                converted = (samples.reshape(stop - start, -1) * factor + offset).astype(np.float32, copy=False)
            parts.append(converted)
        chunk = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        if second:
            return chunk[:, first] - chunk[:, second]
        return np.ascontiguousarray(chunk if first == list(range(chunk.shape[1])) else chunk[:, first])

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
