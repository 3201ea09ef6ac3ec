"""Scores as text: what the tables of all scores share."""

from __future__ import annotations

import numpy as np
import xarray as xr

Row = tuple[str, ...]

TEXT_COLUMNS = ("target", "estimate", "phase", "pair", "muscle")
"""Columns of words; all others are numbers."""

PAIR_COLUMNS: Row = ("pair", "difference", "95 % from", "to", "effect, folds", "p, folds", "effect, items", "p, items")


def pair_rows(scores: xr.Dataset, prefix: str) -> list[Row]:
    """Return one row per pair of estimators, p-values corrected, under `PAIR_COLUMNS`."""
    rows: list[Row] = []
    for pair in range(scores.sizes["pair"]):
        one = scores.isel(pair=pair)
        rows.append(
            (
                f"{one['first'].item()} - {one['second'].item()}",
                number(one[f"{prefix}difference"]),
                number(one[f"{prefix}difference_low"]),
                number(one[f"{prefix}difference_high"]),
                number(one[f"{prefix}effect_folds"], 2),
                _p_value(one[f"{prefix}p_folds_corrected"]),
                number(one[f"{prefix}effect_items"], 2),
                _p_value(one[f"{prefix}p_items_corrected"]),
            )
        )
    return rows


def trials_and_control(one: xr.Dataset) -> Row:
    """Return the last two columns of decoding: R2 of single trials and of the shuffled control; "-" for none."""
    return tuple(number(one[name].mean()) if name in one else "-" for name in ("single_trial_r2", "control_r2"))


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
