"""Excerpts of a recording that is too long to be looked at as a whole."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.files.limits import INSPECT_BYTES, INSPECT_S
from nwb_autolfads.segments import Segments
from nwb_autolfads.sources.recording import EmgRecording

_EXCERPTS = 32
_ORDER = 5  # every fifth excerpt first, so that those read before the time is over are spread too


def within_budget(recording: EmgRecording) -> tuple[EmgRecording, tuple[str, ...]]:
    """Return a recording, or excerpts spread over it that are read into memory now, and a sentence on them.

    At most `INSPECT_BYTES` of samples are read, as float32, and no further excerpt after `INSPECT_S`.

    Parameters
    ----------
    recording : EmgRecording

    Returns
    -------
    recording : EmgRecording
        The one given where it has no more bytes.
    assumptions : tuple of str
        Empty where it is read as a whole.
    """
    n_muscles = len(recording.muscles)
    if recording.n_samples * n_muscles * 4 <= INSPECT_BYTES:
        return recording, ()
    length = max(1, INSPECT_BYTES // (4 * n_muscles * _EXCERPTS))
    wanted = list(recording.segments.excerpts(_EXCERPTS, length))
    until = time.monotonic() + INSPECT_S
    read: dict[int, NDArray[np.float32]] = {}
    for at in sorted(range(len(wanted)), key=lambda at: (at % _ORDER, at)):
        if read and time.monotonic() > until:
            break
        read[at] = recording.read(wanted[at].first_sample, wanted[at].stop)
    kept = [wanted[at] for at in sorted(read)]
    samples = np.concatenate([read[at] for at in sorted(read)])
    lengths, starts = [each.n_samples for each in kept], [each.start_time for each in kept]
    segments = Segments.of_lengths(lengths, recording.rate, starts)
    seconds_read = len(samples) / recording.rate
    sentence = f"quality is judged on {len(kept)} excerpts, {seconds_read:.0f} s of {recording.duration:.0f} s"
    excerpts = replace(recording, segments=segments, masks={}, _read=lambda start, stop: samples[start:stop])
    return excerpts, (sentence,)
