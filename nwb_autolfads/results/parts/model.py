"""The trained model behind an estimate: which one it is, its sessions, and its weights where they are kept.

An estimate names its model in attrs ``model``, a JSON object with ``model_id`` and, where they are known, what an
`ActivationModel` has besides: ``sha256``, ``configuration``, ``software_version``, and ``sessions``, a list of objects
with ``session`` (its name) and what a `ModelSessionsTable` has besides. Where it does not, its configuration
(``model_id``, ``sessions``), the bytes of a model that are kept with it, and the command that used a model say which
one it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from hdmf.common import VectorData, VectorIndex
from ndx_muscle_activation import ActivationModel, ModelSessionsTable

from nwb_autolfads.files.limits import MAX_HEADER_BYTES
from nwb_autolfads.results.inside import parse_origin

SOFTWARE = "nwb-autolfads"
FORMAT = "safetensors"

_TEXTS = ("model_id", "sha256", "software_version")
_SESSION_COLUMNS = {
    "session": "Name of the session.",
    "sampling_rate": "Values per second (Hz) of the rectified EMG that the model takes.",
    "preprocessing": "All steps from the recording to rectified, scaled EMG, as a JSON array.",
    "source_file": "Name of the file that held the recording.",
    "source_identifier": "Identifier of that file.",
    "source_object_path": "Path of the recording in that file.",
    "source_object_id": "Object id of the recording.",
}
_OF_ORIGIN = {
    "source_file": "file",
    "source_identifier": "file_identifier",
    "source_object_path": "object_path",
    "source_object_id": "object_id",
}


def build_model(estimate: xr.Dataset, weights: bytes | None) -> ActivationModel | None:
    """Return the model of an estimate.

    Parameters
    ----------
    estimate : Dataset
    weights : bytes or None
        Bytes of a safetensors file.

    Returns
    -------
    ActivationModel or None
        None where nothing says that there was a model.
    """
    facts = _object(estimate.attrs.get("model"))
    if not facts:
        facts = _of_config(estimate.attrs.get("config"))
        more = _of_command(estimate.attrs.get("options")) if weights is None else _of_bytes(weights)
        if len(facts.get("sessions", ())) > len(more.get("sessions", ())):
            more.pop("sessions", None)
        facts |= more
    if weights is not None:
        facts["sha256"] = hashlib.sha256(weights).hexdigest()
    if not facts:
        return None
    described = {key: str(facts[key]) for key in _TEXTS if facts.get(key)}
    if facts.get("configuration"):
        described["configuration"] = json.dumps(facts["configuration"], sort_keys=True)
    if facts.get("sessions"):
        described["sessions"] = _sessions_table(facts["sessions"])
    return ActivationModel(
        name="model",
        description=f"The model that {estimate.attrs['estimator']} was estimated with.",
        format=FORMAT,
        software=SOFTWARE,
        weights=None if weights is None else np.frombuffer(weights, dtype=np.uint8),
        **described,
    )


def _of_bytes(weights: bytes) -> dict[str, Any]:
    """Return what a model of this package says of itself in its header; nothing where it is of another kind."""
    size = int.from_bytes(weights[:8], "little")
    if size > min(MAX_HEADER_BYTES, len(weights)):
        return {}
    metadata = _object(_object(weights[8 : 8 + size]).get("__metadata__"))
    card = _object(metadata.get("card"))
    if not card:
        return {}
    sessions = card["sessions"] if isinstance(card.get("sessions"), list) else [card]  # models of 0.1 know one
    return {
        "software_version": metadata.get("version"),
        "configuration": card.get("config"),
        "sessions": [_of_session(_object(each)) for each in sessions],
    }


def _of_session(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row for the table of sessions of what a model says of one."""
    origin = _of(card.get("trained_on"))
    found = {
        "session": card.get("name") or origin.get("source_file") or "session",
        "muscles": card.get("muscles"),
        "sampling_rate": card.get("rate"),
        "preprocessing": card.get("preprocessing"),
        **origin,
    }
    return {key: value for key, value in found.items() if value}


def _of_config(config: str | None) -> dict[str, Any]:
    """Return the model that the configuration of an estimate names; nothing where it names none."""
    found = _object(config)
    if not isinstance(found.get("model_id"), str):
        return {}
    names = found["sessions"] if isinstance(found.get("sessions"), list) else []
    return {"model_id": found["model_id"], "sessions": [{"session": str(name)} for name in names]}


def without_repetition(estimate: xr.Dataset) -> xr.Dataset:
    """Leave attrs ``model`` out of an estimate that was read where its configuration names the same model."""
    in_config = _of_config(estimate.attrs.get("config")).get("model_id")
    if in_config is None or _object(estimate.attrs.get("model")).get("model_id") != in_config:
        return estimate
    kept = {key: value for key, value in estimate.attrs.items() if key != "model"}
    return estimate.drop_attrs(deep=False).assign_attrs(kept)


def _of_command(options: str | None) -> dict[str, Any]:
    """Return which model a command was asked to use; nothing where it used none."""
    trained = _object(_object(options).get("trained"))
    if "sha256" not in trained:
        return {}
    session = _of(json.dumps(trained.get("on")))
    sessions = [{"session": session.get("source_file", "") or "session", **session}] if session else []
    return {"sha256": trained["sha256"], "sessions": sessions}


def _of(origin: str | None) -> dict[str, str]:
    found = parse_origin(origin)
    return {name: str(found[key]) for name, key in _OF_ORIGIN.items() if found.get(key)}


def _sessions_table(sessions: Sequence[Mapping[str, Any]]) -> ModelSessionsTable:
    """Return one row per session; a column is there where every session says it."""
    columns = []
    for name, description in _SESSION_COLUMNS.items():
        values = [each.get(name) for each in sessions]
        if all(value is not None for value in values):
            as_text = [value if isinstance(value, str) else json.dumps(value) for value in values]
            data = np.asarray(values, dtype=np.float64) if name == "sampling_rate" else as_text
            columns.append(VectorData(name=name, description=description, data=data))
    if all(isinstance(each.get("muscles"), list) for each in sessions):
        flat = [str(muscle) for each in sessions for muscle in each["muscles"]]
        names = VectorData(name="muscles", description="Its muscles, in the order of the model.", data=flat)
        ends = np.cumsum([len(each["muscles"]) for each in sessions]).astype(np.uint32)
        columns += [VectorIndex(name="muscles_index", target=names, data=ends), names]
    return ModelSessionsTable(name="sessions", description="What the model was trained on.", columns=columns)


def _object(text: Any) -> dict[str, Any]:
    """Return a JSON object; an empty one where it is none."""
    if isinstance(text, dict):
        return text
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
