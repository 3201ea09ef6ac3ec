"""What a run reads, and its settings file: YAML with one part per room, each optional."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.errors import ConfigError
from nwb_autolfads.sources import open_emg, room_of
from nwb_autolfads.sources.recording import EmgRecording

MAX_BYTES = 64 * 1024
MAX_DEPTH = 8


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
        if "://" in str(self.file) or Path(self.file).is_dir() or room_of(self.file, self.io) != "nwb":
            return None
        return Path(self.file)


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

    The parts of the estimators hold their keyword arguments, checked when the estimator is made; see the
    documentation of each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preprocessing: PreprocessingConfig = Field(default_factory=PreprocessingConfig)
    session: SessionSettings = Field(default_factory=SessionSettings)
    lowpass: dict[str, Any] = Field(default_factory=dict, description="Arguments of LowPass.")
    bayes: dict[str, Any] = Field(default_factory=dict, description="Arguments of BayesianFilter.")
    autolfads: dict[str, Any] = Field(
        default_factory=dict, description="Numbers of AutoLFADSConfig, over the preset's."
    )

    def with_session(self, **given: str | None) -> RunSettings:
        """Return these settings with what is given of `SessionSettings` put over what they say.

        Raises
        ------
        ConfigError
            If a value does not fit.
        """
        known = self.session.model_dump(exclude_unset=True)
        try:
            session = SessionSettings(**{**known, **{key: text for key, text in given.items() if text is not None}})
        except ValidationError as error:
            raise ConfigError(described(error), way_out="See docs/reading-emg.md", obj="session") from error
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
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", way_out="Check the path", file=str(path)) from error
    if len(content) > MAX_BYTES:
        raise ConfigError(
            f"is larger than {MAX_BYTES} bytes", way_out="Settings take a few lines; check the path", file=str(path)
        )
    try:
        text = content.decode("utf-8")
        _refuse_what_unfolds(text, path)
        values = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, UnicodeDecodeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(f"is not YAML: {reason}", way_out="See docs/getting-started.md", file=str(path)) from error
    try:
        return RunSettings.model_validate({} if values is None else values)
    except ValidationError as error:
        raise ConfigError(described(error), way_out="See docs/getting-started.md", file=str(path)) from error


def _refuse_what_unfolds(text: str, path: Path) -> None:
    """Refuse, while it is parsed, YAML of which a few kilobytes take minutes or gigabytes; settings need none of it."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, AliasEvent):
            raise ConfigError("uses YAML aliases", way_out="Write the values out", file=str(path))
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ConfigError(
                f"nests deeper than {MAX_DEPTH} levels", way_out="See docs/getting-started.md", file=str(path)
            )


def described(error: ValueError | TypeError) -> str:
    """Say in one line which settings are wrong, and how."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:5])
