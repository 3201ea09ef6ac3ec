"""Which estimators a run uses, and how they are made from its settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nwb_autolfads.config import RunSettings, described
from nwb_autolfads.errors import ConfigError

if TYPE_CHECKING:
    from xarray import Dataset

    from nwb_autolfads.estimators.autolfads.config import Preset
    from nwb_autolfads.estimators.base import Estimator
    from nwb_autolfads.search.progress import ProgressCallback


@dataclass(frozen=True)
class Choice:
    """How to estimate.

    Attributes
    ----------
    estimator : str
        Which one, or ``all``.
    preset : str
        Where the configuration of AutoLFADS starts from.
    seed : int
        Seed of everything random.
    save_model : Path or None
        File to keep the trained model in.
    resume : Path or None
        Folder to keep the training in, and to go on from.
    weights : bool
        Whether the trained model is kept in the NWB file, beside its estimate.
    trials : str or None
        Events (see `nwb_autolfads.sources.nwb.events.read_events`) whose trials are the windows of AutoLFADS; the other
        estimators always run along the whole recording.
    until : str or None
        Events at which trials end; without, they all have one length.
    trial_from_ms, trial_to_ms : float
        Begin and end of a trial (ms after its event; with ``until``, the end is after that one).
    minutes : float or None
        Time for the training of AutoLFADS, in place of the length that the preset gives it.
    """

    estimator: Literal["autolfads", "lowpass", "bayes", "all"] = "autolfads"
    preset: Preset = "quick"
    seed: int = 0
    save_model: Path | None = None
    resume: Path | None = None
    weights: bool = False
    trials: str | None = None
    until: str | None = None
    trial_from_ms: float = -100.0
    trial_to_ms: float | None = None
    minutes: float | None = None


def make_estimators(choice: Choice, settings: RunSettings, progress: ProgressCallback | None = None) -> list[Estimator]:
    """Make the estimators that a run asks for; see `run`.

    Raises
    ------
    ConfigError
        If an argument in the settings does not exist or is out of its range.
    """
    options: dict[str, object] = {"--save-model": choice.save_model, "--resume": choice.resume}
    options |= {"--weights": choice.weights or None, "--trials": choice.trials, "--minutes": choice.minutes}
    for option, given in options.items():
        if given is not None and choice.estimator not in ("autolfads", "all"):
            raise ConfigError(f"{choice.estimator} has no training", way_out=f"Leave out {option}")
    makers: dict[str, Callable[[], Estimator]] = {
        "lowpass": lambda: _lowpass(settings, choice.seed),
        "bayes": lambda: _bayes(settings),
        "autolfads": lambda: _autolfads(settings, choice, progress),
    }
    return [make() for key, make in makers.items() if choice.estimator in (key, "all")]


def _lowpass(settings: RunSettings, seed: int) -> Estimator:
    from nwb_autolfads.estimators.lowpass import LowPass

    return LowPass(**{"seed": seed, **_known_arguments("lowpass", LowPass, settings.lowpass)})


def _bayes(settings: RunSettings) -> Estimator:
    from nwb_autolfads.estimators.bayes.estimator import BayesianFilter

    # The smoother sees both sides of a bin, as the other estimators do.
    arguments = _known_arguments("bayes", BayesianFilter, settings.bayes)
    return BayesianFilter(**{"smooth": True, **arguments})


def _autolfads(settings: RunSettings, choice: Choice, progress: ProgressCallback | None) -> Estimator:
    from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
    from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS
    from nwb_autolfads.search.progress import silent

    try:
        config = AutoLFADSConfig.preset(choice.preset).with_changes(settings.autolfads)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            described(error), way_out="docs/getting-started.md shows a settings file", obj="autolfads"
        ) from error
    return AutoLFADS(
        choice.preset,
        choice.seed,
        config=config,
        minutes=choice.minutes,
        progress=progress or silent,
        run_directory=choice.resume,
    )


def _known_arguments(part: str, maker: type, arguments: Mapping[str, Any]) -> dict[str, Any]:
    known = signature(maker).parameters
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise ConfigError(f"there is no setting {unknown[0]}", way_out=f"Known are {', '.join(known)}", obj=part)
    return dict(arguments)


def choice_of(estimate: Dataset) -> tuple[Choice, dict[str, Any]] | None:
    """Return the choice and the settings of the estimator with which `make_estimators` makes this estimate's again.

    Parameters
    ----------
    estimate : Dataset
        As an estimator returns it or a file holds it.

    Returns
    -------
    tuple of Choice and dict, or None
        The settings are only those that differ from what is taken without them. None for an estimator that `run` has
        not.
    """
    from nwb_autolfads.estimators.autolfads.config import PRESETS
    from nwb_autolfads.estimators.bayes.estimator import BayesianFilter
    from nwb_autolfads.estimators.lowpass import LowPass
    from nwb_autolfads.search.renamed import with_names_of_today

    config, seed = json.loads(estimate.attrs.get("config", "{}")), int(estimate.attrs.get("seed", 0))
    named = estimate.attrs.get("estimator")
    if named == "AutoLFADS":
        config = with_names_of_today(config)
        changes = {preset: _changes(base.model_dump(mode="json"), config) for preset, base in PRESETS.items()}
        nearest = min(changes, key=lambda preset: len(str(changes[preset])))
        return Choice("autolfads", nearest, seed), changes[nearest]
    makers: dict[Any, tuple[Literal["lowpass", "bayes"], type, dict[str, Any]]] = {
        "LowPass": ("lowpass", LowPass, {}),
        "BayesianFilter": ("bayes", BayesianFilter, {"smooth": True}),
    }
    if named not in makers:
        return None
    key, maker, ours = makers[named]
    defaults = {name: each.default for name, each in signature(maker).parameters.items()} | ours
    return Choice(key, seed=seed), _changes(defaults, config)


def _changes(base: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `with_changes` must lay over ``base`` to get ``config``, as far as ``base`` has it."""
    changes = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping):
            if inner := _changes(base[key], value):
                changes[key] = inner
        elif key in base and value != base[key]:
            changes[key] = value
    return changes
