"""Figures of comparisons: each returns a matplotlib Figure, in the style of `figures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from nwb_autolfads.errors import ConfigError, SignalError, shown
from nwb_autolfads.evaluation.scores.events import Events, event_averages
from nwb_autolfads.evaluation.scores.force import closest_muscle
from nwb_autolfads.given import muscles_among, named_estimates, require_variables
from nwb_autolfads.palette import BLACK, CONTROL_GREY, display_unit
from nwb_autolfads.report.colours import colours_of, colours_of_estimates
from nwb_autolfads.report.figures import legend_above

MARKERS = "osD^vP"
MOST_FREQUENCY_HZ = 60.0
MOST_PHASES_IN_A_ROW = 4
LOWEST_SHOWN = -1.0  # of R2: below, a prediction is worse than none, whatever the number


def plot_event_averages(
    estimates: xr.Dataset | Mapping[str, xr.Dataset],
    events: Events,
    *,
    muscles: Sequence[str] | None = None,
    colours: Mapping[str, str] | None = None,
) -> Figure:
    """Draw each estimate's average around an event, with the spread of single trials, one panel per muscle.

    Parameters
    ----------
    estimates : Dataset, or mapping of str to Dataset
        An estimate, or several by their names: ``activation`` ``(time, muscle)``.
    events : Events
        When it happened.
    muscles : sequence of str, optional
        Panels to draw; by default every muscle that was estimated.
    colours : mapping of str to str, optional
        Of the estimates; by default one for each estimator.

    Returns
    -------
    Figure

    Raises
    ------
    SignalError
        If no event is recorded from before to after, or something else is given than estimates and events.
    ConfigError
        If there is no muscle of a name.
    """
    estimates = named_estimates(estimates)
    if not isinstance(events, Events):
        way_out = "Give nwb_autolfads.evaluation.scores.events.Events(name, times)"
        raise SignalError(f"these are no events: {shown(type(events).__name__)}", way_out=way_out)
    colours = colours or colours_of_estimates(estimates)
    first = next(iter(estimates.values()))
    seen = np.isfinite(first["activation"].transpose("time", "muscle").values).any(axis=0)
    names = muscles_among(first["muscle"].values[seen] if muscles is None else muscles, first["muscle"].values)
    factor, unit = display_unit(str(first.attrs.get("unit", "")))
    n_columns = min(4, max(1, len(names)))
    n_rows = -(-len(names) // n_columns) or 1
    figure = Figure(figsize=(9.0, 0.8 + 1.7 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, sharex=True, squeeze=False).ravel()
    averages = {name: event_averages(estimate["activation"], events) for name, estimate in estimates.items()}
    for panel, muscle in zip(panels, names, strict=False):
        for name, average in averages.items():
            one = average.sel(muscle=muscle)
            scale = factor * (float(one["scale"]) if "scale" in one.coords else 1.0)
            time, mean, std = 1000 * one["from_event"].values, scale * one["mean"].values, scale * one["std"].values
            panel.plot(time, mean, color=colours[name], linewidth=1.4, label=name)
            panel.fill_between(time, mean - std, mean + std, color=colours[name], alpha=0.1, linewidth=0)
        panel.axvline(0, color=BLACK, linewidth=0.6)
        panel.set_title(muscle, fontsize=9, parse_math=False)
        panel.margins(x=0)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    figure.supxlabel(f"time from {events.name} (ms)", fontsize=10, parse_math=False)
    one_row = n_rows == 1
    figure.supylabel(
        f"activation ({unit}),{chr(10) if one_row else ' '}mean and spread of {_count(averages)} trials",
        fontsize=8 if one_row else 10,
    )
    legend_above(figure, panels[0])
    return figure


def plot_comparison(
    scores: xr.Dataset, item: str, *, control: bool = True, colours: Mapping[str, str] | None = None
) -> Figure:
    """Draw R2 per muscle or target with the spread over folds, one marker per estimate; the shuffled control in grey.

    Parameters
    ----------
    scores : Dataset
        ``r2`` and ``r2_fold`` over ``estimator`` and the item, as the comparisons return them.
    item : str
        "muscle" or "target".
    control : bool
        Whether the shuffled control is drawn, where there is one.
    colours : mapping of str to str, optional
        Of the estimates; by default one for each estimator.

    Returns
    -------
    Figure

    Raises
    ------
    SignalError
        If these are no scores of a comparison.
    ConfigError
        If the item is neither.
    """
    if not isinstance(item, str) or item not in ("muscle", "target"):
        raise ConfigError(f"item is {shown(item)}", obj="plot_comparison", way_out="Give 'muscle' or 'target'")
    needed = ("estimator", item, "r2", "r2_fold")
    require_variables(scores, needed, "Give what nal.compare_with_cortex or nal.compare_with_behavior returns")
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    axis = figure.subplots()
    names = [str(name) for name in scores["estimator"].values]
    n = len(names)
    positions = np.arange(scores.sizes[item])
    lowest = float(scores["r2"].min().clip(max=-0.1).fillna(-0.1))
    colours = colours or colours_of(names)
    for index, name in enumerate(names):
        one = scores.sel(estimator=name)
        at = positions + 0.5 * (index - (n - 1) / 2) / max(n, 1)
        low, high = (one["r2_fold"].quantile(q, "fold").values for q in (0.25, 0.75))
        axis.vlines(at, low, high, color=colours[name], linewidth=1.0)
        axis.plot(at, one["r2"].values, MARKERS[index % len(MARKERS)], color=colours[name], label=name)
        if control and "control_r2" in one:
            shuffled = one["control_r2"].mean("shuffle").values
            lowest = min(lowest, float(np.nanmin(shuffled, initial=0.0)))
            axis.plot(at, shuffled, "x", color=CONTROL_GREY, markersize=4, label="shuffled" if index == n - 1 else None)
    axis.axhline(0, color=BLACK, linewidth=0.6)
    axis.set_xticks(positions, [str(name) for name in scores[item].values], rotation=45, ha="right")
    for label in axis.get_xticklabels():
        label.set_parse_math(False)
    axis.set_ylim(max(lowest, LOWEST_SHOWN) - 0.05, 1.02)
    axis.set_ylabel("R² in held-out time\n(all folds; line: middle half of folds)")
    legend_above(figure, axis)
    return figure


def plot_frequency_response(response: xr.Dataset, *, colours: Mapping[str, str] | None = None) -> Figure:
    """Draw gain and coherence from rectified EMG to activation by phase: the median over muscles, and gain's range.

    Parameters
    ----------
    response : Dataset
        As `nwb_autolfads.frequency_response` returns it.
    colours : mapping of str to str, optional
        Of the estimates; by default one for each estimator.

    Returns
    -------
    Figure
        A column for each phase, gain above coherence, with the coherence that unrelated signals exceed in 5 % of cases
        as a dotted line.

    Raises
    ------
    SignalError
        If it is no response.
    """
    needed = ("phase", "estimator", "muscle", "gain", "coherence", "coherence_limit")
    require_variables(response, needed, "Give what nal.frequency_response returns")
    phases = [str(phase) for phase in response["phase"].values]
    names = [str(name) for name in response["estimator"].values]
    colours = colours or colours_of(names)
    n_columns = min(MOST_PHASES_IN_A_ROW, len(phases))
    n_rows = -(-len(phases) // n_columns)
    figure = Figure(figsize=(9.0, 0.9 + 3.6 * n_rows), layout="constrained")
    heights = [1.6, 1.0] * n_rows
    panels = figure.subplots(2 * n_rows, n_columns, sharex=True, sharey="row", squeeze=False, height_ratios=heights)
    shown = response.sel(frequency=slice(0, MOST_FREQUENCY_HZ))
    frequency = shown["frequency"].values
    for index in range(n_rows * n_columns):
        above, below = panels[2 * (index // n_columns) : 2 * (index // n_columns) + 2, index % n_columns]
        if index >= len(phases):
            above.set_visible(False)
            below.set_visible(False)
            continue
        of_phase = shown.sel(phase=phases[index])
        for name in names:
            colour = colours[name]
            with np.errstate(divide="ignore"):
                decibels = 20 * np.log10(of_phase["gain"].sel(estimator=name).transpose("muscle", ...).values)
            above.plot(frequency, np.median(decibels, axis=0), color=colour, linewidth=1.4, label=name)
            above.fill_between(
                frequency, decibels.min(axis=0), decibels.max(axis=0), color=colour, alpha=0.15, linewidth=0
            )
            coherence = of_phase["coherence"].sel(estimator=name).median("muscle").values
            below.plot(frequency, coherence, color=colour, linewidth=1.2)
        above.axhline(-3, color=BLACK, linewidth=0.6, linestyle=":")
        above.set_title(phases[index], fontsize=9, parse_math=False)
        above.set_ylim(-40, 6)
        below.axhline(float(of_phase["coherence_limit"]), color=BLACK, linewidth=0.6, linestyle=":")
        below.set_ylim(0, 1.02)
        above.margins(x=0)
        if index % n_columns == 0:
            above.set_ylabel("gain (dB)")
            below.set_ylabel("coherence")
    figure.supxlabel("frequency (Hz)", fontsize=10)
    legend_above(figure, panels[0, 0])
    return figure


def plot_force_coherence(
    force: xr.Dataset, *, muscles: Sequence[str] | None = None, colours: Mapping[str, str] | None = None
) -> Figure:
    """Draw the coherence of each estimate with force, with its confidence limits, one panel per target and muscle.

    Parameters
    ----------
    force : Dataset
        As `nwb_autolfads.force_coherence` returns it.
    muscles : sequence of str, optional
        A row of panels each; by default, for each target, the one that shares most with it.
    colours : mapping of str to str, optional
        Of the estimates; by default one for each estimator.

    Returns
    -------
    Figure
        What unrelated signals exceed with the probability ``level`` is a dotted line.

    Raises
    ------
    SignalError
        If it is no coherence with force.
    ConfigError
        If there is no muscle of a name.
    """
    needed = ("target", "estimator", "muscle", "coherence", "coherence_limit", "lower", "upper")
    require_variables(force, needed, "Give what nal.force_coherence returns")
    muscles = None if muscles is None else muscles_among(muscles, force["muscle"].values)
    targets = [str(name) for name in force["target"].values]
    places = [(target, muscle) for target in targets for muscle in (muscles or [closest_muscle(force, target)])]
    n_columns = min(2, len(places))
    n_rows = -(-len(places) // n_columns)
    figure = Figure(figsize=(9.0, 0.9 + 2.2 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).ravel()
    shown = force.sel(frequency=slice(0, MOST_FREQUENCY_HZ))
    frequency = shown["frequency"].values
    names = [str(name) for name in force["estimator"].values]
    colours = colours or colours_of(names)
    for panel, (target, muscle) in zip(panels, places, strict=False):
        of_panel = shown.sel(target=target, muscle=muscle)
        for name in names:
            colour = colours[name]
            one = of_panel.sel(estimator=name)
            panel.plot(frequency, one["coherence"].values, color=colour, linewidth=1.4, label=name)
            panel.fill_between(
                frequency, one["lower"].values, one["upper"].values, color=colour, alpha=0.15, linewidth=0
            )
        panel.axhline(float(of_panel["coherence_limit"]), color=BLACK, linewidth=0.6, linestyle=":")
        panel.set_title(f"{target} and {muscle}", fontsize=9, parse_math=False)
        panel.set_ylim(0, 1.02)
        panel.margins(x=0)
    for panel in panels[len(places) :]:
        panel.set_visible(False)
    figure.supxlabel("frequency (Hz)", fontsize=10)
    figure.supylabel("coherence", fontsize=10)
    legend_above(figure, panels[0])
    return figure


def _count(averages: Mapping[str, xr.Dataset]) -> int:
    return int(next(iter(averages.values()))["n"])
