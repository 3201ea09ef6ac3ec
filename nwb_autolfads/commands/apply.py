"""`apply`: estimate activation with a model that was trained before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import xarray as xr

from nwb_autolfads.commands.judging import judged
from nwb_autolfads.commands.prepare import Tell, nwb_file_for, rectified
from nwb_autolfads.commands.run import Result
from nwb_autolfads.config import RunSettings, Source
from nwb_autolfads.errors import SignalError
from nwb_autolfads.estimators.base import with_config
from nwb_autolfads.evaluation.unseen import unseen_bins, with_blocks
from nwb_autolfads.files.address import without_folder
from nwb_autolfads.results.asked import Asked
from nwb_autolfads.results.inside import FileState, parse_origin
from nwb_autolfads.results.outputs import Target, check_target
from nwb_autolfads.results.read import read_weights
from nwb_autolfads.results.write import write_activations

if TYPE_CHECKING:
    from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS


def apply(
    model: Path,
    source: Source,
    target: Target,
    settings: RunSettings,
    *,
    trained_as: str | None = None,
    correct: bool | None = None,
    tell: Tell,
) -> Result:
    """Estimate activation with a model trained before; see `nwb_autolfads.commands.run.run`.

    ``model`` is a file that `run` kept the model in, or an NWB file with an estimate that it is kept beside;
    ``trained_as`` is the name of that estimate, needed where there are several with models. ``correct`` is that of
    `nwb_autolfads.AutoLFADS.estimate`.
    """
    estimator, trained = _load_model(model, trained_as)
    name = target.name or estimator.name
    check_target(source, target, [name], read=[model, settings.file])
    with nwb_file_for(source, target, settings, tell) as (open_recording, file, place):
        with open_recording() as recording:
            seen = FileState.of(file)
            emg = rectified(recording, settings, tell)
        asked = Asked.of_apply(model, trained_as, source, settings, correct, trained)
        try:
            estimate = estimator.estimate(emg, correct=correct).assign_attrs(options=asked.to_json())
        except SignalError as error:
            problem = f"{error.problem} (the model is {model})"
            raise SignalError(problem, way_out=error.way_out, file=error.file, obj=error.obj) from error
        if not _is_recording_of(trained["on"], emg):
            estimate = with_blocks(estimate, emg, unseen_bins(emg))
        verdict = judged({name: estimate}, emg, file, target)
        estimates = {name: with_config(estimate, verdict=verdict.as_dict())}
        write_activations(estimates, file, source_state=seen, **place.as_arguments())
    tell(f"Wrote {name} to {target.file}")
    for line in verdict.lines():
        tell(line)
    return Result(target.file, estimates, emg, recording.assumptions, verdict)


def _is_recording_of(trained_on: Mapping[str, str], emg: xr.DataArray) -> bool:
    """Return whether a model was trained on this EMG, or may have been as it does not say on which."""
    origin = parse_origin(emg.attrs.get("origin"))
    known = [key for key in ("file_identifier", "object_path") if key in trained_on]
    return all(trained_on[key] == str(origin.get(key)) for key in known)


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
