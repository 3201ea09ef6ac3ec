"""What a function was given becomes a source, a target, settings and options; what is of a wrong type is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from nwb_autolfads.commands.python.progress import training_progress
from nwb_autolfads.config import RunSettings, Source, read_settings, settings_from
from nwb_autolfads.errors import ConfigError, SourceError, shown
from nwb_autolfads.given import path_of
from nwb_autolfads.results.outputs import Target
from nwb_autolfads.validation import unknown

if TYPE_CHECKING:
    from nwb_autolfads.search.progress import ProgressCallback

PathLike = str | os.PathLike[str]
Settings = PathLike | Mapping[str, Any] | RunSettings | None
"""A settings file, what one would say, or None for the defaults."""

Options = TypeVar("Options")


@contextmanager
def shown_progress(progress: bool | ProgressCallback) -> Iterator[ProgressCallback | None]:
    """Yield what shows the progress of training: what was given, or a bar where somebody looks."""
    if callable(progress):
        yield progress
    elif progress:
        with training_progress(lines=False) as show:
            yield show
    else:
        yield None


def source_of(
    file: PathLike,
    emg: str | None,
    muscles: Sequence[str] | None,
    unit: str | None,
    io: str | None,
    outside_links: bool,
) -> Source:
    """Return what is to be read."""
    names = None if muscles is None else (muscles,) if isinstance(muscles, str) else tuple(muscles)
    return Source(file_of(file), emg, names, unit, io, outside_links)


def target_of(
    source: Source, out: PathLike | None, in_place: bool, name: str | None, overwrite: bool, link: bool
) -> Target:
    """Return where the result goes."""
    for other, given in (("out", out is not None), ("link", link)):
        if in_place and given:
            raise ConfigError(f"{other} and in_place exclude each other", way_out="Leave one out")
    place = None if out is None else path_of(out)
    return Target.of(source, place, in_place=in_place, name=name, overwrite=overwrite, link=link)


def file_of(file: PathLike) -> str | Path:
    """Return what names a recording: an address stays a string."""
    if not isinstance(file, str | os.PathLike):
        raise SourceError(
            f"{type(file).__name__} is no path or address of a recording",
            way_out="Give one, or use nal.open_emg and nal.preprocess, which take objects",
        )
    return file if isinstance(file, str) else path_of(file)


def settings_of(settings: Settings) -> RunSettings:
    """Return settings, from a file where one is named."""
    if isinstance(settings, RunSettings):
        return settings
    if isinstance(settings, Mapping):
        return settings_from(dict(settings))
    return read_settings(None if settings is None else path_of(settings))


def options_of(kind: type[Options], given: Mapping[str, Any], function: str) -> Options:
    """Return the options of a command, their names and types checked; what they must be is checked by the command."""
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            problem, way_out = unknown(name, known)
            raise ConfigError(problem, way_out=way_out, obj=function)
    try:
        return TypeAdapter(kind).validate_python(dict(given))
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(str(step) for step in wrong["loc"])
        raise ConfigError(f"{place} is {shown(wrong['input'])}", way_out=wrong["msg"], obj=function) from error
