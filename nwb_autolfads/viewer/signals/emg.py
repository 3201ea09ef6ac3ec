"""EMG behind the estimates: filtered and rectified as for them, at the recording's own rate, piece by piece."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.filters import filter_both_ways, filter_sections, memory_of, notch_frequencies
from nwb_autolfads.emg.mains import find_mains
from nwb_autolfads.emg.missing import absurd_as_infinite, bridged
from nwb_autolfads.emg.quality import as_configured
from nwb_autolfads.sources.recording import EmgRecording
from nwb_autolfads.viewer.signals.signal import Limits, Signal

_WIDEST_MARGIN_S = 0.5  # to either side of what is drawn: what a filter remembers longer is too small to be seen


def emg_signal(recording: EmgRecording, config: PreprocessingConfig, factor: float, unit: str) -> Signal:
    """Return the rectified EMG of a recording, neither resampled nor clipped.

    Parameters
    ----------
    recording : EmgRecording
    config : PreprocessingConfig
        Filters.
    factor : float
        From the unit of the recording to the one that is shown.
    unit : str
        That is shown.

    Raises
    ------
    SignalError
        If it is sampled too slowly for the filters.
    """
    recorded, firsts = as_configured(recording, config), recording.segments.firsts
    if not recorded.rectified:
        filter_sections([], recorded, config)

    @cache
    def prepared() -> tuple[EmgRecording, NDArray | None, int]:
        """Look at excerpts of the recording: when it is first drawn, so that opening does not wait for it."""
        recording = absurd_as_infinite(recorded)
        if recording.rectified:
            return recording, None, 0
        mains, _ = find_mains(recording, config)
        sections = filter_sections(notch_frequencies(mains, recording.rate, config)[0], recording, config)
        return recording, sections, min(memory_of(sections), round(_WIDEST_MARGIN_S * recording.rate))

    def read(start: int, stop: int) -> Limits:
        recording, sections, margin = prepared()
        segment = recording.segments[int(np.searchsorted(firsts, start, side="right")) - 1]
        first, last = max(segment.first_sample, start - margin), min(segment.stop, stop + margin)
        raw = recording.read(first, last)
        rectified = _rectified(raw, sections)[start - first : stop - first] * np.float32(factor)
        return rectified, rectified

    return Signal(recording.muscles, recording.segments, read, unit)


def _rectified(raw: NDArray[np.float32], sections: NDArray | None) -> NDArray[np.float32]:
    rectified = np.empty_like(raw)
    for muscle in range(raw.shape[1]):
        samples = raw[:, muscle].astype(np.float64)
        known = np.isfinite(samples)
        filtered = samples if sections is None else filter_both_ways(bridged(samples), sections)
        rectified[:, muscle] = np.where(known, np.abs(filtered), np.nan)
    return rectified
