"""EMG as a source hands it over: lazy, in chunks, with where it came from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.segments import Segments
from nwb_autolfads.sources.border import border


@dataclass(frozen=True)
class Origin:
    """Where a signal comes from: enough to find it again, also after the file was renamed."""

    file: str
    file_identifier: str
    object_path: str
    object_id: str

    def to_json(self) -> str:
        """Return the origin as the JSON object kept in ``attrs["origin"]`` of every later result."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Session:
    """What a source says of its session, for a new NWB file; empty where it says nothing.

    Attributes
    ----------
    start : datetime or None
        When the session's clock was at 0.
    description : str
        One sentence.
    subject : mapping of str to str
        ``subject_id``, ``species``, ``sex``, ``age`` and ``description``, those that are known.
    """

    start: datetime | None = None
    description: str = ""
    subject: Mapping[str, str] = field(default_factory=dict)


Reader = Callable[[int, int], NDArray[Any]]
"""Called with a first and a last sample it returns those from the one to before the other."""


def guarded(read: Reader, origin: Origin) -> Reader:
    """Return a reader whose failures, whatever library they come from, are a `SourceError` that names the samples."""

    def read_or_say(start: int, stop: int) -> NDArray[Any]:
        with border(
            origin.file,
            origin.object_path,
            problem=f"samples {start} to {stop} cannot be read: the file is damaged or the connection was lost",
            way_out="Try again; if it stays, copy or download the file again",
        ):
            return read(start, stop)

    return read_or_say


@dataclass(frozen=True)
class EmgRecording:
    """EMG of several muscles, read lazily.

    Attributes
    ----------
    muscles : tuple of str
        Names, in column order.
    rate : float
        Sampling rate (Hz).
    unit : str
        Unit of the samples that `read` returns.
    rectified : bool
        Whether the samples are rectified already.
    segments : Segments
        Gap-free segments, in time order.
    origin : Origin
        The file and the object that were read.
    assumptions : tuple of str
        What was taken for granted while reading, one sentence each, for the user to check.
    session : Session
        What the source says of the session.
    masks : mapping of str to callable
        Masks over the samples that the source holds (such as FALCON's ``eval_mask``), by name: called with ``start``
        and ``stop`` each returns that range as booleans. They are carried along and never applied.
    about : mapping of str to tuple of str
        What the source says of each muscle besides its name, those it knows: ``full_name`` (anatomical), ``side``
        (left, right or empty), ``placement``, ``source_channel``; in an NWB file also ``electrodes`` (rows of the
        table, separated by spaces) and ``source_series`` (object id), where each muscle has a series of its own.
    """

    muscles: tuple[str, ...]
    rate: float
    unit: str
    rectified: bool
    segments: Segments
    origin: Origin
    assumptions: tuple[str, ...]
    _read: Reader = field(repr=False)
    _close: Callable[[], None] = field(repr=False, default=lambda: None)
    session: Session = field(repr=False, default_factory=Session)
    masks: Mapping[str, Reader] = field(repr=False, default_factory=dict)
    about: Mapping[str, tuple[str, ...]] = field(repr=False, default_factory=dict)

    @property
    def n_samples(self) -> int:
        """Number of samples over all segments."""
        return self.segments.n_samples

    @property
    def duration(self) -> float:
        """Recorded time (s), gaps not counted."""
        return self.n_samples / self.rate

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read samples ``start`` to ``stop`` of all muscles.

        Parameters
        ----------
        start, stop : int
            Sample indices, ``0 <= start <= stop <= n_samples``.

        Returns
        -------
        ndarray of float32, shape (stop - start, n_muscles)
            In `unit`.

        Raises
        ------
        IndexError
            If the range lies outside the recording.
        SourceError
            If the source does not give them: the file is damaged, or the connection was lost.
        """
        if not 0 <= start <= stop <= self.n_samples:
            raise IndexError(f"samples {start}..{stop} asked of {self.n_samples}")
        return guarded(self._read, self.origin)(start, stop)

    def close(self) -> None:
        """Close the file behind the recording; `read` fails afterwards."""
        self._close()

    def __enter__(self) -> EmgRecording:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
