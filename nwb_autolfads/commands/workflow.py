"""The main job, composed of the rooms: open the EMG, preprocess it, estimate activation, write it, report on it."""

from __future__ import annotations

import io
import json
import shlex
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import xarray as xr

from nwb_autolfads.commands.choice import Choice, choice_of, make_estimators
from nwb_autolfads.config import RunSettings, Source
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.emg.quality import assess_quality, middle_excerpt
from nwb_autolfads.emg.trials import cut_trials
from nwb_autolfads.errors import ConfigError, NwbAutolfadsError, SourceError
from nwb_autolfads.results.inside import FileState
from nwb_autolfads.results.outputs import (
    Target,
    Tell,
    check_new_file,
    check_output,
    nwb_file_for,
    write_bytes,
    write_text,
)
from nwb_autolfads.results.read import list_estimates, read_activation, read_weights
from nwb_autolfads.results.write import write_activation
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.nwb.events import read_events
from nwb_autolfads.sources.recording import EmgRecording

JUDGED_S = 60.0
"""Of EMG, from its start, are enough to tell estimators apart by what they predict of hidden blocks."""

SHOWN_S = 5.0
"""Of the EMG as it was recorded, on the page."""

if TYPE_CHECKING:
    from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS
    from nwb_autolfads.estimators.base import Estimator
    from nwb_autolfads.search.progress import ProgressCallback


@dataclass(frozen=True)
class Result:
    """What a run leaves.

    Attributes
    ----------
    file : Path
        The file written.
    estimates : dict of str to Dataset
        By their names in the file.
    emg : DataArray, (time, muscle)
        The rectified EMG they were made from.
    assumptions : tuple of str
        What was taken for granted while reading.
    """

    file: Path
    estimates: dict[str, xr.Dataset]
    emg: xr.DataArray
    assumptions: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Return what a program wants to know, JSON-serialisable."""
        usable = self.emg["usable"].values
        return {
            "file": str(self.file),
            "estimates": list(self.estimates),
            "muscles": self.emg["muscle"].values[usable].tolist(),
            "unusable": self.emg["muscle"].values[~usable].tolist(),
            "rate": self.emg.attrs["rate"],
            "assumptions": list(self.assumptions),
            "preprocessing": json.loads(self.emg.attrs["preprocessing"]),
        }


def run(
    source: Source,
    target: Target,
    choice: Choice,
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
    choice : Choice
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
    with nwb_file_for(source, target, settings, tell) as (open_recording, file, place):
        with open_recording() as recording:
            seen = FileState.of(file)
            estimators = make_estimators(choice, settings, progress)
            names = [target.name or estimator.name for estimator in estimators]
            check_output(file, place, names)
            if choice.save_model is not None:
                check_new_file(choice.save_model, 0, may_exist=target.overwrite)
            emg = _prepare(recording, settings, tell)
            trials = _cut(emg, source, choice, tell)
        estimates = {}
        for name, estimator in zip(names, estimators, strict=True):
            tell(f"Fitting {estimator.name}")
            taken = trials if estimator.takes_trials else emg
            estimates[name] = estimator.fit(taken).estimate(taken)
        models = _trained_models(dict(zip(names, estimators, strict=True))) if choice.weights else {}
        write_estimates(estimates, file, place, seen=seen, weights=models)
    tell(f"Wrote {', '.join(names)} to {target.file}")
    if choice.save_model is not None:
        _save_model(estimators, choice.save_model)
        tell(f"Wrote the trained model to {choice.save_model}")
    return Result(target.file, estimates, emg, recording.assumptions)


def apply(
    model: Path,
    source: Source,
    target: Target,
    settings: RunSettings,
    *,
    trained_as: str | None = None,
    tell: Tell,
) -> Result:
    """Estimate activation with a model trained before; see `run`.

    ``model`` is a file that `run` kept the model in, or an NWB file with an estimate that it is kept beside;
    ``trained_as`` is the name of that estimate, needed where there are several with models.
    """
    estimator = _load_model(model, trained_as)
    name = target.name or estimator.name
    with nwb_file_for(source, target, settings, tell) as (open_recording, file, place):
        with open_recording() as recording:
            seen = FileState.of(file)
            check_output(file, place, [name])
            emg = _prepare(recording, settings, tell)
        estimates = {name: estimator.estimate(emg)}
        write_estimates(estimates, file, place, seen=seen)
    tell(f"Wrote {name} to {target.file}")
    return Result(target.file, estimates, emg, recording.assumptions)


def report(
    file: Path,
    out: Path,
    settings: RunSettings,
    asked: Mapping[str, Any] | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write the report page on the estimates in a file.

    Parameters
    ----------
    file : Path
        An NWB file with estimates.
    out : Path
        The HTML file to write.
    settings : RunSettings
        How the EMG was preprocessed, so that it can be drawn behind the estimates.
    asked : mapping, optional
        What was asked for of `nwb_autolfads.evaluation.compare_file`: ``events``, ``around``, ``phases``.
    overwrite : bool
        Whether an existing file is replaced.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    SourceError
        If the file holds no estimate.
    OutputError
        If the page cannot be written.
    """
    check_new_file(out, 0, may_exist=overwrite)
    names = list_estimates(file)
    if not names:
        raise SourceError(
            "holds no estimate of activation", way_out="Make one first: nwb-autolfads run FILE", file=str(file)
        )
    estimates = {name: read_activation(file, name=name) for name in names}
    first = estimates[names[0]]
    emg: xr.DataArray | None = None
    assumptions: tuple[str, ...] = ()
    note = ""
    try:
        with open_emg(file, path=json.loads(first.attrs["origin"])["object_path"]) as recording:
            emg, assumptions = preprocess(recording, settings.preprocessing), recording.assumptions
        if json.loads(emg.attrs["preprocessing"]) != _of_whole_recording(json.loads(first.attrs["preprocessing"])):
            emg, note = None, "The EMG is not drawn: it was preprocessed with other settings; give them with --config."
    except NwbAutolfadsError as error:
        note = f"The EMG is not drawn: {error}"
    commands, settings_files = how_to_make(estimates, settings, file)
    commands.append(shlex.join(["nwb-autolfads", "report", file.name, *_options(asked or {})]))
    page = render_page(
        file,
        estimates,
        emg,
        emg_note=note,
        assumptions=assumptions,
        commands=commands,
        settings_files=settings_files,
        settings=settings,
        asked=asked,
    )
    write_text(out, page)
    return out


def _of_whole_recording(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [step for step in steps if step["step"] != "trials"]


def how_to_make(
    estimates: Mapping[str, xr.Dataset], settings: RunSettings, out: Path
) -> tuple[list[str], dict[str, str]]:
    """Return the command lines that make estimates again, and the settings files that these name, by their names.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        By their names in the file. What `run` cannot make has no command.
    settings : RunSettings
        Of the preprocessing.
    out : Path
        The file that holds them.
    """
    preprocessing = settings.preprocessing.model_dump(exclude_defaults=True, mode="json")
    origins = {name: json.loads(estimate.attrs.get("origin", "{}")) for name, estimate in estimates.items()}
    files_read = [str(origin["file"]) for origin in origins.values() if origin.get("file")]
    files_read = [file if "://" in file else Path(file).name for file in files_read]
    # What was made in place names the result itself; the recording is what any other was made from.
    recorded = next((file for file in files_read if file != out.name), None)
    commands: list[str] = []
    files: dict[str, str] = {}
    for name, estimate in estimates.items():
        chosen = choice_of(estimate)
        if chosen is None or not origins[name].get("file"):
            continue
        choice, changes = chosen
        in_place = bool(commands) or recorded is None
        command = ["nwb-autolfads", "run", out.name if in_place else str(recorded)]
        command += ["--emg", origins[name]["object_path"]]
        command += ["--estimator", choice.estimator, "--seed", str(choice.seed), "--name", name]
        command += ["--preset", choice.preset] if choice.estimator == "autolfads" else []
        for step in json.loads(estimate.attrs.get("preprocessing", "[]")):
            if step["step"] == "trials":
                command += ["--trials", step["events"], "--trial-from", f"{step['from_ms']:g}"]
                command += ["--trial-to", f"{step['to_ms']:g}"]
                command += ["--until", step["until"]] if "until" in step else []
        parts = {"preprocessing": preprocessing, choice.estimator: changes}
        if any(parts.values()):
            files[f"{name}.yaml"] = _as_yaml({part: values for part, values in parts.items() if values})
            command += ["--config", f"{name}.yaml"]
        command += ["--in-place"] if in_place else ["--out", out.name]
        commands.append(shlex.join([*command, *(["--overwrite"] if recorded is None else [])]))
    return commands, files


def _options(asked: Mapping[str, Any]) -> list[str]:
    """Return what was asked of `report` as it stands on a command line."""
    before, after = asked.get("around", (None, None))
    given = {"--events": asked.get("events"), "--phases": asked.get("phases")}
    if given["--events"] is not None:
        given |= {"--before": before, "--after": after}
    return [text for option, value in given.items() if value is not None for text in (option, str(value))]


def _as_yaml(values: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    text, writer = io.StringIO(), YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.dump(values, text)
    return text.getvalue()


def render_page(
    file: Path,
    estimates: Mapping[str, xr.Dataset],
    emg: xr.DataArray | None,
    *,
    emg_note: str = "",
    assumptions: Sequence[str] = (),
    truth: xr.DataArray | None = None,
    scores: xr.Dataset | None = None,
    commands: Sequence[str] = (),
    settings_files: Mapping[str, str] | None = None,
    settings: RunSettings | None = None,
    asked: Mapping[str, Any] | None = None,
) -> str:
    """Return the report page on estimates, beside whatever else their file holds.

    Parameters
    ----------
    file : Path
        The file that holds the estimates.
    estimates : mapping of str to Dataset
        By their names in it.
    emg : DataArray, (time, muscle), optional
        The rectified EMG they were made from.
    emg_note, assumptions, truth, scores, commands, settings_files
        See `nwb_autolfads.report.page.render_report`.
    settings : RunSettings, optional
        How the EMG was preprocessed, where not with the defaults.
    asked
        See `report`.

    Returns
    -------
    str
        HTML.
    """
    from nwb_autolfads.evaluation import compare_file
    from nwb_autolfads.report.page import render_report

    settings = settings or RunSettings()
    found = compare_file(file, emg=emg, preprocessing=settings.preprocessing, **(asked or {}))
    quality, signals = _quality(file, next(iter(estimates.values())), settings)
    return render_report(
        estimates,
        title=file.name,
        emg=emg,
        emg_note=emg_note,
        assumptions=assumptions,
        truth=truth,
        scores=scores,
        quality=quality,
        signals=signals,
        held_out="the EMG could not be read" if emg is None else _held_out(file, estimates, emg),
        comparisons=found.scores,
        events=found.events,
        missing=found.missing,
        notes=found.notes,
        commands=commands,
        settings_files=settings_files,
    )


def _quality(file: Path, estimate: xr.Dataset, settings: RunSettings) -> tuple[xr.Dataset | None, xr.DataArray | None]:
    """Judge the EMG that an estimate was made from, and take a stretch of it to show; None where it cannot be read."""
    try:
        with open_emg(file, path=json.loads(estimate.attrs["origin"])["object_path"]) as recording:
            return assess_quality(recording, settings.preprocessing), middle_excerpt(recording, SHOWN_S)
    except NwbAutolfadsError:  # said on the page already, where the EMG would be drawn
        return None, None


def _held_out(file: Path, estimates: Mapping[str, xr.Dataset], emg: xr.DataArray) -> xr.Dataset | str:
    """Let the trained model in the file and filters predict the same hidden blocks; else say why it cannot be done."""
    from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS
    from nwb_autolfads.estimators.bayes.estimator import BayesianFilter
    from nwb_autolfads.estimators.lowpass import LowPass
    from nwb_autolfads.evaluation.held_out import PredictsHidden, score_held_out

    trained = [name for name, estimate in estimates.items() if "search_valid_nll" in estimate]
    if not trained:
        return "nothing was trained"
    try:
        model = AutoLFADS.from_bytes(read_weights(file, trained[-1]), str(file))
    except NwbAutolfadsError:
        return "the file does not keep the trained model (run with --weights)"
    if not model.predicts_masked:
        return "not asked, because single values were hidden from it in training and not stretches of time"
    part = emg.isel(time=slice(0, round(JUDGED_S * float(emg.attrs["rate"]))))
    try:
        predict: dict[str, PredictsHidden] = {
            "LowPass": LowPass().fit(part),
            "BayesianFilter": BayesianFilter(smooth=True).fit(part),
            trained[-1]: model,
        }
        return score_held_out(predict, part)
    except NwbAutolfadsError as error:  # these muscles, or so short a recording, do not suit the model
        return error.problem


def write_estimates(
    estimates: Mapping[str, xr.Dataset],
    source: Path,
    target: Target,
    *,
    seen: FileState,
    weights: Mapping[str, bytes] | None = None,
) -> None:
    """Write estimates one after the other, each with its model where there is one; the file is whole after each.

    Raises
    ------
    OutputError
        If the source is not as it was ``seen`` when its EMG was read, or the file cannot be written.
    """
    weights = weights or {}
    (first_name, first), *others = estimates.items()
    write_activation(
        first,
        source,
        None if target.in_place else target.file,
        in_place=target.in_place,
        link=target.link,
        name=first_name,
        overwrite=target.overwrite,
        weights=weights.get(first_name),
        source_state=seen,
    )
    for name, estimate in others:
        write_activation(
            estimate, target.file, in_place=True, name=name, overwrite=target.overwrite, weights=weights.get(name)
        )


def _prepare(recording: EmgRecording, settings: RunSettings, tell: Tell) -> xr.DataArray:
    """Preprocess the EMG and tell what was assumed, done and found."""
    tell(f"Read {recording.origin.file}: {len(recording.muscles)} muscles, {recording.duration:.1f} s")
    for assumption in recording.assumptions:
        tell(f"  assumed: {assumption}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        emg = preprocess(recording, settings.preprocessing)
    steps = json.loads(emg.attrs["preprocessing"])
    tell(f"Preprocessed to {emg.attrs['rate']:g} Hz: {', '.join(str(step['step']) for step in steps)}")
    for warning in caught:
        tell(f"  {warning.message}")
    return emg


def _cut(emg: xr.DataArray, source: Source, choice: Choice, tell: Tell) -> xr.DataArray:
    """Cut the EMG into trials, where these are asked for."""
    if choice.trials is None:
        if choice.until is not None:
            raise ConfigError(f"--until {choice.until} without trials", way_out="Say where they begin: --trials")
        return emg
    begins = read_events(str(source.file), choice.trials)
    ends = None if choice.until is None else read_events(str(source.file), choice.until)
    assert begins is not None  # a place was named
    trials = cut_trials(
        emg,
        begins.times,
        until=None if ends is None else ends.times,
        from_ms=choice.trial_from_ms,
        to_ms=choice.trial_to_ms,
        name=choice.trials,
        until_name=choice.until or "",
    )
    lengths = f"{'' if ends is None else 'up to '}{trials.attrs['trial_ms']:g} ms"
    tell(f"Cut {trials['segment'].values[-1] + 1} trials of {lengths} around {begins.name}")
    return trials


def _load_model(model: Path, trained_as: str | None) -> AutoLFADS:
    from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS

    if model.is_file() and h5py.is_hdf5(model):
        return AutoLFADS.from_bytes(read_weights(model, trained_as), file=str(model))
    return AutoLFADS.load(model)


def _trained_models(estimators: Mapping[str, Estimator]) -> dict[str, bytes]:
    return {name: estimator.to_bytes() for name, estimator in estimators.items() if hasattr(estimator, "to_bytes")}


def _save_model(estimators: Sequence[Estimator], file: Path) -> None:
    for model in _trained_models({estimator.name: estimator for estimator in estimators}).values():
        write_bytes(file, model)
