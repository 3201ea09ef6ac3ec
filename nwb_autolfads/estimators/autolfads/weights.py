"""A trained model as safetensors bytes: weights, and beside them everything needed to use them again.

Nothing is unpickled. What comes from outside is bounded in size, parsed into typed settings, and its tensors are
compared by name, shape and type with those of the model that the settings describe before any of it is used.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from pydantic import ValidationError
from safetensors import SafetensorError

from nwb_autolfads.errors import SourceError, shown
from nwb_autolfads.estimators.autolfads.card import ModelCard, SessionCard
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.files.limits import MAX_HEADER_BYTES, MAX_MODEL_BYTES
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.given import path_of
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.networks.session import OF_A_SESSION
from nwb_autolfads.lfads.observations import OBSERVATIONS
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.search.renamed import tensor_name_of_today
from nwb_autolfads.validation import explained

FORMAT, EARLIER_FORMAT = "nwb-autolfads model 2", "nwb-autolfads model 1"
"""Of today, and of version 0.1.0, which knew one session."""


@dataclass(frozen=True)
class TrainedModel:
    """The LFADS models that are averaged, the best one first, and their card."""

    card: ModelCard
    model: LFADS

    def of_session(self, name: str | None = None) -> TrainedModel:
        """Return it as it is for one session; without a name, for the only one (ConfigError where it is not known)."""
        number = self.card.number_of(name)
        card = self.card.model_copy(update={"sessions": (self.card.sessions[number],)})
        return TrainedModel(card, self.model.of_session(number))

    @property
    def device(self) -> torch.device:
        """Where it infers."""
        return self.model.factors.device

    def on(self, device: torch.device) -> TrainedModel:
        """Return it where it is to infer."""
        return self if device == self.device else TrainedModel(self.card, copy.deepcopy(self.model).to(device))

    def as_config(self) -> dict[str, Any]:
        """Return what it adds to the configuration of an estimate: lengths as they were used, muscles, score, name."""
        card = self.card
        found: dict[str, Any] = card.config.model_dump(include={"training", "window_ms", "window_overlap_ms"})
        found |= {"muscles": list(card.muscles), "validation_nll": card.scores[0], "models": len(card.scores)}
        found |= {"model_id": self.id, "sessions": list(card.names)}
        return found | ({"hidden_block_ms": card.block_ms} if card.block_ms else {})

    @property
    def id(self) -> str:
        """Name of the weights, the same wherever they are kept: the beginning of a hash of them."""
        digest = hashlib.sha256()
        for name, value in sorted(self.model.state_dict().items()):
            digest.update(name.encode() + value.contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]


def sizes_of(config: AutoLFADSConfig, channels: Sequence[int], components: int = 0) -> Sizes:
    """Sizes of the model that a configuration describes, for sessions with so many channels."""
    named = {field.name for field in dataclasses.fields(Sizes)} & AutoLFADSConfig.model_fields.keys()
    first, *others = channels
    return Sizes(first, others=tuple(others), components=components, **{name: getattr(config, name) for name in named})


def with_session(trained: TrainedModel, card: SessionCard, learnt: LFADS) -> TrainedModel:
    """Return a model that knows one more session, whose maps are the first ones of ``learnt``."""
    sizes = dataclasses.replace(trained.model.sizes, others=(*trained.model.sizes.others, learnt.sizes.channels))
    model = LFADS(sizes, trained.model.members, OBSERVATIONS[trained.card.config.observation].parameters, None)
    maps = {name: value for name, value in learnt.state_dict().items() if name.startswith(OF_A_SESSION)}
    new = {f"others.{len(sizes.others) - 1}.{name}": value for name, value in maps.items()}
    model.load_state_dict({**trained.model.state_dict(), **new})
    return TrainedModel(trained.card.model_copy(update={"sessions": (*trained.card.sessions, card)}), model)


def pack(trained: TrainedModel) -> bytes:
    """Turn a trained model into safetensors bytes."""
    metadata = {
        "format": FORMAT,
        "version": version("nwb-autolfads"),
        "card": trained.card.model_dump_json(),
    }
    tensors = {name: value.contiguous() for name, value in trained.model.state_dict().items()}
    return safetensors.torch.save(tensors, metadata=metadata)


def made_by(data: bytes, asked: str) -> bytes:
    """Return the bytes of a model whose card says what the command was asked for that trained it (JSON)."""
    trained = unpack(data, "")
    return pack(dataclasses.replace(trained, card=trained.card.model_copy(update={"made_by": asked})))


def read_model(path: str | Path) -> bytes:
    """Read the bytes of a model file, unchecked but for their number.

    Raises
    ------
    SourceError
        If there is no such file, or it cannot be read.
    """
    require_regular_file(path_of(path, SourceError))
    try:
        with open(path, "rb") as stream:
            return stream.read(MAX_MODEL_BYTES + 1)
    except OSError as error:
        problem = f"the model cannot be read ({error.strerror})"
        raise SourceError(problem, file=str(path), way_out="Check the path.") from error


def unpack(data: bytes, file: str) -> TrainedModel:
    """Turn safetensors bytes into a trained model.

    Parameters
    ----------
    data : bytes
    file : str
        Where they come from, for the message.

    Returns
    -------
    TrainedModel

    Raises
    ------
    SourceError
        If they are not such a model, or their tensors are not the ones their settings ask for.
    """

    def refuse(problem: str) -> SourceError:
        return SourceError(
            problem, file=file, way_out="Give a model saved by AutoLFADS.save, or train one with `nwb-autolfads run`."
        )

    if len(data) > MAX_MODEL_BYTES:
        raise refuse(f"the model has {len(data)} bytes, more than the {MAX_MODEL_BYTES} that are read")
    header_bytes = int.from_bytes(data[:8], "little")
    if len(data) < 8 or header_bytes > min(MAX_HEADER_BYTES, len(data) - 8):
        raise refuse("this is not a safetensors file")
    try:
        metadata = json.loads(data[8 : 8 + header_bytes]).get("__metadata__") or {}
        tensors = {tensor_name_of_today(name): value for name, value in safetensors.torch.load(data).items()}
    except (ValueError, AttributeError, RecursionError, SafetensorError) as error:
        raise refuse(f"this is not a safetensors file ({error})") from error
    if metadata.get("format") not in (FORMAT, EARLIER_FORMAT):
        raise refuse(f"its format is {shown(metadata.get('format'))}, expected {FORMAT!r}")
    try:
        card = ModelCard.model_validate_json(metadata.get("card", ""))
    except ValidationError as error:
        raise refuse(f"its description is not valid: {explained(error, ModelCard)[0]}") from error
    sizes = sizes_of(card.config, [len(session.muscles) for session in card.sessions], card.components)
    parameters = OBSERVATIONS[card.config.observation].parameters
    with torch.device("meta"):  # shapes only: nothing is allocated before they are known to agree
        expected = LFADS(sizes, len(card.scores), parameters, None).state_dict()
    if expected.keys() != tensors.keys():
        raise refuse(f"its tensors are not those of the model it describes: {sorted(expected.keys() ^ tensors.keys())}")
    for name, value in tensors.items():
        if value.shape != expected[name].shape or value.dtype != expected[name].dtype:
            raise refuse(f"tensor {name} is {value.dtype} {tuple(value.shape)}, expected {tuple(expected[name].shape)}")
        if not value.isfinite().all():
            raise refuse(f"tensor {name} has values that are not finite")
    model = LFADS(sizes, len(card.scores), parameters, None)
    model.load_state_dict(tensors)
    return TrainedModel(card, model)
