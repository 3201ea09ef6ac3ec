"""All estimators that the program has: one entry each, which command line, settings, report and docs read.

Nothing heavy is imported here: an entry names its class, which is imported when one is made.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.palette import BLUE, GREEN, PURPLE, SKY, VERMILION

if TYPE_CHECKING:
    from pydantic import BaseModel
    from xarray import Dataset

    from nwb_autolfads.estimators.base import Estimator, Making

ALL = "all"
"""On the command line: every estimator whose entry is part of the comparison."""


@dataclass(frozen=True)
class Abilities:
    """What an estimator can do.

    Attributes
    ----------
    trains : bool
        `fit` trains a model, which takes time, can be resumed, and has presets.
    predicts_hidden : bool
        It has `predict_hidden`, and so takes part in scores on held-out EMG.
    takes_trials : bool
        Trials can be its windows; a filter needs what is between them.
    takes_sessions : bool
        One model of several recordings.
    saves_model : bool
        It has `to_bytes` and `from_bytes`, and so can be applied to another recording.
    """

    trains: bool = False
    predicts_hidden: bool = False
    takes_trials: bool = False
    takes_sessions: bool = False
    saves_model: bool = False


@dataclass(frozen=True)
class Entry:
    """One estimator.

    Attributes
    ----------
    key : str
        On the command line, and its part in a settings file.
    name : str
        Its estimates in a file, and `Estimator.name`.
    where : str
        Its class, as ``module:class``.
    summary : str
        What it is, in a few words: docs and ``--help``.
    principle : str
        What it assumes, after its name: the report.
    settings : str
        The model of its part in a settings file, as ``module:class``; without, its class checks what it is given.
    colour : str
        Of its estimates, from `nwb_autolfads.palette`; without, one that is left (`report.colours`).
    chooses : str
        What `fit` finds in the recording: docs.
    can : Abilities
    compared : bool
        Whether ``--estimator all`` makes it.
    optional : bool
        Whether it asks for more of a recording than the others: ``all`` leaves it out, and says so, where it refuses.
    """

    key: str
    name: str
    where: str
    summary: str
    principle: str = ""
    settings: str = ""
    colour: str = ""
    chooses: str = "nothing"
    can: Abilities = field(default_factory=Abilities)
    compared: bool = False
    optional: bool = False

    def load(self) -> type[Estimator]:
        """Import the class."""
        return _import(self.where)

    def settings_model(self) -> type[BaseModel] | None:
        """Import the model of its settings, where it has one."""
        return _import(self.settings) if self.settings else None

    def make(self, settings: Mapping[str, Any], making: Making) -> Estimator:
        """Make the estimator from its part of the settings; see `Estimator.from_settings`."""
        return self.load().from_settings(settings, making)


def _import(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


_ENTRIES: dict[str, Entry] = {}


def register(entry: Entry) -> None:
    """Add an estimator.

    Raises
    ------
    ConfigError
        If its key or its name is taken.
    """
    for other in _ENTRIES.values():
        if entry.key in (other.key, ALL) or entry.name == other.name:
            raise ConfigError(
                f"the key {entry.key!r} or the name {entry.name!r} is taken",
                obj="estimator",
                way_out="Give it others",
            )
    _ENTRIES[entry.key] = entry


def entries() -> tuple[Entry, ...]:
    """Return every estimator, in the order in which a run makes them."""
    return tuple(_ENTRIES.values())


def choices() -> tuple[str, ...]:
    """Return what ``--estimator`` takes."""
    return (*_ENTRIES, ALL)


def entry_of(name: str) -> Entry | None:
    """Return the entry of the estimator that an estimate names; None for one that is not registered."""
    return next((entry for entry in entries() if entry.name == name), None)


def is_trained(estimate: Dataset) -> bool:
    """Return whether an estimate is of an estimator that trains a model."""
    entry = entry_of(str(estimate.attrs.get("estimator", "")))
    return entry is not None and entry.can.trains


def chosen(key: str) -> tuple[Entry, ...]:
    """Return the entries that ``--estimator`` means.

    Raises
    ------
    ConfigError
        If there is none of that key.
    """
    if key == ALL:
        return tuple(entry for entry in entries() if entry.compared)
    if key not in _ENTRIES:
        raise ConfigError(
            f"there is no estimator {key!r}", obj="estimator", way_out=f"Use one of {', '.join(choices())}"
        )
    return (_ENTRIES[key],)


register(
    Entry(
        "lowpass",
        "LowPass",
        "nwb_autolfads.estimators.lowpass:LowPass",
        "a zero-phase Butterworth filter at 20 Hz, the usual estimate",
        "smooths each muscle's rectified EMG with a filter of fixed cutoff",
        "nwb_autolfads.estimators.settings:LowPassSettings",
        BLUE,
        "with `cutoff: auto` the cutoff that agrees best with the Wiener smoother",
        Abilities(predicts_hidden=True),
        compared=True,
    )
)
register(
    Entry(
        "subspace",
        "LowPassSubspace",
        "nwb_autolfads.estimators.subspace:LowPassSubspace",
        "the same, then projected on principal components or synergies of all muscles",
        "smooths, and keeps only what the muscles have in common",
        "nwb_autolfads.estimators.settings:LowPassSubspaceSettings",
        PURPLE,
        "the number of components, and with `cutoff: auto` the cutoff, by agreement with the Wiener smoother",
        Abilities(predicts_hidden=True),
    )
)
register(
    Entry(
        "wiener",
        "WienerSmoother",
        "nwb_autolfads.estimators.wiener:WienerSmoother",
        "the linear smoother of least error, all muscles together",
        "weighs the rectified EMG of all muscles before and after each bin by how much of it is signal",
        "nwb_autolfads.estimators.settings:WienerSmootherSettings",
        SKY,
        "the spectra of signal and noise, and what muscles tell of each other",
        Abilities(predicts_hidden=True),
        compared=True,
        optional=True,
    )
)
register(
    Entry(
        "bayes",
        "BayesianFilter",
        "nwb_autolfads.estimators.bayes.estimator:BayesianFilter",
        "a Bayesian smoother of each muscle by itself (with `smooth: false` the causal filter)",
        "assumes that activation drifts, and now and then jumps; weighs each sample of EMG by that",
        "nwb_autolfads.estimators.bayes.settings:BayesianFilterSettings",
        GREEN,
        "diffusion and jump rate of each muscle, by predictive likelihood",
        Abilities(predicts_hidden=True),
        compared=True,
    )
)
register(
    Entry(
        "statespace",
        "StateSpaceSmoother",
        "nwb_autolfads.estimators.state_space.estimator:StateSpaceSmoother",
        "a smoother of the logarithm of each muscle's activation, which knows that noise lasts",
        "assumes that activation moves in proportion to itself; weighs the EMG by how strong its noise is",
        chooses="how strong the noise of each muscle is, and how far and how fast activation moves, by evidence",
        can=Abilities(predicts_hidden=True),
    )
)
register(
    Entry(
        "amortized",
        "AmortizedSmoother",
        "nwb_autolfads.estimators.amortized.estimator:AmortizedSmoother",
        "a smoother of all muscles together that was learnt from simulated sessions: nothing is trained",
        "corrects two smoothers where sessions of known truth showed them to err",
        chooses="what the Wiener and the state-space smoother choose",
    )
)
register(
    Entry(
        "autolfads",
        "AutoLFADS",
        "nwb_autolfads.estimators.autolfads.estimator:AutoLFADS",
        "a recurrent model of all muscles together",
        "a neural network that learns how muscles go on together, and keeps what such dynamics can make",
        "nwb_autolfads.estimators.autolfads.config:AutoLFADSConfig",
        VERMILION,
        "weights and hyperparameters",
        Abilities(trains=True, predicts_hidden=True, takes_trials=True, takes_sessions=True, saves_model=True),
        compared=True,
    )
)
