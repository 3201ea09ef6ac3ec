"""What all scores share: an error where nothing is left, attrs as JSON, tests between estimators."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import xarray as xr

from nwb_autolfads.errors import SignalError
from nwb_autolfads.evaluation.scores.statistics import compare_pairs


def nothing_left(problem: str, excluded: Mapping[str, str], way_out: str, *, obj: str = "") -> SignalError:
    """Return the error that nothing can be compared, with the reason for each that was left out."""
    reasons = "; ".join(f"{name}: {why}" for name, why in excluded.items())
    return SignalError(f"{problem} ({reasons})", way_out=way_out, obj=obj)


def as_json(**parts: Any) -> dict[str, str]:
    """Return attrs of a Dataset that are not plain text, each as JSON."""
    return {key: json.dumps(value) for key, value in parts.items()}


def with_tests(
    result: xr.Dataset, prefix: str, scores: xr.DataArray, fold_scores: xr.DataArray, item: str
) -> xr.Dataset:
    """Return the result with the tests between estimators on these scores, under names with the prefix."""
    tests = compare_pairs(scores, fold_scores, item)
    return result.assign({f"{prefix}{name}": test for name, test in tests.data_vars.items()}).assign_coords(
        tests.coords
    )
