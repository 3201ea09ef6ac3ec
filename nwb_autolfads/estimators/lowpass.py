"""Low-pass: rectified EMG smoothed by a zero-phase Butterworth filter, the usual estimate of muscle activation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from nwb_autolfads.both_ways import BOTH_WAYS, butterworth_both_ways
from nwb_autolfads.errors import ConfigError, NwbAutolfadsWarning, SignalError
from nwb_autolfads.estimators.agreement import unexplained, wiener_estimate
from nwb_autolfads.estimators.base import Estimator, Making
from nwb_autolfads.estimators.observed import FLOOR, ObservedEmg, moving_average, observe
from nwb_autolfads.estimators.settings import LowPassSettings
from nwb_autolfads.validation import checked

CUTOFFS_HZ = tuple(round(2 ** (power / 3), 1) for power in range(20))
"""What ``cutoff="auto"`` chooses from: 1 to 80 Hz in thirds of an octave."""
USUAL_HZ = 20.0
NEARLY_BEST = 0.01
"""R2 by which a cutoff that is nearer to the usual one may agree less than the best (docs/accuracy.md)."""
_LEAST_WEIGHT, _REPLACEMENTS = 0.8, 3  # of the prediction of hidden bins, see `low_pass`
_LEAST_KNOWN = 0.5


class LowPass(Estimator):
    """Zero-phase Butterworth low-pass of rectified EMG, each gap-free segment by itself.

    The filter runs forward and backward, so its gain at the cutoff is 1/2 (-6 dB). Segments are continued evenly
    (mirrored) by one period of the cutoff at both ends. A Butterworth filter undershoots after a burst; as activation
    is the mean of something positive, the output is raised to `observed.FLOOR` where it falls below.

    Parameters
    ----------
    cutoff : float or "auto"
        Cutoff frequency (Hz). With "auto", `fit` takes the one of `CUTOFFS_HZ` that agrees best with the Wiener
        smoother, one for all muscles (`choose_cutoff`).
    order : int
        Order of the Butterworth filter, before it is doubled by running both ways.
    block_ms, seed : optional
        Of version 0.1.0; not used any more.

    Raises
    ------
    ConfigError
        When a parameter is out of its range.
    """

    name = "LowPass"

    def __init__(
        self,
        cutoff: float | Literal["auto"] = 20.0,
        *,
        order: int = 4,
        block_ms: float | None = None,
        seed: int | None = None,
    ) -> None:
        for argument, value in (("block_ms", block_ms), ("seed", seed)):
            if value is not None:
                message = f"`{argument}` of LowPass is not used any more: agreement with the Wiener smoother chooses"
                warnings.warn(message, NwbAutolfadsWarning, stacklevel=2)
        settings = checked(LowPassSettings, {"cutoff": cutoff, "order": order})
        self.cutoff, self.order = settings.cutoff, settings.order
        self.cutoff_: float | None = None if settings.cutoff == "auto" else settings.cutoff

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], making: Making) -> Self:
        """Make the estimator from its part of a settings file, which the seed of the run is not for."""
        return super().from_settings({"seed": None, **settings}, making)

    @property
    def config(self) -> dict[str, Any]:
        """The settings, with the cutoff in force (None before `fit` when it is to be chosen)."""
        return {"cutoff": self.cutoff, "cutoff_hz": self.cutoff_, "order": self.order}

    def fit(self, emg: xr.DataArray) -> Self:
        """Choose the cutoff when it is "auto"; otherwise only check the EMG.

        Raises
        ------
        SignalError
            If it is no rectified EMG or, for "auto", too short for spectra or of too low a rate.
        """
        observed = observe(emg)
        if self.cutoff == "auto":
            self.cutoff_ = choose_cutoff(observed, self.order, wiener_estimate(emg, observed))
        return self

    def estimate(self, emg: xr.DataArray) -> xr.Dataset:
        """Return ``activation``: the smoothed rectified EMG."""
        observed = observe(emg)
        smooth = observed.spread(low_pass(observed, self._cutoff(), self.order))
        as_run = butterworth_both_ways(self._cutoff(), self.order, observed.rate)
        return self._dataset(emg, {"activation": smooth}, {BOTH_WAYS: as_run})

    def predict_hidden(self, emg: xr.DataArray, hidden: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Predict activation from the visible bins alone (see `low_pass`)."""
        observed = observe(emg)
        return observed.spread(low_pass(observed, self._cutoff(), self.order, visible=~hidden))

    def _cutoff(self) -> float:
        if self.cutoff_ is None:
            raise ConfigError("cutoff='auto' has not been chosen yet", way_out="Call fit(emg) first")
        return self.cutoff_


def choose_cutoff(observed: ObservedEmg, order: int, reference: NDArray[np.float64]) -> float:
    """Return a cutoff (Hz) that agrees with a reference: of those that are nearly best, the one nearest to `USUAL_HZ`.

    Parameters
    ----------
    observed : ObservedEmg
    order : int
        Of the Butterworth filter, which runs both ways.
    reference : array, (time, usable muscle)
        The Wiener smoother's estimate (`agreement.wiener_estimate`).
    """
    left = {cutoff: unexplained(low_pass(observed, cutoff, order), reference) for cutoff in feasible_cutoffs(observed)}
    nearly_best = [cutoff for cutoff in left if left[cutoff] <= min(left.values()) + NEARLY_BEST]
    return min(nearly_best, key=lambda cutoff: abs(math.log(cutoff / USUAL_HZ)))


def feasible_cutoffs(observed: ObservedEmg) -> list[float]:
    """Return those of `CUTOFFS_HZ` that are below Nyquist and whose padding fits into every segment."""
    shortest = int(observed.segments.lengths.min())
    fits = [c for c in CUTOFFS_HZ if c < 0.45 * observed.rate and _padding(observed.rate, c) < shortest]
    if not fits:
        raise SignalError(
            f"a segment of {shortest} bins at {observed.rate:g} Hz is too short for every "
            f"cutoff up to {CUTOFFS_HZ[-1]} Hz",
            file=observed.file,
            way_out="Leave out segments that short",
        )
    return fits


def low_pass(
    observed: ObservedEmg, cutoff: float, order: int, *, visible: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Low-pass rectified EMG, from the visible bins alone where some are hidden.

    Hidden bins first get the normalised filter ``F(x v) / F(v)``, v = 1 where visible (Knutsson & Westin 1993); where
    less is visible to the filter than 0.8 of what is on average, the quotient is mostly noise and is interpolated
    linearly instead.
    Then they are replaced by the filter's own output, ``F(x v + y (1 - v))``, three times: at convergence that is what
    the filter says of a bin when the bin itself adds nothing, but far from converged it is stable where a block is
    long for the cutoff. An undershoot would be a very confident prediction, so hidden bins are raised to the quietest
    moment of their segment: the least of the moving averages over one period of the cutoff.

    Missing bins are to each muscle what hidden ones are to all, but where less than half of what the filter sees is
    known (`_LEAST_KNOWN`) the result is NaN: nothing is said of them.

    Parameters
    ----------
    observed : ObservedEmg
    cutoff : float
        Hz.
    order : int
        Of the Butterworth filter, which runs both ways.
    visible : array of bool, (time,), optional
        All of them when not given.

    Returns
    -------
    array, (time, usable muscle)
        NaN where nothing is known nearby.

    Raises
    ------
    ConfigError
        When the cutoff is not below the Nyquist frequency.
    SignalError
        When a segment is shorter than one period of the cutoff, the padding at its ends.
    """
    rate = observed.rate
    sections = _sections(order, cutoff, rate, observed.file)
    padding = _padding(rate, cutoff)
    shown = np.ones(len(observed.values)) if visible is None else visible.astype(np.float64)
    smooth = np.empty_like(observed.values)
    for segment in observed.segments:
        if segment.n_samples <= padding:
            raise SignalError(
                f"a segment of {segment.n_samples} bins at {rate:g} Hz is not longer than the padding of the "
                f"low-pass at {cutoff:g} Hz, {padding} bins",
                file=observed.file,
                way_out="Raise the cutoff or leave out segments that short",
            )
        both_ways = partial(sosfiltfilt, sections, axis=0, padtype="even", padlen=padding)
        rows = segment.rows
        smooth[rows] = _low_pass_segment(observed.filled[rows], observed.seen[rows], shown[rows], both_ways, padding)
    weights = shown[:, None] * observed.seen
    means = (observed.filled * weights).sum(axis=0) / np.maximum(weights.sum(axis=0), 1)
    unseen = np.isnan(smooth) & observed.seen  # in segments that are hidden as a whole
    return np.maximum(np.where(unseen, means, smooth), FLOOR)


def _low_pass_segment(
    x: NDArray[np.float64],
    seen: NDArray[np.bool_],
    visible: NDArray[np.float64],
    both_ways: Callable[..., NDArray[np.float64]],
    period: int,
) -> NDArray[np.float64]:
    """Low-pass one segment, (time, muscle); NaN where too little of a muscle is seen."""
    smooth = np.empty_like(x)
    whole = seen.all(axis=0)
    if whole.any():
        complete = x[:, whole]
        smooth[:, whole] = both_ways(complete) if visible.all() else _predict(complete, visible, both_ways, period)
    for muscle in np.flatnonzero(~whole):
        column = _predict(x[:, muscle : muscle + 1], visible * seen[:, muscle], both_ways, period)[:, 0]
        known = seen[:, muscle] | (both_ways(seen[:, muscle].astype(np.float64)) >= _LEAST_KNOWN)
        smooth[:, muscle] = np.where(known, column, np.nan)
    return smooth


def _sections(order: int, cutoff: float, rate: float, file: str) -> NDArray[np.float64]:
    if not 0 < cutoff < rate / 2:
        raise ConfigError(
            f"cutoff={cutoff:g} Hz is not below the Nyquist frequency, {rate / 2:g} Hz at {rate:g} Hz",
            file=file,
            way_out="Lower the cutoff or analyse at a higher rate",
        )
    return butter(order, cutoff, fs=rate, output="sos")


def _padding(rate: float, cutoff: float) -> int:
    return math.ceil(rate / cutoff)


def _predict(
    x: NDArray[np.float64], visible: NDArray[np.float64], both_ways: Callable[..., NDArray[np.float64]], period: int
) -> NDArray[np.float64]:
    """Predict the hidden bins of one segment; NaN throughout where too little of it is visible for any prediction."""
    weight = both_ways(visible)
    trusted = weight > _LEAST_WEIGHT * visible.mean()
    averages = moving_average(x, visible, period)
    if not trusted.any() or not len(averages):
        return np.full_like(x, np.nan)
    y = both_ways(x * visible[:, None]) / np.where(trusted, weight, 1)[:, None]
    bins = np.arange(len(x))
    for column in y.T:
        column[~trusted] = np.interp(bins[~trusted], bins[trusted], column[trusted])
    for _ in range(_REPLACEMENTS):
        y = both_ways(np.where(visible[:, None] > 0, x, y))
    return np.maximum(y, averages.min(axis=0))
