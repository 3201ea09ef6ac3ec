"""An estimate as an xarray Dataset -> the NWB object that goes into the file."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from hdmf.backends.hdf5 import H5DataIO
from hdmf.common import DynamicTable, DynamicTableRegion, VectorData
from ndx_muscle_activation import (
    ActivationEstimate,
    ActivationSpreadSeries,
    DistributionParameterSeries,
    InferredInputSeries,
    InferredInputSpreadSeries,
    InitialConditionsTable,
    LatentFactorSeries,
    MuscleActivationSeries,
    MuscleSeries,
    MusclesTable,
)
from numpy.typing import NDArray
from pynwb import NWBFile

from nwb_autolfads.errors import OutputError, printable, shown
from nwb_autolfads.files.address import without_folder
from nwb_autolfads.results.inside import parse_origin
from nwb_autolfads.results.parts.model import SOFTWARE, build_model
from nwb_autolfads.results.parts.muscles import as_column, text
from nwb_autolfads.results.parts.recording import recording_in
from nwb_autolfads.results.soundness import unsound

SEARCH_PREFIX = "search_"

# One muscle, or one second of all muscles, is read without unpacking much else: 64 KiB of float32 per chunk.
CHUNK_SAMPLES = 16_384

# Times are kept as start and rate where that gives every one of them back to within this.
TIME_TOLERANCE_S = 1e-6

# variable: (type, second dimension, what the type needs besides, unit, what it is)
_SPREAD = {"measure": "standard deviation"}
_SERIES: dict[str, tuple[type, str, dict[str, str], str, str]] = {
    "activation": (
        MuscleActivationSeries,
        "muscle",
        {},
        "a.u.",
        "Muscle activation estimated from EMG by {estimator}. Multiply a column by `scale` of its muscle, or by its "
        "`channel_conversion`, to get the unit of the recording.",
    ),
    "activation_std": (
        ActivationSpreadSeries,
        "muscle",
        _SPREAD,
        "a.u.",
        "Standard deviation of the muscle activation estimated by {estimator}.",
    ),
    "concentration": (
        DistributionParameterSeries,
        "muscle",
        {"distribution": "gamma", "parameter": "concentration"},
        "1",
        "Concentration (shape) of the gamma distribution of the rectified EMG, estimated by {estimator}.",
    ),
    "rate_parameter": (
        DistributionParameterSeries,
        "muscle",
        {"distribution": "gamma", "parameter": "rate"},
        "1/a.u.",
        "Rate (inverse scale) of the gamma distribution of the rectified EMG, estimated by {estimator}.",
    ),
    "factors": (LatentFactorSeries, "factor", {}, "a.u.", "Latent factors of {estimator}, common to all muscles."),
    "inputs": (InferredInputSeries, "input", {}, "a.u.", "Inputs inferred by {estimator}."),
    "inputs_std": (
        InferredInputSpreadSeries,
        "input",
        _SPREAD,
        "a.u.",
        "Standard deviation of the inputs inferred by {estimator}.",
    ),
}
_IN_RECORDED_UNIT = ("activation", "activation_std")
_OF_MUSCLES = ("time", "muscle")

_ORIGIN = {
    "file_identifier": "source_identifier",
    "object_path": "source_object_path",
    "object_id": "source_object_id",
}


def check_estimate(estimate: xr.Dataset) -> None:
    """Refuse a Dataset that the file has no place for, before anything is written.

    Parameters
    ----------
    estimate : Dataset
        See `nwb_autolfads.estimators.base.estimate_dataset`.

    Raises
    ------
    OutputError
        If it is no Dataset, ``activation`` or its coordinates are missing, a variable has unknown name or dimensions,
        or values, times, names or scales cannot be those of an estimate.
    """
    way_out = "Write what an estimator of this package returned."
    if not isinstance(estimate, xr.Dataset):
        raise OutputError(f"an estimate is an xarray Dataset, not {shown(type(estimate).__name__)}", way_out=way_out)
    for key in ("activation", "time", "muscle"):
        if key not in estimate.variables:
            raise OutputError(f"the estimate has no '{key}'", way_out=way_out, obj="estimate")
    if "scale" not in estimate.coords:
        give = "Give one for each muscle: assign_coords(scale=('muscle', [...])), 1.0 where values are in that unit."
        raise OutputError("the estimate has no 'scale' to the unit of the recording", way_out=give, obj="estimate")
    if "estimator" not in estimate.attrs:
        raise OutputError("the estimate does not name its estimator in attrs", way_out=way_out, obj="estimate")
    expected: dict[str, tuple[str, ...]] = {name: ("time", row[1]) for name, row in _SERIES.items()}
    expected |= {"initial_condition": ("window", "ic"), "window_start": ("window",), "segment": ("time",)}
    for name, variable in ((str(key), variable) for key, variable in estimate.variables.items()):
        allowed = ("search_row",) if name.startswith(SEARCH_PREFIX) else expected.get(name, ("muscle",))
        if name in _further(estimate):
            continue
        if name not in variable.dims and variable.dims != allowed:
            raise OutputError(
                f"variable '{name}' has dimensions {variable.dims}, for which there is no place in the file",
                way_out=f"It must have {allowed}.",
                obj="estimate",
            )
    if "initial_condition" in estimate and "window_start" not in estimate.variables:
        raise OutputError("'initial_condition' has no 'window_start'", way_out=way_out, obj="estimate")
    if found := unsound(estimate):
        part, problem = found
        raise OutputError(problem, way_out=way_out, obj=f"estimate, {part}")


def build_estimate(
    estimate: xr.Dataset, name: str, muscles: MusclesTable, weights: bytes | None, nwbfile: NWBFile
) -> ActivationEstimate:
    """Return the NWB object of an estimate.

    Parameters
    ----------
    estimate : Dataset
    name : str
        Name of the estimate in the file.
    muscles : MusclesTable
        Its row i is column i of ``activation``.
    weights : bytes or None
        Bytes of a safetensors file.
    nwbfile : NWBFile
        The file it goes into, which may hold the recording.

    Returns
    -------
    ActivationEstimate
    """
    attrs = estimate.attrs
    children: dict[str, Any] = {}
    for key in _SERIES:
        if key in estimate:
            timing = children["activation"] if children else None
            children[key] = _build_series(estimate, key, muscles, timing)
    if "initial_condition" in estimate:
        children["initial_conditions"] = _build_initial_conditions(estimate)
    if search := [str(key) for key in estimate.data_vars if str(key).startswith(SEARCH_PREFIX)]:
        children["search_history"] = _build_search_history(estimate, search)
    segment = estimate["segment"].values if "segment" in estimate.coords else np.zeros(estimate.sizes["time"], int)
    if np.any(segment != 0):
        children["segment"] = H5DataIO(segment.astype(np.int32), compression="gzip", shuffle=True, chunks=True)
    children["model"] = build_model(estimate, weights)
    children["source_object"] = recording_in(nwbfile, attrs.get("origin"))
    children["more_series"] = [
        _build_series(estimate, key, muscles, children["activation"]) for key in _further(estimate)
    ]
    described = {
        "software": SOFTWARE,
        "software_version": attrs.get("version"),
        "configuration": attrs.get("config"),
        "options": attrs.get("options"),
        "preprocessing": attrs.get("preprocessing"),
        "seed": attrs.get("seed"),
        "sampling_rate": float(attrs["rate"]) if "rate" in attrs else None,
        **_origin(attrs.get("origin")),
    }
    return ActivationEstimate(
        name=name,
        estimator=attrs["estimator"],
        description=f"Muscle activation estimated from EMG by {attrs['estimator']}.",
        **children,
        **{key: value for key, value in described.items() if value is not None},
    )


def _build_series(estimate: xr.Dataset, key: str, muscles: MusclesTable, like: Any) -> Any:
    kind, column, needed, unit, description = _SERIES.get(key, _further_series(estimate[key]))
    values = np.asarray(estimate[key].values, dtype=np.float32)
    arguments: dict[str, Any] = {
        "name": key,
        "data": _compressed(values),
        "unit": unit,
        "description": description.format(estimator=estimate.attrs["estimator"]),
        **needed,
        **_timing(estimate, like),
    }
    if key in _IN_RECORDED_UNIT and "scale" in estimate.coords and "unit" in estimate.attrs:
        arguments["channel_conversion"] = np.asarray(estimate["scale"].values, dtype=np.float64)
        arguments["channel_conversion_unit"] = str(estimate.attrs["unit"])
    if column == "muscle":
        arguments["muscles"] = DynamicTableRegion(
            name="muscles", description="The muscle of each column.", data=np.arange(len(muscles)), table=muscles
        )
        # Readers that do not know our types show the comments, so the columns are named there too.
        names = ", ".join(f"{index}={muscle}" for index, muscle in enumerate(text(estimate["muscle"])))
        arguments["comments"] = f"Muscles by column: {names}"
    return kind(**arguments)


def _further(estimate: xr.Dataset) -> list[str]:
    """Return the names of what was estimated of each muscle besides that which the type knows."""
    return [str(key) for key, each in estimate.data_vars.items() if key not in _SERIES and each.dims == _OF_MUSCLES]


def _further_series(values: xr.DataArray) -> tuple[type, str, dict[str, str], str, str]:
    said = {"units": "a.u.", "description": f"{values.name} of each muscle, by {{estimator}}."} | values.attrs
    return MuscleSeries, "muscle", {}, str(said["units"]), str(said["description"])


def _timing(estimate: xr.Dataset, like: Any) -> dict[str, Any]:
    time = estimate["time"].values.astype(np.float64)
    rate = float(estimate.attrs.get("rate", 0.0))
    if rate > 0 and len(time) and np.all(np.abs(time[0] + np.arange(len(time)) / rate - time) < TIME_TOLERANCE_S):
        return {"starting_time": float(time[0]), "rate": rate}
    if like is not None:
        return {"timestamps": like}  # a link: the times are in the file once
    return {"timestamps": H5DataIO(time, compression="gzip", shuffle=True, chunks=True)}


def _build_initial_conditions(estimate: xr.Dataset) -> InitialConditionsTable:
    start = np.asarray(estimate["window_start"].values, dtype=np.float64)
    state = np.asarray(estimate["initial_condition"].values, dtype=np.float32)
    return InitialConditionsTable(
        name="initial_conditions",
        description="States from which the model starts in each window.",
        columns=[
            VectorData(name="window_start", description="Start of the window (s).", data=start),
            VectorData(name="initial_condition", description="State at the start of the window.", data=state),
        ],
    )


def _build_search_history(estimate: xr.Dataset, search: list[str]) -> DynamicTable:
    columns = []
    for key in search:
        name = key.removeprefix(SEARCH_PREFIX)
        description = f"{name.replace('_', ' ')} of the candidate model at this evaluation".capitalize() + "."
        columns.append(VectorData(name=name, description=description, data=as_column(estimate[key])))
    return DynamicTable(
        name="search_history",
        description="How training and the search for settings went: one row per candidate model and evaluation.",
        columns=columns,
    )


def _compressed(values: NDArray[Any]) -> H5DataIO:
    if not values.size:
        return H5DataIO(values)
    return H5DataIO(
        values, compression="gzip", compression_opts=4, shuffle=True, chunks=(min(len(values), CHUNK_SAMPLES), 1)
    )


def _origin(origin: str | None) -> dict[str, str]:
    found = parse_origin(origin)
    described = {name: str(found[key]) for key, name in _ORIGIN.items() if key in found}
    if "file" in found:
        file = str(found["file"])
        # A folder of somebody's machine has no place in a file that is shared; an address has.
        described["source_file"] = printable(without_folder(file))  # NWB takes text only, names of files are bytes
    return described
