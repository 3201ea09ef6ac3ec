"""All that a settings file or a command line can say: source, preprocessing, estimator, session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PrivateAttr, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.errors import ConfigError
from nwb_autolfads.estimators import registry
from nwb_autolfads.files.address import is_address
from nwb_autolfads.files.limits import MAX_SETTINGS_BYTES, MAX_SETTINGS_DEPTH
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.search.renamed import with_names_of_today
from nwb_autolfads.sources import open_emg, room_of
from nwb_autolfads.sources.recording import EmgRecording
from nwb_autolfads.validation import checked, require_known_keys, unknown


@dataclass(frozen=True)
class Source:
    """What to read: a file or address, and where and how the EMG is in it (see `nwb_autolfads.open_emg`)."""

    file: str | Path
    emg: str | None = None
    muscles: tuple[str, ...] | None = None
    unit: str | None = None
    io: str | None = None
    outside_links: bool = False

    def open(self) -> EmgRecording:
        """Open the EMG."""
        return open_emg(
            self.file,
            path=self.emg,
            muscles=self.muscles,
            unit=self.unit,
            io=self.io,
            outside_links=self.outside_links,
        )

    def nwb_file(self) -> Path | None:
        """Return the NWB file that results can go beside or into; None for an address, Zarr and other formats."""
        if is_address(str(self.file)) or Path(self.file).is_dir() or not self.is_nwb():
            return None
        return Path(self.file)

    def is_nwb(self) -> bool:
        """Return whether it is read as NWB, wherever it is."""
        return room_of(self.file, self.io) == "nwb"


PLACEMENT = ("device", "engine", "workers", "address")


@dataclass(frozen=True)
class RunOptions:
    """What the command line says to `run` besides where the EMG is and where the result goes.

    Attributes
    ----------
    estimator : str
        Key of a registered estimator, or ``all``.
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
        Events (see `nwb_autolfads.sources.nwb.events.read_events`) whose trials are the windows of an estimator that
        takes trials; the others always run along the whole recording.
    until : str or None
        Events at which trials end; without, they all have one length.
    trial_from, trial_to : float
        Begin and end of a trial (ms after its event; with ``until``, the end is after that one).
    minutes : float or None
        Time for training, in place of the length that the preset gives it.
    correct : bool or None
        Whether AutoLFADS fuses its prediction with each muscle's own data; unset, as its settings say.
    infer_missing : bool
        Whether muscles that a session lacks and others have are inferred, where several are taken together.
    device, engine, workers, address
        Where AutoLFADS trains, see `nwb_autolfads.AutoLFADS`; unset, on this machine.
    """

    estimator: str = "autolfads"
    preset: str = "quick"
    seed: int = 0
    save_model: Path | None = None
    resume: Path | None = None
    weights: bool = False
    trials: str | None = None
    until: str | None = None
    trial_from: float = -100.0
    trial_to: float | None = None
    minutes: float | None = None
    correct: bool | None = None
    infer_missing: bool = False
    device: str | None = None
    engine: str | None = None
    workers: int | None = None
    address: str | None = None

    @property
    def placement(self) -> dict[str, Any]:
        """Where a model is trained, as far as it was said; the estimate is the same wherever that is."""
        return {name: getattr(self, name) for name in PLACEMENT if getattr(self, name) is not None}


def given(options: Source | RunOptions) -> dict[str, Any]:
    """Return what was given of options, JSON-serialisable: their fields that are not at their defaults."""
    values = {field.name: getattr(options, field.name) for field in fields(options)}
    defaults = {field.name: field.default for field in fields(options)}
    return {key: _plain(value) for key, value in values.items() if value != defaults[key]}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def as_arguments(options: Mapping[str, Any]) -> list[str]:
    """Return options (see `given`) as a command line takes them: the field ``trial_from`` is ``--trial-from``."""
    arguments: list[str] = []
    for key, value in options.items():
        flag = f"--{key.replace('_', '-')}"
        if isinstance(value, list):
            arguments += [flag, ",".join(map(str, value))]
        elif value is True:
            arguments.append(flag)
        elif value is False:
            arguments.append(f"--no-{flag.removeprefix('--')}")
        elif value is not None:
            arguments += [flag, f"{value:g}" if isinstance(value, float) else str(value)]
    return arguments


class SessionSettings(BaseModel):
    """What a new NWB file says of a recording that has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: AwareDatetime | None = Field(default=None, description="When the recording's clock was at 0, with its zone.")
    description: str = Field(default="", description="One sentence on the session.")
    muscles: tuple[str, ...] | None = Field(default=None, description="As --muscles.")
    subject_id: str = Field(default="", description="Name of the subject in the laboratory.")
    species: str = Field(default="", description="Latin name, such as Homo sapiens.")
    sex: Literal["M", "F", "O", "U"] = Field(default="U", description="U: not known.")
    age: str = Field(default="", description="ISO 8601 duration, such as P30Y.")

    def subject(self) -> dict[str, str]:
        """Return what is given of the subject."""
        given = {"subject_id": self.subject_id, "species": self.species, "age": self.age}
        return {key: text for key, text in given.items() if text} | ({"sex": self.sex} if self.sex != "U" else {})


class RunSettings(BaseModel):
    """What a run does with the EMG.

    In a settings file each estimator has a part of its own, under its key; the numbers in it are checked when the
    estimator is made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preprocessing: PreprocessingConfig = Field(default_factory=PreprocessingConfig)
    session: SessionSettings = Field(default_factory=SessionSettings)
    estimators: dict[str, dict[str, Any]] = Field(default_factory=dict, description="Settings of estimators, by key.")

    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The settings file that these were read from."""
        return self._file

    @model_validator(mode="before")
    @classmethod
    def _gather_estimators(cls, values: Any) -> Any:
        """Take the part of each registered estimator."""
        if not isinstance(values, dict):
            return values
        parts = {entry.key: values[entry.key] for entry in registry.entries() if entry.key in values}
        rest = {key: value for key, value in values.items() if key not in parts}
        return {**rest, "estimators": parts} if parts else rest

    def given(self) -> dict[str, Any]:
        """Return what was set, as a settings file says it; JSON-serialisable."""
        values = self.model_dump(mode="json", exclude_unset=True)
        return {part: asked for part, asked in {**values, **values.pop("estimators", {})}.items() if asked}

    def with_session(self, **given: str | None) -> RunSettings:
        """Return these settings with what is given of `SessionSettings` put over what they say.

        Raises
        ------
        ConfigError
            If a value does not fit.
        """
        known = self.session.model_dump(exclude_unset=True)
        session = checked(
            SessionSettings, {**known, **{key: text for key, text in given.items() if text is not None}}, part="session"
        )
        return self.model_copy(update={"session": session})


def read_settings(path: Path | None) -> RunSettings:
    """Read a settings file.

    Parameters
    ----------
    path : Path or None
        A YAML file with the keys of `RunSettings`; None for the defaults.

    Returns
    -------
    RunSettings

    Raises
    ------
    ConfigError
        If the file cannot be read, is larger than 64 KiB, is not YAML, uses aliases, nests deeply, or sets
        something that does not exist or is out of its bounds.
    """
    if path is None:
        return RunSettings()
    try:
        require_regular_file(path, ConfigError)
        with path.open("rb") as stream:
            content = stream.read(MAX_SETTINGS_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", way_out="Check the path", file=str(path)) from error
    if len(content) > MAX_SETTINGS_BYTES:
        raise ConfigError(
            f"is larger than {MAX_SETTINGS_BYTES} bytes",
            way_out="Settings take a few lines; check the path",
            file=str(path),
        )
    try:
        text = content.decode("utf-8")
        _refuse_what_unfolds(text, path)
        values = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, UnicodeDecodeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(f"is not YAML: {reason}", way_out="See docs/getting-started.md", file=str(path)) from error
    settings = settings_from({} if values is None else values, str(path))
    settings._file = path
    return settings


def settings_from(values: object, file: str = "") -> RunSettings:
    """Return the settings that the content of a settings file makes; ``file`` is named in errors.

    Raises
    ------
    ConfigError
        If it sets something that does not exist or is out of its bounds.
    """
    _require_known(values, file)
    return checked(RunSettings, values, file=file)


def _require_known(values: object, file: str) -> None:
    """Refuse a key that nothing has, at any depth, and name the nearest; values are looked at later."""
    if not isinstance(values, Mapping):
        return
    models: dict[str, type[BaseModel] | None] = {"preprocessing": PreprocessingConfig, "session": SessionSettings}
    models |= {entry.key: entry.settings_model() for entry in registry.entries()}
    for key, part in values.items():
        if key not in models:
            problem, way_out = unknown(str(key), models)
            raise ConfigError(problem, way_out=way_out, file=file)
        if (model := models[str(key)]) is not None:
            require_known_keys(model, with_names_of_today(part), file=file, part=str(key))


def _refuse_what_unfolds(text: str, path: Path) -> None:
    """Refuse, while it is parsed, YAML of which a few kilobytes take minutes or gigabytes; settings need none of it."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, AliasEvent):
            raise ConfigError("uses YAML aliases", way_out="Write the values out", file=str(path))
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_SETTINGS_DEPTH:
            raise ConfigError(
                f"nests deeper than {MAX_SETTINGS_DEPTH} levels", way_out="See docs/getting-started.md", file=str(path)
            )
