"""The same stretch around every event: single trials and their average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.errors import SignalError
from nwb_autolfads.viewer.session import Session
from nwb_autolfads.viewer.signals.pyramid import Pyramid

MOST_TRIALS = 100
"""That are read; of more, as many spread evenly."""
LONGEST_S = 30.0


@dataclass(frozen=True)
class Trials:
    """A signal around events.

    Attributes
    ----------
    from_event : ndarray, (time,)
        Time from the event (s).
    values : ndarray, (trial, time)
        Of one column.
    times : ndarray, (trial,)
        When the events were (s).
    """

    from_event: NDArray[np.float64]
    values: NDArray[np.float32]
    times: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float32]:
        """Average over trials, (time,)."""
        return self.values.mean(axis=0)


def times_of(session: Session, kind: str) -> NDArray[np.float64]:
    """Return the times of events of a kind, or the starts of intervals (s); none where there are none of this name."""
    if kind in session.events:
        return session.events[kind]
    return session.intervals[kind][:, 0] if kind in session.intervals else np.empty(0)


def trials_of(session: Session, key: str, muscle: str, kind: str, before: float, after: float) -> Trials:
    """Read a signal of a muscle around events.

    Parameters
    ----------
    session : Session
    key : str
        Of the signal, such as ``activation/LowPass``.
    muscle : str
        Or another column of it.
    kind : str
        Name of the events or intervals.
    before, after : float
        How much before and after each event (s).

    Returns
    -------
    Trials
        Of at most `MOST_TRIALS` events that have the whole window recorded without a gap.

    Raises
    ------
    SignalError
        If there is no such event, or the window is empty or longer than `LONGEST_S`.
    """
    if not (before >= 0 and after >= 0 and 0 < before + after <= LONGEST_S):
        raise SignalError(
            f"a window of {before:g} s before to {after:g} s after an event is empty or longer than {LONGEST_S:g} s",
            way_out="Choose another window",
            obj=kind,
        )
    pyramid = session.signals[key]
    assert isinstance(pyramid, Pyramid)
    segments, rate = pyramid.signal.segments, pyramid.rate
    offsets = np.arange(-round(before * rate), round(after * rate) + 1)
    starts = segments.start_times
    found = []  # events, and the first sample around each
    for time in times_of(session, kind).tolist():
        segment = segments[max(0, int(np.searchsorted(starts, time - before + 0.5 / rate, side="right")) - 1)]
        first = round((time - segment.start_time) * rate) + int(offsets[0])
        if first >= 0 and first + len(offsets) <= segment.n_samples:
            found.append((time, segment.first_sample + first))
    if not found:
        raise SignalError(
            f"no event has {before:g} s before and {after:g} s after it recorded",
            way_out="Choose other events, or a shorter window",
            obj=kind,
        )
    found = [found[at] for at in np.linspace(0, len(found) - 1, min(len(found), MOST_TRIALS)).astype(int)]
    column = pyramid.columns.index(muscle)
    values = []
    for _, first in found:
        with session.turns:
            values.append(pyramid.signal.read(first, first + len(offsets))[0][:, column])
    return Trials(offsets / rate, np.stack(values), np.array([time for time, _ in found]))
