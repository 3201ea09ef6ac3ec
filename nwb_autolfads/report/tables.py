"""Comparisons in rows of text: what the command line prints and the page shows."""

from __future__ import annotations

import numpy as np
import xarray as xr

Row = tuple[str, ...]

TEXT_COLUMNS = ("target", "estimate", "phase", "pair", "muscle")
"""Columns of words; all others are numbers."""

CORTEX_COLUMNS: Row = (
    "estimate",
    "muscles from spikes",
    "at one lag",
    "delay behind spikes (ms)",
    "spikes from muscles",
    "single trials",
    "shuffled",
)
BEHAVIOR_COLUMNS: Row = ("target", "estimate", "R²", "at one lag", "lead (ms)", "single trials", "shuffled")
PAIR_COLUMNS: Row = ("pair", "difference", "effect, folds", "p, folds", "effect, items", "p, items")
RESPONSE_COLUMNS: Row = ("phase", "estimate", "windows", "-3 dB at (Hz)", "lowest", "highest")
FORCE_COLUMNS: Row = (
    "target",
    "estimate",
    "muscle",
    "highest coherence",
    "at (Hz)",
    "from",
    "to",
    "chance",
    "above it up to (Hz)",
    "all muscles (Hz)",
)


def cortex_rows(scores: xr.Dataset) -> list[Row]:
    """Return one row per estimate, means over muscles or units, under `CORTEX_COLUMNS`."""
    rows: list[Row] = []
    for name in scores["estimator"].values:
        one = scores.sel(estimator=name)
        rows.append(
            (
                str(name),
                number(one["r2"].mean()),
                number(one["r2_one_lag"].mean()),
                number(1000 * one["best_lag"].median(), 0),
                number(one["population_r2"]),
                *_trial_and_control(one),
            )
        )
    return rows


def behavior_rows(scores: xr.Dataset) -> list[Row]:
    """Return one row per target and estimate, under `BEHAVIOR_COLUMNS`."""
    rows: list[Row] = []
    for target in scores["target"].values:
        for name in scores["estimator"].values:
            one = scores.sel(estimator=name, target=target)
            rows.append(
                (
                    str(target),
                    str(name),
                    number(one["r2"]),
                    number(one["r2_one_lag"]),
                    number(0.0 - 1000 * one["best_lag"], 0),
                    *_trial_and_control(one),
                )
            )
    return rows


def pair_rows(scores: xr.Dataset, prefix: str) -> list[Row]:
    """Return one row per pair of estimators, p-values corrected, under `PAIR_COLUMNS`."""
    rows: list[Row] = []
    for pair in range(scores.sizes["pair"]):
        one = scores.isel(pair=pair)
        rows.append(
            (
                f"{one['first'].item()} - {one['second'].item()}",
                number(one[f"{prefix}difference"]),
                number(one[f"{prefix}effect_folds"], 2),
                _p_value(one[f"{prefix}p_folds_corrected"]),
                number(one[f"{prefix}effect_items"], 2),
                _p_value(one[f"{prefix}p_items_corrected"]),
            )
        )
    return rows


def response_rows(response: xr.Dataset) -> list[Row]:
    """Return one row per phase and estimate, the corner's median and range over muscles, under `RESPONSE_COLUMNS`."""
    rows: list[Row] = []
    for phase in response["phase"].values:
        for name in response["estimator"].values:
            corner = response["corner"].sel(phase=phase, estimator=name)
            rows.append(
                (
                    str(phase),
                    str(name),
                    str(int(response["n_windows"].sel(phase=phase))),
                    *(number(each, 1) for each in (corner.median(), corner.min(), corner.max())),
                )
            )
    return rows


def force_rows(force: xr.Dataset) -> list[Row]:
    """Return one row per target and estimate, of the muscle that shares most with it, under `FORCE_COLUMNS`.

    "from" and "to" are the confidence limits of the highest coherence; the last column is the median over muscles.
    """
    rows: list[Row] = []
    for target in [str(name) for name in force["target"].values]:
        muscle = closest_muscle(force, target)
        for name in force["estimator"].values:
            every = force.sel(target=target, estimator=name)
            one = every.sel(muscle=muscle)
            at_peak = one.sel(frequency=one["peak_frequency"])
            rows.append(
                (
                    target,
                    str(name),
                    muscle,
                    number(one["peak_coherence"], 2),
                    number(one["peak_frequency"], 1),
                    number(at_peak["lower"], 2),
                    number(at_peak["upper"], 2),
                    number(one["coherence_limit"], 2),
                    number(one["coherent_up_to"], 1),
                    number(every["coherent_up_to"].fillna(0.0).median(), 1),
                )
            )
    return rows


def closest_muscle(force: xr.Dataset, target: str) -> str:
    """Return the muscle whose coherence with a target is highest, averaged over frequencies and estimates."""
    mean = force["coherence"].sel(target=target).mean(("estimator", "frequency"))
    return str(mean["muscle"].values[int(mean.argmax("muscle"))])


def number(value: xr.DataArray | float, digits: int = 3) -> str:
    """Return a number for a table; "-" for NaN."""
    given = float(value)
    return f"{given:.{digits}f}" if np.isfinite(given) else "-"


def percent(value: xr.DataArray | float) -> str:
    """Return a share in percent for a table; "-" for NaN."""
    given = 100 * float(value)
    return f"{given:.1f} %" if np.isfinite(given) else "-"


def _p_value(value: xr.DataArray) -> str:
    return "<0.0001" if float(value) < 0.0001 else number(value, 4)


def _trial_and_control(one: xr.Dataset) -> Row:
    return tuple(number(one[name].mean()) if name in one else "-" for name in ("single_trial_r2", "control_r2"))
