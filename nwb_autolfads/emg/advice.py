"""What is wrong with a muscle's EMG and what to do about it: one sentence for each fault, none where all is well."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.emg.missing import enough_samples, quantiles_of_known
from nwb_autolfads.sources.recording import EmgRecording

LEAST_V, LARGEST_V = 5e-7, 3e-2
"""Peaks of EMG: an amplifier's own noise is larger than the one, what a muscle gives is smaller than the other."""
_IN_VOLTS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6}
_PEAK = 0.999
_CUT_OFF_SHARE = 0.001  # samples at a rail from which on bursts are visibly cut off

WHAT_TO_DO = {
    "flat": "check its electrode, or leave it out with --muscles",
    "missing": "look at what was recorded there, or leave it out with --muscles",
    "rail": "its bursts are cut off there; lower the gain in the next recording",
    "mains": "set mains_hz, or leave it out with --muscles; check ground and cables for the next recording",
    "duplicate": "leave one of the two out with --muscles",
}


def peaks(recording: EmgRecording) -> NDArray[np.float64]:
    """Return how far each muscle goes from its median, all but one sample in 1000, in the recording's unit."""
    samples = enough_samples(recording)
    samples = np.where(np.isfinite(samples), samples, np.nan)
    middle = quantiles_of_known(samples, (0.5,))
    return quantiles_of_known(np.abs(samples - middle), (_PEAK,))[0]


def unit_advice(peak: float, unit: str) -> str:
    """Say which unit values would be plausible in, where they are not in the one given; "" where they are.

    Parameters
    ----------
    peak : float
        From `peaks`.
    unit : str
        V, mV or uV; nothing is known of any other.
    """
    if unit not in _IN_VOLTS or not peak > 0:
        return ""
    in_volts = peak * _IN_VOLTS[unit]
    if LEAST_V <= in_volts <= LARGEST_V:
        return ""
    wrong = "more than a muscle gives" if in_volts > LARGEST_V else "less than the noise of an amplifier"
    observed = f"values up to {peak:.3g} in {unit}, {wrong}"
    better = [other for other, factor in _IN_VOLTS.items() if LEAST_V <= peak * factor <= LARGEST_V]
    if better:
        return f"{observed}: are these {better[0]}? --unit {better[0]}"
    return f"{observed}: is a conversion missing in the file? If they have no unit, --unit a.u."


def advise(quality: xr.Dataset, peak: NDArray[np.float64]) -> list[str]:
    """Return for each muscle what is wrong and what to do, in one line.

    Parameters
    ----------
    quality : Dataset, (muscle,)
        As `nwb_autolfads.emg.quality.assess_quality` returns it, without the advice.
    peak : ndarray, (muscle,)
        From `peaks`.
    """
    return [_advice(quality.isel(muscle=muscle), float(peak[muscle])) for muscle in range(quality.sizes["muscle"])]


def _advice(muscle: xr.Dataset, peak: float) -> str:
    values = {str(name): each.item() for name, each in muscle.data_vars.items()}
    found = []
    if values["missing_share"] > 0:
        absurd = f", {values['absurd_samples']} of them infinite or absurdly large" if values["absurd_samples"] else ""
        missing = f"{values['missing_samples']} samples ({_percent(values['missing_share'])}) are missing{absurd}"
        found.append((missing, WHAT_TO_DO["missing"]))
    if values["flat"] and values["missing_share"] < 1:
        found.append(("it never changes", WHAT_TO_DO["flat"]))
    if values["saturated_share"] > _CUT_OFF_SHARE:
        found.append((f"{_percent(values['saturated_share'])} of samples are at a rail", WHAT_TO_DO["rail"]))
    if values["mains_share"] > 0.5:
        found.append((f"{_percent(values['mains_share'])} of its power is mains hum", WHAT_TO_DO["mains"]))
    if values["duplicate_of"]:
        found.append((f"it is the same signal as {values['duplicate_of']}", WHAT_TO_DO["duplicate"]))
    sentences = [f"{what}: {to_do}" for what, to_do in found]
    unit = unit_advice(peak, str(muscle.attrs.get("unit", "")))
    return ". ".join([*sentences, unit] if unit else sentences)


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "under 0.1%"
