"""A trained model as safetensors bytes: weights, and beside them everything needed to use them again.

Nothing is unpickled. What comes from outside is bounded in size, parsed into typed settings, and its tensors are
compared by name, shape and type with those of the model that the settings describe before any of it is used.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Self

import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError

from nwb_autolfads.errors import SourceError, shown
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.files.limits import MAX_HEADER_BYTES, MAX_MODEL_BYTES, MAX_NAME_BYTES
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.observations import OBSERVATIONS
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.search.renamed import tensor_name_of_today, with_names_of_today
from nwb_autolfads.validation import MAX_SEED, explained

FORMAT = "nwb-autolfads model 1"


class ModelCard(BaseModel):
    """What a model is besides its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    muscles: tuple[Annotated[str, Field(max_length=MAX_NAME_BYTES)], ...] = Field(
        min_length=1, max_length=4096, description="Channels, in the order of the model."
    )
    rate: float = Field(gt=0, le=1e6, description="Rate of the EMG it was trained on (Hz).")
    seed: int = Field(ge=0, le=MAX_SEED, description="Seed it was trained with.")
    config: AutoLFADSConfig = Field(description="Configuration it was trained with.")
    trained_on: str = Field("", max_length=65536, description="Origin of the EMG it was trained on (JSON).")
    scores: tuple[float, ...] = Field(
        min_length=1, max_length=1024, description="Validation NLL per masked element (nats) of each model, best first."
    )
    made_by: str = Field("", max_length=65536, description="What the command was asked for that trained it (JSON).")
    block_ms: float = Field(0, ge=0, le=10_000, description="Length of the masked blocks (ms); 0: none.")

    @model_validator(mode="after")
    def _tells_muscles_apart(self) -> Self:
        if len(set(self.muscles)) < len(self.muscles) or not all(self.muscles):
            raise ValueError("its muscles must have names, each its own")
        return self

    @property
    def origin(self) -> dict[str, Any]:
        """Where the EMG is from that it was trained on."""
        return dict(json.loads(self.trained_on or "{}"))

    @model_validator(mode="after")
    def _says_what_it_was_trained_on(self) -> Self:
        try:
            is_object = isinstance(json.loads(self.trained_on or "{}"), dict)
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            raise ValueError("what it was trained on is no JSON object")
        return self

    @model_validator(mode="before")
    @classmethod
    def _take_old_names(cls, values: Any) -> Any:
        return with_names_of_today(values)


@dataclass(frozen=True)
class TrainedModel:
    """The LFADS models that are averaged, the best one first, and their card."""

    card: ModelCard
    model: LFADS


def sizes_of(config: AutoLFADSConfig, channels: int) -> Sizes:
    """Sizes of the model that a configuration describes."""
    names = [field.name for field in dataclasses.fields(Sizes) if field.name != "channels"]
    return Sizes(channels=channels, **{name: getattr(config, name) for name in names})


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
    require_regular_file(path)
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
    if metadata.get("format") != FORMAT:
        raise refuse(f"its format is {shown(metadata.get('format'))}, expected {FORMAT!r}")
    try:
        card = ModelCard.model_validate_json(metadata.get("card", ""))
    except ValidationError as error:
        raise refuse(f"its description is not valid: {explained(error, ModelCard)[0]}") from error
    sizes, parameters = sizes_of(card.config, len(card.muscles)), OBSERVATIONS[card.config.observation].parameters
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
