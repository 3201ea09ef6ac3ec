"""Settings that are checked: what all their models share, and how a value that does not fit is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from nwb_autolfads.errors import ConfigError, NwbAutolfadsError, shown

MAX_SEED = 2**63 - 1
DOCUMENT = "docs/settings.md"
_UNITS = {"_hz": "Hz", "_ms": "ms", "_s": "s"}  # by the end of a name
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}

Model = TypeVar("Model", bound=BaseModel)


class Settings(BaseModel):
    """Base of all settings: unknown keys, text or truth values in the place of numbers, NaN and infinity are refused.

    Every field has a description, and a bound where it is a number. Its unit is that of its name (``_hz``, ``_ms``,
    ``_s``) or is given as ``json_schema_extra={"unit": ...}``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _plain_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Take the numbers of numpy, and 4.0 where 4 is meant."""
        value = value.item() if getattr(value, "ndim", None) == 0 else value
        whole = isinstance(value, float) and value.is_integer()
        return int(value) if whole and float not in _kinds(cls.model_fields[str(info.field_name)]) else value


def checked(
    model: type[Model],
    values: object,
    *,
    error: type[NwbAutolfadsError] = ConfigError,
    file: str = "",
    obj: str = "",
    part: str = "",
) -> Model:
    """Return the settings that values make.

    Parameters
    ----------
    model : type of BaseModel
        What they are checked by.
    values : object
        What was given, most often a mapping.
    error : type of NwbAutolfadsError
        What is raised.
    file, obj : str
        Where they come from, for the message.
    part : str
        Where they stand in a settings file, for the message.

    Returns
    -------
    BaseModel
        An instance of ``model``.

    Raises
    ------
    NwbAutolfadsError
        Of the type asked for, on the first value that does not fit: what it is, and what would be right.
    """
    try:
        return model.model_validate(values)
    except ValidationError as found:
        problem, way_out = explained(found, model, part)
        raise error(problem, way_out=way_out, file=file, obj=obj) from found


def require_known_keys(model: type[BaseModel], values: object, *, file: str = "", part: str = "") -> None:
    """Refuse a key that a part of a settings file has not, at any depth; values are not looked at.

    Raises
    ------
    ConfigError
        If there is such a key; the nearest one is named.
    """
    if not isinstance(values, Mapping):
        return
    for key, value in values.items():
        if key not in model.model_fields:
            problem, way_out = unknown(str(key), model.model_fields, part)
            raise ConfigError(problem, way_out=way_out, file=file)
        if inner := part_of(model.model_fields[key]):
            require_known_keys(inner, value, file=file, part=f"{part}.{key}" if part else str(key))


def explained(error: ValidationError, model: type[BaseModel], part: str = "") -> tuple[str, str]:
    """Say of a validation that failed what is wrong first, and what would be right."""
    wrong = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")  # a typo explains what is missing
    place, name, field, names = part, "", None, model.model_fields
    for step in wrong["loc"]:
        if wrong["type"] in ("extra_forbidden", "invalid_key") and step == wrong["loc"][-1]:
            return unknown(str(step), names, place)
        if field is not None and not names:  # within a list, or one of several kinds that a value can have
            place = f"{place}[{step}]" if isinstance(step, int) else place
            continue
        name = str(step)
        field, place = names[name], f"{place}.{name}" if place else name
        inner = part_of(field)
        names = inner.model_fields if inner else {}
    if wrong["type"] == "value_error":  # of a validator of ours, about several settings together
        where = f"{place}: " if place else ""
        return f"{where}{wrong['ctx']['error']}", f"See {DOCUMENT}"
    if field is None or names:
        known = f"Give its settings by name: {', '.join(names)}"
        return f"{place or 'all of it'} is {shown(wrong['input'])}, no settings", known
    if wrong["type"] == "missing":
        return f"{place} is missing", f"Give {taken(name, field)}"
    return f"{place}={shown(wrong['input'])} {_wrongness(wrong['type'], field)}", f"Give {taken(name, field)}"


def _wrongness(kind: str, field: FieldInfo) -> str:
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number"):
        return "is out of range"
    return "does not exist" if all(get_origin(each) is Literal for each in _kinds(field)) else "does not fit"


def unknown(key: str, known: Iterable[str], part: str = "") -> tuple[str, str]:
    """Say that there is no such setting, and which is the nearest."""
    near = get_close_matches(key[:100], list(known), n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
    return f"there is no setting {shown(f'{part}.{key}' if part else key)[1:-1]}", f"{hint} {DOCUMENT} lists all"


def part_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a field that holds settings of its own; None for a value."""
    return field.annotation if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel) else None


def unit_of(name: str, field: FieldInfo) -> str:
    """Return the unit of a setting, empty where it has none."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return str(extra.get("unit", next((unit for end, unit in _UNITS.items() if name.endswith(end)), "")))


def taken(name: str, field: FieldInfo) -> str:
    """Say what a setting takes: kind, range, unit and choices."""
    unit = unit_of(name, field)
    kinds = " or ".join(
        _kind(each, field.metadata, f" ({unit})" if unit else "") for each in _members(field.annotation)
    )
    return f"{kinds}, or nothing" if NoneType in get_args(field.annotation) else kinds


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return the types that a value can have, but for None."""
    several = get_origin(annotation) in (Union, UnionType)
    return tuple(each for each in get_args(annotation) if each is not NoneType) if several else (annotation,)


def _kinds(field: FieldInfo) -> tuple[Any, ...]:
    return tuple(get_args(each)[0] if get_origin(each) is Annotated else each for each in _members(field.annotation))


def _kind(annotation: Any, bounds: Iterable[object], unit: str) -> str:
    if get_origin(annotation) is Annotated:
        annotation, inner = get_args(annotation)
        return _kind(annotation, inner.metadata, unit)
    if get_origin(annotation) is Literal:
        return " or ".join(f"'{value}'" if isinstance(value, str) else str(value) for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        return f"a list, of {_kind(get_args(annotation)[0], (), unit)} each"
    if annotation in (int, float):
        return f"{_KINDS[annotation]}{_range(bounds)}{unit}"
    return _KINDS.get(annotation, "a date and time with its zone, such as 2024-05-01T09:30:00+02:00")


def _range(bounds: Iterable[object]) -> str:
    limits = {sign: getattr(each, sign) for each in bounds for sign in ("gt", "ge", "lt", "le") if hasattr(each, sign)}
    words = {"gt": "above", "ge": "from", "lt": "below", "le": "up to"}
    return "".join(f" {words[sign]} {limits[sign]:,.10g}" for sign in words if sign in limits)
