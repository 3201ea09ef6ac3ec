"""The bridge to SpikeInterface: any recording as EMG, and estimates as a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.errors import SourceError
from nwb_autolfads.segments import Segments
from nwb_autolfads.sources.assumptions import name_muscles, settle_unit
from nwb_autolfads.sources.border import border
from nwb_autolfads.sources.names import normalise_unit
from nwb_autolfads.sources.nwb.candidates import MOST_MUSCLES
from nwb_autolfads.sources.recording import EmgRecording, Origin, guarded
from nwb_autolfads.sources.segments import lay_out
from nwb_autolfads.sources.sign import judge_sign

if TYPE_CHECKING:
    import xarray as xr
    from spikeinterface import BaseRecording, NumpyRecording

_WAY_OUT = "Give a recording whose files are there and whole"


def open_spikeinterface_emg(
    source: BaseRecording, *, path: str | None = None, muscles: Sequence[str] | None = None, unit: str | None = None
) -> EmgRecording:
    """Open a SpikeInterface recording as EMG; see `nwb_autolfads.open_emg`.

    Parameters
    ----------
    source : spikeinterface.BaseRecording
        Of any kind; microvolts where it has gains, else arbitrary units.
    path : str, optional
        Names or patterns of channels, separated by commas; all by default.
    muscles, unit
        See `nwb_autolfads.open_emg`.

    Raises
    ------
    SourceError
        If no channel is called so, there are too many for muscles, its segments share no clock, or its times have gaps.
    """
    name = type(source).__name__
    with border("", name, problem="SpikeInterface does not give what it has", way_out=_WAY_OUT) as notes:
        recording = _recording(source, name, path, muscles, unit)
    return replace(recording, assumptions=(*recording.assumptions, *notes))


def _recording(
    source: BaseRecording, name: str, path: str | None, muscles: Sequence[str] | None, unit: str | None
) -> EmgRecording:
    names = _channel_names(source)
    patterns = [part.strip() for part in (path or "*").split(",")]
    columns = [at for pattern in patterns for at, each in enumerate(names) if fnmatchcase(each, pattern)]
    columns = list(dict.fromkeys(columns))
    if not columns:
        raise SourceError(f"no channel is called {path}", obj=name, way_out=f"Choose from {', '.join(names)}")
    if len(columns) > MOST_MUSCLES:
        raise SourceError(
            f"{len(columns)} channels: it looks like a probe, not like muscles",
            obj=name,
            way_out="Name the channels of muscles with path=...",
        )
    names = [names[column] for column in columns]
    origin = Origin("", "", f"{name}: {','.join(names)}", "")
    naming = name_muscles(origin, names, "the channels", len(names), muscles)
    scaled = bool(source.has_scaleable_traces())
    settled, unit_from = settle_unit(origin, "uV" if scaled else normalise_unit(_physical_unit(source)), unit)
    rate = float(source.get_sampling_frequency())
    counts = [int(source.get_num_samples(segment_index=at)) for at in range(source.get_num_segments())]
    starts = [_start(source, at, rate, count, origin) for at, count in enumerate(counts)]
    segments = lay_out(starts, counts, rate, file="", obj=origin.object_path)
    ids = source.channel_ids[np.asarray(columns)[naming.columns]]
    ends = np.cumsum(counts)

    def read(start: int, stop: int) -> NDArray[np.float32]:
        parts = [np.empty((0, len(ids)), dtype=np.float32)]
        for at, end in enumerate(ends):
            begin = int(end) - counts[at]
            low, high = max(start, begin), min(stop, int(end))
            if low < high:
                parts.append(
                    source.get_traces(
                        segment_index=at,
                        start_frame=low - begin,
                        end_frame=high - begin,
                        channel_ids=ids,
                        return_in_uV=scaled,
                    )
                )
        return np.ascontiguousarray(np.concatenate(parts), dtype=np.float32)

    sign, rectified = judge_sign(guarded(read, origin), sum(counts), rate)
    return EmgRecording(
        muscles=naming.names,
        rate=rate,
        unit=settled,
        rectified=rectified,
        segments=segments,
        origin=origin,
        assumptions=(f"EMG is the {name} given", sign, f"{rate:g} Hz (from the recording)", unit_from, naming.note),
        _read=read,
    )


def activation_as_recording(estimate: xr.Dataset) -> NumpyRecording:
    """Return an estimate of activation as a SpikeInterface recording.

    Parameters
    ----------
    estimate : Dataset
        What an estimator returned or `nwb_autolfads.read_activation` read.

    Returns
    -------
    spikeinterface.NumpyRecording
        One segment per gap-free stretch, at its time of the session; the muscles are its channel ids, the property
        ``scale`` turns each channel into the unit of the property ``activation_unit``. Muscles without estimate are
        left out.
    """
    from spikeinterface import NumpyRecording

    activation = estimate["activation"]
    activation = activation.isel(muscle=np.isfinite(activation.values).any(axis=activation.get_axis_num("time")))
    segments = Segments.of(estimate)
    values = activation.transpose("time", "muscle").values
    recording = NumpyRecording(
        [np.ascontiguousarray(values[rows]) for rows in segments.slices],
        sampling_frequency=float(estimate.attrs["rate"]),
        t_starts=segments.start_times.tolist(),
        channel_ids=activation["muscle"].values.astype(str),
    )
    if "scale" in activation.coords:
        recording.set_property("scale", activation["scale"].values)
    recording.set_property("activation_unit", [str(estimate.attrs.get("unit", "a.u."))] * values.shape[1])
    return recording


def _channel_names(source: BaseRecording) -> list[str]:
    for key in ("channel_name", "channel_names"):
        names = source.get_property(key)
        if names is not None and len({str(name) for name in names}) == len(names):
            return [str(name) for name in names]
    return [str(name) for name in source.channel_ids]


def _physical_unit(source: BaseRecording) -> str:
    units: Any = source.get_property("physical_unit")
    distinct = {str(unit) for unit in units} if units is not None else {"a.u."}
    return distinct.pop() if len(distinct) == 1 else " and ".join(sorted(distinct))


def _start(source: BaseRecording, segment: int, rate: float, count: int, origin: Origin) -> float:
    """Return when a segment starts, refusing one whose own times are not those of its rate."""
    if not source.has_time_vector(segment_index=segment):
        return float(source.get_start_time(segment_index=segment))
    times = source.get_times(segment_index=segment)
    deviation = np.abs(times - (times[0] + np.arange(count) / rate))
    if deviation.max() * rate > 1.0:
        raise SourceError(
            f"the times of segment {segment} leave its rate by {deviation.max():g} s",
            obj=origin.object_path,
            way_out="Split it where it has gaps, one segment each",
        )
    return float(times[0])
