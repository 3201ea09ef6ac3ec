"""What a public function is given: of the kind that it needs, or one error that says what is needed instead."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError, NwbAutolfadsError, SignalError, shown

WAY_OUT = "Give an estimate, or rectified EMG"


def path_of(path: Any, error: type[NwbAutolfadsError] = ConfigError) -> Path:
    """Return a path of this machine; raise ``error`` for what is none."""
    try:
        return Path(path)
    except TypeError as reason:
        raise error(f"{shown(path)} is no path", way_out="Give a str or a pathlib.Path") from reason


def over_time(given: Any) -> xr.DataArray:
    """Return activation or EMG ``(time, muscle)``; of an estimate its activation.

    Raises
    ------
    SignalError
        If it is none.
    """
    values = given.get("activation") if isinstance(given, xr.Dataset) else given
    if not isinstance(values, xr.DataArray) or values.dims != ("time", "muscle") or values.dtype.kind not in "fiu":
        what = type(given).__name__ if values is None else f"{type(values).__name__} {getattr(values, 'dims', '')}"
        raise SignalError(f"this is no activation (time, muscle): {shown(what.strip())}", way_out=WAY_OUT)
    if values.sizes["time"] < 2 or not {"time", "muscle"} <= set(values.coords):
        raise SignalError("it has no times or no muscles", way_out=WAY_OUT)
    return values


def named_estimates(given: Any) -> dict[str, xr.Dataset]:
    """Return estimates by their names; one alone is called as its estimator.

    Raises
    ------
    SignalError
        If it is no estimate, and no mapping of names to estimates either.
    """
    if isinstance(given, xr.Dataset):
        named: Mapping[Any, Any] = {str(given.attrs.get("estimator", "estimate")): given}
    else:
        named = given if isinstance(given, Mapping) else {}
    for name, estimate in named.items():
        if not isinstance(estimate, xr.Dataset) or not {"time", "muscle"} == set(_dims_of(estimate, "activation")):
            raise SignalError(
                f"this is no estimate: {shown(type(estimate).__name__)} without activation (time, muscle)",
                way_out="Give what an estimator's estimate() or nal.read_activation returns",
                obj=str(name),
            )
    if not named:
        raise SignalError(
            f"these are no estimates: {shown(type(given).__name__)}",
            way_out="Give an estimate, or several by their names: {'LowPass': estimate}",
        )
    return {str(name): estimate for name, estimate in named.items()}


def _dims_of(data: xr.Dataset, name: str) -> tuple[Any, ...]:
    return data[name].dims if name in data and set(data[name].dims) <= set(data.coords) else ()


def series_of(given: Any, what: str) -> list[xr.DataArray]:
    """Return series ``(time, ...)``, such as behaviour.

    Raises
    ------
    SignalError
        If one of them is something else.
    """
    each = list(given) if isinstance(given, Sequence) and not isinstance(given, str | bytes) else [given]
    for series in each:
        if not isinstance(series, xr.DataArray) or "time" not in series.coords or series.ndim != 2:
            raise SignalError(
                f"this is no series (time, column): {shown(type(series).__name__)}",
                way_out="Give a file, or DataArrays with the coordinate time (s)",
                obj=what,
            )
    return each


def muscles_among(given: Any, known: Iterable[Any]) -> list[str]:
    """Return names of muscles that are there.

    Raises
    ------
    ConfigError
        If one of them is not.
    """
    there = [str(name) for name in known]
    in_a_row = not isinstance(given, Mapping) and np.ndim(given) == 1
    names = [str(name) for name in given] if in_a_row else [given if isinstance(given, str) else shown(given)]
    for name in names:
        if name not in there:
            raise ConfigError(f"no muscle is called {shown(name)}", way_out=f"There are {', '.join(there)}")
    return names


def require_variables(given: Any, names: Iterable[str], way_out: str) -> None:
    """Refuse what has not all of these variables and dimensions.

    Raises
    ------
    SignalError
        Naming the first that is missing.
    """
    if not isinstance(given, xr.Dataset):
        raise SignalError(f"this is no Dataset: {shown(type(given).__name__)}", way_out=way_out)
    for name in names:
        if name not in given and name not in given.dims:
            raise SignalError(f"there is no {shown(name)[1:-1]} in it", way_out=way_out)


def times_of(given: Any, obj: str) -> NDArray[np.float64]:
    """Return finite times (s) in a row.

    Raises
    ------
    ConfigError
        If they are something else.
    """
    try:
        times = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        times = np.array(np.nan)
    if times.ndim != 1 or not np.isfinite(times).all():
        raise ConfigError(f"times are {shown(given)}", obj=obj, way_out="Give finite times in a row (s)")
    return times


def number(given: Any, name: str, obj: str) -> float:
    """Return a finite number.

    Raises
    ------
    ConfigError
        If it is something else.
    """
    is_number = isinstance(given, int | float | np.number) and not isinstance(given, bool)
    if not is_number or not math.isfinite(given):
        raise ConfigError(f"{name} is {shown(given)}", obj=obj, way_out="Give a finite number")
    return float(given)


def excerpt(start: Any, stop: Any, obj: str) -> slice:
    """Return a stretch of time (s), either end of which may be None."""
    ends = {"start": start, "stop": stop}
    return slice(*(None if each is None else number(each, name, obj) for name, each in ends.items()))
