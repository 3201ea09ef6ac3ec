"""What each part of the page shows: figures as pictures, numbers as text."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.special import gammainc

from nwb_autolfads.errors import SignalError
from nwb_autolfads.evaluation.score import Score
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.evaluation.tables import number, percent
from nwb_autolfads.report.comparison_figures import (
    plot_comparison,
    plot_event_averages,
    plot_force_coherence,
    plot_frequency_response,
    plot_latents,
)
from nwb_autolfads.report.figures import best_member, display_unit, plot_search
from nwb_autolfads.report.verdict import explained_share

SHOWN_SECONDS = 3.0
MOST_BEHAVIOR_TARGETS, MOST_FORCE_TARGETS = 60, 12  # beyond, a picture of all is not readable: the table is enough
COVERED = 0.9  # share of the EMG that must lie between the 5 % and 95 % quantiles of what the model expects

_KINDS = {
    "LowPass": "smooths each muscle's rectified EMG with a filter of fixed cutoff",
    "LowPassSubspace": "smooths, and keeps only what the muscles have in common",
    "BayesianFilter": "assumes that activation drifts, and now and then jumps; weighs each sample of EMG by that",
    "AutoLFADS": "a neural network that learns how muscles go on together, and keeps what such dynamics can make",
}
"""What an estimator does, for a reader who never heard of it."""

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


def in_order_of(estimates: Mapping[str, xr.Dataset], scores: xr.Dataset) -> xr.Dataset:
    """Return scores with the estimators as the page has them, so that each keeps its colour."""
    there = [str(name) for name in scores["estimator"].values]
    return scores.sel(
        estimator=[*(name for name in estimates if name in there), *(n for n in there if n not in estimates)]
    )


def recorded_seconds(estimate: xr.Dataset) -> float:
    """Return how much was estimated (s), gaps not counted."""
    rate = float(estimate.attrs.get("rate", 0.0))
    return estimate.sizes["time"] / rate if rate else float(np.ptp(estimate["time"].values))


def origin_of(estimate: xr.Dataset) -> dict[str, str]:
    """Return where the EMG is from; of a file on this machine only its name, for the page may go to others."""
    known = dict.fromkeys(("file", "object_path", "file_identifier", "object_id"), "")
    known |= json.loads(estimate.attrs.get("origin", "{}"))
    return known if "://" in known["file"] else known | {"file": PurePath(known["file"]).name}


def described_step(step: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name of a step of the preprocessing, and its numbers in words."""
    numbers = "; ".join(f"{key}: {short(value)}" for key, value in step.items() if key != "step")
    return str(step.get("step", "")), numbers


def short(value: Any) -> str:
    """Return any value of a configuration as text."""
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, list):
        return ", ".join(short(item) for item in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def random_stretch(activation: xr.DataArray) -> tuple[float, float]:
    """Return a stretch that nobody chose: the same for the same recording."""
    time = activation["time"].values
    latest = max(float(time[0]), float(time[-1]) - SHOWN_SECONDS)
    start = float(np.random.default_rng(0).uniform(float(time[0]), latest))
    return start, min(start + SHOWN_SECONDS, float(time[-1]))


def muscle_rows(
    estimates: Mapping[str, xr.Dataset], emg: xr.DataArray | None, quality: xr.Dataset | None
) -> list[dict[str, Any]]:
    """Return what is known of each muscle: quality, scale, and how much of its smoothed EMG each estimate follows."""
    estimate = next(iter(estimates.values()))
    n = estimate.sizes["muscle"]
    usable = estimate["usable"].values if "usable" in estimate.coords else np.full(n, True)
    scale = estimate["scale"].values if "scale" in estimate.coords else np.full(n, np.nan)
    factor, _ = display_unit(str(estimate.attrs.get("unit", "")))
    steps = {step.get("step"): step for step in json.loads(estimate.attrs.get("preprocessing", "[]"))}
    reasons = steps.get("quality", {}).get("unusable", {})
    shares = [explained_share(each["activation"], emg) if emg is not None else {} for each in estimates.values()]
    return [
        {
            "name": name,
            "usable": bool(is_usable),
            "reason": short(reasons.get(name, "")),
            "scale": f"{divisor * factor:.4g}",
            "quality": _quality_cells(quality, name),
            "shares": [number(share.get(name, np.nan), 2) for share in shares],
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


def averages(estimates: Mapping[str, xr.Dataset], events: Events | None) -> dict[str, str]:
    """Return the picture of averages around events, or why there is none."""
    if events is None:
        return {"picture": "", "why": "the file has no table of events with enough rows"}
    try:
        return {"picture": data_uri(plot_event_averages(estimates, events)), "why": ""}
    except SignalError as error:
        return {"picture": "", "why": error.problem}


def latents(estimates: Mapping[str, xr.Dataset], start: float, stop: float) -> list[dict[str, str]]:
    """Return a picture of the factors and inputs of each estimate that has them."""
    return [
        {"name": name, "what": what, "picture": data_uri(plot_latents(estimate, what, start=start, stop=stop))}
        for name, estimate in estimates.items()
        for what in ("factors", "inputs")
        if what in estimate and estimate[what].shape[1]
    ]


def score_part(score: Score, scores: xr.Dataset) -> dict[str, Any]:
    """Return what the page shows of one score: how to read it, its picture where there is one, and its tables."""
    draw = SCORE_FIGURES.get(score.key)
    figure = draw(scores) if draw is not None else None
    return {
        "key": score.key,
        "heading": score.heading,
        "explanation": score.explained(scores),
        "table_explanation": score.table_explanation,
        "picture": "" if figure is None else data_uri(figure),
        "table": score.table(scores),
        "pairs": list(score.pair_tables(scores)),
    }


def _behavior_figure(scores: xr.Dataset) -> Figure | None:
    return plot_comparison(scores, "target") if scores.sizes["target"] <= MOST_BEHAVIOR_TARGETS else None


def _force_figure(scores: xr.Dataset) -> Figure | None:
    return plot_force_coherence(scores) if scores.sizes["target"] <= MOST_FORCE_TARGETS else None


SCORE_FIGURES: dict[str, Callable[[xr.Dataset], Figure | None]] = {
    "cortex": lambda scores: plot_comparison(scores, "muscle"),
    "behavior": _behavior_figure,
    "response": plot_frequency_response,
    "force": _force_figure,
}
"""Of scores by their keys, None where a picture would not be readable; a score without one is shown as a table."""


def calibration(estimates: Mapping[str, xr.Dataset], emg: xr.DataArray | None) -> list[dict[str, Any]]:
    """Return how often EMG lies where the model's gamma distribution has 90 % of its mass, mean, lowest and highest."""
    found = []
    for name, estimate in estimates.items():
        if emg is None or "concentration" not in estimate or estimate.sizes["time"] != emg.sizes["time"]:
            continue
        shape, rate = (estimate[key].transpose("time", "muscle").values for key in ("concentration", "rate_parameter"))
        observed = emg.sel(muscle=estimate["muscle"].values).transpose("time", "muscle").values
        every = max(1, len(observed) // 20_000)
        place = gammainc(shape[::every], rate[::every] * observed[::every])
        known = np.isfinite(place)
        inside = known & (place > (1 - COVERED) / 2) & (place < (1 + COVERED) / 2)
        share = inside.sum(axis=0)[known.any(axis=0)] / known.sum(axis=0)[known.any(axis=0)]
        if share.size:
            found.append({"name": name, "numbers": [f"{100 * f(share):.0f} %" for f in (np.mean, np.min, np.max)]})
    return found


def score_rows(scores: xr.Dataset) -> list[dict[str, Any]]:
    """Return one row per estimate: R2 to the truth, its mean and that of each muscle."""
    return [
        {
            "name": str(name),
            "mean": f"{float(scores['r2'].sel(estimator=name).mean()):.3f}",
            "muscles": [f"{float(value):.3f}" for value in scores["r2"].sel(estimator=name).values],
        }
        for name in scores["estimator"].values
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
        "name": name,
        "picture": data_uri(plot_search(estimate)),
        "members": len(np.unique(member)),
        "epochs": len(np.unique(epoch)),
        "best": f"{finite.min():.4f}" if finite.size else "none finite",
        "hyperparameters": rows,
    }


def estimate_facts(name: str, estimate: xr.Dataset) -> dict[str, Any]:
    """Return how an estimate was made."""
    config = json.loads(estimate.attrs.get("config", "{}"))
    return {
        "name": name,
        "does": _KINDS.get(str(estimate.attrs.get("estimator", "")), ""),
        "estimator": estimate.attrs.get("estimator", ""),
        "version": estimate.attrs.get("version", ""),
        "seed": estimate.attrs.get("seed", ""),
        "config": json.dumps(config, indent=2, sort_keys=True),
    }


def data_uri(figure: Figure) -> str:
    """Return a figure as an address that holds its pixels."""
    # Pixels, not SVG: no text of the file can become markup.
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii")
