"""The trained model behind an estimate: which one it is, the sessions it was trained on, and its weights."""

from __future__ import annotations

import json
from typing import Any

from hdmf.common import DynamicTable
from hdmf.utils import AllowPositional, docval
from pynwb import register_class
from pynwb.core import NWBContainer

NAMESPACE = "ndx-muscle-activation"

_TEXTS = {
    "description": "What the model is, in words.",
    "model_id": "Identifier of the model, the same in all files that hold it or were estimated with it.",
    "format": "Format of the weights, e.g. 'safetensors'.",
    "sha256": "SHA-256 of the weights (hexadecimal).",
    "software": "Name of the program that trained the model.",
    "software_version": "Version of that program.",
    "configuration": "All settings that the model was trained with, as a JSON object.",
}


@register_class("ModelSessionsTable", NAMESPACE)
class ModelSessionsTable(DynamicTable):
    """The recordings that a model was trained on, one row each; only ``session`` is required."""

    __columns__ = (
        {"name": "session", "description": "Name of the session.", "required": True},
        {"name": "muscles", "description": "Names of its muscles, in the order of the model.", "index": True},
        {"name": "sampling_rate", "description": "Values per second (Hz) that the model takes."},
        {"name": "preprocessing", "description": "All steps from the recording to rectified EMG, as a JSON array."},
        {"name": "source_file", "description": "Name of the file that held the recording."},
        {"name": "source_identifier", "description": "Identifier of that file."},
        {"name": "source_object_path", "description": "Path of the recording in that file."},
        {"name": "source_object_id", "description": "Object id of the recording."},
    )


@register_class("ActivationModel", NAMESPACE)
class ActivationModel(NWBContainer):
    """A trained model: which one it is, what it was trained on, and its weights; arguments are keyword-only.

    Everything is optional. ``sessions`` must be called "sessions".
    """

    __nwbfields__ = (*_TEXTS, "weights", {"name": "sessions", "child": True, "required_name": "sessions"})

    @docval(
        {"name": "name", "type": str, "doc": "Name of the model.", "default": "model"},
        *({"name": name, "type": str, "doc": doc, "default": None} for name, doc in _TEXTS.items()),
        {
            "name": "weights",
            "type": ("array_data", "data"),
            "shape": (None,),
            "doc": "The bytes of a file in `format` (uint8).",
            "default": None,
        },
        {"name": "sessions", "type": ModelSessionsTable, "doc": "What the model was trained on.", "default": None},
        allow_positional=AllowPositional.ERROR,
    )
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name"))
        for key, value in kwargs.items():
            setattr(self, key, value)

    def to_json(self) -> str | None:
        """Return which model it is as a JSON object: its texts and sessions, but not its weights; None without id."""
        if self.model_id is None:
            return None
        found: dict[str, Any] = {name: getattr(self, name) for name in ("model_id", "sha256", "software_version")}
        if self.configuration is not None:
            found["configuration"] = json.loads(self.configuration)
        if self.sessions is not None:
            found["sessions"] = [
                {key: list(value) if key == "muscles" else value for key, value in row.items()}
                for row in self.sessions.to_dataframe().to_dict("records")
            ]
        return json.dumps({key: value for key, value in found.items() if value is not None}, sort_keys=True)
