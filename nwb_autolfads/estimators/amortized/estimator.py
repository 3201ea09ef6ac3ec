"""AmortizedSmoother: two smoothers, corrected by what was learnt from simulated worlds."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

import numpy as np
import xarray as xr

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.estimators.amortized.smoothing import smooth_by_learnt
from nwb_autolfads.estimators.base import Estimator
from nwb_autolfads.estimators.observed import observe
from nwb_autolfads.estimators.state_space.estimator import StateSpaceSmoother
from nwb_autolfads.estimators.wiener import WienerSmoother


class AmortizedSmoother(Estimator):
    """Smoother that was learnt from simulated worlds, all muscles together: nothing is trained on the recording.

    `fit` fits the Wiener and the state-space smoother; a network, the same for every recording, corrects the mean of
    the logarithms of their estimates (`nwb_autolfads.estimators.amortized.smoothing`). ``activation_std`` is in
    proportion to the activation as that of the state-space smoother is to its own.

    Attributes
    ----------
    wiener_ : WienerSmoother or None
    state_space_ : StateSpaceSmoother or None

    References
    ----------
    Cranmer, Brehmer & Louppe 2020, PNAS 117:30055 (amortized inference).
    """

    name: ClassVar[str] = "AmortizedSmoother"

    def __init__(self) -> None:
        self.wiener_: WienerSmoother | None = None
        self.state_space_: StateSpaceSmoother | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The configurations of both smoothers, after `fit`."""
        return {smoother.name: smoother.config for smoother in (self.wiener_, self.state_space_) if smoother}

    def fit(self, emg: xr.DataArray) -> Self:
        """Fit both smoothers to rectified EMG (time, muscle).

        Raises
        ------
        SignalError
            If it is not that, or recording or segments are too short for spectra, or the rate is too low.
        """
        wiener, state_space = WienerSmoother().fit(emg), StateSpaceSmoother().fit(emg)
        self.wiener_, self.state_space_ = wiener, state_space
        return self

    def estimate(self, emg: xr.DataArray) -> xr.Dataset:
        """Return ``activation`` and ``activation_std`` of rectified EMG (time, muscle), in its unit.

        NaN where the Wiener smoother says nothing.

        Raises
        ------
        ConfigError
            Before `fit`.
        SignalError
            If it is not rectified EMG of the muscles and the rate of `fit`.
        """
        if self.wiener_ is None or self.state_space_ is None:
            raise ConfigError("nothing has been fitted yet", obj=self.name, way_out="Call fit(emg) first")
        observed = observe(emg)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what `observe` had to say it has said
            by_wiener, by_process = (smoother.estimate(emg) for smoother in (self.wiener_, self.state_space_))
        linear, process, std = (
            np.asarray(each.values[:, observed.usable], np.float64)
            for each in (by_wiener["activation"], by_process["activation"], by_process["activation_std"])
        )
        smooth = smooth_by_learnt(observed.values, linear, process, observed.segments)
        return self._dataset(
            emg,
            {"activation": observed.spread(smooth), "activation_std": observed.spread(smooth * std / process)},
        )
