"""Whitening: each muscle's frequencies are weighted by what they tell of its amplitude, before it is rectified.

Raw EMG of amplitude a has the power density ``a² S(f) + N(f)``: S is that of the muscle, N of everything else.
Rectified as it is, it tells the amplitude by the few frequencies where S is large, and the fewer they are, the noisier.
If all frequencies of the muscle have a say, it is less noisy (Hogan & Mann 1980, IEEE Trans Biomed Eng 27:382; Clancy
& Hogan 1994, 41:159; with noise, Clancy & Farry 2000, 47:709). The best weight of the power at a frequency is how much
it changes with the muscle's over its variance, ``S / V``; without noise and for Gaussian EMG that is ``1 / S``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import oaconvolve, windows

Floats = NDArray[np.float64]

WINDOW_S = 0.128
"""Of the spectra: in less, S, N and V are not told for each frequency."""
FEWEST_WINDOWS = 100
"""In less, nothing is weighted."""
SMOOTHED_HZ = 10.0
REACH_S = 0.032
"""How far the filter reaches to either side: it blurs activation by less than that."""
LOWEST_HZ = 20.0
"""Lower frequencies have the weight of this one: there is more movement than EMG."""
ACTIVE = 0.7
"""Windows count as active from here on, on the way from the 5 % to the 95 % quantile of their power in dB."""
REST = 0.25
"""Share of windows, the quietest, that tell what is not of the muscle."""
LEAST_SHARE = 0.5
"""A frequency with less of its power from the muscle than this, times that of the best frequency, says nothing."""
WEAKEST = 0.01
"""Of the strongest frequency: weaker ones are not raised further."""
USUAL_MOST = 0.99
"""Windows louder than this quantile are expected to be as loud as it: what is more may be an artifact."""
CAUTION = 1.5
"""Exponent of how much more a frequency's power varies than Gaussian EMG's. 1 would be right if frequencies varied
each by itself; artifacts are in many at once."""
SHOWN_HZ = (30, 60, 120, 240, 480)


@dataclass(frozen=True)
class Whitening:
    """A filter for each muscle.

    Attributes
    ----------
    frequencies : array, (frequency,)
        Hz.
    gains : array, (muscle, frequency)
        Factors, such that the power of an active muscle stays what it is; all 1 where nothing can be said.
    """

    frequencies: Floats
    gains: Floats

    @property
    def does_nothing(self) -> bool:
        """Whether all muscles stay as they are."""
        return bool((self.gains == 1).all())

    @staticmethod
    def reach(rate: float) -> int:
        """How many samples to either side decide what becomes of one, at a rate in Hz."""
        return round(REACH_S * rate)

    def response(self, muscle: int, rate: float) -> Floats:
        """Return what the filter makes of a single 1, which lies in the middle; that alone where all gains are 1."""
        if (self.gains[muscle] == 1).all():
            return np.ones(1)
        reach = self.reach(rate)
        n = 16 * (reach + 1)
        gain = np.interp(np.fft.rfftfreq(n, 1 / rate), self.frequencies, self.gains[muscle], right=0.0)
        around = np.roll(np.fft.irfft(gain, n), reach)[: 2 * reach + 1]
        return np.asarray(around * windows.hann(2 * reach + 3)[1:-1], np.float64)

    def filtered(self, samples: Floats, muscle: int, rate: float) -> Floats:
        """Weight the frequencies of one muscle, (samples,), whose ends are mirrored; nothing is delayed."""
        response = self.response(muscle, rate)
        if len(response) == 1:
            return samples
        beyond = min(self.reach(rate), len(samples) - 1)
        longer = np.pad(samples, beyond, mode="reflect", reflect_type="odd")
        weighted = oaconvolve(longer, response, mode="same")
        return np.asarray(weighted[beyond : beyond + len(samples)], np.float64)

    def step(self, muscles: Sequence[str]) -> dict[str, object]:
        """Return it as a step of preprocessing, with gains in dB at some frequencies."""
        shown = [hz for hz in SHOWN_HZ if hz <= self.frequencies[-1]]
        at = 20 * np.log10([np.interp(shown, self.frequencies, gain) + 1e-6 for gain in self.gains])
        gains = {
            muscle: {f"{hz} Hz": round(float(db), 1) for hz, db in zip(shown, of, strict=True)}
            for muscle, of in zip(muscles, at, strict=True)
        }
        return {"step": "whiten", "spectrum": "whiten", "gains_db": gains}


def find_whitening(excerpts: Sequence[Floats], rate: float, n_muscles: int) -> Whitening:
    """Find what each frequency tells of each muscle.

    Parameters
    ----------
    excerpts : sequence of array, (samples, muscle)
        Gap-free raw EMG without mains, movement artifacts and cross-talk, NaN where it is missing.
    rate : float
        Hz.
    n_muscles : int
    """
    length = round(WINDOW_S * rate) // 2 * 2
    frequencies = np.asarray(np.fft.rfftfreq(length, 1 / rate), np.float64)
    gains: Floats = np.ones((n_muscles, len(frequencies)))
    for muscle in range(n_muscles):
        power = [_spectra(excerpt[:, muscle], length) for excerpt in excerpts]
        if sum(map(len, power)) >= FEWEST_WINDOWS:
            gains[muscle] = _gain(np.concatenate(power), frequencies)
    return Whitening(frequencies, gains)


def _spectra(samples: Floats, length: int) -> Floats:
    """Return the power of windows that overlap by half and miss nothing, (window, frequency)."""
    if len(samples) < length:
        return np.empty((0, length // 2 + 1))
    cut = np.lib.stride_tricks.sliding_window_view(samples, length)[:: length // 2]
    cut = cut[~np.isnan(cut).any(axis=1)]
    return np.square(np.abs(np.fft.rfft(cut * windows.hann(length, sym=False), axis=1)))


def _gain(power: Floats, frequencies: Floats) -> Floats:
    """Return the gain of each frequency from the power of windows, (window, frequency).

    Notes
    -----
    S and N are taken from medians over windows, which artifacts do not move, V from the mean square of what each window
    has over what it should have by its loudness, which artifacts move most.
    """
    total = power.sum(axis=1)
    quiet, loud = np.quantile(total, [0.05, 0.95])
    if quiet <= 0 or loud <= quiet:
        return np.ones_like(frequencies)
    active = power[total >= quiet * (loud / quiet) ** ACTIVE]
    rest = power[total <= np.quantile(total, REST)]
    low, high = _typical(rest), _typical(active)
    louder = np.minimum(active.sum(axis=1), np.quantile(total, USUAL_MOST)) - np.median(rest.sum(axis=1))
    louder /= np.median(active.sum(axis=1)) - np.median(rest.sum(axis=1))
    expected = low + np.maximum(high - low, 0) * np.maximum(louder, 0)[:, None]
    varying = np.maximum(np.square(active / (expected + _tiny(high))).mean(axis=0) / 2, 1)
    bins = SMOOTHED_HZ / frequencies[1]
    low, high, deviation = (
        gaussian_filter1d(each, bins, mode="nearest") for each in (low, high, high * varying ** (CAUTION / 2))
    )
    share = 1 - low / (high + _tiny(high))
    lowest = int(np.searchsorted(frequencies, LOWEST_HZ))
    muscle = high * np.maximum(share - LEAST_SHARE * share[lowest:].max(), 0)
    weight = muscle / np.square(deviation + WEAKEST * deviation.max())
    weight[:lowest] = weight[lowest]
    if not weight.any():
        return np.ones_like(frequencies)
    return np.asarray(np.sqrt(weight * high.sum() / (weight * high).sum()), np.float64)


def _typical(power: Floats) -> Floats:
    """Return the mean over windows as the median says it; the power of Gaussian noise is exponentially distributed."""
    return np.asarray(np.median(power, axis=0) / np.log(2), np.float64)


def _tiny(power: Floats) -> float:
    return 1e-12 * float(power.max())
