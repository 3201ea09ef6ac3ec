"""Wiener smoother: the linear estimate of least error from the rectified EMG of all muscles together."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal.windows import tukey

from nwb_autolfads.errors import ConfigError, NwbAutolfadsWarning, SignalError
from nwb_autolfads.estimators.base import Estimator
from nwb_autolfads.estimators.observed import FLOOR, ObservedEmg, moving_average, observe
from nwb_autolfads.estimators.settings import WienerSmootherSettings
from nwb_autolfads.estimators.spectra import (
    Spectra,
    noise_cross,
    noise_spectra,
    shared_noise,
    shrunk_coherence,
    spectra,
    together,
)
from nwb_autolfads.validation import checked

NEARBY_MS, LEAST_KNOWN = 50.0, 0.5
"""Nothing is said of a bin that is missing where less than half of what is this near is known."""
MOSTLY_ALONE = 0.5
"""A muscle that is taken less than this together with others is named."""
REPLACEMENTS = 10
"""Of what is missing or hidden by what the smoother says of it."""
_SMALLEST_EIGENVALUE = 1e-6
_BLOCK_IN_WINDOWS = 4


@dataclass(frozen=True)
class _Fitted:
    """What `fit` found: gains (frequency, to muscle, from muscle) of deviations from the means.

    ``lost`` and ``passed`` are the variances (muscle,) of the signal that they take away and of the noise that they let
    through, ``together`` how far each muscle is taken together with others, 0 to 1.
    """

    gains: NDArray[np.complex128]
    lost: NDArray[np.float64]
    passed: NDArray[np.float64]
    means: NDArray[np.float64]
    muscles: tuple[str, ...]
    rate: float
    window: int
    noise_share: NDArray[np.float64]
    shared_noise: NDArray[np.float64]
    together: NDArray[np.float64]


class WienerSmoother(Estimator):
    """Wiener smoother of rectified EMG, all muscles together, each gap-free segment by itself.

    Rectified EMG is signal and noise. Noise is what a muscle's spectrum has above some tens of Hz, continued to 0 Hz
    (`spectra.noise_spectra`), and as alike between two muscles as their EMG is there. Signal is the rest, with what
    muscles have in common. From both follows the filter of least squared error, at each frequency
    ``W = S (S + N)^-1``, S and N matrices over muscles (Wiener 1949). It sees both sides of a bin, and takes from
    other muscles what they tell. It adds up EMG with fixed weights, and so suits recordings whose muscles go on in the
    same way throughout.

    Parameters
    ----------
    window_ms : float
        Length of the windows in which spectra are found, and of the filter (ms); as long as most segments where they
        are shorter.
    highest_hz : float
        What is faster than this is noise.
    noise : float
        Factor on the noise that is found; above 1 it is smoother.

    Raises
    ------
    ConfigError
        When a parameter is out of its range.

    Notes
    -----
    Coherence of few windows is too large by chance; it is shrunk by as much as chance alone would make (the estimate
    of Schaefer and Strimmer 2005, for each frequency). Ends of segments are mirrored. What is missing of a muscle is
    replaced by what the smoother says of it, `REPLACEMENTS` times, and so are bins that are hidden.
    """

    name = "WienerSmoother"

    def __init__(self, *, window_ms: float = 512.0, highest_hz: float = 45.0, noise: float = 1.15) -> None:
        given = {"window_ms": window_ms, "highest_hz": highest_hz, "noise": noise}
        settings = checked(WienerSmootherSettings, given)
        self.window_ms, self.highest_hz, self.noise = settings.window_ms, settings.highest_hz, settings.noise
        self.fitted_: _Fitted | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The settings; after `fit` with the window in force and the share of noise in each muscle's variance."""
        given = {"window_ms": self.window_ms, "highest_hz": self.highest_hz, "noise": self.noise}
        if self.fitted_ is None:
            return given
        window_ms = 1e3 * self.fitted_.window / self.fitted_.rate
        of_muscles = {what: self._by_muscle(what) for what in ("noise_share", "shared_noise", "together")}
        return given | {"fitted_window_ms": window_ms} | of_muscles

    @property
    def shared_noise(self) -> dict[str, float]:
        """How much of each muscle's noise other muscles have too, after `fit`: mean coherence with them, 0 to 1."""
        return self._by_muscle("shared_noise")

    @property
    def together(self) -> dict[str, float]:
        """How far each muscle is taken together with others, after `fit`: 1 as a rule, see `spectra.together`."""
        return self._by_muscle("together")

    def _by_muscle(self, what: str) -> dict[str, float]:
        fitted = self.fitted_
        return dict(zip(fitted.muscles, getattr(fitted, what).round(4).tolist(), strict=True)) if fitted else {}

    def fit(self, emg: xr.DataArray) -> Self:
        """Find the spectra of signal and noise, and the filter that follows from them.

        Raises
        ------
        SignalError
            When recording or segments are too short for spectra, or the rate is too low.

        Warns
        -----
        NwbAutolfadsWarning
            Naming electrodes that are taken one by one, see `spectra.together`.
        """
        observed = observe(emg)
        found = spectra(observed, self.window_ms)
        noise = np.minimum(self.noise * noise_spectra(found), found.power)
        slow = (found.frequencies > 0) & (found.frequencies <= self.highest_hz)
        usable = together(found)
        gains, lost, passed = _least_error(found, noise, usable, self.highest_hz)
        self.fitted_ = _Fitted(
            gains=gains,
            lost=lost,
            passed=passed,
            means=np.nanmean(observed.values, axis=0),
            muscles=observed.muscles,
            rate=observed.rate,
            window=found.window,
            noise_share=noise[slow].sum(axis=0) / found.power[slow].sum(axis=0),
            shared_noise=_with_others(shared_noise(found)),
            together=_with_others(usable) if len(usable) > 1 else np.ones(1),
        )
        if alone := [muscle for muscle, part in self.together.items() if part < MOSTLY_ALONE]:
            warnings.warn(
                f"{', '.join(alone)}: electrodes that see the same motor units at different times, as over one muscle, "
                "are smoothed one by one",
                NwbAutolfadsWarning,
                stacklevel=2,
            )
        return self

    def estimate(self, emg: xr.DataArray) -> xr.Dataset:
        """Return ``activation``, at least `observed.FLOOR`, and ``activation_std``, its expected error.

        The error is signal that the filter takes away, always the same, and noise that it lets through, in proportion
        to the activation, as noise multiplies. It is that of bins with all muscles known around them.
        """
        observed = observe(emg)
        smooth = self._smooth(observed, observed.seen)
        for segment in observed.segments:
            width = max(1, min(round(NEARBY_MS / 1e3 * observed.rate), segment.n_samples))
            seen = observed.seen[segment.rows]
            near = uniform_filter1d(seen.astype(np.float64), width, axis=0)
            smooth[segment.rows][~seen & (near < LEAST_KNOWN)] = np.nan
        assert self.fitted_ is not None  # or nothing would have been smoothed
        power = smooth**2 / np.nanmean(smooth**2, axis=0)
        std = np.sqrt(self.fitted_.lost + self.fitted_.passed * power)
        return self._dataset(emg, {"activation": observed.spread(smooth), "activation_std": observed.spread(std)})

    def predict_hidden(self, emg: xr.DataArray, hidden: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Predict activation from the visible bins alone, never below the quietest moment of their segment.

        A linear filter undershoots beside a burst, which would be a very confident prediction.
        """
        observed = observe(emg)
        predicted = self._smooth(observed, observed.seen & ~hidden[:, None])
        width = round(NEARBY_MS / 1e3 * observed.rate)
        for rows in observed.segments.slices:
            averages = moving_average(observed.filled[rows], (~hidden[rows]).astype(np.float64), width)
            if len(averages):
                predicted[rows] = np.maximum(predicted[rows], averages.min(axis=0))
        return observed.spread(predicted)

    def _smooth(self, observed: ObservedEmg, known: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Smooth what is known, (time, usable muscle)."""
        fitted = self.fitted_
        if fitted is None:
            raise ConfigError("the smoother has not been fitted yet", way_out="Call fit(emg) first")
        if (fitted.muscles, fitted.rate) != (observed.muscles, observed.rate):
            raise SignalError(
                f"the smoother was fitted to {', '.join(fitted.muscles)} at {fitted.rate:g} Hz, this EMG is of "
                f"{', '.join(observed.muscles)} at {observed.rate:g} Hz",
                file=observed.file,
                way_out="Fit it to this EMG",
            )
        kernel = _kernel(fitted)
        smooth = np.empty_like(observed.values)
        for segment in observed.segments:
            rows = segment.rows
            deviation = np.where(known[rows], observed.filled[rows] - fitted.means, 0.0)
            found = convolve(deviation, kernel, fitted.window)
            for _ in range(0 if known[rows].all() else REPLACEMENTS):
                found = convolve(np.where(known[rows], deviation, found), kernel, fitted.window)
            smooth[rows] = found + fitted.means
        return np.maximum(smooth, FLOOR)


def _least_error(
    found: Spectra, noise: NDArray[np.float64], usable: NDArray[np.float64], highest_hz: float
) -> tuple[NDArray[np.complex128], NDArray[np.float64], NDArray[np.float64]]:
    """Return the gains of least error, (frequency, to muscle, from muscle), and what is left of it, see `_Fitted`."""
    amplitude = np.sqrt(found.power)
    total = usable * shrunk_coherence(found)
    of_noise = noise_cross(found, noise) / (amplitude[:, :, None] * amplitude[:, None, :])
    signal = total - of_noise
    values, vectors = np.linalg.eigh((signal + _adjoint(signal)) / 2)
    signal = (vectors * np.maximum(values, 0)[:, None, :]) @ _adjoint(vectors)
    signal[found.frequencies > highest_hz] = 0
    one = np.eye(noise.shape[1])
    gains = signal @ np.linalg.inv(signal + of_noise + _SMALLEST_EIGENVALUE * one)
    sides = found.sides[:, None]
    lost, passed = (
        (sides * found.power * np.einsum("fij,fjk,fik->fi", by, of, by.conj(), optimize=True).real).sum(0)
        / found.window
        for by, of in ((one - gains, signal), (gains, of_noise))
    )
    return amplitude[:, :, None] * gains / amplitude[:, None, :], lost, passed


def _adjoint(matrices: NDArray[np.complex128]) -> NDArray[np.complex128]:
    return matrices.conj().transpose(0, 2, 1)


def _with_others(coherence: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mean size of what a matrix has for each muscle and the others, 0 for a muscle alone."""
    others = ~np.eye(len(coherence), dtype=bool)
    return np.abs(np.where(others, coherence, 0)).sum(axis=1) / max(len(coherence) - 1, 1)


def _kernel(fitted: _Fitted) -> NDArray[np.complex128]:
    """Return the filter's transform over a block of `convolve`, (frequency, to muscle, from muscle)."""
    response = np.roll(np.fft.irfft(fitted.gains, fitted.window, axis=0), fitted.window // 2, axis=0)
    response *= tukey(fitted.window + 1, 0.5)[:-1, None, None]
    return np.fft.rfft(response, _BLOCK_IN_WINDOWS * fitted.window, axis=0)


def convolve(x: NDArray[np.float64], kernel: NDArray[np.complex128], window: int) -> NDArray[np.float64]:
    """Filter one segment, (time, muscle), mirrored at its ends: overlapping blocks, so that memory stays bounded."""
    half, block = window // 2, _BLOCK_IN_WINDOWS * window
    mirrored = np.pad(x, ((half, half + block), (0, 0)), mode="symmetric")
    step, smooth = block - window, np.empty_like(x)
    for first in range(0, len(x), step):
        spectrum = np.fft.rfft(mirrored[first : first + block], axis=0)
        filtered = np.fft.irfft((kernel @ spectrum[:, :, None])[:, :, 0], block, axis=0)
        smooth[first : first + step] = filtered[window:][: min(step, len(x) - first)]
    return smooth
