"""`run`: estimate activation from the EMG of a file, and write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from nwb_autolfads.commands.judging import judged
from nwb_autolfads.commands.prepare import Tell, nwb_file_for, rectified, trials_of
from nwb_autolfads.commands.python.result import Result
from nwb_autolfads.config import RunOptions, RunSettings, Source
from nwb_autolfads.errors import ConfigError, OutputError, SignalError
from nwb_autolfads.estimators import registry
from nwb_autolfads.estimators.base import Making, with_config
from nwb_autolfads.files.atomic import write_bytes
from nwb_autolfads.files.places import Output
from nwb_autolfads.results.asked import Asked
from nwb_autolfads.results.inside import FileState
from nwb_autolfads.results.outputs import Target, check_target
from nwb_autolfads.results.write import write_activations

if TYPE_CHECKING:
    from nwb_autolfads.estimators.base import Estimator
    from nwb_autolfads.search.progress import ProgressCallback


def run(
    source: Source,
    target: Target,
    options: RunOptions,
    settings: RunSettings,
    *,
    tell: Tell,
    progress: ProgressCallback | None = None,
) -> Result:
    """Estimate activation from the EMG of a file, and write it.

    Parameters
    ----------
    source : Source
        The EMG.
    target : Target
        Where the result goes; looked at before anything is computed.
    options : RunOptions
        How to estimate.
    settings : RunSettings
        How the EMG is preprocessed, and arguments of the estimators.
    tell : callable
        Takes what was assumed, done and written, line by line.
    progress : callable, optional
        Called while AutoLFADS trains.

    Returns
    -------
    Result

    Raises
    ------
    NwbAutolfadsError
        If the EMG cannot be read or used, or the result cannot be written. No file is left then.
    """
    if options.infer_missing:
        raise ConfigError("--infer-missing with one recording", way_out="Give several, and --together")
    entries = registry.chosen(options.estimator)
    estimators = make_estimators(entries, options, settings, progress)
    names = [target.name or entry.name for entry in entries]
    check_target(source, target, names, also=other_outputs(options, target), read=[settings.file])
    with nwb_file_for(source, target, settings, tell) as (open_recording, file, place):
        with open_recording() as recording:
            seen = FileState.of_local(file)
            emg = rectified(recording, settings, tell)
            trials = trials_of(emg, source, options, tell)
        estimates, models = {}, {}
        for name, entry, estimator in zip(names, entries, estimators, strict=True):
            tell(f"Fitting {entry.name}")
            taken = trials if entry.can.takes_trials else emg
            try:
                estimate = _fitted(estimator, entry, taken)
            except SignalError as error:
                if len(entries) == 1 or not entry.optional:
                    raise
                tell(f"Left out {entry.name}: {error.problem}")
                continue
            asked = asked_of(source, options, settings, entry)
            estimates[name] = estimate.assign_attrs(options=asked.to_json())
            if entry.can.saves_model:
                models[name] = with_recipe(estimator.to_bytes(), asked)
        not_kept = keep_model(options.save_model, target, models, tell)
        verdict = judged(estimates, emg, file, target)
        if subject := estimates.get(verdict.subject):
            estimates[verdict.subject] = with_config(subject, verdict=verdict.as_dict())
        write_activations(
            estimates, file, source_state=seen, weights=models if options.weights else {}, **place.as_arguments()
        )
    tell(f"Wrote {', '.join(estimates)} to {target.file}")
    for line in verdict.lines():
        tell(line)
    if not_kept is not None:
        raise not_kept
    return Result(target.file, estimates, emg, recording.assumptions, verdict)


def _fitted(estimator: Estimator, entry: registry.Entry, emg: xr.DataArray) -> xr.Dataset:
    """Fit and estimate; a model is not trained on some blocks, so that it can be judged there (see `unseen_bins`)."""
    if not entry.can.trains:
        return estimator.fit(emg).estimate(emg)
    from nwb_autolfads.evaluation.unseen import unseen_bins, with_blocks, without

    unseen = unseen_bins(emg)
    return with_blocks(estimator.fit(without(emg, unseen)).estimate(emg), emg, unseen)


def asked_of(source: Source, options: RunOptions, settings: RunSettings, entry: registry.Entry) -> Asked:
    """Return what is asked for of one estimator of a run, as it is kept with its estimate."""
    return Asked.of_run(source, _options_of(entry, options), settings, entry.key)


def _options_of(entry: registry.Entry, options: RunOptions) -> RunOptions:
    """Leave out what was meant for other estimators of the same run: by itself this one would refuse it."""
    default, others = RunOptions(), []
    others += [] if entry.can.takes_trials else ["trials", "until", "trial_from", "trial_to"]
    others += [] if entry.can.trains else ["preset", "minutes"]
    return replace(options, **{name: getattr(default, name) for name in others})


def with_recipe(model: bytes, asked: Asked) -> bytes:
    """Return the model with what it was asked for that trained it."""
    from nwb_autolfads.estimators.autolfads.weights import made_by  # torch takes its time

    return made_by(model, asked.to_json())


def keep_model(file: Path | None, target: Target, models: Mapping[str, bytes], tell: Tell) -> OutputError | None:
    """Write the model where that was asked for; return what went wrong, which must not cost the estimates too."""
    if file is None:
        return None
    try:
        for model in models.values():
            write_bytes(file, model, may_exist=target.overwrite)
    except OutputError as error:
        return error
    tell(f"Wrote the trained model to {file}")
    return None


def other_outputs(options: RunOptions, target: Target) -> list[Output]:
    """Return what a run writes besides estimates: the model, and the files of a run directory that is there."""
    outputs = [] if options.save_model is None else [Output(options.save_model, target.overwrite)]
    if options.resume is not None and options.resume.is_dir():
        from nwb_autolfads.estimators.autolfads.training import KEPT

        outputs += [Output(options.resume / name, overwrite=True) for name in KEPT]
    return outputs


def make_estimators(
    entries: Sequence[registry.Entry],
    options: RunOptions,
    settings: RunSettings,
    progress: ProgressCallback | None = None,
) -> list[Estimator]:
    """Make the estimators that a run asks for.

    Raises
    ------
    ConfigError
        If a setting does not exist or is out of its range, or no estimator can do what an option asks for.
    """
    _require_abilities(entries, options)
    making = Making(
        options.seed, options.preset, options.minutes, options.resume, progress, options.correct, options.placement
    )
    return [_made(entry, settings, making) for entry in entries]


def _made(entry: registry.Entry, settings: RunSettings, making: Making) -> Estimator:
    """Make one estimator; what is wrong with its settings names where they are from."""
    try:
        return entry.make(settings.estimators.get(entry.key, {}), making)
    except ConfigError as error:
        problem, file = error.problem.removeprefix(f"{entry.key}."), str(settings.file or "")
        raise ConfigError(problem, way_out=error.way_out, file=file, obj=entry.key) from error


def _require_abilities(entries: Sequence[registry.Entry], options: RunOptions) -> None:
    able = {
        "saves_model": any(entry.can.saves_model for entry in entries),
        "trains": any(entry.can.trains for entry in entries),
        "takes_trials": any(entry.can.takes_trials for entry in entries),
    }
    asked: dict[str, tuple[object, str, str]] = {
        "--save-model": (options.save_model, "saves_model", "no model that could be kept"),
        "--weights": (options.weights or None, "saves_model", "no model that could be kept"),
        "--resume": (options.resume, "trains", "no training"),
        "--minutes": (options.minutes, "trains", "no training"),
        **{f"--{name}": (value, "trains", "no training") for name, value in options.placement.items()},
        "--correct": (options.correct, "trains", "no prediction to correct"),
        "--trials": (options.trials, "takes_trials", "no use for trials"),
    }
    for option, (value, ability, lacks) in asked.items():
        if value is not None and not able[ability]:
            raise ConfigError(f"{options.estimator} has {lacks}", way_out=f"Leave out {option}")
