"""The container: one estimate of muscle activation, and how it was made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from hdmf.common import DynamicTable
from hdmf.utils import AllowPositional, docval
from pynwb import register_class
from pynwb.core import NWBDataInterface

from ndx_muscle_activation.series import (
    NAMESPACE,
    InferredInputSeries,
    LatentFactorSeries,
    MuscleActivationSeries,
    series_times,
)
from ndx_muscle_activation.tables import InitialConditionsTable

if TYPE_CHECKING:
    import xarray as xr

_SERIES = {
    "activation": (MuscleActivationSeries, "The estimate itself."),
    "activation_std": (MuscleActivationSeries, "Standard deviation of the estimate."),
    "concentration": (MuscleActivationSeries, "Concentration of the gamma distribution of the rectified EMG."),
    "rate_parameter": (MuscleActivationSeries, "Rate of the gamma distribution of the rectified EMG."),
    "factors": (LatentFactorSeries, "Signals from which the activation of all muscles is composed."),
    "inputs": (InferredInputSeries, "Inputs that the dynamics of the model needed."),
    "inputs_std": (InferredInputSeries, "Standard deviation of the inputs."),
}
_TABLES = {
    "initial_conditions": (InitialConditionsTable, "States from which the model starts in each window."),
    "search_history": (DynamicTable, "How training and the search for settings went."),
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
class ActivationEstimate(NWBDataInterface):
    """Muscle activation as one estimator gave it for one recording; arguments are keyword-only.

    Only ``name``, ``estimator`` and ``activation`` are required. Every child must be called like the argument that
    takes it, e.g. ``MuscleActivationSeries(name="activation", ...)``.
    """

    __nwbfields__ = (
        *({"name": name, "child": True, "required_name": name} for name in (*_SERIES, *_TABLES)),
        "estimator",
        *_TEXTS,
        "seed",
        "sampling_rate",
        "segment",
        "weights",
    )

    @docval(
        {"name": "name", "type": str, "doc": "Name of the estimate."},
        {"name": "estimator", "type": str, "doc": "Name of the method."},
        {"name": "activation", "type": MuscleActivationSeries, "doc": _SERIES["activation"][1]},
        *(
            {"name": name, "type": kind, "doc": doc, "default": None}
            for name, (kind, doc) in {**_SERIES, **_TABLES}.items()
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
            "doc": "The trained model, as the bytes of a safetensors file (uint8).",
            "default": None,
        },
        allow_positional=AllowPositional.ERROR,
    )
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name"))
        if not self._in_construct_mode:
            _require_equal_lengths(kwargs)
        for key, value in kwargs.items():
            setattr(self, key, value)

    def to_dataframe(self) -> pd.DataFrame:
        """Return the activation, one column per muscle, indexed by time (s)."""
        return self.activation.to_dataframe()

    def to_xarray(self) -> xr.Dataset:
        """Return everything but the weights as one Dataset; needs xarray.

        Returns
        -------
        Dataset
            The series by name, ``(time, muscle)``, ``(time, factor)`` or ``(time, input)``; ``initial_condition``
            ``(window, ic)``; the columns of the search history as ``search_<column>`` ``(search_row,)``. Coordinates:
            ``time`` (s), ``segment``, ``window_start`` (s), ``muscle`` and what the muscles table knows of each.
            Attrs: ``estimator``, ``config``, ``preprocessing``, ``origin`` (JSON), ``version``, ``seed``, ``rate``
            (Hz), ``unit``.
        """
        import xarray as xr

        times = series_times(self.activation)
        variables: dict[str, Any] = {}
        for name in _SERIES:
            if (series := getattr(self, name)) is not None:
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
            if column not in ("muscle_name", "unit", "electrodes"):
                values = np.asarray(table[column].data[:])
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
    for name in (*_SERIES, "segment"):
        child = children.get(name)
        found = expected if child is None else len(child if name == "segment" else child.data)
        if found != expected:
            raise ValueError(
                f"ActivationEstimate: '{name}' has {found} times, but 'activation' has {expected}. "
                "All series of an estimate must have the same times."
            )
