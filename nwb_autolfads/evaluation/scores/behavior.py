"""Activation beside behaviour: how well it predicts angles, forces, positions and their derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBFile

from nwb_autolfads.evaluation.event_window import Around, read_event_times
from nwb_autolfads.evaluation.score import Ranking, Score
from nwb_autolfads.evaluation.scores.common import nothing_left, with_tests
from nwb_autolfads.evaluation.scores.decoder import Decoder
from nwb_autolfads.evaluation.scores.derivatives import (
    SAVITZKY_GOLAY_ORDER,
    SAVITZKY_GOLAY_S,
    check_orders,
    names_repeat,
    unusable_notes,
    usable_targets,
)
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.evaluation.session import Estimates, opened_estimates, required
from nwb_autolfads.evaluation.tables import Row, number, trials_and_control
from nwb_autolfads.given import series_of
from nwb_autolfads.sources.nwb.behavior import read_behavior

Floats = NDArray[np.float64]

LAGS_S = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)
"""Leads of activation before behaviour that are tried; Wimalasena et al. 2022 tried 0 to 48 ms for acceleration."""


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
        Contiguous parts of time, each held out in turn.
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
        lag, chosen inside the training folds; ``r2_at_lag`` ``(estimator, target, lag)`` and ``best_lag`` (s, delay of
        the activation: negative, where it leads), where it is highest; ``alpha`` of the ridge per fold;
        ``single_trial_share``, ``single_trial_r2``, ``control_r2`` as in
        `nwb_autolfads.evaluation.scores.cortex.score_against_cortex`. Coordinates ``target_unit`` and ``series`` along
        ``target``. Tests between estimators along ``pair`` with the prefix ``targets_``. attrs: ``config``,
        ``excluded_targets``, ``excluded_muscles``, ``notes`` (JSON).

    Raises
    ------
    SignalError
        If no behaviour can be used, or it has too little time in common with the estimates.
    ConfigError
        If a derivative is not 0, 1, ... or the guard is shorter than the estimators' windows.
    """
    check_orders(derivatives)
    decoder = Decoder.of(
        estimates,
        bin_width=bin_width,
        lags=lags,
        guard=guard,
        reach=SAVITZKY_GOLAY_S * bool(max(derivatives)),
        n_folds=n_folds,
        events=events,
        n_shuffles=n_shuffles,
        seed=seed,
    )
    bins = decoder.bins
    mixed = decoder.shuffles(*bins.values)
    # Coverage and gaps differ between series, so each has rows and folds of its own.
    several = names_repeat(behavior)
    excluded: dict[str, str] = {}
    notes = unusable_notes(behavior)
    parts = []
    for series in behavior:
        targets, names, units = usable_targets(series, derivatives, bins, excluded, notes, with_series=several)
        if not names:
            continue
        scores = _score_targets(decoder, targets, mixed)
        parts.append(
            scores.assign_coords(
                target=names, target_unit=("target", units), series=("target", [str(series.name)] * len(names))
            )
        )
    if not parts:
        raise nothing_left("no behaviour can be predicted", excluded, "Choose another series with --behavior PATH")
    attrs = decoder.attrs(
        notes,
        {"excluded_targets": excluded},
        compared_with="behavior",
        derivatives=list(derivatives),
        savitzky_golay_s=SAVITZKY_GOLAY_S,
        savitzky_golay_order=SAVITZKY_GOLAY_ORDER,
    )
    result = xr.concat(parts, dim="target").assign_coords(decoder.coords(-1.0)).assign_attrs(attrs)
    return with_tests(result, "targets_", result["r2"], result["r2_fold"], "target")


def _score_targets(decoder: Decoder, targets: Floats, mixed: Sequence[Sequence[Floats]]) -> xr.Dataset:
    """Return the scores of each estimate on targets ``(bin, target)``; ``mixed`` are the shuffled activations."""
    dims = ("estimator", "target")
    each_estimate = (
        decoder.scores(values, targets, [mix[index] for mix in mixed], dims, lag_sign=-1.0)
        for index, values in enumerate(decoder.bins.values)
    )
    return xr.concat([xr.Dataset(scores) for scores in each_estimate], dim="estimator")


def compare_with_behavior(
    estimates: Estimates,
    behavior: str | Path | NWBFile | Sequence[xr.DataArray] | None = None,
    *,
    series: Sequence[str] | None = None,
    events: str | Events | None = None,
    around: Around = (None, None),
    **settings: Any,
) -> xr.Dataset:
    """Score estimates by how well they predict angles, forces, positions and their derivatives.

    Parameters
    ----------
    estimates : path, Dataset or mapping of str to Dataset
        A file with estimates, all of which are compared, or estimates.
    behavior : str, Path, pynwb.NWBFile or sequence of DataArray, optional
        Where the behaviour is, or series ``(time, column)``; by default the file with the estimates.
    series : sequence of str, optional
        Paths or patterns of the series in the file; by default all of ``processing/behavior`` that is not EMG.
    events, around
        See `nwb_autolfads.compare_with_cortex`.
    **settings
        Of `score_against_behavior`: ``derivatives``, ``bin_width``, ``lags``,
        ``n_folds``, ``guard``, ``n_shuffles``, ``seed``.

    Returns
    -------
    Dataset
        See `score_against_behavior`.

    Raises
    ------
    SourceError
        If the file holds no estimates or no behaviour.
    SignalError
        If behaviour and estimates have too little in common to be compared.
    """
    with opened_estimates(estimates) as (named, file):
        if behavior is None:
            behavior = required(file, "behavior")
        found = (
            read_behavior(behavior, series)
            if isinstance(behavior, str | Path | NWBFile)
            else series_of(behavior, "behavior")
        )
        repeats = read_event_times(file, events, around, named)
    return score_against_behavior(named, found, events=repeats, **settings)


def _rows(scores: xr.Dataset) -> list[Row]:
    """Return one row per target and estimate, under the columns below."""
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
                    *trials_and_control(one),
                )
            )
    return rows


SCORE = Score(
    key="behavior",
    compare=lambda session: score_against_behavior(
        session.estimates, read_behavior(session.file, session.asked.series), **session.decoding
    ),
    asked_by="series",
    title="Behaviour from all muscles: share of variance explained in held-out time (R²)",
    columns=("target", "estimate", "R²", "at one lag", "lead (ms)", "single trials", "shuffled"),
    rows=_rows,
    pairs={"targets_": "behaviour"},
    ranking=Ranking("r2", "targets_", "predicts behaviour"),
    description="How well estimates of muscle activation predict behaviour, in time held out from the fit.",
    contents="Behaviour",
    heading="Beside behaviour",
    explanation=("Each target predicted from the activation of all muscles, in time held out from the fit."),
    table_explanation=(
        "Lead: by how much activation at the best single lag comes before the target. Single trials: R² of "
        "what does not repeat. Shuffled must not be above 0."
    ),
)
