"""Any estimator as a step of a scikit-learn pipeline: rectified EMG in, activation as an array out."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.estimators.base import Estimator
from nwb_autolfads.estimators.observed import check_rectified, usable_muscles

_GAP = 1.5  # bins from one to the next, and there is a gap


class ActivationTransformer(TransformerMixin, BaseEstimator):
    """A transformer that estimates muscle activation: `fit` fits an estimator, `transform` returns its estimate.

    Where the times of the EMG jump, as they do in the training part of a fold of cross-validation, it is cut: no
    estimator works across a gap that a fold has made.

    Parameters
    ----------
    estimator : Estimator
        Any of `nwb_autolfads`; it stays as it is, a clone of it is fitted. Its settings are parameters of the pipeline,
        such as ``estimator__cutoff``.
    variable : str
        What of the estimate is returned: "activation", or another variable along ``time``, such as the "factors" of
        AutoLFADS.
    rate : float, optional
        Sampling rate (Hz) of EMG that is given as a plain array; a DataArray says its own.

    Attributes
    ----------
    estimator_ : Estimator
        The fitted one.
    muscles_ : array of str
        Muscles that were usable when it was fitted, in the order of the columns of "activation".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> import nwb_autolfads as nal
    >>> from nwb_autolfads.interfaces.scikit_learn import ActivationTransformer
    >>> rectified = np.random.default_rng(0).gamma(1.0, size=(5000, 4))
    >>> force = rectified.sum(axis=1)
    >>> pipeline = make_pipeline(ActivationTransformer(nal.LowPass(cutoff=10.0), rate=500.0), Ridge())
    >>> pipeline.fit(rectified, force).predict(rectified).shape
    (5000,)
    """

    def __init__(self, estimator: Estimator, *, variable: str = "activation", rate: float | None = None) -> None:
        self.estimator = estimator
        self.variable = variable
        self.rate = rate

    def fit(self, X: xr.DataArray | NDArray[np.floating], y: Any = None) -> Self:
        """Fit a clone of the estimator.

        Parameters
        ----------
        X : DataArray or array, (time, muscle)
            Rectified EMG, as `nwb_autolfads.preprocess` returns it.
        y : ignored

        Returns
        -------
        ActivationTransformer
            Itself.

        Raises
        ------
        ConfigError
            If the rate of a plain array was not given.
        SignalError
            If it is not rectified EMG.
        """
        emg = self._emg(X)
        self.estimator_ = clone(self.estimator).fit(emg)
        self.muscles_ = np.array([str(muscle) for muscle in emg["muscle"].values[usable_muscles(emg)]], dtype=object)
        self.n_features_in_ = emg.sizes["muscle"]
        return self

    def transform(self, X: xr.DataArray | NDArray[np.floating]) -> NDArray[np.floating]:
        """Estimate.

        Parameters
        ----------
        X : DataArray or array, (time, muscle)
            Rectified EMG of the muscles that it was fitted on.

        Returns
        -------
        array, (time, column)
            Of "activation" and what else there is by muscle, a column for each of `muscles_`. NaN where nothing was
            estimated.

        Raises
        ------
        SignalError
            If a muscle is missing, or it is not rectified EMG.
        ConfigError
            If the estimate has no such variable.
        """
        check_is_fitted(self)
        emg = self._emg(X)
        if absent := [muscle for muscle in self.muscles_ if muscle not in emg["muscle"].values]:
            raise SignalError(
                f"the EMG lacks {', '.join(absent)}, on which {self.estimator_.name} was fitted",
                way_out="Give EMG of the same muscles",
            )
        estimate = self.estimator_.estimate(emg)
        found = estimate.get(self.variable)
        if found is None or not found.dims or found.dims[0] != "time":
            along = ", ".join(str(key) for key, each in estimate.data_vars.items() if each.dims[:1] == ("time",))
            raise ConfigError(
                f"the estimate of {self.estimator_.name} has no variable {self.variable!r} along time",
                way_out=f"It has {along}",
                obj="variable",
            )
        return np.asarray((found.sel(muscle=list(self.muscles_)) if "muscle" in found.dims else found).values)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns of activation: the muscles that it was fitted on."""
        check_is_fitted(self)
        return self.muscles_

    def _emg(self, given: xr.DataArray | NDArray[np.floating]) -> xr.DataArray:
        """Return the EMG as estimators take it, cut wherever its times jump."""
        emg = given if isinstance(given, xr.DataArray) else self._labelled(np.asarray(given))
        check_rectified(emg)
        jumps = np.diff(emg["time"].values) > _GAP / float(emg.attrs["rate"])
        cut = jumps | (np.diff(emg["segment"].values) != 0)
        numbers = np.concatenate([[0], np.cumsum(cut)]) if emg.sizes["time"] else np.empty(0, int)
        return emg.assign_coords(segment=("time", numbers))

    def _labelled(self, values: NDArray[np.floating]) -> xr.DataArray:
        if self.rate is None:
            raise ConfigError(
                "the EMG is a plain array, and nothing says its sampling rate",
                way_out="Give rate, or a DataArray as nwb_autolfads.preprocess returns it",
                obj="ActivationTransformer",
            )
        if values.ndim != 2:
            raise SignalError(
                f"the EMG has shape {values.shape}", way_out="Give an array (time, muscle)", obj="ActivationTransformer"
            )
        coords = {
            "time": np.arange(len(values)) / self.rate,
            "muscle": [f"muscle {column}" for column in range(values.shape[1])],
            "segment": ("time", np.zeros(len(values), int)),
        }
        return xr.DataArray(values, dims=("time", "muscle"), coords=coords, name="emg", attrs={"rate": self.rate})
