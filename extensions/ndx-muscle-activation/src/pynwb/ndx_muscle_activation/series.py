"""The series: activation with one column per muscle, its spread, latent factors, and inferred inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from hdmf.common import DynamicTableRegion
from hdmf.utils import AllowPositional, docval, get_docval, popargs
from pynwb import TimeSeries, register_class

if TYPE_CHECKING:
    import xarray as xr

NAMESPACE = "ndx-muscle-activation"

_TIMING = get_docval(
    TimeSeries.__init__,
    "resolution",
    "conversion",
    "offset",
    "timestamps",
    "starting_time",
    "rate",
    "comments",
    "description",
    "control",
    "control_description",
    "continuity",
)
_UNIT = {"name": "unit", "type": str, "doc": "Unit of the values.", "default": "a.u."}
_MEASURE = {"name": "measure", "type": str, "doc": "Measure of spread.", "default": "standard deviation"}
_STATISTIC = {"name": "statistic", "type": str, "doc": "What the values are, in files of version 0.1.", "default": None}


def _data(columns: str) -> dict[str, Any]:
    return {**get_docval(TimeSeries.__init__, "data")[0], "shape": (None, None), "doc": f"Values, (time, {columns})."}


def _name(default: str) -> dict[str, Any]:
    return {"name": "name", "type": str, "doc": "Name of the series.", "default": default}


_OF_MUSCLES = (
    {"name": "name", "type": str, "doc": "Name of the series."},
    _data("muscle"),
    {"name": "muscles", "type": DynamicTableRegion, "doc": "Rows of a MusclesTable, one per column of `data`."},
    _UNIT,
    {
        "name": "channel_conversion",
        "type": ("array_data", "data"),
        "shape": (None,),
        "doc": "One factor per column that gives the unit of the recording.",
        "default": None,
    },
    {
        "name": "channel_conversion_unit",
        "type": str,
        "doc": "The unit that `channel_conversion` gives; needed with it.",
        "default": None,
    },
)


def series_times(series: TimeSeries) -> np.ndarray:
    """Return the time of each sample of a series.

    Parameters
    ----------
    series : TimeSeries

    Returns
    -------
    ndarray of float64, shape (time,)
        Seconds on the clock of the session.
    """
    if series.timestamps is not None:
        return np.asarray(series.timestamps[:], dtype=np.float64)
    return series.starting_time + np.arange(len(series.data)) / series.rate


class _ColumnSeries(TimeSeries):
    """A series of shape (time, column) that can be had as an xarray or pandas object."""

    _column_dimension: str

    def _column_names(self) -> np.ndarray:
        return np.arange(self.data.shape[1])

    def to_dataframe(self) -> pd.DataFrame:
        """Return the values in `unit`, one column per muscle, factor or input, indexed by time (s)."""
        columns = pd.Index(self._column_names(), name=self._column_dimension)
        times = pd.Index(series_times(self), name="time")
        return pd.DataFrame(self._values(), index=times, columns=columns)

    def to_xarray(self) -> xr.DataArray:
        """Return the values in `unit` with named dimensions and the time (s) of each; needs xarray."""
        import xarray as xr

        coords: dict[str, Any] = {"time": series_times(self)}
        names = self._column_names()
        if names.dtype.kind not in "iu":
            coords[self._column_dimension] = names
        return xr.DataArray(
            self._values(),
            dims=("time", self._column_dimension),
            coords=coords,
            name=self.name,
            attrs={"unit": self.unit, "description": self.description},
        )

    def _values(self) -> np.ndarray:
        values = np.asarray(self.data[:])
        if self.conversion == 1.0 and self.offset == 0.0:
            return values
        return values * self.conversion + self.offset


@register_class("MuscleSeries", NAMESPACE)
class MuscleSeries(_ColumnSeries):
    """Values of several muscles over time, one column per muscle; arguments are keyword-only.

    `MuscleActivationSeries`, `ActivationSpreadSeries` and `DistributionParameterSeries` say what the values are.
    """

    __nwbfields__ = ({"name": "muscles", "child": True}, "channel_conversion", "channel_conversion_unit")
    _column_dimension = "muscle"

    @docval(*_OF_MUSCLES, *_TIMING, allow_positional=AllowPositional.ERROR)
    def __init__(self, **kwargs: Any) -> None:
        muscles, conversion, unit = popargs("muscles", "channel_conversion", "channel_conversion_unit", kwargs)
        super().__init__(**kwargs)
        self.muscles, self.channel_conversion, self.channel_conversion_unit = muscles, conversion, unit
        if not self._in_construct_mode:
            self._require_a_muscle_per_column()

    def _require_a_muscle_per_column(self) -> None:
        what = f"{type(self).__name__} '{self.name}'"
        columns, factors = np.shape(self.data)[1:], self.channel_conversion
        if columns and columns[0] != len(self.muscles.data):
            raise ValueError(
                f"{what}: data has {columns[0]} columns, but `muscles` names {len(self.muscles.data)}. "
                "Give one row of the muscles table per column."
            )
        if (factors is None) != (self.channel_conversion_unit is None):
            raise ValueError(f"{what}: give `channel_conversion` and `channel_conversion_unit` together, or neither.")
        if columns and factors is not None and len(factors) != columns[0]:
            raise ValueError(
                f"{what}: data has {columns[0]} columns, but `channel_conversion` has {len(factors)} values. "
                "Give one factor per column."
            )

    @property
    def muscle_names(self) -> list[str]:
        """Names of the muscles, in the order of the columns."""
        names = self.muscles.table["muscle_name"].data[:]
        return [str(names[row]) for row in self.muscles.data[:]]

    def in_recorded_unit(self) -> pd.DataFrame:
        """Return the values in `channel_conversion_unit`, the unit of the recording, as `to_dataframe` does.

        Raises
        ------
        ValueError
            If the series has no `channel_conversion`.
        """
        if self.channel_conversion is None:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' has no channel_conversion: its values are in {self.unit!r} only. "
                "In files of version 0.1, multiply them by `scale` of the muscles table."
            )
        return self.to_dataframe() * np.asarray(self.channel_conversion[:])

    def _column_names(self) -> np.ndarray:
        return np.array(self.muscle_names, dtype=str)


@register_class("MuscleActivationSeries", NAMESPACE)
class MuscleActivationSeries(MuscleSeries):
    """Activation of several muscles over time, one column per muscle; arguments are keyword-only."""

    __nwbfields__ = ("statistic",)

    @docval(_name("activation"), *_OF_MUSCLES[1:], _STATISTIC, *_TIMING, allow_positional=AllowPositional.ERROR)
    def __init__(self, **kwargs: Any) -> None:
        statistic = popargs("statistic", kwargs)
        super().__init__(**kwargs)
        self.statistic = statistic


@register_class("ActivationSpreadSeries", NAMESPACE)
class ActivationSpreadSeries(MuscleSeries):
    """How uncertain the activation of several muscles is, over time; arguments are keyword-only."""

    __nwbfields__ = ("measure",)

    @docval(_name("activation_std"), *_OF_MUSCLES[1:], _MEASURE, *_TIMING, allow_positional=AllowPositional.ERROR)
    def __init__(self, **kwargs: Any) -> None:
        measure = popargs("measure", kwargs)
        super().__init__(**kwargs)
        self.measure = measure


@register_class("DistributionParameterSeries", NAMESPACE)
class DistributionParameterSeries(MuscleSeries):
    """One parameter of the distribution of the rectified EMG, over time; arguments are keyword-only."""

    __nwbfields__ = ("distribution", "parameter")

    @docval(
        *_OF_MUSCLES,
        {"name": "distribution", "type": str, "doc": "Name of the distribution, e.g. 'gamma'."},
        {"name": "parameter", "type": str, "doc": "Name of the parameter, e.g. 'concentration' or 'rate'."},
        *_TIMING,
        allow_positional=AllowPositional.ERROR,
    )
    def __init__(self, **kwargs: Any) -> None:
        distribution, parameter = popargs("distribution", "parameter", kwargs)
        super().__init__(**kwargs)
        self.distribution, self.parameter = distribution, parameter


@register_class("LatentFactorSeries", NAMESPACE)
class LatentFactorSeries(_ColumnSeries):
    """Signals over time from which a model composes all activation, one column each; arguments are keyword-only."""

    _column_dimension = "factor"

    @docval(_name("factors"), _data("factor"), _UNIT, *_TIMING, allow_positional=AllowPositional.ERROR)
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)


@register_class("InferredInputSeries", NAMESPACE)
class InferredInputSeries(_ColumnSeries):
    """Inputs over time that the dynamics of a model needed, one column each; arguments are keyword-only."""

    __nwbfields__ = ("statistic",)
    _column_dimension = "input"

    @docval(_name("inputs"), _data("input"), _UNIT, _STATISTIC, *_TIMING, allow_positional=AllowPositional.ERROR)
    def __init__(self, **kwargs: Any) -> None:
        statistic = popargs("statistic", kwargs)
        super().__init__(**kwargs)
        self.statistic = statistic


@register_class("InferredInputSpreadSeries", NAMESPACE)
class InferredInputSpreadSeries(_ColumnSeries):
    """How uncertain the inputs are that the dynamics of a model needed; arguments are keyword-only."""

    __nwbfields__ = ("measure",)
    _column_dimension = "input"

    @docval(_name("inputs_std"), _data("input"), _UNIT, _MEASURE, *_TIMING, allow_positional=AllowPositional.ERROR)
    def __init__(self, **kwargs: Any) -> None:
        measure = popargs("measure", kwargs)
        super().__init__(**kwargs)
        self.measure = measure
