"""The one interface of every estimator, rectified EMG -> activation, and the Dataset they all return."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError, shown
from nwb_autolfads.labels import labelled
from nwb_autolfads.search.progress import silent
from nwb_autolfads.validation import unknown

if TYPE_CHECKING:
    from nwb_autolfads.search.progress import ProgressCallback


@dataclass(frozen=True)
class Making:
    """What a run says to an estimator besides its settings.

    Attributes
    ----------
    seed : int
        Seed of everything random.
    preset : str
        Where the configuration starts from, for an estimator that trains; so are the following.
    minutes : float or None
        Time for training, in place of the length that the configuration gives it.
    run_directory : Path or None
        Folder to keep the training in, and to go on from.
    progress : callable or None
        Called while it trains.
    correct : bool or None
        Whether predictions are fused with each muscle's own data, by an estimator that predicts; unset, as its settings
        say.
    placement : mapping of str to Any
        Where it trains: ``device``, ``engine``, ``workers`` and ``address`` of `AutoLFADS`, as far as they were given.
    """

    seed: int = 0
    preset: str = "quick"
    minutes: float | None = None
    run_directory: Path | None = None
    progress: ProgressCallback | None = None
    correct: bool | None = None
    placement: Mapping[str, Any] = field(default_factory=dict)


class Estimator(ABC):
    """Estimates muscle activation from rectified, scaled EMG.

    Attributes
    ----------
    name : str
        What the estimate is called in the NWB file unless the user names it.
    seed : int
        Seed of everything random in `fit` and `estimate`.

    Notes
    -----
    What `fit` finds is kept in attributes whose names end with ``_``, None before; see `is_fitted`.
    """

    name: ClassVar[str]
    seed: int = 0
    _given: dict[str, Any]

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        """Keep the arguments as they were given, for `get_params`."""
        made = super().__new__(cls)
        bound = signature(cls).bind_partial(*arguments, **named)
        bound.apply_defaults()
        made._given = bound.arguments
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process can take over: what shows progress stays in this one."""
        given = {name: silent if name == "progress" else value for name, value in self._given.items()}
        kept = {name: silent if name == "_progress" else value for name, value in vars(self).items()}
        return {**kept, "_given": given}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments of the class as they were given, by name: what `sklearn.base.clone` asks for.

        ``deep`` is taken because scikit-learn gives it; no argument has parameters of its own.
        """
        return dict(self._given)

    def set_params(self, **params: Any) -> Self:
        """Change arguments of the class, by name, and forget what was fitted; return itself.

        Raises
        ------
        ConfigError
            If there is no such argument, or it is out of its range. Nothing is changed then.
        """
        _require_arguments(type(self), params)
        made = type(self)(**(self._given | params))
        vars(self).clear()
        vars(self).update(vars(made))
        return self

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], making: Making) -> Self:
        """Make the estimator from its part of a settings file: the keyword arguments of its class.

        Raises
        ------
        ConfigError
            If there is no such argument, or it is out of its range.
        """
        _require_arguments(cls, settings)
        return cls(**{**({"seed": making.seed} if "seed" in signature(cls).parameters else {}), **settings})

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

    @property
    def is_fitted(self) -> bool:
        """Whether it can estimate: `fit` was called, or there is nothing to fit."""
        return all(value is not None for name, value in vars(self).items() if name.endswith("_"))

    def __repr__(self) -> str:
        defaults = {name: shown(each.default) for name, each in signature(type(self)).parameters.items()}
        given = {name: shown(value) for name, value in self._given.items()}
        changed = [f"{name}={value}" for name, value in given.items() if value != defaults[name]]
        return f"<{type(self).__name__}({', '.join(changed)}): {'fitted' if self.is_fitted else 'not fitted'}>"

    @property
    def predicts_masked(self) -> bool:
        """Whether what is hidden in all muscles at once is a fair question: a model may have learnt another."""
        return True

    def predict_hidden(self, emg: xr.DataArray, hidden: NDArray[np.bool_]) -> NDArray[np.floating]:
        """Predict activation ``(time, muscle)`` where ``hidden (time,)`` is true, without using ``emg`` there.

        Raises
        ------
        ConfigError
            If this estimator cannot.
        """
        raise ConfigError(f"{self.name} does not predict hidden bins", way_out="Leave it out of scores on held-out EMG")

    def to_bytes(self) -> bytes:
        """Return the trained model; see `from_bytes`.

        Raises
        ------
        ConfigError
            If this estimator has none.
        """
        raise ConfigError(f"{self.name} has no model that could be kept", way_out="Run it again on each recording")

    @classmethod
    def from_bytes(cls, data: bytes, file: str = "") -> Self:
        """Return the estimator whose model `to_bytes` gave; ``file`` is named in errors.

        Raises
        ------
        ConfigError
            If this estimator has none.
        """
        raise ConfigError(f"{cls.name} has no model that could be kept", way_out="Run it again on each recording")

    def _dataset(
        self, emg: xr.DataArray, variables: Mapping[str, Any], chosen: Mapping[str, Any] | None = None
    ) -> xr.Dataset:
        """Return `estimate_dataset`, its configuration with what was ``chosen`` for this EMG."""
        config = self.config | dict(chosen or {})
        return estimate_dataset(emg, variables, estimator=self.name, config=config, seed=self.seed)


class TakesSessions(Protocol):
    """What an estimator can that takes several sessions; see `nwb_autolfads.AutoLFADS`."""

    @property
    def config(self) -> dict[str, Any]:
        """As of every estimator."""

    def fit(self, emg: xr.DataArray | Mapping[str, xr.DataArray]) -> Any:
        """Train one model on sessions by their names."""

    def adapt(self, emg: xr.DataArray, session: str) -> Any:
        """Let the model learn one more session."""

    def estimate(
        self,
        emg: xr.DataArray,
        *,
        session: str | None = None,
        correct: bool | None = None,
        infer_missing: bool = False,
    ) -> xr.Dataset:
        """Estimate one of the sessions."""

    def to_bytes(self) -> bytes:
        """Return the trained model."""


def _require_arguments(kind: type[Estimator], named: Iterable[str]) -> None:
    known = signature(kind).parameters
    for key in named:
        if key not in known:
            problem, way_out = unknown(str(key), known)
            raise ConfigError(problem, way_out=way_out, obj=kind.name)


def with_config(estimate: xr.Dataset, **more: Any) -> xr.Dataset:
    """Return the estimate with more in its configuration, JSON-serialisable."""
    config = json.loads(estimate.attrs["config"]) | more
    return estimate.assign_attrs(config=json.dumps(config, sort_keys=True))


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
    return labelled(xr.Dataset(pairs, coords=emg.coords, attrs=attrs))
