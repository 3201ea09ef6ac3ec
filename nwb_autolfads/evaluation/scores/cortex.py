"""Activation beside motor cortex: how well spikes predict it, and how well it predicts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from pynwb import NWBFile

from nwb_autolfads.evaluation.decoding.spike_rates import smoothing_reach, spike_rates
from nwb_autolfads.evaluation.event_window import Around, read_event_times
from nwb_autolfads.evaluation.score import Ranking, Score, Table
from nwb_autolfads.evaluation.scores.common import with_tests
from nwb_autolfads.evaluation.scores.decoder import Decoder
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.evaluation.session import (
    Estimates,
    opened_estimates,
    read_any_spikes,
    required,
)
from nwb_autolfads.evaluation.tables import Row, number, trials_and_control
from nwb_autolfads.sources.spikes.trains import SpikeTrains

if TYPE_CHECKING:
    from spikeinterface import BaseSorting

LAGS_S = (0.0, 0.03, 0.06, 0.09, 0.12, 0.15)
"""Delays of muscles behind motor cortex that are tried: tens of ms are usual."""


def score_against_cortex(
    estimates: Mapping[str, xr.Dataset],
    spikes: SpikeTrains | xr.DataArray,
    *,
    bin_width: float = 0.01,
    smoothing: float = 0.025,
    lags: Sequence[float] = LAGS_S,
    n_folds: int = 10,
    guard: float | None = None,
    min_rate: float = 0.5,
    events: Events | None = None,
    n_shuffles: int = 1,
    seed: int = 0,
) -> xr.Dataset:
    """Predict each muscle's activation from spikes, and each unit's rate from the activation, by ridge over lags.

    The first number favours estimates that are smooth, because each estimate is a target of its own; the second
    has the same target for all, and is the fairer one to rank estimators by.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        ``activation`` ``(time, muscle)`` by the name of its estimate.
    spikes : SpikeTrains or DataArray, (time, unit)
        Spike times, or counts in bins by the middle of each (s).
    bin_width : float
        Of the bins (s) in which activation is averaged and spikes are counted.
    smoothing : float
        Standard deviation (s) of the Gaussian over the spike counts.
    lags : sequence of float
        Delays (s) of activation behind the spikes.
    n_folds : int
        Contiguous parts of time, each held out in turn.
    guard : float, optional
        Time (s) between tested and training bins. By default, and at least, the longest window of an estimator and
        what the lags and the smoothing reach, so that no window lies in both.
    min_rate : float
        Units that fire less (Hz) are left out.
    events : Events, optional
        Trials, to tell what repeats from what does not.
    n_shuffles : int
        How often the same is done with the spikes' seconds in random order; see ``control_r2``.
    seed : int
        Of the shuffles.

    Returns
    -------
    Dataset
        ``r2`` ``(estimator, muscle)``, the share of a muscle's variance that spikes at all lags explain in held-out
        time (also called VAF), and ``r2_fold`` of each fold;
        ``r2_one_lag``, from the lag chosen inside the training folds; ``r2_at_lag`` ``(estimator, muscle, lag)``
        and ``best_lag`` (s, delay of the activation), where it is highest; ``alpha`` of the ridge per fold,
        the penalty per bin on z-scored predictors;
        ``single_trial_share`` and ``single_trial_r2`` ``(estimator, muscle)``, see
        `nwb_autolfads.evaluation.scores.events.single_trial_scores`; ``control_r2`` ``(estimator, muscle, shuffle)``;
        ``unit_r2`` ``(estimator, unit)``, units from activation, ``population_r2`` ``(estimator,)``, its mean over
        units, and ``population_r2_fold``. Tests between estimators along ``pair`` with the prefixes ``muscles_``
        (on ``r2``) and ``population_`` (on ``unit_r2``), see
        `nwb_autolfads.evaluation.scores.statistics.compare_pairs`. attrs: ``config`` (JSON), ``n_units``,
        ``excluded_units`` and ``excluded_muscles`` (JSON: name to reason), ``notes`` (JSON).

    Raises
    ------
    SignalError
        If spikes and activation have no or too little time in common, or no unit or muscle can be used.
    ConfigError
        If the guard is shorter than the estimators' windows need, or there are fewer than 3 folds.
    """
    decoder = Decoder.of(
        estimates,
        bin_width=bin_width,
        lags=lags,
        guard=guard,
        reach=smoothing_reach(smoothing),
        n_folds=n_folds,
        events=events,
        n_shuffles=n_shuffles,
        seed=seed,
    )
    bins = decoder.bins
    units = spike_rates(spikes, bins, smoothing=smoothing, min_rate=min_rate)
    mixed = [rates for (rates,) in decoder.shuffles(units.rates)]
    dims, n_estimators = ("estimator", "muscle"), len(bins.estimators)
    scores = decoder.scores(units.rates, bins.all_targets, mixed, dims, lag_sign=1.0, n_estimators=n_estimators)
    # Muscles lead nothing: unit rates at t follow from activation at t + lag.
    to_units = [decoder.decode(values, units.rates, leading=True) for values in bins.values]
    by_fold = np.stack([each.r2_fold.T for each in to_units])  # (estimator, unit, fold)
    scores["unit_r2"] = (("estimator", "unit"), np.stack([each.r2 for each in to_units]))
    scores["population_r2"] = (("estimator",), np.nanmean(scores["unit_r2"][1], axis=1))
    scores["population_r2_fold"] = (("estimator", "fold"), np.nanmean(by_fold, axis=1))
    attrs = decoder.attrs(
        [], {"excluded_units": units.excluded}, compared_with="cortex", smoothing_s=smoothing, min_rate_hz=min_rate
    )
    result = xr.Dataset(
        scores,
        coords={**decoder.coords(1.0), "muscle": list(bins.muscles), "unit": list(units.units)},
        attrs={"n_units": len(units.units), **attrs},
    )
    unit_folds = xr.DataArray(by_fold, {"estimator": result["estimator"]}, ("estimator", "unit", "fold"))
    return with_tests(result, "muscles_", result["r2"], result["r2_fold"], "muscle").pipe(
        with_tests, "population_", result["unit_r2"], unit_folds, "unit"
    )


def compare_with_cortex(
    estimates: Estimates,
    spikes: str | Path | NWBFile | BaseSorting | SpikeTrains | xr.DataArray | None = None,
    *,
    counts: str | None = None,
    events: str | Events | None = None,
    around: Around = (None, None),
    **settings: Any,
) -> xr.Dataset:
    """Score estimates by how well spikes of motor cortex predict them, and they the spikes.

    Parameters
    ----------
    estimates : path, Dataset or mapping of str to Dataset
        A file with estimates, all of which are compared, or estimates.
    spikes : str, Path, pynwb.NWBFile, spikeinterface.BaseSorting, SpikeTrains or DataArray, optional
        Where the sorted units are, or counts ``(time, unit)`` in bins of their own by the middle of each (s); by
        default the file with the estimates.
    counts : str, optional
        Where in that file spikes are as counts in bins, instead of its units; see
        `nwb_autolfads.sources.spikes.binned.read_binned_spikes`.
    events : str or Events, optional
        ``TABLE:COLUMN`` or ``PATH`` of the file with times (s) of what repeats, to tell it from what does not; see
        `nwb_autolfads.sources.nwb.events.read_events`. By default what trials were cut around, where an estimate is of
        trials; else the starts of the table with the most rows.
    around : tuple of float
        Time (s) before and after each event that counts. None, and it is that of the trials; else of the intervals
        that the events are in; else 0.1 and 0.25; and no more than is recorded around most events.
    **settings
        Of `score_against_cortex`: ``bin_width``, ``smoothing``, ``lags``,
        ``n_folds``, ``guard``, ``min_rate``, ``n_shuffles``, ``seed``.

    Returns
    -------
    Dataset
        See `score_against_cortex`.

    Raises
    ------
    SourceError
        If the file holds no estimates or no units.
    SignalError
        If spikes and estimates have too little in common to be compared.
    """
    with opened_estimates(estimates) as (named, file):
        if spikes is None:
            spikes = required(file, "spikes")
        trains, repeats = read_any_spikes(spikes, counts), read_event_times(file, events, around, named)
    return score_against_cortex(named, trains, events=repeats, **settings)


def _rows(scores: xr.Dataset) -> list[Row]:
    """Return one row per estimate of what ranks them: units from muscles."""
    rows: list[Row] = []
    for name in scores["estimator"].values:
        one = scores.sel(estimator=name)
        rows.append((str(name), *(number(each) for each in (one["population_r2"], *_spread(one["unit_r2"])))))
    return rows


def _spread(r2: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    return r2.median(), r2.max()


def _muscles_from_spikes(scores: xr.Dataset) -> Table:
    """Return what does not rank estimates, because each is a target of its own: means over muscles."""
    rows: list[Row] = []
    for name in scores["estimator"].values:
        one = scores.sel(estimator=name)
        rows.append(
            (
                str(name),
                number(one["r2"].mean()),
                number(one["r2_one_lag"].mean()),
                number(1000 * one["best_lag"].median(), 0),
                *trials_and_control(one),
            )
        )
    columns = ("estimate", "R²", "at one lag", "delay behind spikes (ms)", "single trials", "shuffled")
    return Table("Muscles from spikes, which does not rank estimates: R², means over muscles", columns, rows)


SCORE = Score(
    key="cortex",
    compare=lambda session: score_against_cortex(
        session.estimates, read_any_spikes(session.file, session.asked.counts), **session.decoding
    ),
    asked_by="counts",
    title="Motor cortex, spikes from muscles: share of variance explained in held-out time (R²) over units",
    columns=("estimate", "mean", "median", "best unit"),
    rows=_rows,
    further=_muscles_from_spikes,
    pairs={"population_": "spikes from muscles", "muscles_": "muscles from spikes"},
    ranking=Ranking("unit_r2", "population_", "predicts single units of motor cortex"),
    description="How well estimates of muscle activation go with motor cortex, in time held out from the fit.",
    contents="Motor cortex",
    heading="Beside motor cortex",
    explanation=(
        "{n_units} units, each predicted from the muscles of an estimate. R² is the share of variance explained in "
        "time held out from the fit, with a gap around it. The units are the same for all estimates, so this ranks "
        "them. In the picture each unit has its place, the one that is predicted best on the left."
    ),
    further_explanation=(
        "The other way round, each estimate is a target of its own, and a smooth target is easier to predict: a "
        'filter that is far too slow can be first here. "Single trials": what does not repeat. "Shuffled" must not '
        "be above 0."
    ),
)
