"""The container: one estimate of muscle activation, and how it was made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from hdmf.common import DynamicTable
from hdmf.utils import AllowPositional, docval
from pynwb import TimeSeries, register_class
from pynwb.core import MultiContainerInterface, NWBDataInterface

from ndx_muscle_activation.model import ActivationModel
from ndx_muscle_activation.series import (
    NAMESPACE,
    InferredInputSeries,
    LatentFactorSeries,
    MuscleActivationSeries,
    MuscleSeries,
    series_times,
)
from ndx_muscle_activation.tables import InitialConditionsTable, values_per_row

if TYPE_CHECKING:
    import xarray as xr
    from pynapple import TsdFrame

# Of the types, files of 0.1 have MuscleActivationSeries in place of each other MuscleSeries.
SERIES = {
    "activation": (MuscleActivationSeries, "The estimate itself."),
    "activation_std": (MuscleSeries, "Standard deviation of the estimate: an ActivationSpreadSeries."),
    "concentration": (MuscleSeries, "Concentration of the gamma distribution: a DistributionParameterSeries."),
    "rate_parameter": (MuscleSeries, "Rate of the gamma distribution: a DistributionParameterSeries."),
    "factors": (LatentFactorSeries, "Signals from which the activation of all muscles is composed."),
    "inputs": (InferredInputSeries, "Inputs that the dynamics of the model needed."),
    "inputs_std": (TimeSeries, "Standard deviation of the inputs: an InferredInputSpreadSeries."),
}
_PARTS = {
    "initial_conditions": (InitialConditionsTable, "States from which the model starts in each window."),
    "search_history": (DynamicTable, "How training and the search for settings went."),
    "model": (ActivationModel, "The trained model that the estimate was made with."),
}
_TEXTS = {
    "description": "What the estimate is, in words.",
    "software": "Name of the program that made the estimate.",
    "software_version": "Version of that program.",
    "configuration": "All settings of the estimator, as a JSON object.",
    "options": "What was asked of that program, as it was given, as a JSON object.",
    "preprocessing": "All steps from the recording to rectified EMG, as a JSON array.",
    "source_file": "Name of the file that held the recording.",
    "source_identifier": "Identifier of that file.",
    "source_object_path": "Path of the recording in that file.",
    "source_object_id": "Object id of the recording.",
}
_SOURCE = {
    "source_file": "file",
    "source_identifier": "file_identifier",
    "source_object_path": "object_path",
    "source_object_id": "object_id",
}


@register_class("ActivationEstimate", NAMESPACE)
class ActivationEstimate(MultiContainerInterface):
    """Muscle activation as one estimator gave it for one recording; arguments are keyword-only.

    Only ``name``, ``estimator`` and ``activation`` are required. Every child must be called like the argument that
    takes it, e.g. ``MuscleActivationSeries(name="activation", ...)``; ``more_series`` takes series of any other name.
    Every series is also had by its name: ``estimate["activation"]``, ``estimate["force"]``.
    """

    __clsconf__: ClassVar = {"attr": "more_series", "type": TimeSeries, "add": "add_series", "get": "get_series"}

    __nwbfields__ = (
        *({"name": name, "child": True, "required_name": name} for name in (*SERIES, *_PARTS)),
        "estimator",
        *_TEXTS,
        "seed",
        "sampling_rate",
        "segment",
        "weights",
        "source_object",
    )

    @docval(
        {"name": "name", "type": str, "doc": "Name of the estimate."},
        {"name": "estimator", "type": str, "doc": "Name of the method."},
        {"name": "activation", "type": MuscleActivationSeries, "doc": SERIES["activation"][1]},
        *(
            {"name": name, "type": kind, "doc": doc, "default": None}
            for name, (kind, doc) in {**SERIES, **_PARTS}.items()
            if name != "activation"
        ),
        *({"name": name, "type": str, "doc": doc, "default": None} for name, doc in _TEXTS.items()),
        {"name": "seed", "type": (int, np.integer), "doc": "Seed of the random numbers.", "default": None},
        {"name": "sampling_rate", "type": float, "doc": "Values per second (Hz).", "default": None},
        {
            "name": "segment",
            "type": ("array_data", "data"),
            "shape": (None,),
            "doc": "Number of the gap-free stretch that each time belongs to.",
            "default": None,
        },
        {
            "name": "weights",
            "type": ("array_data", "data"),
            "shape": (None,),
            "doc": "The trained model as files of version 0.1 keep it (uint8); see `model`.",
            "default": None,
        },
        {
            "name": "source_object",
            "type": NWBDataInterface,
            "doc": "The recording itself, where it is in the same file.",
            "default": None,
        },
        {
            "name": "more_series",
            "type": (list, tuple, dict, TimeSeries),
            "doc": "Whatever else was estimated, under any name.",
            "default": None,
        },
        allow_positional=AllowPositional.ERROR,
    )
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name"))
        more_series = kwargs.pop("more_series")
        if not self._in_construct_mode:
            _require_equal_lengths(kwargs)
        self.more_series = more_series
        for key, value in kwargs.items():
            setattr(self, key, value)

    def __getitem__(self, name: str) -> TimeSeries:
        """Return a series by its name, be it one that the type knows or one of `more_series`."""
        found = getattr(self, name) if name in SERIES else self.more_series.get(name)
        if found is None:
            raise KeyError(f"ActivationEstimate '{self.name}' has no series '{name}'.")
        return found

    def to_dataframe(self) -> pd.DataFrame:
        """Return the activation, one column per muscle, indexed by time (s)."""
        return self.activation.to_dataframe()

    def to_pynapple(self) -> TsdFrame:
        """Return the activation with muscles as columns; needs pynapple.

        Returns
        -------
        TsdFrame
            Its `time_support` is the stretches without a gap, so that what pynapple computes does not cross a gap.
        """
        from pynapple import IntervalSet, TsdFrame

        times = series_times(self.activation)
        numbers = np.zeros(len(times), int) if self.segment is None else np.asarray(self.segment[:])
        first = np.flatnonzero(np.r_[True, np.diff(numbers) != 0])
        last = np.r_[first[1:], len(times)] - 1
        support = IntervalSet(times[first], times[last])
        names = self.activation.muscle_names
        return TsdFrame(t=times, d=self.activation._values(), columns=names, time_support=support)

    def to_xarray(self) -> xr.Dataset:
        """Return all that is of each muscle, factor or input as one Dataset; needs xarray.

        Returns
        -------
        Dataset
            The series by name, ``(time, muscle)``, ``(time, factor)`` or ``(time, input)``; ``initial_condition``
            ``(window, ic)``; the columns of the search history as ``search_<column>`` ``(search_row,)``. Coordinates:
            ``time`` (s), ``segment``, ``window_start`` (s), ``muscle`` and what the muscles table knows of each:
            ``electrodes`` are rows of the table of electrodes, separated by spaces, ``source_series`` an object id.
            Attrs: ``estimator``, ``config``, ``preprocessing``, ``origin`` (JSON), ``version``, ``seed``, ``rate``
            (Hz), ``unit``, and ``model`` (JSON) where the model has a `model_id`. Weights are left out.
        """
        import xarray as xr

        times = series_times(self.activation)
        variables: dict[str, Any] = {}
        named = {name: getattr(self, name) for name in SERIES}
        more = {name: each for name, each in self.more_series.items() if isinstance(each, MuscleSeries)}
        for name, series in {**named, **more}.items():
            if series is not None:
                variables[name] = (("time", series._column_dimension), series._values())
        coords: dict[str, Any] = {"time": times, **self._muscle_coords()}
        coords["segment"] = (
            "time",
            np.zeros(len(times), dtype=np.int64) if self.segment is None else np.asarray(self.segment[:], np.int64),
        )
        if self.initial_conditions is not None:
            coords["window_start"] = ("window", np.asarray(self.initial_conditions["window_start"].data[:]))
            variables["initial_condition"] = (
                ("window", "ic"),
                np.asarray(self.initial_conditions["initial_condition"].data[:]),
            )
        if self.search_history is not None:
            for column in self.search_history.colnames:
                variables[f"search_{column}"] = ("search_row", np.asarray(self.search_history[column].data[:]))
        return xr.Dataset(variables, coords=coords, attrs=self._attrs())

    def _muscle_coords(self) -> dict[str, Any]:
        table, rows = self.activation.muscles.table, self.activation.muscles.data[:]
        coords: dict[str, Any] = {"muscle": np.array(self.activation.muscle_names, dtype=str)}
        for column in table.colnames:
            if column not in ("muscle_name", "unit"):
                values = values_per_row(table[column])
                coords[column] = ("muscle", values.astype(str)[rows] if values.dtype.kind == "O" else values[rows])
        return coords

    def _attrs(self) -> dict[str, Any]:
        named = {
            "estimator": self.estimator,
            "config": self.configuration,
            "options": self.options,
            "version": self.software_version,
            "seed": None if self.seed is None else int(self.seed),
            "origin": self._origin(),
            "preprocessing": self.preprocessing,
            "model": None if self.model is None else self.model.to_json(),
            "rate": None if self.sampling_rate is None else float(self.sampling_rate),
            "unit": self._unit(),
        }
        return {key: value for key, value in named.items() if value is not None}

    def _origin(self) -> str | None:
        origin = {key: getattr(self, name) for name, key in _SOURCE.items() if getattr(self, name) is not None}
        return json.dumps(origin) if origin else None

    def _unit(self) -> str | None:
        table = self.activation.muscles.table
        if "unit" not in table.colnames or not len(self.activation.muscles.data):
            return None
        return str(table["unit"].data[int(self.activation.muscles.data[0])])


def _require_equal_lengths(children: dict[str, Any]) -> None:
    expected = len(children["activation"].data)
    for name in (*SERIES, "segment"):
        child = children.get(name)
        found = expected if child is None else len(child if name == "segment" else child.data)
        if found != expected:
            raise ValueError(
                f"ActivationEstimate: '{name}' has {found} times, but 'activation' has {expected}. "
                "All series of an estimate must have the same times."
            )
