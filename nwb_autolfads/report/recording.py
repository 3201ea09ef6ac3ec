"""What the page says of the recording: where it is from, the quality of each muscle, how it was preprocessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nwb_autolfads.evaluation.tables import number, percent
from nwb_autolfads.files.address import without_folder
from nwb_autolfads.palette import EMG_GREY, SIGNAL, WARNING, display_unit

_SHARES = {
    "mains_share": "mains",
    "movement_share": "movement",
    "saturated_share": "at a rail",
    "crosstalk": "cross-talk",
}
_MOST_POINTS = 4000  # of a line: more than a picture is wide


def origin_of(estimate: xr.Dataset) -> dict[str, str]:
    """Return where the EMG is from; of a file on this machine only its name, for the page may go to others."""
    known = dict.fromkeys(("file", "object_path", "file_identifier", "object_id"), "")
    known |= json.loads(estimate.attrs.get("origin", "{}"))
    return known | {"file": without_folder(known["file"])}


def recorded_seconds(estimate: xr.Dataset) -> float:
    """Return how much was estimated (s), gaps not counted."""
    rate = float(estimate.attrs.get("rate", 0.0))
    return estimate.sizes["time"] / rate if rate else float(np.ptp(estimate["time"].values))


def described_step(step: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name of a step of the preprocessing, and its numbers in words."""
    numbers = "; ".join(f"{key}: {short(value)}" for key, value in step.items() if key != "step")
    return str(step.get("step", "")), numbers


def short(value: Any) -> str:
    """Return any value of a configuration as text."""
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, dict):
        parts = {
            key: f"({short(item)})" if isinstance(item, dict) and item else short(item) for key, item in value.items()
        }
        return ", ".join(f"{key} {part}" for key, part in parts.items())
    if isinstance(value, list):
        return ", ".join(short(item) for item in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def muscle_rows(estimate: xr.Dataset, quality: xr.Dataset | None) -> list[dict[str, Any]]:
    """Return what is known of each muscle: quality and scale."""
    n = estimate.sizes["muscle"]
    usable = estimate["usable"].values if "usable" in estimate.coords else np.full(n, True)
    scale = estimate["scale"].values if "scale" in estimate.coords else np.full(n, np.nan)
    factor, _ = display_unit(str(estimate.attrs.get("unit", "")))
    steps = {step.get("step"): step for step in json.loads(estimate.attrs.get("preprocessing", "[]"))}
    reasons = steps.get("quality", {}).get("unusable", {})
    return [
        {
            "name": name,
            "usable": bool(is_usable),
            "reason": short(reasons.get(name, "")),
            "scale": f"{divisor * factor:.4g}",
            "quality": _quality_cells(quality, name),
        }
        for name, is_usable, divisor in zip([str(m) for m in estimate["muscle"].values], usable, scale, strict=True)
    ]


def _quality_cells(quality: xr.Dataset | None, muscle: str) -> list[str]:
    if quality is None:
        return []
    if muscle not in quality["muscle"].values:
        return ["-"] * 5
    one = quality.sel(muscle=muscle)
    crosstalk = number(one["crosstalk"], 2)
    other = str(one["crosstalk_with"].item())
    return [
        number(one["snr_db"], 1),
        *(percent(one[name]) for name in ("movement_share", "mains_share", "saturated_share")),
        f"{crosstalk} ({other})" if other else crosstalk,
    ]


def plot_quality(quality: xr.Dataset, signals: xr.DataArray) -> Figure:
    """Draw each muscle's signal and, beside it, the shares that tell its quality.

    Parameters
    ----------
    quality : Dataset, (muscle,)
        What `nwb_autolfads.emg.quality.assess_quality` returns.
    signals : DataArray, (time, muscle)
        An excerpt of the same muscles, with attrs ``unit``.

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
    axis.plot(np.repeat(time[:whole:width], 2), extremes, linewidth=0.5, color=SIGNAL if usable else WARNING)
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
