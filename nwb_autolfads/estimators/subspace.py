"""Low-pass and project: smoothed EMG of all muscles on the few dimensions that they share."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.decomposition import NMF, PCA

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.estimators.base import Estimator
from nwb_autolfads.estimators.heldout import held_out_likelihood
from nwb_autolfads.estimators.lowpass import choose_cutoff, low_pass
from nwb_autolfads.estimators.noise_length import hidden_block_ms
from nwb_autolfads.estimators.observed import FLOOR, ObservedEmg, observe
from nwb_autolfads.estimators.settings import LowPassSubspaceSettings, Method
from nwb_autolfads.validation import checked

SHORTEST_BLOCK_MS = 10.0
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
    block_ms : float, optional
        Length of a hidden block (ms), for "auto"; three times that of the noise when not given.
    seed : int
        Decides which blocks are hidden together, and starts the NMF.

    Raises
    ------
    ConfigError
        When a parameter is out of its range.

    Notes
    -----
    What is "auto" is chosen by `fit` by the held-out likelihood (`heldout.held_out_likelihood`), the cutoff first for
    all dimensions, then the number of dimensions, then the cutoff once more: fewer dimensions allow a higher one.
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
        settings = checked(LowPassSubspaceSettings, {**given, "order": order, "block_ms": block_ms, "seed": seed})
        self.cutoff, self.components, self.method = settings.cutoff, settings.components, settings.method
        self.order, self.block_ms, self.seed = settings.order, settings.block_ms, settings.seed
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
            "block_ms": self.block_ms,
        }

    def fit(self, emg: xr.DataArray) -> Self:
        """Choose what is "auto"; otherwise only check the EMG."""
        observed = observe(emg)
        n_muscles = observed.values.shape[1]
        self._check_components(n_muscles)
        cutoff = choose_cutoff(observed, self.order) if self.cutoff == "auto" else float(self.cutoff)
        if self.components != "auto":
            count = self.components
        else:
            block_ms = self.block_ms or hidden_block_ms(
                observed.values, observed.segments, observed.rate, shortest=SHORTEST_BLOCK_MS
            )
            count = min(range(n_muscles, 0, -1), key=lambda kept: self._held_out_nll(emg, block_ms, cutoff, kept))
        self.cutoff_, self.components_ = cutoff, count
        return self

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

    def _held_out_nll(self, emg: xr.DataArray, block_ms: float, cutoff: float, count: int) -> float:
        candidate = LowPassSubspace(cutoff, count, method=self.method, order=self.order, seed=self.seed)
        score = held_out_likelihood(candidate.predict_hidden, emg, block_ms=block_ms, seed=self.seed)
        return float(score["nll"].mean())
