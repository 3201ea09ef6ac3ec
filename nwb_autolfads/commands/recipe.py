"""The command lines that make estimates again, from what was asked for when they were made."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import xarray as xr

from nwb_autolfads.config import as_arguments, given
from nwb_autolfads.estimators import registry
from nwb_autolfads.results.asked import Asked
from nwb_autolfads.results.inside import parse_origin


def how_to_make(
    estimates: Mapping[str, xr.Dataset], out: Path, *, linked: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Return the command lines that make estimates again, and the settings files that these name, by their names.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        By their names in the file. One that no command made, or that does not say how, has no command line.
    out : Path
        The file that holds them.
    linked : bool
        Whether it only names its recording: then one command made all that is in it.
    """
    said = {name: Asked.of(each) for name, each in estimates.items()}
    known = {name: _of_as_many_steps(asked, estimates[name]) for name, asked in said.items() if asked is not None}
    recorded = _recorded(known, estimates, out.name)
    if linked:
        return _in_one_command(known, recorded or "", out.name)
    commands: list[str] = []
    files: dict[str, str] = {}
    for name, asked in known.items():
        in_place = bool(commands) or recorded is None
        source = given(asked.source_in(out.name, estimates[name])) if in_place else {**asked.source, "file": recorded}
        place = ["--in-place"] if in_place else ["--out", out.name]
        place = [] if asked.together else place  # their results lie beside the recordings
        place += ["--overwrite"] if recorded is None else []
        commands.append(_command(replace(asked, source=source), name, place, files))
    return commands, files


@dataclass(frozen=True)
class UsedModel:
    """A model that an estimate was made with: its file and hash, the session it was trained on, and by what command."""

    estimate: str
    file: str
    sha256: str
    trained_on: str
    identifier: str
    command: str


def models_used(estimates: Mapping[str, xr.Dataset]) -> tuple[list[UsedModel], dict[str, str]]:
    """Return the models that estimates were made with (``apply``), and the settings files of their training."""
    models: list[UsedModel] = []
    files: dict[str, str] = {}
    for name, estimate in estimates.items():
        asked = Asked.of(estimate)
        if asked is None or not asked.trained:
            continue
        command, by, on = "", asked.trained.get("by"), asked.trained.get("on", {})
        stem = PurePath(asked.model).stem
        if by is not None:
            kept_in_nwb = asked.model.endswith(".nwb")
            place = ["--weights", "--out", asked.model] if kept_in_nwb else ["--save-model", asked.model]
            place += [] if kept_in_nwb else ["--out", f"{stem}_trained.nwb"]
            training = _of_as_many_steps(Asked(**by), estimate)
            trained_as = str(asked.options.get("trained_as", ""))
            command = _command(training, trained_as, place, files, settings_name=f"{stem}.yaml")
        digest, file, identifier = asked.trained.get("sha256"), on.get("file"), on.get("file_identifier")
        models.append(UsedModel(name, asked.model, str(digest), str(file), str(identifier), command))
    return models, files


def _in_one_command(known: Mapping[str, Asked], recorded: str, out: str) -> tuple[list[str], dict[str, str]]:
    """Return the command that makes a result which only names its recording; nothing can be added to that later."""
    if not known:
        return [], {}
    asked = next(iter(known.values()))
    options, settings = dict(asked.options), dict(asked.settings)
    for other in known.values():
        options |= other.options
        settings |= other.settings
    name = next(iter(known)) if len(known) == 1 else ""
    options |= {} if name else {"estimator": registry.ALL}
    asked = replace(asked, source={**asked.source, "file": recorded}, options=options, settings=settings)
    files: dict[str, str] = {}
    return [_command(asked, name, ["--link", "--out", out], files)], files


def _command(asked: Asked, name: str, place: list[str], files: dict[str, str], *, settings_name: str = "") -> str:
    """Return one command line; its settings file, where it needs one, is put among the ``files``."""
    recordings = [*asked.together, "--together"] if asked.together else [str(asked.source["file"])]
    command = ["nwb-autolfads", asked.command, *([asked.model] if asked.model else []), *recordings]
    command += as_arguments({key: value for key, value in asked.source.items() if key != "file"})
    command += [*as_arguments(asked.options), *(["--name", name] if name else [])]
    if asked.settings:
        settings_name = settings_name or f"{name or registry.ALL}.yaml"
        files[settings_name] = _as_yaml(asked.settings)
        command += ["--config", settings_name]
    return shlex.join([*command, *place])


def _recorded(known: Mapping[str, Asked], estimates: Mapping[str, xr.Dataset], out: str) -> str | None:
    """Return the recording that the result was made from; None where all was made in place, in the recording itself.

    What was made in place of the result names the result, and what came from another format a copy in the result.
    """
    asked = {name: str(each.source["file"]) for name, each in known.items()}
    origins = {name: str(parse_origin(estimates[name].attrs.get("origin")).get("file", "")) for name in known}
    direct = [file for name, file in asked.items() if file == origins[name]]
    return next((file for file in (*direct, *asked.values(), *origins.values()) if file not in ("", out)), None)


def _of_as_many_steps(asked: Asked, estimate: xr.Dataset) -> Asked:
    """Ask for the steps that a training was long, in place of its time: how many fit into that depends on the day."""
    entry = registry.entry_of(str(estimate.attrs.get("estimator", "")))
    training = json.loads(estimate.attrs.get("config", "{}")).get("training")
    if entry is None or asked.command != "run" or not isinstance(training, dict) or training.get("budget_s") is None:
        return asked
    own = asked.settings.get(entry.key, {})
    steps = {"steps_per_epoch": training.get("steps_per_epoch"), "budget_s": None}
    settings = {**asked.settings, entry.key: {**own, "training": {**own.get("training", {}), **steps}}}
    options = {name: value for name, value in asked.options.items() if name != "minutes"}
    return replace(asked, settings=settings, options=options)


def _as_yaml(values: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    text, writer = io.StringIO(), YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.dump(values, text)
    return text.getvalue()
