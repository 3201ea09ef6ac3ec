"""An estimate of a file, read piece by piece: activation, its uncertainty, factors and inferred inputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from ndx_muscle_activation import ActivationEstimate
from numpy.typing import NDArray
from pynwb import NWBFile, TimeSeries

from nwb_autolfads.errors import NwbAutolfadsError, SourceError
from nwb_autolfads.palette import NINETY_PERCENT
from nwb_autolfads.results.inside import require_plain_storage
from nwb_autolfads.results.soundness import require_sound
from nwb_autolfads.segments import Segments
from nwb_autolfads.sources.border import border
from nwb_autolfads.sources.nwb.arrays import require_stored
from nwb_autolfads.sources.nwb.candidates import array_of, shape_of
from nwb_autolfads.sources.nwb.timebase import read_time_base
from nwb_autolfads.viewer.signals.signal import Limits, Signal

MOST_COLUMNS = 128
"""That are drawn of a signal: no recording that is read has more muscles."""
Scale = NDArray[np.float32] | float
_EXCERPT = 1000  # bins that tell whether it is an estimate at all


@dataclass(frozen=True)
class LazyEstimate:
    """An estimate that is not in memory.

    Attributes
    ----------
    excerpt : Dataset
        Its first bins, with all that it says of muscles and of how it was made; see
        `nwb_autolfads.results.read.read_activation`.
    signals : dict of str to Signal
        ``activation``, and where it has them ``band``, which holds 90 % of the belief, ``factors``, ``inputs``
        and ``inputs_band``.
    """

    excerpt: xr.Dataset
    signals: dict[str, Signal]


def written_estimates(nwbfile: NWBFile) -> dict[str, ActivationEstimate]:
    """Return what an open file holds of estimates, by their names in alphabetical order; nothing of them is read."""
    behavior = nwbfile.processing.get("behavior")
    found = {} if behavior is None else behavior.data_interfaces
    return {name: found[name] for name in sorted(found) if isinstance(found[name], ActivationEstimate)}


def estimates_in(nwbfile: NWBFile, file: Path, factor: Callable[[str], float]) -> tuple[dict[str, LazyEstimate], list]:
    """Return the estimates of an open file by their names, and why others are left out, one sentence each.

    Parameters
    ----------
    nwbfile : NWBFile
    file : Path
        Where it is.
    factor : callable
        From a unit to the factor to the one that is shown.
    """
    estimates: dict[str, LazyEstimate] = {}
    notes = []
    for name, estimate in written_estimates(nwbfile).items():
        try:
            if file.is_file():  # what a folder of Zarr leads to was looked at when it was opened
                require_plain_storage(file, name)
            with border(str(file), name):
                estimates[name] = _lazy(estimate, str(file), factor)
        except NwbAutolfadsError as error:
            notes.append(f"{name} is not drawn: {error.problem}")
    return estimates, notes


def _lazy(estimate: ActivationEstimate, file: str, factor: Callable[[str], float]) -> LazyEstimate:
    n_bins, n_muscles = _shape(estimate.activation, estimate.name, file)
    if n_muscles > MOST_COLUMNS:
        problem = f"has {n_muscles} muscles, more than {MOST_COLUMNS}"
        raise SourceError(problem, way_out="Estimate fewer", file=file, obj=estimate.name)
    base = read_time_base(estimate.activation, n_bins, file=file, obj=estimate.name)
    excerpt = _excerpt(estimate, base.segments)
    require_sound(excerpt, file, estimate.name)
    given = excerpt["scale"].values if "scale" in excerpt.coords else np.ones(n_muscles)
    scale: NDArray[np.float32] = (given * factor(str(excerpt.attrs.get("unit", "")))).astype(np.float32)
    muscles = tuple(str(each) for each in excerpt["muscle"].values)
    signals = {"activation": Signal(muscles, base.segments, _line(estimate.activation, scale))}
    if (spread := estimate.activation_std) is not None:
        _require_shape(spread, (n_bins, n_muscles), estimate.name, file)
        signals["band"] = Signal(muscles, base.segments, _band(estimate.activation, spread, scale, lowest=0.0))
    for name in ("factors", "inputs"):
        if (series := getattr(estimate, name)) is not None:
            _require_shape(series, (n_bins, None), estimate.name, file)
            columns = tuple(f"{name[:-1]} {index}" for index in range(min(series.data.shape[1], MOST_COLUMNS)))
            signals[name] = Signal(columns, base.segments, _line(series), str(series.unit))
    if "inputs" in signals and (spread := estimate.inputs_std) is not None:
        _require_shape(spread, estimate.inputs.data.shape, estimate.name, file)
        signals["inputs_band"] = replace(signals["inputs"], read=_band(estimate.inputs, spread))
    return LazyEstimate(excerpt, signals)


def _line(series: TimeSeries, scale: Scale = 1.0) -> Callable[[int, int], Limits]:
    def read(start: int, stop: int) -> Limits:
        values = _values(series, start, stop) * scale
        return values, values

    return read


def _band(
    series: TimeSeries, spread: TimeSeries, scale: Scale = 1.0, lowest: float = -np.inf
) -> Callable[[int, int], Limits]:
    def read(start: int, stop: int) -> Limits:
        middle = _values(series, start, stop) * scale
        half = _values(spread, start, stop) * scale * np.float32(NINETY_PERCENT)
        return np.maximum(middle - half, np.float32(lowest)), middle + half

    return read


def _values(series: TimeSeries, start: int, stop: int) -> NDArray[np.float32]:
    values = np.asarray(array_of(series)[start:stop, :MOST_COLUMNS], dtype=np.float32)
    return values * np.float32(series.conversion) + np.float32(series.offset)


def _excerpt(estimate: ActivationEstimate, segments: Segments) -> xr.Dataset:
    """Return the first bins as `read_activation` would return them all."""
    n_bins = min(_EXCERPT, segments.n_samples)
    rows, table = estimate.activation.muscles.data[:], estimate.activation.muscles.table
    coords: dict[str, Any] = {
        "time": np.array([segments.time_of(sample) for sample in range(n_bins)]),
        "muscle": np.array(estimate.activation.muscle_names, dtype=str),
    }
    for column in ("scale", "usable"):
        if column in table.colnames:
            coords[column] = ("muscle", np.asarray(table[column].data[:])[rows])
    texts = {
        "estimator": estimate.estimator,
        "config": estimate.configuration,
        "options": estimate.options,
        "preprocessing": estimate.preprocessing,
        "rate": segments.rate,
        "unit": str(table["unit"].data[int(rows[0])]) if "unit" in table.colnames and len(rows) else None,
    }
    origin = {
        "file": estimate.source_file,
        "file_identifier": estimate.source_identifier,
        "object_path": estimate.source_object_path,
        "object_id": estimate.source_object_id,
    }
    origin = {key: value for key, value in origin.items() if value is not None}
    attrs = {**texts, "origin": json.dumps(origin) if origin else None}
    values = _values(estimate.activation, 0, n_bins)
    return xr.Dataset(
        {"activation": (("time", "muscle"), values)},
        coords=coords,
        attrs={key: value for key, value in attrs.items() if value is not None},
    )


def _shape(series: TimeSeries, name: str, file: str) -> tuple[int, int]:
    require_stored(series.data, file=file, obj=f"{name}/{series.name}")
    shape = shape_of(series)
    if shape is None or len(series.data.shape) != 2:
        raise SourceError("holds no numbers of time and column", way_out="Make it again", file=file, obj=name)
    return shape


def _require_shape(series: TimeSeries, wanted: tuple[int, int | None], name: str, file: str) -> None:
    found = _shape(series, name, file)
    if found[0] != wanted[0] or wanted[1] not in (None, found[1]):
        raise SourceError(
            f"{series.name} is of {found[0]} times and {found[1]} columns, activation of {wanted[0]} times",
            way_out="Make it again",
            file=file,
            obj=name,
        )
