"""What Neo gives, file or objects, as plain channels that are read by sample index."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from neo.core import AnalogSignal
from neo.io.proxyobjects import AnalogSignalProxy
from numpy.typing import NDArray

from nwb_autolfads.errors import SourceError, shown
from nwb_autolfads.sources.border import border

# The IO for file types that Neo offers more than one for.
_CHOSEN = {"smr": "Spike2IO", "smrx": "CedIO", "abf": "AxonIO", "nev": "BlackrockIO", "h5": "NixIO"}
_READ_ONLY = {"NixIO": {"mode": "ro"}}  # by default it opens for writing
_HEADER_BYTES = 1_000_000  # of the header of BrainVision, which is text of a few kB
_REFUSED = {
    "PickleIO": "it runs what is in the file",
    "NWBIO": "NWB is read by pynwb: leave io away",
}


@dataclass(frozen=True)
class Channel:
    """One channel of one stream, the same over all segments.

    Attributes
    ----------
    name : str
        As the source gives it.
    stream : str
        Name of the stream (a group of channels sampled together).
    unit : str
        As the source gives it.
    rate : float
        Hz.
    starts : tuple of float
        Start time of each segment (s).
    counts : tuple of int
        Samples in each segment.
    read : callable
        Called with segment, start and stop returns samples, float64, in ``unit``.
    emg : bool or None
        Whether a table beside the file says that it is EMG; None where there is none.
    muscle : str
        What to call its muscle, where such a table says it.
    about : mapping of str to str
        What else it says of the muscle; see `nwb_autolfads.sources.recording.EmgRecording`.
    """

    name: str
    stream: str
    unit: str
    rate: float
    starts: tuple[float, ...]
    counts: tuple[int, ...]
    read: Callable[[int, int, int], NDArray[np.float64]] = field(repr=False)
    emg: bool | None = None
    muscle: str = ""
    about: Mapping[str, str] = field(repr=False, default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.name} ({sum(self.counts)} samples, {self.unit or 'no unit'}, {self.rate:g} Hz)"


def open_file(path: Path, io: str | None) -> tuple[list[Channel], str, tuple[str, ...]]:
    """Open a file with one of Neo's IO classes.

    Parameters
    ----------
    path : Path
        A file, or the folder of a recording.
    io : str, optional
        Name of the class, such as "Spike2IO"; by default chosen by the file type.

    Returns
    -------
    channels : list of Channel
    io : str
        The class that was used.
    notes : tuple of str
        What it warned of, for the user to check.

    Raises
    ------
    SourceError
        If no class or more than one fits, or it cannot read the file.
    """
    from neo.rawio.baserawio import BaseRawIO

    chosen = io or _io_for(path)
    reader_class = _io_class(chosen, path)
    if chosen == "BrainVisionIO":
        _require_parts_beside(path)
    with border(
        str(path),
        problem=f"Neo's {chosen} cannot read it",
        way_out="Check that the file is complete and, if it is of another type, name its reader with --io",
    ) as notes:
        reader = reader_class(str(path), **_READ_ONLY.get(chosen, {}))
        raw = isinstance(reader, BaseRawIO)
        channels = _channels_of_raw(reader) if raw else channels_of_objects(reader.read_all_blocks())
    return channels, chosen, tuple(notes)


def _require_parts_beside(header: Path) -> None:
    """Refuse a header that has its samples or markers outside its folder: they would become part of a result."""
    with border(str(header)):
        text = header.read_bytes()[:_HEADER_BYTES].decode("latin-1")
        for key, name in re.findall(r"(?m)^(DataFile|MarkerFile)[ \t]*=[ \t]*([^\r\n]*)", text):
            if not (header.parent / name).resolve().is_relative_to(header.parent.resolve()):
                raise SourceError(
                    f"reads its data from {shown(name)}, outside the folder of the file",
                    file=str(header),
                    obj=key,
                    way_out="Put that file beside this one, and its name alone into the header",
                )


def _io_for(path: Path) -> str:
    from neo.io import io_by_extension

    suffix = path.suffix[1:].lower()
    if suffix in _CHOSEN:
        return _CHOSEN[suffix]
    fitting = sorted({each.__name__ for each in io_by_extension.get(suffix, [])} - set(_REFUSED))
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        problem = f"files of type .{suffix} are read by {', '.join(fitting)}"
    else:
        problem = f"is neither NWB nor of a type that Neo knows (.{suffix})" if suffix else "has no file type"
    raise SourceError(problem, file=str(path), way_out="Name the reader of your system with --io, such as Spike2IO")


def _io_class(name: str, path: Path) -> type:
    import neo.io

    if name in _REFUSED:
        raise SourceError(f"Neo's {name} is not used: {_REFUSED[name]}", file=str(path), way_out="Choose another io")
    known = {each.__name__ for each in neo.io.iolist}
    if name not in known:
        raise SourceError(
            f"Neo has no {name}",
            file=str(path),
            way_out=f"Choose --io from {', '.join(sorted(known - set(_REFUSED)))}",
        )
    return getattr(neo.io, name)


def _channels_of_raw(reader: Any) -> list[Channel]:
    """Return the channels of a reader that gives samples by index, block after block and segment after segment."""
    reader.parse_header()
    places = [(block, part) for block in range(reader.block_count()) for part in range(reader.segment_count(block))]
    members = reader.header["signal_channels"]
    channels = {}
    for number, stream in enumerate(reader.header["signal_streams"]):
        starts = tuple(float(reader.get_signal_t_start(*place, number)) for place in places)
        counts = tuple(int(reader.get_signal_size(*place, number)) for place in places)
        rate = float(reader.get_signal_sampling_rate(number))
        for index, at in enumerate(np.flatnonzero(members["stream_id"] == stream["id"])):
            read = _raw_reader(reader, places, number, index)
            name, unit = str(members["name"][at]).strip(), str(members["units"][at]).strip()
            channels[int(at)] = Channel(name, str(stream["name"]), unit, rate, starts, counts, read)
    return [channels[at] for at in sorted(channels)]


def _raw_reader(reader: Any, places: list[tuple[int, int]], stream: int, index: int) -> Callable:
    def read(segment: int, start: int, stop: int) -> NDArray[np.float64]:
        raw = reader.get_analogsignal_chunk(
            *places[segment], i_start=start, i_stop=stop, stream_index=stream, channel_indexes=[index]
        )
        return reader.rescale_signal_raw_to_float(
            raw, dtype="float64", stream_index=stream, channel_indexes=[index]
        ).reshape(-1)

    return read


def channels_of_objects(source: Any) -> list[Channel]:
    """Return the channels of Neo objects: blocks, a block, a segment, or an analog signal.

    Raises
    ------
    SourceError
        If the segments do not hold the same signals.
    """
    segments = _signals_by_segment(source)
    layout = [
        [(each.name, each.shape[1], float(each.sampling_rate.rescale("Hz"))) for each in part] for part in segments
    ]
    if any(each != layout[0] for each in layout):
        raise SourceError(
            "its segments do not hold the same signals", way_out="Give one of them: open_emg(block.segments[0])"
        )
    channels = []
    for number, signal in enumerate(segments[0] if segments else []):
        over_segments = [signals[number] for signals in segments]
        starts = tuple(float(each.t_start.rescale("s")) for each in over_segments)
        counts = tuple(len(each) for each in over_segments)
        rate, unit = layout[0][number][2], str(signal.units.dimensionality.string)
        for column, name in enumerate(_names(signal)):
            read = _object_reader(over_segments, column)
            channels.append(Channel(name, signal.name or f"signal {number}", unit, rate, starts, counts, read))
    return channels


def _signals_by_segment(source: Any) -> list[list[Any]]:
    parts = getattr(source, "segments", source if isinstance(source, list | tuple) else None)
    if parts is not None:
        return [signals for each in parts for signals in _signals_by_segment(each)]
    if hasattr(source, "analogsignals"):
        return [list(source.analogsignals)]
    if isinstance(source, AnalogSignal | AnalogSignalProxy):
        return [[source]]
    raise SourceError(f"{type(source).__name__} holds no signals", way_out="Give a Neo block, segment or analog signal")


def _names(signal: Any) -> list[str]:
    names = signal.array_annotations.get("channel_names")
    if names is not None and len(names) == signal.shape[1]:
        return [str(name).strip() for name in names]
    if signal.shape[1] == 1 and signal.name:
        return [str(signal.name)]
    return [f"{signal.name or 'channel'} {column}" for column in range(signal.shape[1])]


def _object_reader(signals: list[Any], column: int) -> Callable:
    loaded: dict[int, Any] = {}

    def read(segment: int, start: int, stop: int) -> NDArray[np.float64]:
        signal = loaded.get(segment, signals[segment])
        if hasattr(signal, "load"):  # a proxy of Neo's lazy reading
            signal = loaded[segment] = signal.load()
        return np.asarray(signal.magnitude[start:stop, column], dtype=np.float64)

    return read
