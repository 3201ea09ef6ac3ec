"""A new NWB file for EMG that was recorded without one: the raw EMG, its masks, the session and the subject."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
from hdmf.backends.hdf5.h5_utils import H5DataIO
from numpy.typing import NDArray
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.file import Subject

from nwb_autolfads.errors import OutputError
from nwb_autolfads.files.hdf5 import OVERHEAD_BYTES, new_hdf5

if TYPE_CHECKING:
    from nwb_autolfads.sources.recording import EmgRecording

EMG_PATH = "acquisition/EMG"
"""Where the EMG is in the new file."""

_REQUIRED = {"subject_id": "the subject's id", "species": "its species (such as Homo sapiens)"}
_VOLTS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6}
_CHUNK_VALUES = 4_000_000  # values (samples x muscles) read at once
_CHUNK_SAMPLES = 16_384


def require_session(
    recording: EmgRecording, start: datetime | None, subject: Mapping[str, str], out: str | Path
) -> None:
    """Refuse what does not suffice for an NWB file, naming all that is missing.

    Parameters
    ----------
    recording : EmgRecording
        Its muscles must be named.
    start : datetime or None
        When the recording's clock was at 0, with its time zone.
    subject : mapping
        ``subject_id`` and ``species``; ``sex``, ``age`` (such as P30Y) and ``description`` where they are known.
    out : path
        The file to be made, for the message.

    Raises
    ------
    OutputError
        If anything is missing, the time has no zone, or a name holds a comma.
    """
    missing = [] if start is not None else ["when the session started (such as 2024-05-01T09:30:00+02:00)"]
    missing += [description for key, description in _REQUIRED.items() if not subject.get(key)]
    if all(name == f"muscle {number}" for number, name in enumerate(recording.muscles, start=1)):
        missing.append("the names of the muscles")
    if missing:
        raise OutputError(
            f"a new NWB file needs {', '.join(missing)}",
            way_out="Give --session-start, --subject, --species and --muscles, or the part `session` of --config FILE",
            file=str(out),
        )
    if start is not None and start.tzinfo is None:
        raise OutputError(
            f"the session start {start.isoformat()} has no time zone",
            way_out="Add it, such as +02:00 or Z",
            file=str(out),
        )
    unfit = [name for name in recording.muscles if set(name) & set(",;\n")]
    if unfit:
        raise OutputError(
            f"muscle names hold commas or line breaks: {unfit}", way_out="Give others with --muscles", file=str(out)
        )


def write_session(
    recording: EmgRecording,
    path: str | Path,
    *,
    start: datetime | None,
    subject: Mapping[str, str],
    description: str = "",
) -> Path:
    """Write a recording as a new NWB file, in bounded memory.

    Parameters
    ----------
    recording : EmgRecording
        Read once, from its first to its last sample.
    path : path
        The file to make; it must not exist.
    start, subject
        See `require_session`.
    description : str
        Of the session; by default where the EMG came from.

    Returns
    -------
    Path
        ``path``. The EMG is in it at `EMG_PATH`.

    Raises
    ------
    OutputError
        If the file exists, or something that it needs is missing.
    """
    path = Path(path)
    if path.exists():
        raise OutputError("exists already", way_out="Choose another name", file=str(path))
    require_session(recording, start, subject, path)
    origin = recording.origin.file or recording.origin.object_path
    nwbfile = NWBFile(
        session_description=description or f"EMG read from {Path(origin).name}",
        identifier=str(uuid.uuid4()),
        session_start_time=start,
        subject=Subject(sex=subject.get("sex") or "U", **{key: text for key, text in subject.items() if key != "sex"}),
    )
    nwbfile.add_acquisition(
        TimeSeries(
            name="EMG",
            data=_to_be_filled(np.float32, len(recording.muscles)),
            unit="volts" if recording.unit in _VOLTS else "a.u.",
            conversion=_VOLTS.get(recording.unit, 1.0),
            description=f"{'Rectified' if recording.rectified else 'Raw'} EMG, read from {origin}",
            comments=f"columns: {', '.join(recording.muscles)}",
            **_timing(recording),
        )
    )
    for name in recording.masks:
        nwbfile.add_acquisition(
            TimeSeries(
                name=name,
                data=_to_be_filled(np.bool_),
                unit="n/a",
                description="One true or false for each sample of the EMG.",
                **_timing(recording),
            )
        )
    with new_hdf5(path, _n_bytes(recording)) as file, NWBHDF5IO(file=file, mode="w") as io:
        io.write(nwbfile)
        _fill_all(file, recording)
    return path


def _n_bytes(recording: EmgRecording) -> int:
    """Return how large the file gets at most, should nothing in it be compressible."""
    sample = np.dtype(np.float32).itemsize * len(recording.muscles) + np.dtype(np.float64).itemsize
    return (recording.n_samples + _CHUNK_SAMPLES) * (sample + len(recording.masks)) * 11 // 10 + OVERHEAD_BYTES


def _fill_all(file: h5py.File, recording: EmgRecording) -> None:
    _fill(file["acquisition/EMG/data"], recording.read, recording.n_samples)
    for name, mask in recording.masks.items():
        _fill(file[f"acquisition/{name}/data"], mask, recording.n_samples)
    if len(recording.segments) > 1:
        for name in ("EMG", *recording.masks):
            _fill(file[f"acquisition/{name}/timestamps"], _clock(recording), recording.n_samples)


def _timing(recording: EmgRecording) -> dict:
    if len(recording.segments) > 1:
        return {"timestamps": _to_be_filled(np.float64)}
    return {"rate": recording.rate, "starting_time": recording.segments[0].start_time}


def _to_be_filled(dtype: type, n_columns: int | None = None) -> H5DataIO:
    """Return an empty compressed data set that grows along time."""
    columns = () if n_columns is None else (n_columns,)
    return H5DataIO(
        np.empty((0, *columns), dtype=dtype),
        maxshape=(None, *columns),
        chunks=(_CHUNK_SAMPLES, *columns),
        compression="gzip",
        shuffle=True,
    )


def _fill(stored: h5py.Dataset, read: Callable[[int, int], NDArray], n_samples: int) -> None:
    stored.resize(n_samples, axis=0)
    step = max(_CHUNK_SAMPLES, _CHUNK_VALUES // int(np.prod(stored.shape[1:])) // _CHUNK_SAMPLES * _CHUNK_SAMPLES)
    for start in range(0, n_samples, step):
        stop = min(start + step, n_samples)
        stored[start:stop] = read(start, stop)


def _clock(recording: EmgRecording) -> Callable[[int, int], NDArray[np.float64]]:
    """Return a function that gives the times (s) of a range of samples."""
    first = np.array([segment.first_sample for segment in recording.segments])
    starts = np.array([segment.start_time for segment in recording.segments])

    def times(start: int, stop: int) -> NDArray[np.float64]:
        samples = np.arange(start, stop)
        segment = np.searchsorted(first, samples, side="right") - 1
        return starts[segment] + (samples - first[segment]) / recording.rate

    return times
