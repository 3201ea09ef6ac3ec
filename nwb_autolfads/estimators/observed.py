"""Rectified EMG as the estimators take it: checked, strictly positive, usable muscles only, cut at the gaps."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from nwb_autolfads.errors import ConfigError, NwbAutolfadsWarning, SignalError, shown
from nwb_autolfads.segments import Segments

FLOOR = 1e-4
"""Smallest value of rectified, scaled EMG and of activation: the likelihoods are defined above zero only."""


@dataclass(frozen=True)
class ObservedEmg:
    """Rectified EMG of the usable muscles.

    Attributes
    ----------
    values : array, (time, usable muscle)
        Rectified, scaled EMG, at least `FLOOR`; NaN where it is missing.
    rate : float
        Sampling rate (Hz).
    segments : Segments
        Where there are no gaps.
    usable : array of bool, (muscle,)
        Which columns of the source ``values`` holds.
    muscles : tuple of str
        Their names.
    file : str
        Where the EMG is from, for messages.
    """

    values: NDArray[np.float64]
    rate: float
    segments: Segments
    usable: NDArray[np.bool_]
    muscles: tuple[str, ...]
    file: str = ""

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """Where there is a value, (time, usable muscle)."""
        return ~np.isnan(self.values)

    @cached_property
    def filled(self) -> NDArray[np.float64]:
        """The values, with `FLOOR` where they are missing: for what must not meet NaN and heeds `seen`."""
        return self.values if self.seen.all() else np.where(self.seen, self.values, FLOOR)

    def require_fitted(self, estimator: str, fitted: Collection[str]) -> None:
        """Raise `SignalError` where there is a muscle that ``estimator`` was not fitted on."""
        if others := [muscle for muscle in self.muscles if muscle not in fitted]:
            raise SignalError(
                f"{estimator} was fitted on {', '.join(fitted)}, not on {', '.join(others)}",
                file=self.file,
                way_out="Call fit(emg) again",
            )

    def spread(self, columns: NDArray[np.floating]) -> NDArray[np.float32]:
        """Put ``(time, usable muscle)`` back among all muscles, NaN where a muscle is unusable."""
        every = np.full((len(columns), len(self.usable)), np.nan, dtype=np.float32)
        every[:, self.usable] = columns
        return every


def observe(emg: xr.DataArray) -> ObservedEmg:
    """Check rectified EMG and take out what an estimator works on.

    Parameters
    ----------
    emg : DataArray, (time, muscle)
        As `nwb_autolfads.preprocess` returns it; NaN where it is missing.

    Returns
    -------
    ObservedEmg

    Raises
    ------
    SignalError
        When it is not rectified EMG (`check_rectified`), a usable muscle has infinite values or none, or never changes,
        or when no muscle is usable.

    Warns
    -----
    NwbAutolfadsWarning
        When values at or below zero had to be raised to `FLOOR`.
    """
    check_rectified(emg)
    usable = usable_muscles(emg)
    if not usable.any() or emg.sizes["time"] == 0:
        raise unfit(
            emg,
            f"none of {emg.sizes['muscle']} muscles with {emg.sizes['time']} bins is usable",
            "See the quality report of preprocessing for the reasons",
        )
    values = emg.values[:, usable].astype(np.float64)
    muscles = tuple(str(muscle) for muscle in emg["muscle"].values[usable])
    for muscle, column in zip(muscles, values.T, strict=True):
        _check_muscle(emg, muscle, column)
    n_raised = int(np.count_nonzero(values <= 0))
    if n_raised:
        warnings.warn(
            f"{n_raised} of {values.size} values of rectified EMG are zero or negative; raised to {FLOOR:g}",
            NwbAutolfadsWarning,
            stacklevel=3,
        )
    floored = np.maximum(values, FLOOR)
    return ObservedEmg(floored, float(emg.attrs["rate"]), Segments.of(emg), usable, muscles, file_of(emg))


def usable_muscles(emg: xr.DataArray) -> NDArray[np.bool_]:
    """Return which muscles passed quality control, (muscle,); all where nothing is said."""
    return np.asarray(emg["usable"].values, bool) if "usable" in emg.coords else np.ones(emg.sizes["muscle"], bool)


def unfit(emg: xr.DataArray, problem: str, way_out: str, *, obj: str = "") -> SignalError:
    """Return an error that names where the EMG comes from, and the muscle (``obj``) where it is one."""
    origin = _origin(emg)
    return SignalError(problem, file=origin.get("file", ""), obj=obj or origin.get("object_path", ""), way_out=way_out)


def file_of(emg: xr.DataArray | xr.Dataset) -> str:
    """Return the file that EMG, or an estimate of it, is from, "" where it does not say."""
    return str(_origin(emg).get("file", ""))


def _origin(emg: xr.DataArray | xr.Dataset) -> dict[str, str]:
    try:
        origin = json.loads(emg.attrs.get("origin", "{}"))
    except (TypeError, ValueError):
        return {}
    return origin if isinstance(origin, dict) else {}


def check_rectified(emg: xr.DataArray) -> None:
    """Refuse what is not shaped, timed and named like rectified EMG, whatever its values.

    Raises
    ------
    SignalError
        When dims, coordinates, rate or the type of the values are not those of `nwb_autolfads.preprocess`, times are
        not finite or do not ascend, or two muscles have one name.
    """
    way_out = "Make it with nwb_autolfads.preprocess"
    if not isinstance(emg, xr.DataArray):
        raise SignalError(f"EMG is an xarray DataArray, not {shown(type(emg).__name__)}", way_out=way_out)
    needed = {"time", "muscle", "segment"}
    if emg.dims != ("time", "muscle") or not needed <= set(emg.coords) or "rate" not in emg.attrs:
        raise unfit(
            emg,
            f"the EMG has dims {emg.dims}, coordinates {sorted(map(str, emg.coords))}, attrs {sorted(emg.attrs)}; "
            "an estimator needs dims (time, muscle), coordinates time, muscle and segment, and the attribute rate",
            way_out,
        )
    for name, kind in (("EMG", emg.dtype), ("coordinate time", emg["time"].dtype)):
        if kind.kind not in "fiu":
            raise unfit(emg, f"the {name} is of type {kind}, not of real numbers", way_out)
    rate = emg.attrs["rate"]
    if not isinstance(rate, int | float | np.number) or not 0 < rate < math.inf:
        raise unfit(emg, f"the attribute rate is {rate!r}, not a number of Hz above 0", way_out)
    time = emg["time"].values
    wrong = (
        np.flatnonzero(~np.isfinite(time)) if not np.isfinite(time).all() else np.flatnonzero(np.diff(time) <= 0) + 1
    )
    if wrong.size:
        raise unfit(
            emg,
            f"the times of the EMG are not finite or do not ascend, first at bin {wrong[0]}: {time[wrong[0]]:g} s",
            "Sort it by time, and leave out bins without a time",
        )
    names = [str(name) for name in emg["muscle"].values]
    if len(set(names)) < len(names):
        raise unfit(emg, f"two muscles have one name: {', '.join(names)}", "Give each its own name")


def moving_average(values: NDArray[np.float64], visible: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Average the visible bins of one segment over ``width`` bins, where at least half of the bins are visible.

    Parameters
    ----------
    values : array, (time, muscle)
    visible : array, (time,)
        1 where visible, 0 where hidden.
    width : int

    Returns
    -------
    array, (positions with enough visible bins, muscle)
    """
    weight = uniform_filter1d(visible, width)
    enough = weight >= 0.5
    return uniform_filter1d(values * visible[:, None], width, axis=0)[enough] / weight[enough, None]


def _check_muscle(emg: xr.DataArray, muscle: str, column: NDArray[np.float64]) -> None:
    n_infinite = int(np.count_nonzero(np.isinf(column)))
    if n_infinite:
        raise unfit(
            emg,
            f"{n_infinite} of {len(column)} values are infinite",
            "Put NaN where the EMG is not known, or mark the muscle as unusable",
            obj=f"muscle {muscle!r}",
        )
    known = column[~np.isnan(column)]
    if not known.size:
        raise unfit(
            emg,
            f"all of {len(column)} values are missing (NaN)",
            "Mark the muscle as unusable, or leave it out",
            obj=f"muscle {muscle!r}",
        )
    if known.min() == known.max():
        raise unfit(
            emg,
            f"the rectified EMG never changes (it is {known[0]:g} throughout)",
            "Mark the muscle as unusable, or leave it out",
            obj=f"muscle {muscle!r}",
        )


def require_between(name: str, value: float, low: float, high: float, *, unit: str = "") -> None:
    """Raise `ConfigError` naming the argument and its value unless ``low <= value <= high``."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not low <= value <= high:
        bound = f"between {low:g} and {high:g}" if math.isfinite(high) else f"at least {low:g}"
        raise ConfigError(f"{name}={value!r} is out of range", way_out=f"Give a number {bound} {unit}".rstrip())
