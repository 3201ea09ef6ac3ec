"""What a trained model says of itself: the sessions that it knows, its configuration, scores and seed.

A card of version 0.1.0 tells of one session and not of its preprocessing. It is completed by rule: the session has the
name of its file, and what is not known of it is not compared.
"""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.files.limits import MAX_NAME_BYTES
from nwb_autolfads.search.renamed import with_names_of_today
from nwb_autolfads.validation import MAX_SEED

FIRST = "first"
"""Name of a session that was given none, where its file has none either."""
MOST_SESSIONS = 1024
_OF_A_SESSION = ("muscles", "rate", "trained_on")
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_BYTES)]


class SessionCard(BaseModel):
    """What a model knows of one session."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Name = Field(description="Name of the session, each its own.")
    muscles: tuple[Annotated[str, Field(max_length=MAX_NAME_BYTES)], ...] = Field(
        min_length=1, max_length=4096, description="Channels, in the order of the model."
    )
    rate: float = Field(gt=0, le=1e6, description="Rate of the EMG it was trained on (Hz).")
    preprocessing: str = Field(
        "", max_length=65536, description="Steps of the preprocessing of that EMG (JSON); empty: not known."
    )
    trained_on: str = Field("", max_length=65536, description="Origin of the EMG it was trained on (JSON).")
    adapted: bool = Field(False, description="Whether only its read-in and read-out were trained, after all else.")

    @property
    def origin(self) -> dict[str, Any]:
        """Where the EMG is from that it was trained on."""
        return dict(json.loads(self.trained_on or "{}"))

    @model_validator(mode="after")
    def _tells_muscles_apart(self) -> Self:
        if len(set(self.muscles)) < len(self.muscles) or not all(self.muscles):
            raise ValueError("its muscles must have names, each its own")
        return self

    @model_validator(mode="after")
    def _says_what_it_was_trained_on(self) -> Self:
        if not isinstance(_parsed(self.trained_on or "{}"), dict):
            raise ValueError("what it was trained on is no JSON object")
        steps = _parsed(self.preprocessing or "[]")
        if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
            raise ValueError("its preprocessing is no JSON list of steps")
        return self


class ModelCard(BaseModel):
    """What a model is besides its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sessions: tuple[SessionCard, ...] = Field(
        min_length=1, max_length=MOST_SESSIONS, description="The sessions that it knows."
    )
    seed: int = Field(ge=0, le=MAX_SEED, description="Seed it was trained with.")
    config: AutoLFADSConfig = Field(description="Configuration it was trained with.")
    scores: tuple[float, ...] = Field(
        min_length=1,
        max_length=1024,
        description="Validation NLL per masked element (nats) of each model, mean over sessions, best first.",
    )
    made_by: str = Field("", max_length=65536, description="What the command was asked for that trained it (JSON).")
    block_ms: float = Field(0, ge=0, le=10_000, description="Length of the masked blocks (ms); 0: none.")
    components: int = Field(
        0, ge=0, le=4096, description="Components that read-ins make of each session; 0: the first has no read-in."
    )
    started_from: Literal["", "trial averages", "covariance"] = Field(
        "", description="Whose principal components read-ins and read-outs started from; empty: there was one session."
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        values = with_names_of_today(values)
        if not isinstance(values, dict) or "sessions" in values:
            return values
        session = {key: values[key] for key in _OF_A_SESSION if key in values}
        rest = {key: value for key, value in values.items() if key not in _OF_A_SESSION}
        return rest | {"sessions": [session | {"name": name_of(str(session.get("trained_on", "")))}]}

    @model_validator(mode="after")
    def _tells_sessions_apart(self) -> Self:
        if len(set(self.names)) < len(self.names):
            raise ValueError("its sessions must have names, each its own")
        if len({session.rate for session in self.sessions}) > 1:
            raise ValueError("its sessions must have one rate")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sessions."""
        return tuple(session.name for session in self.sessions)

    @property
    def muscles(self) -> tuple[str, ...]:
        """Channels of the first session, in the order of the model."""
        return self.sessions[0].muscles

    @property
    def rate(self) -> float:
        """Rate of the EMG of all sessions (Hz)."""
        return self.sessions[0].rate

    def number_of(self, name: str | None) -> int:
        """Return which session has a name; without one, the only session.

        Raises
        ------
        ConfigError
            If there is none of that name, or none was given and there are several.
        """
        known = ", ".join(self.names)
        if name is None and len(self.names) > 1:
            raise ConfigError(
                f"the model knows {len(self.names)} sessions: {known}",
                obj="session",
                way_out="Say which one the EMG is of, or let it learn a new one with `adapt` (`apply --adapt`)",
            )
        if name is not None and name not in self.names:
            raise ConfigError(
                f"the model does not know the session {name!r}; it knows {known}",
                obj="session",
                way_out="Let it learn that one with `adapt` (`apply --adapt`), or give one that it knows",
            )
        return 0 if name is None else self.names.index(name)


def name_of(origin: str) -> str:
    """Return the name of a session that was given none: that of its file, without folder and suffix."""
    found = _parsed(origin or "{}")
    file = found.get("file") if isinstance(found, dict) else None
    return PurePath(str(file or "")).stem or FIRST


def differences(model: str, here: str) -> list[str]:
    """Return, in words, how the preprocessing of EMG differs from that of the EMG that a model was trained on.

    Parameters
    ----------
    model, here : str
        The attribute ``preprocessing`` of both, JSON; empty: not known, and nothing differs from it. Which mains were
        found, the rate that was recorded and what was missing are the recording's own, and do not count.
    """
    if not model or not here:
        return []
    then, now = (_numbers(_parsed(text)) for text in (model, here))
    return [
        f"{what} {then.get(what, 'none')} (the model), {now.get(what, 'none')} (here)"
        for what in dict.fromkeys([*then, *now])
        if then.get(what) != now.get(what)
    ]


_COMPARED = {
    "taken as rectified": (),
    "notch": ("bandwidth_hz",),
    "high-pass": ("cutoff_hz", "order"),
    "unmix": ("crosstalk", "common_artifacts"),
    "whiten": (),
    "low-pass": ("cutoff_hz", "order"),
    "clip": ("quantile",),
    "scale": ("quantile",),
    "floor": ("value",),
}
_UNITS = {"cutoff_hz": " at {} Hz", "bandwidth_hz": " of {} Hz", "order": ", order {}", "quantile": " at {}"}
_UNITS |= {"crosstalk": ", cross-talk: {}", "common_artifacts": ", artifacts: {}"}


def _numbers(steps: Any) -> dict[str, str]:
    """Return the steps that are the experimenter's choice, in words, by their names."""
    found = {}
    for step in steps if isinstance(steps, list) else []:
        name = str(step.get("step")) if isinstance(step, dict) else ""
        if name in _COMPARED:
            numbers = [_UNITS.get(key, " {}").format(_short(step.get(key))) for key in _COMPARED[name]]
            chosen = name == "notch" and step.get("mains_from") == "configuration"
            numbers += [f", at {', '.join(map(_short, step.get('frequencies_hz') or []))} Hz"] if chosen else []
            found[name] = "".join(numbers).strip(" ,") or "yes"
    return found


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
