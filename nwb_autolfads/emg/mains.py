"""Mains hum: which frequency it has, and how much of each muscle's power it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.missing import bridged, excerpts
from nwb_autolfads.sources.recording import EmgRecording

_MAINS = (50, 60)
_TELLING = {50: (1, 2, 3, 5), 60: (1, 2, 3, 4)}  # harmonics looked at; 300 Hz belongs to both and tells nothing
_STANDS_OUT, _CHANCE = 4.0, 12.0  # a mains line is 4 times the power beside it, and 1 + 12 / sqrt(seconds) at least
MOVEMENT_HZ = 20.0  # power below this is movement, not muscle


def find_mains(recording: EmgRecording, config: PreprocessingConfig) -> tuple[int | None, NDArray[np.float64]]:
    """Find the mains frequency in the spectrum, and how much of each muscle's power it is.

    Parameters
    ----------
    recording : EmgRecording
        At most 8 excerpts of 8 s are read.
    config : PreprocessingConfig
        ``mains_hz`` is taken as it is where it is set.

    Returns
    -------
    mains_hz : int or None
        50 or 60; None where neither stands out.
    share : ndarray, (n_muscles,)
        Share of the mains and its harmonics in the power above 20 Hz.
    """
    none = np.zeros(len(recording.muscles))
    if recording.rectified or recording.rate < 4 * max(_MAINS):
        return config.mains_hz, none
    frequency, power, seconds = power_spectrum(recording)
    if not seconds:
        return config.mains_hz, none
    mains: int | None = config.mains_hz
    if mains is None:
        strength = {each: _strength(frequency, power, each) for each in _MAINS}
        best = max(_MAINS, key=strength.__getitem__)
        if strength[best] < max(_STANDS_OUT, 1 + _CHANCE / np.sqrt(seconds)):
            return None, none
        mains = best
    lines = np.zeros(power.shape[1])
    for harmonic in range(mains, int(frequency[-1]) - 10, mains):
        # A Hann window of 1 s spreads a line over +-2 Hz.
        near = np.abs(frequency - harmonic) <= 2
        lines += np.maximum(0, power[near].sum(axis=0) - near.sum() * _beside(frequency, power, harmonic))
    total = power[frequency >= MOVEMENT_HZ].sum(axis=0)
    return mains, np.divide(lines, total, out=none, where=total > 0)


def movement_share(recording: EmgRecording) -> NDArray[np.float64]:
    """Return the share of each muscle's power below 20 Hz, where movement artefacts are; NaN where not known."""
    frequency, power, seconds = power_spectrum(recording)
    if recording.rectified or not seconds:
        return np.full(len(recording.muscles), np.nan)
    power = power[1:]  # an offset is no movement
    total = power.sum(axis=0)
    below = power[frequency[1:] < MOVEMENT_HZ].sum(axis=0)
    return np.divide(below, total, out=np.full_like(total, np.nan), where=total > 0)


def power_spectrum(recording: EmgRecording) -> tuple[NDArray, NDArray, float]:
    """Return frequencies (Hz, 1 Hz apart), mean power spectral density (frequency, muscle), and seconds averaged."""
    window = round(recording.rate)
    frequency = np.arange(window // 2 + 1) * recording.rate / window
    power, n_samples = np.zeros((len(frequency), len(recording.muscles))), 0
    for part in excerpts(recording):
        samples = bridged(part.astype(np.float64))
        if len(samples) >= 2 * window:
            power += len(samples) * signal.welch(samples, recording.rate, nperseg=window, axis=0)[1]
            n_samples += len(samples)
    return frequency, power / max(n_samples, 1), n_samples / recording.rate


def _beside(frequency: NDArray, power: NDArray, harmonic: float) -> NDArray:
    distance = np.abs(frequency - harmonic)
    return np.median(power[(distance > 2) & (distance <= 10)], axis=0)


def _strength(frequency: NDArray, power: NDArray, mains: int) -> float:
    """Return by how much the strongest telling harmonic stands out of its neighbourhood, over all muscles."""
    ratios = [0.0]
    for number in _TELLING[mains]:
        harmonic = number * mains
        if harmonic + 10 > frequency[-1]:
            break
        beside = _beside(frequency, power, harmonic)
        line = power[np.abs(frequency - harmonic) <= 1].max(axis=0)
        ratios.append(float(np.divide(line, beside, out=np.zeros_like(line), where=beside > 0).max()))
    return max(ratios)
