"""Quality of each muscle before any filter: flat, NaN, saturated, drowned in mains hum."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import signal

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.sources.recording import EmgRecording

_BLOCK_VALUES = 4_000_000  # values (samples x muscles) read at once
_STRETCHES, _STRETCH_S = 8, 8.0  # spectra are taken from this many stretches of this length (s)
_MAINS = (50, 60)
_TELLING = {50: (1, 2, 3, 5), 60: (1, 2, 3, 4)}  # harmonics looked at; 300 Hz belongs to both and tells nothing
_STANDS_OUT, _CHANCE = 4.0, 12.0  # a mains line is 4 times the power beside it, and 1 + 12 / sqrt(seconds) at least
_MOVEMENT_HZ = 20.0  # power below this is movement, not muscle


class QualityTally:
    """Counts what tells the quality of each muscle while blocks of samples pass by."""

    def __init__(self, n_muscles: int) -> None:
        self.n_samples = 0
        self.n_nan = np.zeros(n_muscles, dtype=int)
        self.lowest = np.full(n_muscles, np.inf)
        self.highest = np.full(n_muscles, -np.inf)
        self.at_lowest = np.zeros(n_muscles, dtype=int)
        self.at_highest = np.zeros(n_muscles, dtype=int)

    def add(self, block: NDArray) -> None:
        """Count one block, (samples, muscles); no sample may be given twice."""
        finite = np.isfinite(block)
        self.n_samples += len(block)
        self.n_nan += (~finite).sum(axis=0)
        for extreme, count, of, better in (
            (self.lowest, self.at_lowest, np.where(finite, block, np.inf).min(axis=0, initial=np.inf), np.less),
            (self.highest, self.at_highest, np.where(finite, block, -np.inf).max(axis=0, initial=-np.inf), np.greater),
        ):
            new = better(of, extreme)
            extreme[new] = of[new]
            count[new] = 0
            count += (block == extreme).sum(axis=0)

    def result(self, recording: EmgRecording, mains_share: NDArray, config: PreprocessingConfig) -> xr.Dataset:
        """Judge what was counted; see `assess_quality`."""
        flat = ~(self.highest > self.lowest)
        # Zero is no rail of rectified EMG, so its floor is not counted.
        at_rails = self.at_highest - 1 + (0 if recording.rectified else self.at_lowest - 1)
        saturated = np.where(flat, 0.0, at_rails / max(self.n_samples, 1))
        nan_share = self.n_nan / max(self.n_samples, 1)
        reasons = [
            "; ".join(
                reason
                for holds, reason in (
                    (flat[muscle], "flat"),
                    (nan_share[muscle] > 0, f"{nan_share[muscle]:.2%} of samples not finite"),
                    (saturated[muscle] > config.saturated_share_limit, f"{saturated[muscle]:.1%} of samples at a rail"),
                    (
                        mains_share[muscle] > config.mains_share_limit,
                        f"{mains_share[muscle]:.0%} of its power is mains",
                    ),
                )
                if holds
            )
            for muscle in range(len(flat))
        ]
        return xr.Dataset(
            {
                "flat": ("muscle", flat),
                "nan_share": ("muscle", nan_share),
                "saturated_share": ("muscle", saturated),
                "mains_share": ("muscle", mains_share),
                "usable": ("muscle", np.array([not reason for reason in reasons])),
                "reason": ("muscle", np.array(reasons)),
            },
            coords={"muscle": list(recording.muscles)},
            attrs={"origin": recording.origin.to_json(), "unit": recording.unit},
        )


def assess_quality(recording: EmgRecording, config: PreprocessingConfig | None = None) -> xr.Dataset:
    """Judge every muscle of a recording, reading it once in blocks.

    Parameters
    ----------
    recording : EmgRecording
    config : PreprocessingConfig, optional
        For the limits, and the mains frequency where it is known.

    Returns
    -------
    Dataset, (muscle,)
        ``flat``; ``nan_share``, share of samples that are not finite; ``saturated_share``, share at the highest or
        lowest value beyond one sample each; ``mains_share``, share of mains in the power above 20 Hz; ``usable``; and
        ``reason``, why a muscle is not usable.
    """
    config = config or PreprocessingConfig()
    tally = QualityTally(len(recording.muscles))
    step = max(1, _BLOCK_VALUES // len(recording.muscles))
    for start in range(0, recording.n_samples, step):
        tally.add(recording.read(start, min(start + step, recording.n_samples)))
    _, share = find_mains(recording, config)
    return tally.result(recording, share, config)


def find_mains(recording: EmgRecording, config: PreprocessingConfig) -> tuple[int | None, NDArray[np.float64]]:
    """Find the mains frequency in the spectrum, and how much of each muscle's power it is.

    Parameters
    ----------
    recording : EmgRecording
        At most 8 stretches of 8 s are read.
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
    frequency, power, seconds = _spectrum(recording)
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
    total = power[frequency >= _MOVEMENT_HZ].sum(axis=0)
    return mains, np.divide(lines, total, out=none, where=total > 0)


def stretches(recording: EmgRecording) -> Iterator[tuple[int, int]]:
    """Yield ranges of samples, none across a gap, spread over the recording and at most 64 s together."""
    length = int(_STRETCH_S * recording.rate)
    wanted = np.linspace(0, recording.n_samples, _STRETCHES, endpoint=False).astype(int)
    for segment in recording.segments:
        end = segment.first_sample + segment.n_samples
        done = segment.first_sample
        for start in wanted[(wanted >= segment.first_sample) & (wanted < end)]:
            begin = max(done, int(start))
            stop = min(begin + length, end)
            if stop > begin:
                yield begin, stop
            done = stop


def _spectrum(recording: EmgRecording) -> tuple[NDArray, NDArray, float]:
    """Return frequencies (Hz, 1 Hz apart), mean power spectral density (frequency, muscle), and seconds averaged."""
    window = round(recording.rate)
    frequency = np.arange(window // 2 + 1) * recording.rate / window
    power, n_samples = np.zeros((len(frequency), len(recording.muscles))), 0
    for start, stop in stretches(recording):
        samples = recording.read(start, stop).astype(np.float64)
        if len(samples) >= 2 * window and np.isfinite(samples).all():
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
