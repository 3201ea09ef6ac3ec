"""`apply`: estimate activation with a model that was trained before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import xarray as xr

from nwb_autolfads.commands.judging import judged
from nwb_autolfads.commands.prepare import Tell, nwb_file_for, rectified
from nwb_autolfads.commands.run import Result, keep_model
from nwb_autolfads.config import RunSettings, Source
from nwb_autolfads.emg.steps.again import config_of
from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.estimators.base import with_config
from nwb_autolfads.estimators.observed import file_of
from nwb_autolfads.evaluation.unseen import unseen_bins, with_blocks, without
from nwb_autolfads.files.address import without_folder
from nwb_autolfads.files.places import Output
from nwb_autolfads.results.asked import Asked
from nwb_autolfads.results.inside import FileState, parse_origin
from nwb_autolfads.results.outputs import Target, check_target
from nwb_autolfads.results.read import read_weights
from nwb_autolfads.results.write import write_activations

if TYPE_CHECKING:
    from nwb_autolfads.estimators.autolfads.card import ModelCard
    from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS
    from nwb_autolfads.search.progress import ProgressCallback


@dataclass(frozen=True)
class Use:
    """How a model is used on a recording.

    Attributes
    ----------
    trained_as : str or None
        Name of the estimate in the NWB file that the model is kept in, needed where there are several with models.
    session : str or None
        Session of the model that the recording is of; with ``adapt``, the name of the new one. Unset: the one with this
        recording, or the only one; with ``adapt``, the name of the recording's file.
    adapt : bool
        Whether the model learns this session first.
    reprocess : bool
        Whether the recording is preprocessed as the model's EMG was, whatever the settings say.
    correct : bool or None
        See `nwb_autolfads.AutoLFADS.estimate`.
    infer_missing : bool
        Whether muscles that this session lacks and others have are inferred.
    save_model : Path or None
        File to keep the model in that has learnt this session.
    """

    trained_as: str | None = None
    session: str | None = None
    adapt: bool = False
    reprocess: bool = False
    correct: bool | None = None
    infer_missing: bool = False
    save_model: Path | None = None


def apply(
    model: Path,
    source: Source,
    target: Target,
    settings: RunSettings,
    use: Use = Use(),
    *,
    tell: Tell,
    progress: ProgressCallback | None = None,
) -> Result:
    """Estimate activation with a model trained before; see `nwb_autolfads.commands.run.run`.

    ``model`` is a file that `run` kept the model in, or an NWB file with an estimate that it is kept beside.
    """
    if use.save_model is not None and not use.adapt:
        raise ConfigError("--save-model without --adapt", way_out="Leave it out: the model stays as it is")
    estimator, trained = _load_model(model, use.trained_as)
    name = target.name or estimator.name
    also = [] if use.save_model is None else [Output(use.save_model, target.overwrite)]
    check_target(source, target, [name], also=also, read=[model, settings.file])
    asked = Asked.of_apply(model, use.trained_as, source, settings, trained, **_given(use))
    if use.reprocess:
        sessions = {session.name: session.preprocessing for session in estimator.card.sessions}
        known = sessions.get(use.session or "", estimator.card.sessions[0].preprocessing)
        settings = settings.model_copy(update={"preprocessing": config_of(known)})
    with nwb_file_for(source, target, settings, tell) as (open_recording, file, place):
        with open_recording() as recording:
            seen = FileState.of_local(file)
            emg = rectified(recording, settings, tell)
        estimate, estimator = _estimated(estimator, emg, source, use, model, tell, progress)
        estimate = estimate.assign_attrs(options=asked.to_json())
        not_kept = keep_model(use.save_model, target, {name: estimator.to_bytes()}, tell)
        verdict = judged({name: estimate}, emg, file, target)
        estimates = {name: with_config(estimate, verdict=verdict.as_dict())}
        write_activations(estimates, file, source_state=seen, **place.as_arguments())
    tell(f"Wrote {name} to {target.file}")
    for line in verdict.lines():
        tell(line)
    if not_kept is not None:
        raise not_kept
    return Result(target.file, estimates, emg, recording.assumptions, verdict)


def _given(use: Use) -> dict[str, Any]:
    flags = {name: getattr(use, name) or None for name in ("adapt", "reprocess", "infer_missing")}
    return {"session": use.session, "correct": use.correct, **flags}


def _estimated(
    estimator: AutoLFADS,
    emg: xr.DataArray,
    source: Source,
    use: Use,
    model: Path,
    tell: Tell,
    progress: ProgressCallback | None,
) -> tuple[xr.Dataset, AutoLFADS]:
    """Estimate, after the model has learnt the session where that is asked for; give the model that did it too."""
    unseen = unseen_bins(emg)
    try:
        if use.adapt:
            session = use.session or Path(source.file).stem
            tell(f"Adapting the model to the session {session}")
            estimator = estimator.adapt(without(emg, unseen), session, progress=progress)
            estimate = estimator.estimate(emg, session=session, correct=use.correct, infer_missing=use.infer_missing)
            return with_blocks(estimate, emg, unseen), estimator
        number = _session_of(estimator.card, emg, use.session)
        card = estimator.card.sessions[number]
        estimate = estimator.estimate(emg, session=card.name, correct=use.correct, infer_missing=use.infer_missing)
        trained_here = any(_is_recording_of(each.origin, emg) for each in estimator.card.sessions)
        return estimate if trained_here else with_blocks(estimate, emg, unseen), estimator
    except SignalError as error:
        problem = f"{error.problem} (the model is {model})"
        raise SignalError(problem, way_out=error.way_out, file=error.file, obj=error.obj) from error


def _session_of(card: ModelCard, emg: xr.DataArray, named: str | None) -> int:
    """Return which session of a model a recording is of: the one that is named, has this recording, or is alone."""
    if named is not None or len(card.sessions) == 1:
        return card.number_of(named)
    for number, session in enumerate(card.sessions):
        if session.origin and _is_recording_of(session.origin, emg):
            return number
    raise ConfigError(
        f"the model does not know this session; it knows {', '.join(card.names)}",
        file=file_of(emg),
        way_out="Let it learn this one with --adapt, or say with --session which of those the recording is of",
    )


def _is_recording_of(trained_on: Mapping[str, Any], emg: xr.DataArray) -> bool:
    """Return whether a model was trained on this EMG, or may have been as it does not say on which."""
    origin = parse_origin(emg.attrs.get("origin"))
    known = [key for key in ("file_identifier", "object_path") if key in trained_on]
    return all(str(trained_on[key]) == str(origin.get(key)) for key in known)


def _load_model(model: Path, trained_as: str | None) -> tuple[AutoLFADS, dict[str, Any]]:
    """Return the estimator, and which model it is: its hash, what it was trained on, and by what."""
    from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS
    from nwb_autolfads.estimators.autolfads.weights import read_model

    in_nwb = model.is_file() and h5py.is_hdf5(model)
    data = read_weights(model, trained_as) if in_nwb else read_model(model)
    estimator = AutoLFADS.from_bytes(data, file=str(model))
    card, origin = estimator.card, estimator.card.sessions[0].origin
    on = {key: str(origin[key]) for key in ("file", "file_identifier", "object_path") if key in origin}
    on |= {"file": without_folder(on["file"])} if "file" in on else {}
    by = asdict(Asked.parsed(card.made_by, str(model))) if card.made_by else None
    return estimator, {"sha256": hashlib.sha256(data).hexdigest(), "seed": card.seed, "on": on, "by": by}
