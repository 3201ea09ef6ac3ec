"""What the page says of a trained model: its factors and inputs, its search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from nwb_autolfads.report.comparison_figures import MOST_LATENTS, plot_latents
from nwb_autolfads.report.figures import best_member, data_uri, plot_search

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
