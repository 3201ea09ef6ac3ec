"""What preprocessing has done, as steps with their numbers, and what the user is told of it."""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.both_ways import BOTH_WAYS, butterworth_both_ways, notch_both_ways
from nwb_autolfads.emg.advice import peaks, unit_advice
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.quality import QualityTally
from nwb_autolfads.errors import SignalError
from nwb_autolfads.sources.recording import EmgRecording

Step = dict[str, Any]


def filter_steps(
    mains: int | None, frequencies: list[float], left_out: list[float], config: PreprocessingConfig, rate: float
) -> list[Step]:
    """Return the steps of raw EMG at its own rate (Hz)."""
    return [
        {
            "step": "notch",
            "mains_hz": mains,
            "mains_from": "spectrum" if config.mains_hz is None and not config.notch_hz else "configuration",
            "frequencies_hz": frequencies,
            "above_nyquist_hz": left_out,
            "bandwidth_hz": config.notch_bandwidth_hz,
            BOTH_WAYS: notch_both_ways(config.notch_bandwidth_hz),
        },
        {
            "step": "high-pass",
            "filter": "Butterworth",
            "cutoff_hz": config.highpass_hz,
            "order": config.highpass_order,
            BOTH_WAYS: butterworth_both_ways(config.highpass_hz, config.highpass_order, rate, high=True),
        },
        {"step": "rectify"},
    ]


def rate_and_scale_steps(from_hz: float, to_hz: float, ratio: Fraction, config: PreprocessingConfig) -> list[Step]:
    """Return the steps from rectified EMG to scaled EMG at the analysis rate, in their order."""
    limits: list[Step] = [
        {"step": "clip", "quantile": config.clip_quantile},
        {"step": "scale", "quantile": config.scale_quantile},
    ]
    slower: list[Step] = [
        {"step": "resample", "from_hz": from_hz, "to_hz": to_hz, "up": ratio.numerator, "down": ratio.denominator},
        {"step": "absolute value"},
    ]
    if config.lowpass_hz is not None:
        slower += [
            {
                "step": "low-pass",
                "filter": "Butterworth",
                "cutoff_hz": config.lowpass_hz,
                "order": 4,
                BOTH_WAYS: butterworth_both_ways(config.lowpass_hz, 4, to_hz),
            },
            {"step": "absolute value"},
        ]
    return [*(limits + slower if config.clip_first else slower + limits), {"step": "floor", "value": config.floor}]


def missing_step(recording: EmgRecording, tally: QualityTally, lost: NDArray[np.intp]) -> list[Step]:
    """Return the step that says what was missing of a recording as it is in its file, and warn; none where nothing was.

    Parameters
    ----------
    recording : EmgRecording
        With its own values, absurd ones too.
    tally : QualityTally
        What was counted.
    lost : ndarray of int, (muscle,)
        Bins that are missing after the filters.
    """
    having = np.flatnonzero(tally.n_missing)
    if not having.size:
        return []
    found = []
    for muscle in having:
        absurd = f", {tally.n_infinite[muscle]} of them infinite or absurdly large" if tally.n_infinite[muscle] else ""
        first = int(tally.first_missing[muscle])
        value, at = recording.read(first, first + 1)[0, muscle], recording.segments.time_of(first)
        found.append(
            f"{recording.muscles[muscle]} {tally.n_missing[muscle]}{absurd}, the first ({value:g}) at {at:g} s"
        )
    warnings.warn(
        f"{recording.origin.object_path}: of {tally.n_samples} samples some are missing, and are left out: "
        + "; ".join(found),
        stacklevel=3,
    )
    counts = {"samples": tally.n_missing, "absurd": tally.n_infinite, "bins": lost}
    return [
        {"step": "missing"}
        | {name: {recording.muscles[muscle]: int(of[muscle]) for muscle in having} for name, of in counts.items()}
    ]


def quality_step(config: PreprocessingConfig, unusable: dict[str, str]) -> Step:
    """Return the step that says which muscles are left out and why."""
    return {
        "step": "quality",
        "saturated_share_limit": config.saturated_share_limit,
        "mains_share_limit": config.mains_share_limit,
        "unusable": unusable,
    }


def why_nothing_is_left(lost_share: float, config: PreprocessingConfig) -> str:
    """Return the reason why a muscle that passed as recorded is not usable after the filters."""
    if lost_share > config.missing_share_limit:
        return f"too little is known of it: missing samples reach into {lost_share:.0%} of its bins"
    return "nothing is left after the high-pass"


def say_unusable(recording: EmgRecording, unusable: dict[str, str]) -> None:
    """Warn of muscles that are not usable.

    Raises
    ------
    SignalError
        If none is left.
    """
    reasons = "; ".join(f"{muscle} ({reason})" for muscle, reason in unusable.items())
    if len(unusable) == len(recording.muscles):
        raise SignalError(
            f"no muscle is usable: {reasons}",
            file=recording.origin.file,
            obj=recording.origin.object_path,
            way_out="Check the recording, or choose another series with --emg PATH",
        )
    if unusable:
        warnings.warn(f"{recording.origin.object_path}: left out as not usable: {reasons}", stacklevel=3)


def say_implausible(recording: EmgRecording, usable: NDArray[np.bool_]) -> None:
    """Warn where the values of usable muscles are not those of EMG in the recording's unit."""
    peak = peaks(recording)
    advised = [muscle for muscle in np.flatnonzero(usable) if unit_advice(float(peak[muscle]), recording.unit)]
    if advised:
        most = max(advised, key=lambda muscle: peak[muscle])
        names = ", ".join(recording.muscles[muscle] for muscle in advised)
        whose = "" if len(advised) == usable.sum() else f" ({names})"
        advice = unit_advice(float(peak[most]), recording.unit)
        warnings.warn(f"{recording.origin.object_path}{whose}: {advice}", stacklevel=3)
