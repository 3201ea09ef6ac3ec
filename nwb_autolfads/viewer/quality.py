"""Quality of the EMG of a session, judged once, while it is looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import xarray as xr

from nwb_autolfads.emg.quality import assess_quality
from nwb_autolfads.errors import SignalError

if TYPE_CHECKING:
    from nwb_autolfads.viewer.session import Session


def quality_of(session: Session) -> xr.Dataset:
    """Judge the EMG of each muscle of a session, if nobody has done so yet.

    Raises
    ------
    SignalError
        If its EMG cannot be read, or the session is closed meanwhile.
    """
    recording = session.recording
    if recording is None:
        raise SignalError("its EMG cannot be read", way_out="See what is not drawn, and why", obj=session.title)

    def read(start: int, stop: int) -> Any:
        if session.closing.is_set():
            raise SignalError("it was closed", way_out="Open it again", obj=session.title)
        with session.turns.in_background():
            return recording.read(start, stop)

    with session.judging:
        if session.quality is None:
            session.quality = assess_quality(replace(recording, _read=read), session.preprocessing)
        return session.quality
