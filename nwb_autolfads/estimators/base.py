"""The one interface of every estimator, rectified EMG -> activation, and the Dataset they all return."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, ClassVar, Self

import numpy as np
import xarray as xr


class Estimator(ABC):
    """Estimates muscle activation from rectified, scaled EMG.

    Attributes
    ----------
    name : str
        What the estimate is called in the NWB file unless the user names it.
    seed : int
        Seed of everything random in `fit` and `estimate`.
    """

    name: ClassVar[str]
    takes_trials: ClassVar[bool] = False  # whether trials can be its windows; a filter needs what is between them
    seed: int = 0

    @property
    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Every number that decides the estimate, JSON-serialisable; after `fit` with what was fitted."""

    @abstractmethod
    def fit(self, emg: xr.DataArray) -> Self:
        """Choose the estimator's settings, or train it, on rectified EMG ``(time, muscle)``; return itself."""

    @abstractmethod
    def estimate(self, emg: xr.DataArray) -> xr.Dataset:
        """Estimate activation for rectified EMG ``(time, muscle)``; see `estimate_dataset` for what comes back."""

    def _dataset(self, emg: xr.DataArray, variables: Mapping[str, Any]) -> xr.Dataset:
        return estimate_dataset(emg, variables, estimator=self.name, config=self.config, seed=self.seed)


def estimate_dataset(
    emg: xr.DataArray, variables: Mapping[str, Any], *, estimator: str, config: Mapping[str, Any], seed: int
) -> xr.Dataset:
    """Put an estimate into the Dataset that the rest of the package reads.

    Parameters
    ----------
    emg : DataArray, (time, muscle)
        What the estimate was made from; its coordinates and origin are kept.
    variables : mapping
        ``activation`` and what else the estimator has. A plain array is taken as ``(time, muscle)``; anything else
        is given as an xarray ``(dims, values)`` pair.
    estimator : str
        Name of the estimator.
    config : mapping
        Its configuration, JSON-serialisable.
    seed : int
        The seed it ran with.

    Returns
    -------
    Dataset
        With the coordinates of ``emg`` and attrs ``estimator``, ``config``, ``version``, ``seed``, ``origin``,
        ``preprocessing``, ``rate``, ``unit``.
    """
    pairs = {
        key: (("time", "muscle"), np.asarray(value, dtype=np.float32)) if not isinstance(value, tuple) else value
        for key, value in variables.items()
    }
    attrs = {
        "estimator": estimator,
        "config": json.dumps(config, sort_keys=True),
        "version": version("nwb-autolfads"),
        "seed": int(seed),
        **{key: emg.attrs[key] for key in ("origin", "preprocessing", "rate", "unit") if key in emg.attrs},
    }
    return xr.Dataset(pairs, coords=emg.coords, attrs=attrs)
