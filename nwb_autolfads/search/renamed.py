"""What numbers and tensors were called in version 0.1.0: its settings, models, results and runs keep being read."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from pydantic import model_validator

from nwb_autolfads.errors import NwbAutolfadsWarning
from nwb_autolfads.validation import Settings

RENAMED = {
    "together": "simultaneous_masking",
    "reading": "input_transform",
    "hide_rate": "mask_rate",
    "validation_hide_rate": "validation_mask_rate",
}
SECOND_STEP, WIDTH, WEIGHT = "second_step", "correction_ms", "prediction_weight_ms"
"""Width and weight of the correction of 0.1.0; what came in its place is on where the width was not 0."""


def with_names_of_today(values: Any) -> Any:
    """Return the same with the keys of all dicts in it as they are called now.

    Raises
    ------
    ValueError
        If something is given under its old name and its new one.
    """
    if isinstance(values, list):
        return [with_names_of_today(each) for each in values]
    if not isinstance(values, Mapping):
        return values
    for old in RENAMED.keys() & values.keys():
        if RENAMED[old] in values:
            raise ValueError(f"`{old}` is the old name of `{RENAMED[old]}`, which is given too: leave it out")
    named = {RENAMED.get(name, name): with_names_of_today(each) for name, each in values.items()}
    if WIDTH in named:
        named.setdefault(SECOND_STEP, bool(named[WIDTH]))
    return {name: each for name, each in named.items() if name not in (WIDTH, WEIGHT)}


def warn_of_old_names(values: Any) -> None:
    """Warn of each old name among the keys of all dicts in it (`NwbAutolfadsWarning`)."""
    if not isinstance(values, Mapping):
        return
    for name, each in values.items():
        if name in RENAMED:
            warnings.warn(f"the setting `{name}` is called `{RENAMED[name]}` now", NwbAutolfadsWarning, stacklevel=2)
        if name in (WIDTH, WEIGHT):
            message = f"the setting `{name}` is not used any more: `{SECOND_STEP}` is on or off, and sets itself"
            warnings.warn(message, NwbAutolfadsWarning, stacklevel=2)
        warn_of_old_names(each)


def tensor_name_of_today(name: str) -> str:
    """Return what a tensor is called now, such as ``best.input_transform.centre``."""
    return ".".join(RENAMED.get(part, part) for part in name.split("."))


class RenamedSettings(Settings):
    """Settings whose names of version 0.1.0 are taken with a warning."""

    @model_validator(mode="before")
    @classmethod
    def _take_old_names(cls, values: Any) -> Any:
        warn_of_old_names(values)
        return with_names_of_today(values)
