"""The command lines that make estimates again, from what was asked for when they were made."""

from __future__ import annotations

import io
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from nwb_autolfads.config import as_arguments, given
from nwb_autolfads.results.asked import Asked


def how_to_make(estimates: Mapping[str, xr.Dataset], out: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command lines that make estimates again, and the settings files that these name, by their names.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        By their names in the file. One that no command made, or that does not say how, has no command line.
    out : Path
        The file that holds them.
    """
    known = {name: asked for name, each in estimates.items() if (asked := Asked.of(each)) is not None}
    # What was made in place names the result itself; the recording is what any other was made from.
    recorded = next((str(asked.source["file"]) for asked in known.values() if asked.source["file"] != out.name), None)
    commands: list[str] = []
    files: dict[str, str] = {}
    for name, asked in known.items():
        in_place = bool(commands) or recorded is None
        source = given(asked.source_in(out.name, estimates[name])) if in_place else {**asked.source, "file": recorded}
        command = ["nwb-autolfads", asked.command, *([asked.model] if asked.model else []), str(source["file"])]
        command += as_arguments({key: value for key, value in source.items() if key != "file"})
        command += [*as_arguments(asked.options), "--name", name]
        if asked.settings:
            files[f"{name}.yaml"] = _as_yaml(asked.settings)
            command += ["--config", f"{name}.yaml"]
        command += ["--in-place"] if in_place else ["--out", out.name]
        commands.append(shlex.join([*command, *(["--overwrite"] if recorded is None else [])]))
    return commands, files


def _as_yaml(values: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    text, writer = io.StringIO(), YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.dump(values, text)
    return text.getvalue()
