"""Low-pass and project: smoothed EMG of all muscles on the few dimensions that they share."""

from __future__ import annotations

import warnings
from functools import cache, lru_cache
from typing import Any, Literal, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.decomposition import NMF, PCA

from nwb_autolfads.errors import ConfigError, NwbAutolfadsWarning, SignalError
from nwb_autolfads.estimators.agreement import unexplained, wiener_estimate
from nwb_autolfads.estimators.base import Estimator
from nwb_autolfads.estimators.lowpass import choose_cutoff, feasible_cutoffs, low_pass
from nwb_autolfads.estimators.observed import FLOOR, ObservedEmg, observe
from nwb_autolfads.estimators.settings import LowPassSubspaceSettings, Method
from nwb_autolfads.validation import checked

LEAST_GAIN = 0.3
"""Share of what all dimensions leave unexplained by which fewer have to be better (docs/accuracy.md)."""
_TURNS = 2  # of choosing the number of dimensions, then the cutoff
_NMF_ITERATIONS = 300
_REPLACEMENTS = 10  # of what is not known by its own projection


class LowPassSubspace(Estimator):
    """Low-pass, then the projection on the principal components or synergies of the recording it is applied to.

    Parameters
    ----------
    cutoff : float or "auto"
        Cutoff frequency of the low-pass (Hz), see `lowpass.LowPass`.
    components : int or "auto"
        Number of dimensions kept, at most the number of usable muscles.
    method : {"pca", "nmf"}
        Principal components (around the mean), or non-negative synergies (Lee & Seung 1999).
    order : int
        Order of the Butterworth filter, which runs both ways.
    block_ms : optional
        Of version 0.1.0; not used any more.
    seed : int
        Starts the NMF.

    Raises
    ------
    ConfigError
        When a parameter is out of its range.

    Notes
    -----
    What is "auto" is chosen by `fit` by agreement with the Wiener smoother (`agreement.unexplained`): the cutoff first
    for all dimensions, as `lowpass.LowPass` does, then the number of dimensions and the cutoff in turns: fewer
    dimensions allow a higher one. All dimensions are kept where fewer are not clearly better (`LEAST_GAIN`).
    """

    name = "LowPassSubspace"

    def __init__(
        self,
        cutoff: float | Literal["auto"] = 20.0,
        components: int | Literal["auto"] = "auto",
        *,
        method: Method = "pca",
        order: int = 4,
        block_ms: float | None = None,
        seed: int = 0,
    ) -> None:
        given = {"cutoff": cutoff, "components": components, "method": method}
        if block_ms is not None:
            message = "`block_ms` of LowPassSubspace is not used any more: agreement with the Wiener smoother chooses"
            warnings.warn(message, NwbAutolfadsWarning, stacklevel=2)
        settings = checked(LowPassSubspaceSettings, {**given, "order": order, "seed": seed})
        self.cutoff, self.components, self.method = settings.cutoff, settings.components, settings.method
        self.order, self.seed = settings.order, settings.seed
        self.cutoff_: float | None = None if settings.cutoff == "auto" else settings.cutoff
        self.components_: int | None = None if settings.components == "auto" else settings.components

    @property
    def config(self) -> dict[str, Any]:
        """The settings, with the cutoff and the number of components in force (None before `fit` chose them)."""
        return {
            "cutoff": self.cutoff,
            "cutoff_hz": self.cutoff_,
            "components": self.components,
            "n_components": self.components_,
            "method": self.method,
            "order": self.order,
        }

    def fit(self, emg: xr.DataArray) -> Self:
        """Choose what is "auto"; otherwise only check the EMG.

        Raises
        ------
        SignalError
            If it is no rectified EMG, has fewer usable muscles than components or, for "auto", is too short for
            spectra or of too low a rate.
        """
        observed = observe(emg)
        self._check_components(observed.values.shape[1])
        if "auto" in (self.cutoff, self.components):
            self.cutoff_, self.components_ = self._choose(observed, wiener_estimate(emg, observed))
        return self

    def _choose(self, observed: ObservedEmg, reference: NDArray[np.float64]) -> tuple[float, int]:
        """Return the cutoff (Hz) and the number of dimensions that agree best with a reference, (time, muscle)."""
        every = observed.values.shape[1]

        @lru_cache(maxsize=1)
        def smoothed(cutoff: float) -> NDArray[np.float64]:
            return low_pass(observed, cutoff, self.order)

        @cache
        def left(cutoff: float, count: int) -> float:
            smooth = smoothed(cutoff)
            if count < every:
                smooth = self._project(smooth, smooth, observed.rate, cutoff, count)[0]
            return unexplained(smooth, reference)

        usual = choose_cutoff(observed, self.order, reference) if self.cutoff == "auto" else float(self.cutoff)
        cutoffs = feasible_cutoffs(observed) if self.cutoff == "auto" else [usual]
        counts = range(every, 0, -1) if self.components == "auto" else [self.components]
        cutoff, count = usual, counts[0]
        for _ in range(_TURNS):
            count = min(counts, key=lambda count: left(cutoff, count))
            cutoff = min(cutoffs, key=lambda cutoff: left(cutoff, count))
        if self.components == "auto" and left(cutoff, count) > (1 - LEAST_GAIN) * left(usual, every):
            return usual, every
        return cutoff, count

    def estimate(self, emg: xr.DataArray) -> xr.Dataset:
        """Return ``activation`` and ``factors`` (time, factor), the coordinates in the subspace."""
        observed = observe(emg)
        cutoff, count = self._settings(observed)
        smooth = low_pass(observed, cutoff, self.order)
        activation, factors = self._project(smooth, smooth, observed.rate, cutoff, count)
        return self._dataset(
            emg,
            {
                "activation": observed.spread(activation),
                "factors": (("time", "factor"), factors.astype(np.float32)),
            },
        )

    def predict_hidden(self, emg: xr.DataArray, hidden: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Predict activation from the visible bins alone; the subspace too comes from them alone."""
        observed = observe(emg)
        cutoff, count = self._settings(observed)
        smooth = low_pass(observed, cutoff, self.order, visible=~hidden)
        predicted = np.full_like(smooth, np.nan)
        predicted[hidden] = self._project(smooth[~hidden], smooth[hidden], observed.rate, cutoff, count)[0]
        return observed.spread(predicted)

    def _project(
        self, learn: NDArray[np.float64], apply: NDArray[np.float64], rate: float, cutoff: float, count: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return ``apply`` projected on the dimensions of ``learn``, and its coordinates there.

        A muscle that is not known in a bin is replaced by its own projection, so that the others decide alone.
        """
        learn = learn[~np.isnan(learn).any(axis=1)]
        if len(learn) < count:
            raise SignalError(
                "there is next to no time in which all muscles are known",
                way_out="Leave out the muscles of which most is missing, or take LowPass",
            )
        thinned = learn[:: max(1, int(rate / (4 * cutoff)))]  # twice the Nyquist rate of what the filter left
        if self.method == "pca":
            decomposition = PCA(count, svd_solver="full")
        else:
            decomposition = NMF(count, init="nndsvda", random_state=self.seed, max_iter=_NMF_ITERATIONS, tol=1e-3)
        decomposition.fit(thinned if len(thinned) >= count else learn)
        unknown = np.isnan(apply)
        apply = np.where(unknown, learn.mean(axis=0), apply)
        factors = decomposition.transform(apply)
        for _ in range(_REPLACEMENTS if unknown.any() else 0):
            apply = np.where(unknown, decomposition.inverse_transform(factors), apply)
            factors = decomposition.transform(apply)
        projected = np.maximum(decomposition.inverse_transform(factors), FLOOR)
        return np.where(unknown, np.nan, projected), np.where(unknown.all(axis=1, keepdims=True), np.nan, factors)

    def _settings(self, observed: ObservedEmg) -> tuple[float, int]:
        if self.cutoff_ is None or self.components_ is None:
            raise ConfigError("cutoff or components='auto' has not been chosen yet", way_out="Call fit(emg) first")
        self._check_components(observed.values.shape[1])
        return self.cutoff_, self.components_

    def _check_components(self, n_muscles: int) -> None:
        wanted = self.components if self.components_ is None else self.components_
        if wanted != "auto" and wanted > n_muscles:
            raise SignalError(
                f"components={wanted} of {n_muscles} usable muscles cannot be kept",
                way_out=f"Take components of at most {n_muscles}, or LowPass",
            )
