"""Activation beside behaviour: how well it predicts angles, forces, positions and their derivatives."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.evaluation.decoding.binning import CLOCK_S, Bins, bin_activation, estimator_window
from nwb_autolfads.evaluation.decoding.ridge import decode
from nwb_autolfads.evaluation.scores.common import (
    checked_guard,
    decoding_scores,
    shuffled,
    trial_notes,
    trial_scores,
    whole_bins,
    with_tests,
)
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.segments import Segments

Floats = NDArray[np.float64]

SAVITZKY_GOLAY_S = 27 / 500
SAVITZKY_GOLAY_ORDER = 5
"""Window and order of the derivative: 27 samples at 500 Hz (Wimalasena et al. 2022)."""

LAGS_S = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)
"""Leads of activation before behaviour that are tried; Wimalasena et al. 2022 tried 0 to 48 ms for acceleration."""

_LEAST_KNOWN = 0.5  # share of the bins in which a column must be known


def score_against_behavior(
    estimates: Mapping[str, xr.Dataset],
    behavior: Sequence[xr.DataArray],
    *,
    derivatives: Sequence[int] = (0, 1, 2),
    bin_width: float = 0.01,
    lags: Sequence[float] = LAGS_S,
    n_folds: int = 10,
    guard: float | None = None,
    events: Events | None = None,
    n_shuffles: int = 1,
    seed: int = 0,
) -> xr.Dataset:
    """Predict behaviour from the activation of all muscles, by ridge over lags and at one lag.

    Every estimate predicts the same targets, in the same folds, so scores can be compared.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        ``activation`` ``(time, muscle)`` by the name of its estimate.
    behavior : sequence of DataArray, (time, column)
        With the coordinates ``time`` (s) and, where there are gaps, ``segment``; named, attr ``unit``. NaN is left out.
    derivatives : sequence of int
        Orders of the derivatives to predict, 0 the series itself; see `differentiate`.
    bin_width : float
        Of the bins (s) in which both are averaged.
    lags : sequence of float
        Leads (s) of activation before behaviour.
    n_folds : int
        Contiguous blocks, each held out in turn.
    guard : float, optional
        Time (s) between tested and training bins. By default, and at least, the longest window of an estimator, with
        what lags and derivative reach.
    events : Events, optional
        Trials, to tell what repeats from what does not.
    n_shuffles : int
        How often the same is done with the activation's seconds in random order.
    seed : int
        Of the shuffles.

    Returns
    -------
    Dataset
        ``r2`` ``(estimator, target)``, the share of a target's variance that activation at all lags explains in
        held-out time (also called VAF), ``r2_fold`` of each fold; ``r2_one_lag``, the optimal linear estimate at one
        lag, chosen inside the training folds; ``r2_at_lag`` ``(estimator, target, lag)`` and ``best_lag`` (s, delay
        of the activation: negative, where it leads), where it is highest; ``strength``; ``single_trial_share``,
        ``single_trial_r2``, ``control_r2`` as in `nwb_autolfads.evaluation.scores.cortex.score_against_cortex`.
        Coordinates ``target_unit`` and ``series`` along ``target``. Tests between estimators along ``pair`` with
        the prefix ``targets_``. attrs: ``config``, ``excluded_targets``, ``excluded_muscles``, ``notes`` (JSON).

    Raises
    ------
    SignalError
        If no behaviour can be used, or it has too little time in common with the estimates.
    ConfigError
        If a derivative is not 0, 1, ... or the guard is shorter than the estimators' windows.
    """
    if not derivatives or not all(0 <= order < SAVITZKY_GOLAY_ORDER for order in derivatives):
        raise ConfigError(f"derivatives {list(derivatives)}", way_out="Give orders from 0 to 4", obj="derivatives")
    bins = bin_activation(estimates, bin_width)
    shifts = whole_bins(lags, bins.width)
    reach = float(np.ptp(lags)) + SAVITZKY_GOLAY_S * bool(max(derivatives))
    guard = checked_guard(guard, estimator_window(estimates), reach=reach)
    blocked = partial(decode, time=bins.time, segments=bins.segments, shifts=shifts, n_folds=n_folds, guard=guard)
    rng = np.random.default_rng(seed)
    mixed = [[shuffled(values, bins, rng) for values in bins.values] for _ in range(n_shuffles)]
    # Coverage and gaps differ between series, so each has rows and folds of its own.
    several = names_repeat(behavior)
    excluded: dict[str, str] = {}
    notes: list[str] = [*bins.notes, *trial_notes(events, bins), *unusable_notes(behavior)]
    parts = []
    for series in behavior:
        targets, names, units = _targets(series, derivatives, bins, excluded, notes, with_series=several)
        if not names:
            continue
        dims = ("estimator", "target")
        each_estimate = []
        for index, values in enumerate(bins.values):
            one = Bins(**{**bins.__dict__, "estimators": (bins.estimators[index],)})
            decoding = blocked(values, targets)
            scores = decoding_scores(decoding, one, dims, lag_sign=-1.0, shifts=shifts)
            if events is not None:
                scores |= trial_scores(decoding, targets, one, events, dims)
            if n_shuffles:
                controls = [blocked(mix[index], targets).r2[None] for mix in mixed]
                scores["control_r2"] = ((*dims, "shuffle"), np.stack(controls, axis=-1))
            each_estimate.append(xr.Dataset(scores))
        part = xr.concat(each_estimate, dim="estimator")
        parts.append(
            part.assign_coords(
                target=names, target_unit=("target", units), series=("target", [str(series.name)] * len(names))
            )
        )
    if not parts:
        raise SignalError(
            f"no behaviour can be predicted ({'; '.join(f'{name}: {why}' for name, why in excluded.items())})",
            way_out="Choose another series with --behavior PATH",
        )
    result = xr.concat(parts, dim="target").assign_coords(
        estimator=list(bins.estimators),
        lag=("lag", np.round(-bins.width * np.asarray(shifts), 9) + 0.0, {"units": "s"}),
        fold=np.arange(n_folds),
    )
    config = {
        "compared_with": "behavior",
        "bin_width_s": bins.width,
        "lags_s": [round(bins.width * shift, 9) for shift in shifts],
        "derivatives": list(derivatives),
        "savitzky_golay_s": SAVITZKY_GOLAY_S,
        "savitzky_golay_order": SAVITZKY_GOLAY_ORDER,
        "n_folds": n_folds,
        "guard_s": guard,
        "events": None if events is None else events.name,
        "seed": seed,
    }
    described = {
        "config": config,
        "excluded_targets": excluded,
        "excluded_muscles": bins.left_out,
        "notes": list(dict.fromkeys(notes)),
    }
    result = result.assign_attrs({key: json.dumps(value) for key, value in described.items()})
    return with_tests(result, "targets_", result["r2"], result["r2_fold"], "target")


def differentiate(values: Floats, rate: float, order: int) -> Floats:
    """Return the derivative of evenly sampled values by the filter of Savitzky and Golay, (time, column).

    A polynomial of order 5 is fitted to 54 ms around each sample (27 samples at 500 Hz), or to 7 samples where that is
    longer; its derivative is taken. Samples for which the window is not whole or holds NaN are NaN.

    Parameters
    ----------
    values : ndarray, (time, column)
    rate : float
        Hz.
    order : int
        0 returns the values as they are.
    """
    if order == 0:
        return values
    half = max(round(SAVITZKY_GOLAY_S * rate) // 2, (SAVITZKY_GOLAY_ORDER + 1) // 2)
    length = 2 * half + 1
    if len(values) < length:
        return np.full(values.shape, np.nan)
    known = np.isfinite(values)
    result = savgol_filter(
        np.where(known, values, 0.0), length, SAVITZKY_GOLAY_ORDER, deriv=order, delta=1 / rate, axis=0, mode="constant"
    )
    unknown = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), ~known]), axis=0)
    whole = np.zeros(values.shape, dtype=bool)
    whole[half : len(values) - half] = unknown[length:] == unknown[:-length]
    return np.where(whole, result, np.nan)


def to_bins(values: Floats, time: Floats, rate: float, bins: Bins) -> Floats:
    """Return evenly sampled values in the bins of the activation, (bin, column).

    Means over the samples of a bin, where it has two or more; else, for slower series, on the line between the two
    samples around the middle of the bin. NaN where a sample is NaN or missing.

    Parameters
    ----------
    values : ndarray, (time, column)
    time : ndarray, (time,)
        s, of one gap-free segment.
    rate : float
        Hz.
    bins : Bins
    """
    if len(time) < 2:
        return np.full((len(bins.time), values.shape[1]), np.nan)
    if rate * bins.width >= 2:
        # A sample on an edge belongs to the bin behind it, whatever rounding made of the two times.
        edges = bins.time - CLOCK_S - bins.width / 2
        first, last = np.searchsorted(time, edges), np.searchsorted(time, edges + bins.width)
        known = np.isfinite(values)
        sums, unknown = (
            np.cumsum(np.vstack([np.zeros((1, values.shape[1])), each]), axis=0)
            for each in (np.where(known, values, 0.0), ~known)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (sums[last] - sums[first]) / (last - first)[:, None]
        whole = (last - first >= np.floor(rate * bins.width))[:, None] & (unknown[last] == unknown[first])
        return np.where(whole, means, np.nan)
    columns = [np.interp(bins.time, time, column, left=np.nan, right=np.nan) for column in values.T]
    return np.stack(columns, axis=1)


def _targets(
    series: xr.DataArray,
    derivatives: Sequence[int],
    bins: Bins,
    excluded: dict[str, str],
    notes: list[str],
    *,
    with_series: bool,
) -> tuple[Floats, list[str], list[str]]:
    """Return what of a series and its derivatives can be predicted, binned, with names and units."""
    series = series.transpose("time", "column")
    rate = rate_of(series)
    unit, prefix = str(series.attrs.get("unit", "")), f"{str(series.name).split('/')[-1]} " if with_series else ""
    if rate < 1 / bins.width:
        notes.append(f"{series.name} has {rate:g} Hz: between its samples it was interpolated")
    n_nan = int(np.count_nonzero(~np.isfinite(series.values).all(axis=1)))
    if n_nan:
        notes.append(f"{series.name} is NaN in {n_nan} of {series.sizes['time']} samples: those were left out")
    columns, names, units = [], [], []
    for order in derivatives:
        binned = binned_derivative(series, order, bins)
        for column, values in zip([str(name) for name in series["column"].values], binned.T, strict=True):
            name = prefix + derivative_name(column, order)
            known = np.isfinite(values)
            if known.mean() < _LEAST_KNOWN:
                excluded[name] = f"known in {100 * known.mean():.0f} % of the time of the estimates"
            elif np.ptp(values[known]) <= 1e-9 * max(float(np.abs(values[known]).max()), 1e-30):
                excluded[name] = "does not vary"
            else:
                columns.append(values)
                names.append(name)
                units.append(derivative_unit(unit, order))
    return (np.stack(columns, axis=1) if columns else np.empty((len(bins.time), 0))), names, units


def rate_of(series: xr.DataArray) -> float:
    """Return the sampling rate of a series (Hz): what it says, or the median of its times."""
    return float(series.attrs.get("rate") or 1 / np.median(np.diff(series["time"].values)))


def binned_derivative(series: xr.DataArray, order: int, bins: Bins) -> Floats:
    """Return a derivative of a series ``(time, column)`` in the bins of the activation, each gap-free segment apart.

    Returns
    -------
    ndarray, (bin, column)
        NaN where the series is not known.
    """
    series = series.transpose("time", "column")
    time, rate = series["time"].values.astype(np.float64), rate_of(series)
    binned = np.full((len(bins.time), series.sizes["column"]), np.nan)
    for rows in Segments.of(series).slices:
        part = to_bins(differentiate(series.values[rows].astype(np.float64), rate, order), time[rows], rate, bins)
        binned = np.where(np.isfinite(part), part, binned)
    return binned


def names_repeat(several: Sequence[xr.DataArray]) -> bool:
    """Whether two columns of these series have one name, so that a name needs its series before it."""
    names = [str(name) for series in several for name in series["column"].values]
    return len(set(names)) < len(names)


def unusable_notes(several: Sequence[xr.DataArray]) -> list[str]:
    """Say which series could not be read beside these, and why."""
    reasons = {path: why for series in several for path, why in series.attrs.get("unusable", {}).items()}
    return [f"{path} was left out: {why}" for path, why in reasons.items()]


def derivative_unit(unit: str, order: int) -> str:
    """Return the unit of a derivative: degrees, degrees/s, degrees/s2."""
    return unit if order == 0 else f"{unit}/s{order if order > 1 else ''}"


def derivative_name(column: str, order: int) -> str:
    """Return the name of a derivative: knee, d knee/dt, d2 knee/dt2."""
    power = str(order) if order > 1 else ""
    return column if order == 0 else f"d{power} {column}/dt{power}"
