"""Figures of an estimate: each function returns a matplotlib Figure of its own, colour-blind safe, with units."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nwb_autolfads.estimators.registry import is_trained
from nwb_autolfads.given import excerpt, muscles_among, named_estimates, over_time, require_variables
from nwb_autolfads.palette import BLACK, EMG_GREY, NINETY_PERCENT, display_unit
from nwb_autolfads.report.colours import colours_of, colours_of_estimates
from nwb_autolfads.segments import Segments

SEARCH = ("search_epoch", "search_member", "search_valid_nll")
FEW_ROWS = 6
"""As many muscles have rows of full height."""


def busiest_excerpt(activation: xr.DataArray, seconds: float) -> tuple[float, float]:
    """Return the start and stop (s) of the excerpt in which activation varies most.

    Parameters
    ----------
    activation : DataArray, (time, muscle)
        NaN counts as no activity.
    seconds : float
        Length of the excerpt; the whole recording where it is shorter.

    Returns
    -------
    tuple of float
        Start and stop on the session clock.
    """
    time = activation["time"].values
    values = np.nan_to_num(activation.values.astype(np.float64))
    spread = values.std(axis=0)
    values = values[:, spread > 0] / spread[spread > 0]
    if not values.size:
        return float(time[0]), float(min(time[-1], time[0] + seconds))
    stops = np.searchsorted(time, time + seconds)  # with gaps, not all excerpts have as many bins
    starts = np.arange(np.count_nonzero(time + seconds <= time[-1] + np.median(np.diff(time)) * 1.5) or 1)
    n_bins = (stops[starts] - starts)[:, None]
    sums, squares = (np.cumsum(np.vstack([np.zeros(values.shape[1]), each]), axis=0) for each in (values, values**2))
    mean = (sums[stops[starts]] - sums[starts]) / n_bins
    variance = (squares[stops[starts]] - squares[starts]) / n_bins - mean**2
    known = n_bins[:, 0] >= n_bins.max() / 2
    start = int(np.argmax(np.where(known, variance.mean(axis=1), -1.0)))
    return float(time[start]), float(time[stops[start] - 1])


def with_band(estimates: Mapping[str, xr.Dataset]) -> str:
    """Return the name of the estimate whose uncertainty is drawn, a trained one where it can be; "" where none is."""
    stated = [name for name in _drawn_last(estimates) if "activation_std" in estimates[name]]
    return stated[-1] if stated else ""


def _drawn_last(estimates: Mapping[str, xr.Dataset]) -> list[str]:
    """Return the names in the order of drawing: what is trained lies over the others."""
    return sorted(estimates, key=lambda name: is_trained(estimates[name]))


def plot_activation(
    estimates: xr.Dataset | Mapping[str, xr.Dataset],
    *,
    emg: xr.DataArray | None = None,
    truth: xr.DataArray | None = None,
    muscles: Sequence[str] | None = None,
    start: float | None = None,
    stop: float | None = None,
    colours: Mapping[str, str] | None = None,
) -> Figure:
    """Draw each estimate over the rectified EMG, one row per muscle.

    The band holds the activation with 90 % probability, by the trained estimate or else the last that states its
    uncertainty. Lines are the thinner the later they are drawn, so that all are seen where they agree.

    Parameters
    ----------
    estimates : Dataset, or mapping of str to Dataset
        An estimate, or several by their names: ``activation`` and, of one, ``activation_std`` ``(time, muscle)``.
    emg : DataArray, (time, muscle), optional
        The rectified EMG that they were made from.
    truth : DataArray, (time, muscle), optional
        True activation, brought to the scale of the last estimate by an affine map per muscle.
    muscles : sequence of str, optional
        Rows to draw; by default every usable muscle.
    start, stop : float, optional
        Excerpt (s, session clock); by default all of it.
    colours : mapping of str to str, optional
        Of the estimates; by default one for each estimator.

    Returns
    -------
    Figure

    Raises
    ------
    SignalError
        If something of it is no estimate, no EMG or no activation ``(time, muscle)``.
    ConfigError
        If there is no muscle of a name in one of them, or the excerpt is none.
    """
    estimates, window = named_estimates(estimates), excerpt(start, stop, "plot_activation")
    emg, truth = (None if each is None else over_time(each) for each in (emg, truth))
    colours = colours or colours_of_estimates(estimates)
    first = next(iter(estimates.values()))
    rows = muscles_among(_usable_muscles(first) if muscles is None else muscles, first["muscle"].values)
    for other in [*estimates.values(), *([] if emg is None else [emg])]:
        muscles_among(rows, other["muscle"].values)
    factor, unit = display_unit(str(first.attrs.get("unit", "")))
    height = (1.15 if len(rows) <= FEW_ROWS else 0.8) * max(1, len(rows))
    figure = Figure(figsize=(9.0, 0.9 + height), layout="constrained")
    axes = figure.subplots(max(1, len(rows)), 1, sharex=True, squeeze=False)[:, 0]
    order, banded = _drawn_last(estimates), with_band(estimates)
    widths = dict(zip(order, np.linspace(2.6, 1.2, len(estimates)) if len(estimates) > 1 else (1.4,), strict=True))
    for axis, muscle in zip(axes, rows, strict=False):
        if emg is not None:
            _draw(axis, emg.sel(time=window, muscle=muscle), factor, color=EMG_GREY, width=0.6, label="rectified EMG")
        for name in order:
            estimate = estimates[name]
            activation = estimate["activation"].sel(time=window, muscle=muscle)
            if name == banded:
                _draw_band(axis, activation, estimate["activation_std"], factor, colours[name])
            _draw(axis, activation, factor, color=colours[name], width=float(widths[name]), label=name)
        if truth is not None and muscle in truth["muscle"].values:
            scaled = _on_scale_of(estimate["activation"].sel(muscle=muscle), truth.sel(muscle=muscle))
            shown = scaled.sel(time=window)
            _draw(axis, shown, factor, color=BLACK, width=0.9, label="truth, scaled", dashes="--")
        axis.set_ylabel(f"{muscle}\n({unit})", parse_math=False)
        axis.set_ylim(bottom=0)
        axis.margins(x=0)
    axes[-1].set_xlabel("time (s, session clock)")
    legend_above(figure, axes[0])
    return figure


def plot_search(estimate: xr.Dataset) -> Figure:
    """Draw the validation score of every member of the search by epoch.

    Parameters
    ----------
    estimate : Dataset
        With the search history, ``search_epoch``, ``search_member`` and ``search_valid_nll`` along ``search_row``.

    Returns
    -------
    Figure

    Raises
    ------
    SignalError
        If the estimate has no history of a search.
    """
    require_variables(estimate, SEARCH, "Give an estimate of AutoLFADS, which keeps the history of its search")
    epoch, member, score = (
        np.asarray(estimate[f"search_{column}"].values, dtype=np.float64) for column in ("epoch", "member", "valid_nll")
    )
    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    axis = figure.subplots()
    best = best_member(estimate)
    colour = colours_of([str(estimate.attrs.get("estimator", ""))]).popitem()[1]
    for m in np.unique(member):
        chosen = m == best
        axis.plot(
            epoch[member == m],
            score[member == m],
            color=colour if chosen else EMG_GREY,
            linewidth=1.8 if chosen else 0.8,
            zorder=3 if chosen else 2,
            marker="." if (member == m).sum() < 3 else "",
            label="best member" if chosen else None,
        )
    axis.set_xlabel("epoch")
    axis.set_ylabel("held-out negative log-likelihood\n(nats per hidden bin and muscle)")
    legend_above(figure, axis)
    return figure


def best_member(estimate: xr.Dataset) -> float | None:
    """Return the number of the member of a search with the lowest last validation score; None where none is finite."""
    member, score = (
        np.asarray(estimate[f"search_{column}"].values, dtype=np.float64) for column in ("member", "valid_nll")
    )
    last = {float(m): score[(member == m) & np.isfinite(score)][-1:] for m in np.unique(member)}
    return min((m for m in last if last[m].size), key=lambda m: float(last[m][0]), default=None)


def plot_scores(scores: xr.Dataset, *, colours: Mapping[str, str] | None = None) -> Figure:
    """Draw R2 to the truth per muscle, one marker per estimate.

    Parameters
    ----------
    scores : Dataset
        ``r2`` ``(estimator, muscle)``, as `nwb_autolfads.evaluation.truth.score_against_truth` returns it.
    colours : mapping of str to str, optional
        Of the estimates; by default one for each estimator.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9.0, 3.0), layout="constrained")
    axis = figure.subplots()
    positions = np.arange(scores.sizes["muscle"])
    names = [str(name) for name in scores["estimator"].values]
    colours = colours or colours_of(names)
    for marker, name in zip("osD^vP" * len(names), names, strict=False):
        axis.plot(positions, scores["r2"].sel(estimator=name), marker, color=colours[name], label=name)
    axis.set_xticks(positions, [str(name) for name in scores["muscle"].values], rotation=45, ha="right")
    for label in axis.get_xticklabels():
        label.set_parse_math(False)
    axis.set_ylabel("R² to the truth (1 = all of it)")
    lowest = float(scores["r2"].min().fillna(0.0))
    axis.set_ylim(lowest - 0.08 * (1.02 - lowest), 1.02)
    legend_above(figure, axis)
    return figure


def _usable_muscles(estimate: xr.Dataset) -> list[str]:
    names = [str(name) for name in estimate["muscle"].values]
    seen = np.isfinite(estimate["activation"].values).any(axis=0)
    return [name for name, is_seen in zip(names, seen, strict=True) if is_seen] or names


def _draw(
    axis: Axes, values: xr.DataArray, factor: float, *, color: str, width: float, label: str, dashes: str = "-"
) -> None:
    time, shown = _points(values, factor)
    axis.plot(time, shown, dashes, color=color, linewidth=width, label=label)


def _draw_band(axis: Axes, activation: xr.DataArray, std: xr.DataArray, factor: float, color: str) -> None:
    time, middle = _points(activation, factor)
    half = NINETY_PERCENT * _points(std.sel(time=activation["time"], muscle=activation["muscle"]), factor)[1]
    axis.fill_between(time, np.maximum(middle - half, 0), middle + half, color=color, alpha=0.18, linewidth=0)


def _points(values: xr.DataArray, factor: float) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return times and values in the unit shown, broken at gaps."""
    scale = float(values.coords["scale"]) if "scale" in values.coords else 1.0
    return broken_at_gaps(values * scale * factor)


def broken_at_gaps(signal: xr.DataArray) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return times and values ``(time, ...)`` with NaN between gap-free segments: a line across would invent data."""
    gaps = Segments.of(signal).firsts[1:]
    time = signal["time"].values
    return np.insert(time, gaps, time[gaps]), np.insert(signal.values.astype(np.float64), gaps, np.nan, axis=0)


def _on_scale_of(activation: xr.DataArray, truth: xr.DataArray) -> xr.DataArray:
    """Return the truth at the activation's time, mapped onto it by least squares, with its coordinates."""
    at = np.interp(activation["time"].values, truth["time"].values, truth.values)
    known = np.isfinite(activation.values)
    design = np.stack([at, np.ones_like(at)], axis=1)
    line = np.linalg.lstsq(design[known], activation.values[known].astype(np.float64), rcond=None)[0]
    return activation.copy(data=(design @ line).astype(activation.dtype))


def legend_above(figure: Figure, axis: Axes) -> None:
    """Put the labels of an axis above the figure, names from files as they are."""
    handles, labels = axis.get_legend_handles_labels()
    if not handles:
        return
    legend = figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def data_uri(figure: Figure) -> str:
    """Return a figure as an address that holds its pixels."""
    # Pixels, not SVG: no text of the file can become markup.
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii")
