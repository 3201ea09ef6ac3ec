"""Low-pass: rectified EMG smoothed by a zero-phase Butterworth filter, the usual estimate of muscle activation."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.estimators.base import Estimator
from nwb_autolfads.estimators.heldout import BLOCK_MS, held_out_likelihood
from nwb_autolfads.estimators.observed import FLOOR, ObservedEmg, moving_average, observe, require_between

CUTOFFS_HZ = tuple(round(2 ** (power / 3), 1) for power in range(20))
"""What ``cutoff="auto"`` chooses from: 1 to 80 Hz in thirds of an octave."""
_LEAST_WEIGHT = 0.25  # of a hidden bin's visible neighbours in the filter; with less the quotient is mostly noise


class LowPass(Estimator):
    """Zero-phase Butterworth low-pass of rectified EMG, each gap-free segment by itself.

    The filter runs forward and backward, so its gain at the cutoff is 1/2 (-6 dB). Segments are continued evenly
    (mirrored) by one period of the cutoff at both ends. A Butterworth filter undershoots after a burst; as activation
    is the mean of something positive, the output is raised to `observed.FLOOR` where it falls below.

    Parameters
    ----------
    cutoff : float or "auto"
        Cutoff frequency (Hz). With "auto", `fit` takes the one of `CUTOFFS_HZ` that predicts hidden blocks of the
        rectified EMG best (`heldout.held_out_likelihood`), one for all muscles.
    order : int
        Order of the Butterworth filter, before it is doubled by running both ways.
    block_ms : float
        Length of a hidden block (ms), for "auto".
    seed : int
        Decides which blocks are hidden together, for "auto".

    Raises
    ------
    ConfigError
        When a parameter is out of its range.
    """

    name = "LowPass"

    def __init__(
        self, cutoff: float | Literal["auto"] = 20.0, *, order: int = 4, block_ms: float = BLOCK_MS, seed: int = 0
    ) -> None:
        if cutoff != "auto":
            require_between("cutoff", cutoff, 0.01, math.inf, unit="Hz, or 'auto'")
        require_between("order", order, 1, 12)
        self.cutoff, self.order, self.block_ms, self.seed = cutoff, int(order), block_ms, seed
        self.cutoff_: float | None = None if cutoff == "auto" else float(cutoff)

    @property
    def config(self) -> dict[str, Any]:
        """The settings, with the cutoff in force (None before `fit` when it is to be chosen)."""
        chosen = {"block_ms": self.block_ms} if self.cutoff == "auto" else {}
        return {"cutoff": self.cutoff, "cutoff_hz": self.cutoff_, "order": self.order, **chosen}

    def fit(self, emg: xr.DataArray) -> Self:
        """Choose the cutoff when it is "auto"; otherwise only check the EMG."""
        observed = observe(emg)
        if self.cutoff == "auto":
            self.cutoff_ = min(feasible_cutoffs(observed), key=lambda cutoff: self._held_out_nll(emg, cutoff))
        return self

    def estimate(self, emg: xr.DataArray) -> xr.Dataset:
        """Return ``activation``: the smoothed rectified EMG."""
        observed = observe(emg)
        return self._dataset(emg, {"activation": observed.spread(low_pass(observed, self._cutoff(), self.order))})

    def predict_hidden(self, emg: xr.DataArray, hidden: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Predict activation from the visible bins alone, by normalised filtering (see `low_pass`)."""
        observed = observe(emg)
        return observed.spread(low_pass(observed, self._cutoff(), self.order, visible=~hidden))

    def _cutoff(self) -> float:
        if self.cutoff_ is None:
            raise ConfigError("cutoff='auto' has not been chosen yet", way_out="Call fit(emg) first")
        return self.cutoff_

    def _held_out_nll(self, emg: xr.DataArray, cutoff: float) -> float:
        candidate = LowPass(cutoff, order=self.order)
        score = held_out_likelihood(candidate.predict_hidden, emg, block_ms=self.block_ms, seed=self.seed)
        return float(score["nll"].mean())


def feasible_cutoffs(observed: ObservedEmg) -> list[float]:
    """Return those of `CUTOFFS_HZ` that are below Nyquist and whose padding fits into every segment."""
    shortest = min(piece.stop - piece.start for piece in observed.pieces)
    fits = [c for c in CUTOFFS_HZ if c < 0.45 * observed.rate and _padding(observed.rate, c) < shortest]
    if not fits:
        raise SignalError(
            f"a segment of {shortest} bins at {observed.rate:g} Hz is too short for every "
            f"cutoff up to {CUTOFFS_HZ[-1]} Hz",
            way_out="Leave out segments that short",
        )
    return fits


def low_pass(
    observed: ObservedEmg, cutoff: float, order: int, *, visible: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Low-pass rectified EMG, from the visible bins alone where some are hidden.

    With hidden bins the filter F is normalised, ``F(x v) / F(v)`` with v = 1 where visible (Knutsson & Westin 1993),
    so that a hidden bin gets the filter's weighted mean of its visible neighbours. Where the visible weight F(v) is
    below a quarter, in the middle of a block that is long for the cutoff, the quotient is interpolated linearly.
    An undershoot would be a very confident prediction, so hidden bins are raised to the quietest moment of their
    segment: the least of the moving averages over one period of the cutoff.

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

    Raises
    ------
    ConfigError
        When the cutoff is not below the Nyquist frequency.
    SignalError
        When a segment is shorter than one period of the cutoff, the padding at its ends.
    """
    rate = observed.rate
    if not 0 < cutoff < rate / 2:
        raise ConfigError(
            f"cutoff={cutoff:g} Hz is not below the Nyquist frequency, {rate / 2:g} Hz at {rate:g} Hz",
            way_out="Lower the cutoff or analyse at a higher rate",
        )
    sections = butter(order, cutoff, fs=rate, output="sos")
    padding = _padding(rate, cutoff)
    shown = np.ones(len(observed.values)) if visible is None else visible.astype(np.float64)
    smooth = np.empty_like(observed.values)
    for piece in observed.pieces:
        if piece.stop - piece.start <= padding:
            raise SignalError(
                f"a segment of {piece.stop - piece.start} bins at {rate:g} Hz is not longer than the padding of the "
                f"low-pass at {cutoff:g} Hz, {padding} bins",
                way_out="Raise the cutoff or leave out segments that short",
            )
        x, v = observed.values[piece], shown[piece]
        weight = sosfiltfilt(sections, v, padtype="even", padlen=padding)
        filtered = sosfiltfilt(sections, x * v[:, None], axis=0, padtype="even", padlen=padding)
        smooth[piece] = _quotient(filtered, weight)
        if not v.all():
            quietest = moving_average(x, v, padding).min(axis=0, initial=np.inf)
            smooth[piece] = np.where(np.isfinite(quietest), np.maximum(smooth[piece], quietest), smooth[piece])
    unseen = np.isnan(smooth[:, 0])  # segments that are hidden as a whole
    if unseen.any():
        smooth[unseen] = np.average(observed.values, axis=0, weights=shown)
    return np.maximum(smooth, FLOOR)


def _padding(rate: float, cutoff: float) -> int:
    return math.ceil(rate / cutoff)


def _quotient(filtered: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    trusted = weight > _LEAST_WEIGHT
    if not trusted.any():
        return np.full_like(filtered, np.nan)
    quotient = filtered / np.where(trusted, weight, 1)[:, None]
    if not trusted.all():
        bins = np.arange(len(weight))
        for column in quotient.T:
            column[~trusted] = np.interp(bins[~trusted], bins[trusted], column[trusted])
    return quotient
