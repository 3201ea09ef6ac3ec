"""From held-out predictions to the variables of a comparison: what comparisons with cortex and behaviour share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.evaluation.decoding.binning import Bins
from nwb_autolfads.evaluation.decoding.ridge import Decoding
from nwb_autolfads.evaluation.scores.events import Events, single_trial_scores
from nwb_autolfads.evaluation.scores.statistics import compare_pairs


def whole_bins(lags: Sequence[float], width: float) -> list[int]:
    """Return lags as numbers of bins, each once, ascending."""
    if not len(lags) or min(lags) < 0:
        raise ConfigError(f"lags of {list(lags)} s", way_out="Give one or more lags of 0 s or more", obj="lags")
    return sorted({round(lag / width) for lag in lags})


def checked_guard(guard: float | None, window: float, *, reach: float) -> float:
    """Return the guard (s) between tested and training bins: at least the window, by default with all that reaches.

    Raises
    ------
    ConfigError
        If a shorter one was asked for: a window would span training and test.
    """
    if guard is None:
        return window + reach
    if guard < window:
        raise ConfigError(
            f"a guard of {guard:g} s is shorter than the {window:g} s window of the estimators",
            way_out="Give a longer guard, or none",
            obj="guard",
        )
    return guard


def decoding_scores(
    decoding: Decoding, bins: Bins, dims: tuple[str, str], *, lag_sign: float, shifts: Sequence[int]
) -> dict[str, tuple[tuple[str, ...], NDArray[np.float64]]]:
    """Return a decoding of ``(estimator, muscle)`` targets as variables of a Dataset."""
    shape = (len(bins.estimators), -1)

    def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(fold, target, ...) -> (estimator, muscle, fold, ...)."""
        return np.moveaxis(values, 0, 1).reshape(*shape, len(values), *values.shape[2:])

    at_lag = decoding.r2_at_lag.reshape(*shape, len(shifts))
    r2_fold = spread(decoding.r2_fold)
    return {
        "r2": (dims, decoding.r2.reshape(shape)),
        "r2_fold": ((*dims, "fold"), r2_fold),
        "r2_one_lag": (dims, decoding.r2_one_lag.reshape(shape)),
        "r2_at_lag": ((*dims, "lag"), at_lag),
        "best_lag": (dims, best_lag(at_lag, np.round(lag_sign * bins.width * np.asarray(shifts), 9) + 0.0)),
        "alpha": ((*dims, "fold"), spread(decoding.alpha)),
        "r2_fold_n": ((*dims, "fold"), np.broadcast_to(decoding.n, r2_fold.shape).astype(np.float64)),
    }


def best_lag(at_lag: NDArray[np.float64], lags: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lag of the highest score; NaN where there is none."""
    best = lags[np.where(np.isnan(at_lag), -np.inf, at_lag).argmax(axis=-1)]
    return np.where(np.isnan(at_lag).all(axis=-1), np.nan, best)


def trial_scores(
    decoding: Decoding, targets: NDArray[np.float64], bins: Bins, events: Events, dims: tuple[str, str]
) -> dict[str, tuple[tuple[str, ...], NDArray[np.float64]]]:
    """Return what of the scores does not repeat with the events, as variables of a Dataset."""
    share, r2 = single_trial_scores(targets, decoding.predicted, bins.time, bins.width, events)
    shape = (len(bins.estimators), -1)
    return {"single_trial_share": (dims, share.reshape(shape)), "single_trial_r2": (dims, r2.reshape(shape))}


def trial_notes(events: Events | None, bins: Bins) -> list[str]:
    """Say what is missing where there are no trials to average over."""
    if events is None:
        return ["no events were given: what repeats was not told from what does not"]
    inside = np.count_nonzero((events.times >= bins.time[0]) & (events.times <= bins.time[-1]))
    return [] if inside >= 2 else [f"{inside} of {events.name} in the time of the estimates: too few for an average"]


def decoding_config(
    bins: Bins, shifts: Sequence[int], *, n_folds: int, guard: float, events: Events | None, seed: int
) -> dict[str, Any]:
    """Return the settings that all scores by decoding share, JSON-serialisable."""
    return {
        "bin_width_s": bins.width,
        "lags_s": [round(bins.width * shift, 9) for shift in shifts],
        "n_folds": n_folds,
        "guard_s": guard,
        "events": None if events is None else events.name,
        "seed": seed,
    }


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


def shuffled(values: NDArray[np.float64], bins: Bins, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return values with their seconds in random order: as before in themselves, their alignment gone."""
    seconds = np.array_split(np.arange(len(values)), max(2, round(len(values) * bins.width)))
    return values[np.concatenate([seconds[index] for index in rng.permutation(len(seconds))])]
