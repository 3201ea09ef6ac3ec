"""What was asked for, kept with an estimate as it was given, and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

import xarray as xr

from nwb_autolfads.config import PLACEMENT, RunOptions, RunSettings, Source, given
from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.address import is_address
from nwb_autolfads.results.inside import parse_origin

_OF_THAT_DAY = ("save_model", "resume", "weights", *PLACEMENT)
"""Options of `run` that say what is kept where, or who trains, and do not change the estimate."""


@dataclass(frozen=True)
class Asked:
    """What a command was asked for, of one estimate.

    Attributes
    ----------
    command : str
        ``run`` or ``apply``.
    source : dict
        What was given of `Source`; the file without its folder.
    options : dict
        What was given of the command's other options.
    settings : dict
        What the settings file said of session, preprocessing and this estimator.
    model : str
        File of the model, for ``apply``.
    trained : dict
        Which model that is: ``sha256`` of its bytes, its ``seed``, the origin of what it was trained ``on``, and what
        `run` was asked for that trained it, ``by`` (None where no command did).
    together : list of str
        All files that one model was trained on, this one among them; empty where each was taken by itself.
    """

    command: str
    source: dict[str, Any]
    options: dict[str, Any]
    settings: dict[str, Any]
    model: str = ""
    trained: dict[str, Any] = field(default_factory=dict)
    together: list[str] = field(default_factory=list)

    @classmethod
    def of_run(
        cls, source: Source, options: RunOptions, settings: RunSettings, key: str, *, together: Sequence[Source] = ()
    ) -> Asked:
        """Return what `run` was asked for of the estimator of this key."""
        asked = {name: value for name, value in given(options).items() if name not in _OF_THAT_DAY}
        files = [str(_named(each)["file"]) for each in together]
        return cls("run", _named(source), {**asked, "estimator": key}, _for(settings, key), together=files)

    @classmethod
    def of_apply(
        cls,
        model: Path,
        trained_as: str | None,
        source: Source,
        settings: RunSettings,
        trained: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> Asked:
        """Return what `apply` was asked for; ``others`` are its other options, None where they were not given."""
        options = {key: value for key, value in {"trained_as": trained_as, **others}.items() if value is not None}
        return cls("apply", _named(source), options, _for(settings, ""), model.name, dict(trained or {}))

    @classmethod
    def of(cls, estimate: xr.Dataset) -> Asked | None:
        """Return what an estimate says was asked for; None where it says nothing, as one made by a script.

        Raises
        ------
        SourceError
            If it cannot be understood.
        """
        if "options" not in estimate.attrs:
            return None
        return cls.parsed(estimate.attrs["options"], str(parse_origin(estimate.attrs.get("origin")).get("file", "")))

    @classmethod
    def parsed(cls, text: str, file: str) -> Asked:
        """Return what `to_json` gave; ``file`` is named where it cannot be understood (SourceError)."""
        try:
            return cls(**json.loads(text))._checked()
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
            raise SourceError(
                "what was asked for cannot be understood",
                way_out="Make the estimate again with `nwb-autolfads run`",
                file=file,
                obj="options",
            ) from error

    def _checked(self) -> Asked:
        if self.command not in ("run", "apply") or not isinstance(self.model, str):
            raise TypeError
        if self.trained.get("by") is not None:
            Asked(**self.trained["by"])._checked()
        if not isinstance(self.trained.get("on", {}), Mapping):
            raise TypeError
        Source(**self.source), RunSettings.model_validate(self.settings)
        if not isinstance(self.together, list) or not all(isinstance(name, str) for name in self.together):
            raise TypeError
        if not isinstance(self.source["file"], str) or not isinstance(self.options, Mapping):
            raise TypeError
        return self

    def to_json(self) -> str:
        """Return it as the attribute ``options`` of the estimate."""
        return json.dumps(asdict(self))

    def run_settings(self) -> RunSettings:
        """Return the settings, with the defaults of what was not given."""
        return RunSettings.model_validate(self.settings)

    def source_in(self, file: str | Path, estimate: xr.Dataset) -> Source:
        """Return where the EMG is in the file that holds the estimate.

        It is there as in the recording, unless that was no NWB file: then it was copied, names and unit with it.
        """
        origin = parse_origin(estimate.attrs.get("origin"))
        copied = PurePath(str(origin.get("file", ""))).name == PurePath(file).name != self.source["file"]
        if copied:
            return Source(file, emg=str(origin["object_path"]))
        muscles = self.source.get("muscles")
        asked = Source(**{**self.source, "muscles": None if muscles is None else tuple(muscles)})
        return replace(asked, file=file, emg=str(origin["object_path"]) if "object_path" in origin else asked.emg)


def source_of(file: str | Path, estimate: xr.Dataset, *, outside_links: bool = False) -> Source:
    """Return where the EMG of an estimate is in its file, read as it was then; who reads it now says what to trust."""
    asked = Asked.of(estimate)
    if asked is None:
        return Source(file, parse_origin(estimate.attrs.get("origin")).get("object_path"), outside_links=outside_links)
    return replace(asked.source_in(file, estimate), outside_links=outside_links)


def settings_of(estimate: xr.Dataset) -> RunSettings:
    """Return the settings with which an estimate was made, the defaults where it does not say."""
    asked = Asked.of(estimate)
    return RunSettings() if asked is None else asked.run_settings()


def _named(source: Source) -> dict[str, Any]:
    # A folder of somebody's machine has no place in a file that is shared; an address has.
    file = str(source.file)
    return {**given(source), "file": file if is_address(file) else PurePath(file).name}


def _for(settings: RunSettings, key: str) -> dict[str, Any]:
    return {part: values for part, values in settings.given().items() if part in ("session", "preprocessing", key)}
