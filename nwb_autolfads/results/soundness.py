"""Whether an estimate that was read can be one: its clock, names, scales and texts, looked at once for every reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from nwb_autolfads.errors import SourceError, shown


def require_sound(estimate: xr.Dataset, file: str, name: str) -> None:
    """Refuse an estimate that no program of this package can have written.

    Parameters
    ----------
    estimate : Dataset
        As `nwb_autolfads.read_activation` returns it.
    file, name : str
        The file, and the name of the estimate in it.

    Raises
    ------
    SourceError
        If its times are not finite and ascending, its rate is no positive number, a muscle's name is missing or there
        twice, a scale is no positive number, or its configuration or preprocessing is not the JSON that it should be.
    """
    for what, problem in (
        ("time", _of_times(estimate)),
        ("muscles", _of_muscles(estimate)),
        ("configuration", _of_json(estimate.attrs.get("config"), lambda found: isinstance(found, dict))),
        ("preprocessing", _of_json(estimate.attrs.get("preprocessing"), _are_steps)),
    ):
        if problem:
            raise SourceError(
                problem,
                file=file,
                obj=f"{name}, {what}",
                way_out="The file is damaged or was not made by this package: make the estimate again",
            )


def _of_times(estimate: xr.Dataset) -> str:
    times, rate = estimate["time"].values, estimate.attrs.get("rate")
    if rate is not None and not (_is_number(rate) and rate > 0):
        return f"the rate is {shown(rate)} Hz"
    if not np.issubdtype(times.dtype, np.number) or not np.isfinite(times).all():
        return "the times are not finite"
    if not (np.diff(times) > 0).all():
        return "the times do not ascend"
    return ""


def _of_muscles(estimate: xr.Dataset) -> str:
    names = [str(each) for each in estimate["muscle"].values]
    if not all(names) or len(set(names)) < len(names):
        return f"the muscles have no names of their own: {shown(names)}"
    scales = estimate.coords["scale"].values if "scale" in estimate.coords else np.ones(1)
    if not np.issubdtype(scales.dtype, np.number) or not (np.isfinite(scales) & (scales > 0)).all():
        return f"the scales are {shown(scales.tolist())}"
    return ""


def _of_json(text: Any, fits: Callable[[Any], bool]) -> str:
    if not text:
        return ""
    try:
        return "" if fits(json.loads(text)) else f"is another JSON than it should be: {shown(text)}"
    except (TypeError, ValueError, RecursionError):
        return f"is no JSON: {shown(text)}"


def _are_steps(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(step, dict) and "step" in step for step in found)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and bool(np.isfinite(value))
