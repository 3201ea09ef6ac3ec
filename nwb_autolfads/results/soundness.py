"""Whether an estimate can be one: its clock, names, scales and texts, looked at when it is written and read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from nwb_autolfads.errors import SourceError, shown
from nwb_autolfads.files.limits import MAX_TIME_S

LONGEST_NAME = 256


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
        If activation is infinite or no numbers of time and muscle, its times are not finite, ascending and at its
        rate, a muscle's name is missing, too long or there twice, a scale is no positive number, or its configuration
        or preprocessing is not the JSON that it should be.
    """
    if found := unsound(estimate):
        part, problem = found
        raise SourceError(
            problem,
            file=file,
            obj=f"{name}, {part}",
            way_out="The file is damaged or was not made by this package: make the estimate again",
        )


def unsound(estimate: xr.Dataset) -> tuple[str, str] | None:
    """Return which part of an estimate is not what it must be, and why; None where all is well."""
    config, steps = estimate.attrs.get("config"), estimate.attrs.get("preprocessing")
    for part, check in (
        ("activation", lambda: _of_activation(estimate)),
        ("time", lambda: _of_times(estimate)),
        ("muscles", lambda: _of_muscles(estimate)),
        ("configuration", lambda: _of_json(config, lambda found: isinstance(found, dict))),
        ("preprocessing", lambda: _of_json(steps, _are_steps)),
    ):
        if problem := check():
            return part, problem
    return None


def _of_activation(estimate: xr.Dataset) -> str:
    activation = estimate["activation"]
    if activation.dtype.kind != "f" or activation.dims != ("time", "muscle") or min(activation.shape) < 1:
        return f"it is {activation.dtype} of shape {shown(activation.shape)}, not numbers of time and muscle"
    if len(activation) < 2:
        return "it has one bin"
    if n_infinite := int(np.isinf(activation.values).sum()):
        return f"{n_infinite} of {activation.size} values are infinite"
    return ""


def _of_times(estimate: xr.Dataset) -> str:
    times, rate = estimate["time"].values, estimate.attrs.get("rate")
    if times.dtype.kind not in "fiu":
        return f"times are of type {times.dtype}, not numbers (s)"
    if rate is not None and not (_is_number(rate) and rate > 0):
        return f"the rate is {shown(rate)} Hz"
    unfit = ~(np.abs(times) <= MAX_TIME_S)
    if unfit.any():
        return f"bin {int(unfit.argmax())} is at {times[unfit.argmax()]:g} s"
    steps = np.diff(times)
    if steps.min() <= 0:
        return f"it does not ascend: a step of {steps.min():g} s"
    if rate is not None and not np.isclose(np.median(steps) * rate, 1, rtol=0.01):
        return f"the rate is {rate:g} Hz, but bins are {np.median(steps):g} s apart"
    return ""


def _of_muscles(estimate: xr.Dataset) -> str:
    names = [str(each) for each in estimate["muscle"].values]
    if not all(0 < len(each.strip()) <= LONGEST_NAME for each in names) or len(set(names)) < len(names):
        return f"the muscles have no names of their own: {shown(names)}"
    scales = estimate.coords["scale"].values if "scale" in estimate.coords else np.ones(1)
    if not np.issubdtype(scales.dtype, np.number) or not (np.isfinite(scales) & (scales > 0)).all():
        return f"the scales are {shown(scales.tolist())}, not positive numbers"
    return ""


def _of_json(text: Any, fits: Callable[[Any], bool]) -> str:
    if text is None:
        return ""
    try:
        return "" if fits(json.loads(text)) else f"is another JSON than it should be: {shown(text)}"
    except (TypeError, ValueError, RecursionError):
        return f"is no JSON: {shown(text)}"


def _are_steps(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(step, dict) and "step" in step for step in found)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and bool(np.isfinite(value))
