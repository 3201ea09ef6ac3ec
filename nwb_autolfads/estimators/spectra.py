"""Spectra of rectified EMG of all muscles, and which part of each muscle's is noise.

Rectified EMG is activation times a noise that lasts as long as the EMG it was made of is correlated. Activation is
slow: from some tens of Hz on there is noise only. Towards 0 Hz noise goes on evenly, while activation rises steeply.
What other muscles do at the same time is activation too, however fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import get_window

from nwb_autolfads.errors import SignalError
from nwb_autolfads.estimators.observed import ObservedEmg
from nwb_autolfads.segments import Segments

SHORTEST_MS = 100.0
"""Of a window: slower than its 10 Hz nothing can be told from the mean."""
FEWEST_WINDOWS = 8
NOISE_ONLY_HZ = 34.0
"""From here on the spectrum is taken for noise where it is least: activation follows 20 to 30 Hz at most."""
NOISE_UNTIL_HZ = 150.0
"""Above, rectified EMG of a narrow band rises again, at twice the frequency of the EMG."""
ALIKE_HZ = (60.0, 180.0)
"""Band in which noise that muscles share is measured."""
DELAYED_HZ = (60.0, 90.0)
"""Band in which noise is measured that muscles share, but each at its own time."""
DELAYED_NOISE = (0.18, 0.22)
"""Coherence of such noise up to which a muscle is taken together with others, and from which on it is by itself: the
mean over the third of the muscles with which it has most of it, since there may be electrodes over several muscles."""

NOISE_WIDTHS_HZ = (20.0, 30.0, 45.0, 64.0, 90.0, 130.0, 200.0, 1e6)
SIGNAL_CORNERS_HZ = (0.5, 1.0, 2.0, 4.0, 8.0)
_SMOOTHED = 0.1  # share of a frequency over which its spectrum is averaged
_LEAST_IS_FOUND_OVER = 0.15
_UPDATES, _PASSES, _PEAK = 300, 3, 1.6
_CHUNK = 512  # windows
_RIDGE, _MOST = 1e-3, 0.98  # keeps the inverse finite; something is always noise
_INDEPENDENT = 0.65  # information of a Hann window that overlaps half of the next, over that of one by itself


@dataclass(frozen=True)
class Spectra:
    """Cross-spectral densities of rectified EMG.

    Attributes
    ----------
    frequencies : array, (frequency,)
        Hz.
    cross : array of complex, (frequency, muscle, muscle)
        Densities, squared EMG per bin; Hermitian.
    n_averaged : array, (frequency,)
        Independent estimates that each is the mean of.
    window : int
        Length of a window (bins); even.
    """

    frequencies: NDArray[np.float64]
    cross: NDArray[np.complex128]
    n_averaged: NDArray[np.float64]
    window: int

    @property
    def sides(self) -> NDArray[np.intp]:
        """In how many places of a whole transform each frequency is, (frequency,): two, but for the ends."""
        return np.where((self.frequencies > 0) & (self.frequencies < self.frequencies[-1]), 2, 1)

    @property
    def power(self) -> NDArray[np.float64]:
        """Each muscle's own spectrum, (frequency, muscle)."""
        return np.einsum("fii->fi", self.cross).real

    @property
    def coherence(self) -> NDArray[np.complex128]:
        """What each two muscles have in common, with its phase, (frequency, muscle, muscle): 1 with itself."""
        amplitude = np.sqrt(self.power)
        return self.cross / (amplitude[:, :, None] * amplitude[:, None, :])


def spectra(observed: ObservedEmg, window_ms: float) -> Spectra:
    """Average spectra of windows that overlap by half (Welch), and over neighbouring frequencies, more where higher.

    A window lies within a segment. Where at least half of the time lies in segments shorter than it, it is as long as
    they are. What is missing counts for nothing.

    Raises
    ------
    SignalError
        When segments or recording are too short, or the rate is too low to see noise alone.
    """
    rate = observed.rate
    if rate / 2 < 1.5 * NOISE_ONLY_HZ:
        raise SignalError(
            f"at {rate:g} Hz noise cannot be told from activation: above {NOISE_ONLY_HZ:g} Hz there is next to nothing",
            file=observed.file,
            way_out="Analyse at 200 Hz or more",
        )
    window = _window(observed, window_ms)
    taper = hann(window)
    values = np.where(observed.seen, observed.filled - _means(observed), 0.0)
    n_muscles = values.shape[1]
    products, known = np.zeros((window // 2 + 1, n_muscles, n_muscles), complex), np.zeros((n_muscles, n_muscles))
    n_windows = 0
    for rows in windows(observed.segments, window):
        n_windows += len(rows)
        seen = observed.seen[rows] * taper[:, None]
        transforms = np.fft.rfft(values[rows] * taper[:, None], axis=1)  # (window, frequency, muscle)
        products += transforms.transpose(1, 2, 0) @ transforms.transpose(1, 0, 2).conj()
        flat = seen.reshape(-1, n_muscles)
        known += flat.T @ flat
    frequencies = np.fft.rfftfreq(window, 1 / rate).astype(np.float64)
    averaging = _averaging(frequencies, _SMOOTHED)
    cross = np.einsum("fg,gij->fij", averaging, products / np.maximum(known, 1e-12))
    n_averaged = _INDEPENDENT * n_windows / np.sum(averaging**2, axis=1)
    return Spectra(frequencies, cross, np.maximum(n_averaged, 1.5), window)


def windows(segments: Segments, length: int) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of windows that overlap by half, each within a segment, (window, row), some hundred at a time."""
    firsts = [
        first for segment in segments for first in range(segment.first_sample, segment.stop - length + 1, length // 2)
    ]
    for at in range(0, len(firsts), _CHUNK):
        yield np.array(firsts[at : at + _CHUNK])[:, None] + np.arange(length)


def hann(length: int) -> NDArray[np.float64]:
    """Return a Hann window whose squares add up to 1."""
    taper = get_window("hann", length)
    return np.asarray(taper / np.sqrt(np.sum(taper**2)), np.float64)


def noise_spectra(found: Spectra) -> NDArray[np.float64]:
    """Return what of each muscle's spectrum is noise, (frequency, muscle), at most all of it.

    A spectrum is fitted by a sum of noises, which are Gaussian in frequency around 0 Hz (`NOISE_WIDTHS_HZ`), and
    slow signals, which fall from a corner on (`SIGNAL_CORNERS_HZ`) to `NOISE_ONLY_HZ`, each of a weight that is not
    negative, by Whittle's likelihood (multiplicative updates: Fevotte, Bertin and Durrieu 2009). Peaks that rise above
    the fit, such as tremor, are signal and are left out of the next pass. The fit ends where the spectrum is least.
    Up to `NOISE_ONLY_HZ` no more is noise than the other muscles leave unexplained (`explained_by_others`).
    """
    noises = np.exp(-0.5 * (found.frequencies[:, None] / np.array(NOISE_WIDTHS_HZ)) ** 2)
    signals = 1 / (1 + (found.frequencies[:, None] / np.array(SIGNAL_CORNERS_HZ)) ** 2)
    signals[found.frequencies > NOISE_ONLY_HZ] = 0
    parts = np.concatenate([noises, signals], axis=1)
    averaging = _averaging(found.frequencies, _LEAST_IS_FOUND_OVER)
    candidates = np.flatnonzero((found.frequencies >= NOISE_ONLY_HZ) & (found.frequencies <= NOISE_UNTIL_HZ))
    noise = np.empty_like(found.power)
    for muscle, power in enumerate(found.power.T):
        least = int(np.argmin((averaging @ power)[candidates]))
        end = int(candidates[max(least, min(3, len(candidates) - 1))])
        fitted = slice(1, end + 1)  # the mean has been taken off at 0 Hz
        weights = _fit(parts[fitted], power[fitted])
        noise[:, muscle] = noises @ weights[: noises.shape[1]]
    noise = np.minimum(noise, found.power)
    unexplained = found.power * (1 - explained_by_others(found, noise))
    return np.where(found.frequencies[:, None] <= NOISE_ONLY_HZ, np.minimum(noise, unexplained), noise)


def explained_by_others(found: Spectra, noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of each muscle's spectrum that the other muscles explain, (frequency, muscle), 0 to `_MOST`.

    Squared multiple coherence ``1 - 1 / (C^-1)_ii`` (Bendat and Piersol 2010, section 7.3), of coherences less what
    noise that muscles share adds to them, and less what so many muscles would explain by chance.
    """
    n_muscles = found.cross.shape[1]
    one, amplitude = np.eye(n_muscles), np.sqrt(found.power)
    by_noise = noise_cross(found, noise) / (amplitude[:, :, None] * amplitude[:, None, :])
    coherence = together(found) * shrunk_coherence(found) - by_noise * (1 - one)
    unexplained = 1 / np.einsum("fii->fi", np.linalg.inv(coherence + _RIDGE * one)).real
    n_averaged = np.maximum(found.n_averaged, n_muscles)[:, None]
    return np.clip(1 - unexplained * n_averaged / (n_averaged - n_muscles + 1), 0, _MOST)


def noise_cross(found: Spectra, noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cross-spectral densities of noise, (frequency, muscle, muscle), of its spectra (frequency, muscle)."""
    amplitude = np.sqrt(noise)
    return together(found) * shared_noise(found) * (amplitude[:, :, None] * amplitude[:, None, :])


def shrunk_coherence(found: Spectra) -> NDArray[np.complex128]:
    """Return coherences (frequency, muscle, muscle) without what chance adds to them in a mean of few windows.

    The estimate of Schaefer and Strimmer (2005), for each frequency.
    """
    coherence, one = found.coherence, np.eye(found.cross.shape[1], dtype=bool)
    if one.size == 1:
        return coherence
    squares = np.abs(coherence[:, ~one]) ** 2
    by_chance = ((1 - squares) ** 2).mean(axis=1) / found.n_averaged
    kept = 1 - np.minimum(by_chance / np.maximum(squares.mean(axis=1), 1e-12), 1)
    return np.where(one, coherence, kept[:, None, None] * coherence)


def shared_noise(found: Spectra) -> NDArray[np.float64]:
    """Return how much the noise of two muscles is the same, (muscle, muscle): their coherence where noise is alone."""
    band = (found.frequencies >= ALIKE_HZ[0]) & (found.frequencies <= ALIKE_HZ[1])
    if not band.any():
        return np.eye(found.cross.shape[1])
    return found.coherence[band].mean(axis=0).real


def together(found: Spectra) -> NDArray[np.float64]:
    """Return how far two muscles can be taken together, (muscle, muscle): 1 as a rule, 0 where each is by itself.

    Electrodes over one muscle see the same motor units, each at a delay of its own. Noise at other times cannot be
    subtracted, and where it is slow it looks like activation that all of them have. It is the part of their coherence
    that is lost when coherence is averaged with its phase (`shared_noise`).
    """
    n_muscles = found.cross.shape[1]
    band = (found.frequencies >= DELAYED_HZ[0]) & (found.frequencies <= DELAYED_HZ[1])
    others = ~np.eye(n_muscles, dtype=bool)
    if n_muscles == 1 or not band.any():
        return np.ones((n_muscles, n_muscles))
    coherence, by_chance = found.coherence[band], 1 / found.n_averaged[band][:, None, None]
    squared = ((np.abs(coherence) ** 2 - by_chance) / (1 - by_chance)).mean(axis=0)
    delayed = np.sqrt(np.maximum(squared - coherence.mean(axis=0).real ** 2, 0))
    most_alike = -np.sort(-np.where(others, delayed, 0), axis=1)[:, : max(1, n_muscles // 3)]
    of_each = most_alike.mean(axis=1)
    least, most = DELAYED_NOISE
    part = np.clip((most - of_each) / (most - least), 0, 1)
    return np.where(others, np.sqrt(part[:, None] * part), 1.0)


def _fit(parts: NDArray[np.float64], power: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.full(parts.shape[1], power.mean() / parts.shape[1])
    counted = np.ones(len(power))
    for _ in range(_PASSES):
        for _ in range(_UPDATES):
            model = parts @ weights
            weights *= ((counted * power / model**2) @ parts) / ((counted / model) @ parts)
        counted = np.where(power > _PEAK * (parts @ weights), 0.0, 1.0)
    return weights


def _averaging(frequencies: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return the weights with which frequencies are averaged, (frequency, frequency): triangles, wider where higher."""
    distance = np.abs(frequencies[:, None] - frequencies)
    weights = np.maximum(0, 1 - distance / (share * frequencies + frequencies[1])[:, None])
    return weights / weights.sum(axis=1, keepdims=True)


def _means(observed: ObservedEmg) -> NDArray[np.float64]:
    return np.nanmean(observed.values, axis=0)


def _window(observed: ObservedEmg, window_ms: float) -> int:
    """Return the length of a window (bins), even."""
    lengths, half = observed.segments.lengths, observed.segments.usual_length
    window = 2 * int(min(window_ms / 1e3 * observed.rate, half) // 2)
    ms = 1e3 / observed.rate
    if window < SHORTEST_MS / ms:
        raise SignalError(
            f"segments of {half * ms:g} ms are too short for spectra",
            file=observed.file,
            way_out=f"Take segments of {SHORTEST_MS:g} ms or more, or LowPass",
        )
    n_windows = int(np.sum(np.maximum(lengths - window, -window // 2) // (window // 2) + 1))
    if n_windows < FEWEST_WINDOWS:
        needed = (FEWEST_WINDOWS + 1) / 2 * window * ms / 1e3
        raise SignalError(
            f"{lengths.sum() * ms / 1e3:g} s of EMG are {n_windows} windows of {window * ms:g} ms, "
            f"too few to learn how activation and noise change",
            file=observed.file,
            way_out=f"Take {needed:g} s or more without a gap, shorter windows (window_ms), or LowPass",
        )
    return window
