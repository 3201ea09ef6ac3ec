"""What is shown of a trained model: its factors and inputs, its search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError, shown
from nwb_autolfads.given import excerpt, require_variables
from nwb_autolfads.report.colours import colours_of
from nwb_autolfads.report.figures import best_member, broken_at_gaps, data_uri, plot_search

MOST_LATENTS = 4  # of factors or inputs: those that vary most
_LATENTS = {"factors": "Factors", "inputs": "Inferred inputs"}

_HYPERPARAMETERS = {
    "learning_rate": "size of a training step",
    "dropout": "share of the network switched off at random in training, against overfitting",
    "mask_rate": "share of the EMG that was masked in training",
    "hide_rate": "share of the EMG that was masked in training",  # its name in results of version 0.1.0
    "kl_initial_condition": "how strongly the start of a window is held to a standard distribution",
    "kl_inputs": "the same, for the inferred inputs",
    "l2_generator": "penalty on large weights of the dynamics",
    "l2_controller": "penalty on large weights of what infers the inputs",
}
"""Columns of the search history that the search may change, and what they are."""


def plot_latents(estimate: xr.Dataset, name: str, *, start: float | None = None, stop: float | None = None) -> Figure:
    """Draw the factors or the inferred inputs of an estimate, one row each: at most `MOST_LATENTS`, by variance.

    Parameters
    ----------
    estimate : Dataset
        With ``factors`` ``(time, factor)`` or ``inputs`` ``(time, input)``.
    name : str
        "factors" or "inputs".
    start, stop : float, optional
        Excerpt (s, session clock); by default all of it.

    Returns
    -------
    Figure

    Raises
    ------
    SignalError
        If the estimate has none.
    ConfigError
        If they are called otherwise, or the excerpt is none.
    """
    if not isinstance(name, str) or name not in ("factors", "inputs"):
        raise ConfigError(f"name is {shown(name)}", obj="plot_latents", way_out="Give 'factors' or 'inputs'")
    require_variables(estimate, ("time", name), "Give an estimate of AutoLFADS, or of another that has them")
    window = excerpt(start, stop, "plot_latents")
    order = np.argsort(-np.nanvar(estimate[name].transpose("time", ...).values, axis=0), kind="stable")[:MOST_LATENTS]

    def excerpt_of(what: str) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        return broken_at_gaps(estimate[what].transpose("time", ...).sel(time=window)[:, order])

    time, values = excerpt_of(name)
    spread = excerpt_of(f"{name}_std")[1] if f"{name}_std" in estimate else None
    n = len(order)
    colour = colours_of([str(estimate.attrs.get("estimator", ""))]).popitem()[1]
    figure = Figure(figsize=(9.0, 0.8 + 0.6 * max(1, n)), layout="constrained")
    rows = figure.subplots(max(1, n), 1, sharex=True, squeeze=False)[:, 0]
    for index in range(n):
        middle = values[:, index]
        rows[index].plot(time, middle, color=colour, linewidth=1.0)
        if spread is not None:
            deviation = spread[:, index]
            rows[index].fill_between(
                time, middle - deviation, middle + deviation, color=colour, alpha=0.25, linewidth=0
            )
        rows[index].set_ylabel(f"{order[index] + 1}", rotation=0)
        rows[index].set_yticks([])
        rows[index].margins(x=0)
    rows[-1].set_xlabel("time (s, session clock)")
    figure.supylabel(f"{name} (a.u.)", fontsize=10)
    return figure


def latents(estimates: Mapping[str, xr.Dataset], start: float, stop: float) -> list[dict[str, Any]]:
    """Return a picture of the factors and inputs of each estimate that has them."""
    return [
        {
            "heading": f"{_LATENTS[what]} of {name}",
            "what": what,
            "name": name,
            "n": estimate[what].shape[1],
            "n_shown": min(MOST_LATENTS, estimate[what].shape[1]),
            "picture": data_uri(plot_latents(estimate, what, start=start, stop=stop)),
        }
        for name, estimate in estimates.items()
        for what in _LATENTS
        if what in estimate and estimate[what].shape[1]
    ]


def search_summary(name: str, estimate: xr.Dataset) -> dict[str, Any]:
    """Return what the page shows of a search: its course, and the hyperparameters of the model that was chosen."""
    score, member, epoch = (
        np.asarray(estimate[f"search_{column}"].values, dtype=np.float64) for column in ("valid_nll", "member", "epoch")
    )
    finite = score[np.isfinite(score)]
    chosen = best_member(estimate)
    rows = []
    for column, meaning in _HYPERPARAMETERS.items():
        if f"search_{column}" not in estimate:
            continue
        values = np.asarray(estimate[f"search_{column}"].values, dtype=np.float64)
        ends = values[member == chosen][-1:] if chosen is not None else values[:0]
        begins = values[epoch == epoch.min()]
        rows.append(
            (
                column.replace("_", " "),
                *(f"{each:.3g}" for each in (*(ends if ends.size else [np.nan]), begins.min(), begins.max())),
                meaning,
            )
        )
    return {
        "heading": f"Search history of {name}",
        "picture": data_uri(plot_search(estimate)),
        "members": len(np.unique(member)),
        "epochs": len(np.unique(epoch)),
        "best": f"{finite.min():.4f}" if finite.size else "none finite",
        "hyperparameters": rows,
    }
