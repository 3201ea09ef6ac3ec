"""StateSpaceSmoother: each muscle by itself, its log amplitude a process that comes back to its level."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.estimators.base import Estimator
from nwb_autolfads.estimators.noise_density import noise_density
from nwb_autolfads.estimators.observed import ObservedEmg, observe
from nwb_autolfads.estimators.state_space.smoothing import UNRESOLVED, Process, choose, smooth


class StateSpaceSmoother(Estimator):
    """Smoother of log amplitude with gamma observations, muscle by muscle, that sets itself.

    ``activation`` is the posterior mean of the rectified EMG's mean, ``activation_std`` its posterior standard
    deviation. `fit` measures the density of each muscle's noise (`noise_density`) and chooses variance and rate of its
    process by their evidence; it never sees a truth. Equations: `nwb_autolfads.estimators.state_space.smoothing`.

    References
    ----------
    Fahrmeir & Kaufmann 1991, Metrika 38:37; Rue, Martino & Chopin 2009, J R Stat Soc B 71:319.
    """

    name: ClassVar[str] = "StateSpaceSmoother"

    def __init__(self) -> None:
        self.fitted_: dict[str, Process] | None = None

    @property
    def config(self) -> dict[str, Any]:
        """What was chosen for each muscle, after `fit`."""
        return {} if self.fitted_ is None else {"fitted": {m: process.numbers() for m, process in self.fitted_.items()}}

    def fit(self, emg: xr.DataArray) -> Self:
        """Choose the process of each muscle of rectified EMG (time, muscle); `SignalError` where it is not that."""
        observed = observe(emg)
        concentrations = 1 / noise_density(observed.filled, observed.seen, observed.segments, observed.rate)
        level = np.ones(len(observed.values))
        self.fitted_ = {
            name: choose(x, level, observed.segments, float(k))
            for name, x, k in zip(observed.muscles, observed.values.T, concentrations, strict=True)
        }
        return self

    def estimate(self, emg: xr.DataArray) -> xr.Dataset:
        """Return ``activation`` and ``activation_std`` of rectified EMG (time, muscle), in its unit.

        Where EMG is missing they say what the bins around it do, and further away the muscle's level.

        Raises
        ------
        ConfigError
            Before `fit`.
        SignalError
            If it is not rectified EMG, or has a usable muscle that `fit` did not.
        """
        observed = observe(emg)
        mean, std = self._smooth(observed, observed.values)
        return self._dataset(emg, {"activation": observed.spread(mean), "activation_std": observed.spread(std)})

    def predict_hidden(self, emg: xr.DataArray, hidden: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Predict activation (time, muscle) from the visible bins alone; see `estimate` for what is raised."""
        observed = observe(emg)
        return observed.spread(self._smooth(observed, np.where(hidden[:, None], np.nan, observed.values))[0])

    def _smooth(
        self, observed: ObservedEmg, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.fitted_ is None:
            raise ConfigError("nothing has been chosen yet", obj=self.name, way_out="Call fit(emg) first")
        observed.require_fitted(self.name, self.fitted_)
        level = np.ones(len(values))
        each = [
            smooth(x, level, observed.segments, self.fitted_[name], unresolved=UNRESOLVED)
            for name, x in zip(observed.muscles, values.T, strict=True)
        ]
        mean, std = np.stack(each, axis=2)
        return mean, std
