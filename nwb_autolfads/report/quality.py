"""The picture of `inspect`: a stretch of each muscle's signal beside what tells its quality."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nwb_autolfads.report.figures import COLOURS, EMG_GREY, display_unit

_SHARES = {
    "mains_share": "mains",
    "movement_share": "movement",
    "saturated_share": "at a rail",
    "crosstalk": "cross-talk",
}
_MOST_POINTS = 4000  # of a line: more than a picture is wide


def plot_quality(quality: xr.Dataset, signals: xr.DataArray) -> Figure:
    """Draw each muscle's signal and, beside it, the shares that tell its quality.

    Parameters
    ----------
    quality : Dataset, (muscle,)
        What `nwb_autolfads.emg.quality.assess_quality` returns.
    signals : DataArray, (time, muscle)
        A stretch of the same muscles, with attrs ``unit``.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each muscle; those that are not usable in orange, with the reason.
    """
    muscles = [str(name) for name in quality["muscle"].values]
    figure = Figure(figsize=(10, 1.2 + 0.9 * len(muscles)), layout="constrained")
    axes = figure.subplots(len(muscles), 2, squeeze=False, sharex="col", width_ratios=(3, 1))
    factor, unit = display_unit(str(signals.attrs.get("unit", "")))
    for row, muscle in enumerate(muscles):
        of_muscle = quality.sel(muscle=muscle)
        _draw_signal(axes[row, 0], signals.sel(muscle=muscle), factor, muscle, of_muscle)
        _draw_shares(axes[row, 1], of_muscle)
    axes[0, 0].set_title(f"signal ({unit})", fontsize=9)
    axes[0, 1].set_title("share of power or samples, correlation", fontsize=9)
    axes[-1, 0].set_xlabel("time (s)")
    return figure


def _draw_signal(axis: Axes, signal: xr.DataArray, factor: float, muscle: str, quality: xr.Dataset) -> None:
    usable = bool(quality["usable"])
    time, values = signal["time"].values, signal.values * factor
    width = max(1, 2 * len(values) // _MOST_POINTS)
    whole = len(values) // width * width
    # The lowest and highest value of each pixel, so that no spike is lost.
    pixels = values[:whole].reshape(-1, width)
    extremes = np.stack([pixels.min(axis=1), pixels.max(axis=1)], axis=1).reshape(-1)
    axis.plot(np.repeat(time[:whole:width], 2), extremes, linewidth=0.5, color=COLOURS[1] if usable else COLOURS[0])
    axis.set_ylabel(muscle, rotation=0, ha="right", va="center", parse_math=False)
    axis.tick_params(labelsize=7)
    if not usable:
        reason = f"left out: {quality['reason'].item()}"
        axis.text(0.01, 0.95, reason, transform=axis.transAxes, va="top", fontsize=7, parse_math=False)


def _draw_shares(axis: Axes, quality: xr.Dataset) -> None:
    values = [float(quality[name]) for name in _SHARES]
    axis.barh(list(_SHARES.values()), np.nan_to_num(values), color=EMG_GREY)
    for at, value in enumerate(values):
        axis.text(1.02, at, "not known" if np.isnan(value) else f"{value:.2f}", va="center", fontsize=7)
    axis.set_xlim(0, 1)
    axis.invert_yaxis()
    axis.tick_params(labelsize=7)
