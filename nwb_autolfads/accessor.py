"""`.nal` on xarray: activation in the unit of its recording, as pynapple, drawn; there as soon as xarray is."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.segments import Segments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCALED = ("activation", "activation_std", "emg")
"""Variables that `scale` brings into the unit of the recording."""


class _Accessor:
    """What an estimate, its ``activation``, or rectified EMG can be turned into."""

    def __init__(self, held: xr.DataArray | xr.Dataset) -> None:
        self._held = held

    def _series(self, variable: str) -> xr.DataArray:
        found = self._held.get(variable) if isinstance(self._held, xr.Dataset) else self._held
        if not isinstance(found, xr.DataArray) or "time" not in found.coords or found.ndim != 2:
            raise SignalError(
                f"there is no {variable} (time, muscle)", way_out="Use .nal on an estimate, its activation, or EMG"
            )
        return found

    def to_pynapple(self, variable: str = "activation") -> Any:
        """Return a ``pynapple.TsdFrame``: columns are named, and each stretch without a gap is an epoch of its support.

        Parameters
        ----------
        variable : str
            Of an estimate; such as ``factors``.

        Raises
        ------
        ConfigError
            If pynapple is not installed.
        SignalError
            If there is no such variable over time.
        """
        try:
            import pynapple
        except ImportError as error:
            raise ConfigError("pynapple is not installed", way_out="pip install pynapple", obj="to_pynapple") from error
        series = self._series(variable)
        other = series.dims[1]
        columns = [str(name) for name in series[other].values] if other in series.coords else None
        segments, time = Segments.of(series), series["time"].values
        starts = [time[segment.first_sample] for segment in segments]
        ends = [time[segment.stop - 1] for segment in segments]
        support = pynapple.IntervalSet(start=starts, end=ends)
        values = np.asarray(series.values, np.float64)
        return pynapple.TsdFrame(t=time, d=values, columns=columns, time_support=support)

    def in_units(self) -> Any:
        """Return the same with activation, its standard deviation, or EMG in the unit of the recording.

        Raises
        ------
        SignalError
            If ``scale`` or the unit is not known.
        """
        held = self._held
        unit = (
            str(held.attrs.get("unit") or held.coords["scale"].attrs.get("units", "")) if "scale" in held.coords else ""
        )
        if not unit:
            raise SignalError("it has no scale to a known unit", way_out="Use .nal on what an estimator returned")
        if isinstance(held, xr.DataArray):
            return _scaled(held, unit)
        return held.assign({name: _scaled(held[name], unit) for name in SCALED if name in held})

    def plot(
        self, muscles: Sequence[str] | None = None, start: float | None = None, stop: float | None = None
    ) -> Figure:
        """Draw activation, one row per muscle; see `nwb_autolfads.plot_activation`.

        Parameters
        ----------
        muscles : sequence of str, optional
            Rows to draw; by default every usable muscle.
        start, stop : float, optional
            Excerpt (s, session clock); by default all of it.

        Returns
        -------
        matplotlib.figure.Figure
        """
        series = self._series("activation")
        held = self._held if isinstance(self._held, xr.Dataset) else series.to_dataset(name="activation")
        draw = import_module("nwb_autolfads").plot_activation
        name = str(held.attrs.get("estimator", series.attrs.get("long_name", "activation")))
        return draw({name: held}, muscles=muscles, start=start, stop=stop)


def _scaled(values: xr.DataArray, unit: str) -> xr.DataArray:
    return (values * values["scale"]).assign_attrs({**values.attrs, "units": unit})


@xr.register_dataarray_accessor("nal")
class OfDataArray(_Accessor):
    """`.nal` of activation or rectified EMG ``(time, muscle)``."""


@xr.register_dataset_accessor("nal")
class OfDataset(_Accessor):
    """`.nal` of an estimate."""
