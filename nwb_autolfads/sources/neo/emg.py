"""EMG from the formats of acquisition systems (CED, Blackrock, Intan, EDF, ...) by Neo."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.errors import MissingFileError, SourceError
from nwb_autolfads.sources.about import known
from nwb_autolfads.sources.assumptions import name_muscles, settle_unit
from nwb_autolfads.sources.border import border
from nwb_autolfads.sources.names import VOLTS, is_muscle, normalise_unit
from nwb_autolfads.sources.neo.opening import open_channels
from nwb_autolfads.sources.neo.streams import Channel, channels_of_objects
from nwb_autolfads.sources.nwb.candidates import MOST_MUSCLES
from nwb_autolfads.sources.recording import EmgRecording, Origin, guarded
from nwb_autolfads.sources.segments import lay_out
from nwb_autolfads.sources.sign import judge_sign

_WAY_OUT = "Give an object that Neo has read or made, and that is whole"
_SEGMENT = re.compile(r"segment (\d+)(?:/(.+))?")


def open_neo_emg(
    source: Any,
    *,
    path: str | None = None,
    muscles: Sequence[str] | None = None,
    unit: str | None = None,
    io: str | None = None,
) -> EmgRecording:
    """Open EMG that Neo reads, lazily where the format allows; see `nwb_autolfads.open_emg`.

    Parameters
    ----------
    source : str, Path, or Neo block, segment or analog signal
    path : str, optional
        Names or patterns of channels or streams, separated by commas (``"FDI,soleus"``, ``"*EMG"``), after
        ``"segment N/"`` where only that one is to be read. By default the channels that are clearly EMG.
    muscles, unit, io
        See `nwb_autolfads.open_emg`.

    Raises
    ------
    SourceError
        If the file cannot be read, no channel is EMG, or the channels were not sampled together.
    """
    if not isinstance(source, str | Path):
        file = str(getattr(source, "file_origin", None) or "")
        with border(file, type(source).__name__, problem="Neo cannot read it", way_out=_WAY_OUT) as notes:
            channels = channels_of_objects(source)
        return _recording(channels, file, ("given as Neo objects", *notes), path, muscles, unit)
    if not Path(source).exists():
        raise MissingFileError("there is no such file", file=str(source), way_out="Check the path")
    channels, reader, warned = open_channels(Path(source), io)
    how = f"read by {reader}" + ("" if io else ", chosen by the file type")
    return _recording(channels, str(source), (how, *warned), path, muscles, unit)


def _recording(
    channels: list[Channel],
    file: str,
    how: tuple[str, ...],
    path: str | None,
    muscles: Sequence[str] | None,
    unit: str | None,
) -> EmgRecording:
    chosen = choose_channels(channels, path, file)
    first = chosen[0]
    obj = ",".join(channel.name for channel in chosen)
    origin = Origin(file, "", obj, "")
    require_together(chosen, file)
    segments = lay_out(first.starts, _common_counts(chosen), first.rate, file=file, obj=obj)
    names, by = [channel.muscle or channel.name for channel in chosen], "the channels"
    by = "the table of channels" if any(channel.muscle for channel in chosen) else by
    naming = name_muscles(origin, names, by, len(chosen), muscles)
    in_file, factors = _common_unit(chosen)
    settled, unit_from = settle_unit(origin, in_file, unit)
    kept = [chosen[column] for column in naming.columns]
    read = _reader(kept, factors[naming.columns], _common_counts(chosen))
    sign, rectified = judge_sign(guarded(read, origin), segments.n_samples, segments.rate, [obj])
    gaps = [f"{len(segments)} segments"] if len(segments) > 1 else []
    starts = [f"starts at {segments[0].start_time:g} s of the session"] if segments[0].start_time else []
    return EmgRecording(
        muscles=naming.names,
        rate=first.rate,
        unit=settled,
        rectified=rectified,
        segments=segments,
        origin=origin,
        assumptions=(
            how[0],
            f"EMG is {obj}",
            sign,
            f"{first.rate:g} Hz (from the channels' headers)",
            *starts,
            *gaps,
            unit_from,
            naming.note,
            *how[1:],
        ),
        _read=read,
        about=known(_about(kept), naming.names),
    )


def _about(channels: list[Channel]) -> dict[str, list[str]]:
    keys = dict.fromkeys(key for channel in channels for key in channel.about)
    found = {key: [channel.about.get(key, "") for channel in channels] for key in keys}
    return found | {"source_channel": [channel.name for channel in channels]}


def choose_channels(channels: list[Channel], path: str | None, file: str) -> list[Channel]:
    """Return the channels that a pattern names, or those that are clearly EMG, cut to one segment where asked.

    Raises
    ------
    SourceError
        If there are none, or too many for muscles.
    """
    found = _SEGMENT.fullmatch(path or "")
    if found:
        channels = [_one_segment(channel, int(found.group(1)), file) for channel in channels]
        path = found.group(2)
    patterns = [part.strip() for part in (path or "").split(",") if part.strip()]
    if patterns:
        chosen = [
            channel
            for pattern in patterns
            for channel in channels
            if fnmatchcase(channel.name, pattern) or fnmatchcase(channel.stream, pattern)
        ]
    else:
        chosen = [channel for channel in channels if _is_emg(channel)]
    if not chosen:
        what = f"no channel or stream is called {path}" if patterns else "no channel is clearly EMG"
        listing = "".join(f"\n  {channel}" for channel in channels) or "\n  (there are no channels)"
        raise SourceError(
            what, file=file, way_out=f"Name the channels with --emg A,B,... (in Python: path=...):{listing}"
        )
    if len(chosen) > MOST_MUSCLES:
        raise SourceError(
            f"{len(chosen)} channels: it looks like a probe, not like muscles",
            file=file,
            way_out="Name the channels of muscles with --emg A,B,...",
        )
    return list(dict.fromkeys(chosen))


def require_together(channels: list[Channel], file: str) -> None:
    """Refuse channels that were not sampled together, naming the pair that differs."""
    first = channels[0]
    for other in channels[1:]:
        difference = ""
        if abs(first.rate - other.rate) > 1e-6 * first.rate:
            difference = f"two rates, {first.rate:g} Hz and {other.rate:g} Hz"
        elif any(abs(a - b) * first.rate > 0.5 for a, b in zip(first.starts, other.starts, strict=True)):
            difference = f"they start at {first.starts[0]:g} s and {other.starts[0]:g} s"
        elif any(abs(a - b) > 1 for a, b in zip(first.counts, other.counts, strict=True)):
            difference = f"{sum(first.counts)} and {sum(other.counts)} samples"
        if difference:
            raise SourceError(
                f"{first.name} and {other.name} were not sampled together: {difference}",
                file=file,
                way_out="Choose channels of one rate with --emg A,B,...",
            )


def unit_of(channel: Channel) -> tuple[str, float]:
    """Return the unit of a channel as V, mV, uV or a.u. where it is one, and the factor from the channel's own."""
    import quantities

    unit = normalise_unit(channel.unit)
    if unit in VOLTS or unit == "a.u.":
        return unit, 1.0
    try:
        return "V", float(quantities.Quantity(1.0, channel.unit).rescale("V"))
    except (ValueError, LookupError, SyntaxError):
        return ("a.u.", 1.0) if channel.unit == "dimensionless" else (unit, 1.0)


def _is_emg(channel: Channel) -> bool:
    in_unit = unit_of(channel)[0] in (*VOLTS, "a.u.")
    if channel.emg is not None:
        return in_unit and channel.emg
    return in_unit and bool(re.search("emg", channel.name, re.IGNORECASE) or is_muscle(channel.name))


def _one_segment(channel: Channel, number: int, file: str) -> Channel:
    if number >= len(channel.counts):
        raise SourceError(
            f"there is no segment {number}",
            file=file,
            way_out=f"Give 0 to {len(channel.counts) - 1}: they count from 0",
        )
    read = channel.read
    return replace(
        channel,
        starts=channel.starts[number : number + 1],
        counts=channel.counts[number : number + 1],
        read=lambda _, start, stop: read(number, start, stop),
    )


def _common_unit(channels: list[Channel]) -> tuple[str, NDArray[np.float64]]:
    """Return one unit for all channels, and the factor from each channel's own; volts where they differ."""
    units = [unit_of(channel) for channel in channels]
    names = {name for name, _ in units}
    if len(names) == 1:
        return units[0][0], np.array([factor for _, factor in units])
    if names <= set(VOLTS):
        return "V", np.array([VOLTS[name] * factor for name, factor in units])
    return " and ".join(sorted(names)), np.ones(len(units))


def _common_counts(channels: list[Channel]) -> list[int]:
    """Return the samples of each segment that all channels have: systems stop a sample early on some."""
    return [min(counts) for counts in zip(*(channel.counts for channel in channels), strict=True)]


def _reader(
    channels: list[Channel], factors: NDArray[np.float64], counts: list[int]
) -> Callable[[int, int], NDArray[np.float32]]:
    ends = np.cumsum(counts)

    def read(start: int, stop: int) -> NDArray[np.float32]:
        chunk = np.empty((stop - start, len(channels)), dtype=np.float32)
        for segment, end in enumerate(ends):
            begin = int(end) - counts[segment]
            low, high = max(start, begin), min(stop, int(end))
            if low >= high:
                continue
            for column, (channel, factor) in enumerate(zip(channels, factors, strict=True)):
                samples = channel.read(segment, low - begin, high - begin)
                chunk[low - start : high - start, column] = samples * factor
        return chunk

    return read
