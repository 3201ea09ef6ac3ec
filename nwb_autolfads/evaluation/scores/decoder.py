"""Scores by decoding in held-out time: what comparisons with cortex and with behaviour share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.evaluation.decoding.binning import Bins, bin_activation, estimator_window
from nwb_autolfads.evaluation.decoding.ridge import Decoding, decode
from nwb_autolfads.evaluation.scores.common import as_json
from nwb_autolfads.evaluation.scores.events import Events, single_trial_scores

Floats = NDArray[np.float64]
Variables = dict[str, tuple[tuple[str, ...], Floats]]


@dataclass(frozen=True)
class Decoder:
    """Predicts targets in time held out from the fit, by ridge regression over lags, and scores what it predicts.

    Attributes
    ----------
    bins : Bins
        Activation of all estimates.
    shifts : tuple of int
        Lags in bins, none negative, ascending.
    n_folds : int
    guard : float
        Time (s) between tested and training bins.
    events : Events or None
        Trials, to tell what repeats from what does not.
    n_shuffles, seed : int
        How often the same is done with shuffled predictors, and what draws them.
    """

    bins: Bins
    shifts: tuple[int, ...]
    n_folds: int
    guard: float
    events: Events | None
    n_shuffles: int
    seed: int

    @classmethod
    def of(
        cls,
        estimates: Mapping[str, xr.Dataset],
        *,
        bin_width: float,
        lags: Sequence[float],
        guard: float | None,
        reach: float,
        n_folds: int,
        events: Events | None,
        n_shuffles: int,
        seed: int,
    ) -> Self:
        """Bin the estimates, and settle lags and guard; ``reach`` (s) is over how much time a bin reaches beside lags.

        Raises
        ------
        SignalError
            If no estimate or no muscle can be used.
        ConfigError
            If there is no lag or one is negative, or the guard is shorter than the estimators' windows.
        """
        bins = _known_enough(bin_activation(estimates, bin_width))
        bins, shifts = _reachable(bins, _whole_bins(lags, bins.width))
        guard = _checked_guard(guard, estimator_window(estimates), reach=float(np.ptp(shifts)) * bins.width + reach)
        return cls(bins, shifts, n_folds, guard, events, n_shuffles, seed)

    def decode(self, predictors: Floats, targets: Floats, *, leading: bool = False) -> Decoding:
        """Predict targets ``(time, target)`` from predictors ``(time, predictor)`` before, or if ``leading`` after."""
        shifts = [-shift for shift in self.shifts] if leading else self.shifts
        return decode(
            predictors, targets, self.bins.time, self.bins.segments, shifts, n_folds=self.n_folds, guard=self.guard
        )

    def shuffles(self, *signals: Floats) -> list[list[Floats]]:
        """Return the signals with their seconds in random order: as before in themselves, their alignment gone."""
        rng = np.random.default_rng(self.seed)
        return [[_shuffled(signal, self.bins, rng) for signal in signals] for _ in range(self.n_shuffles)]

    def scores(
        self,
        predictors: Floats,
        targets: Floats,
        shuffled: Sequence[Floats],
        dims: tuple[str, str],
        *,
        lag_sign: float,
        n_estimators: int = 1,
    ) -> Variables:
        """Score how well targets are predicted.

        Parameters
        ----------
        predictors : ndarray, (time, predictor)
        targets : ndarray, (time, estimator * target)
        shuffled : sequence of ndarray, (time, predictor)
            Predictors that must predict nothing.
        dims : tuple of str
            Of the scores: the estimator, and what is predicted.
        lag_sign : float
            1 where a lag is a delay of the activation behind what predicts it, -1 where the activation leads.
        n_estimators : int
            Whose targets these are: all estimators' side by side, or the same for all.

        Returns
        -------
        dict
            Variables of a Dataset: ``r2``, ``r2_fold``, ``r2_fold_n``, ``r2_one_lag``, ``r2_at_lag``, ``best_lag``,
            ``alpha``; with trials ``single_trial_share`` and ``single_trial_r2``; with shuffles ``control_r2``.
        """
        decoding = self.decode(predictors, targets)
        shape = (n_estimators, -1)

        def spread(values: Floats) -> Floats:
            """(fold, estimator * target) -> (estimator, target, fold)."""
            return np.moveaxis(values, 0, 1).reshape(*shape, len(values))

        at_lag = decoding.r2_at_lag.reshape(*shape, len(self.shifts))
        r2_fold = spread(decoding.r2_fold)
        found: Variables = {
            "r2": (dims, decoding.r2.reshape(shape)),
            "r2_fold": ((*dims, "fold"), r2_fold),
            "r2_one_lag": (dims, decoding.r2_one_lag.reshape(shape)),
            "r2_at_lag": ((*dims, "lag"), at_lag),
            "best_lag": (dims, _best_lag(at_lag, self.lags(lag_sign))),
            "alpha": ((*dims, "fold"), spread(decoding.alpha)),
            "r2_fold_n": ((*dims, "fold"), np.broadcast_to(decoding.n, r2_fold.shape).astype(np.float64)),
        }
        if self.events is not None:
            bins = self.bins
            share, r2 = single_trial_scores(targets, decoding.predicted, bins.time, bins.width, self.events)
            found |= {"single_trial_share": (dims, share.reshape(shape)), "single_trial_r2": (dims, r2.reshape(shape))}
        if shuffled:
            controls = [self.decode(mixed, targets).r2.reshape(shape) for mixed in shuffled]
            found["control_r2"] = ((*dims, "shuffle"), np.stack(controls, axis=-1))
        return found

    def lags(self, sign: float) -> Floats:
        """Return the lags (s), delays of the activation positive."""
        return np.round(sign * self.bins.width * np.asarray(self.shifts), 9) + 0.0

    def coords(self, lag_sign: float) -> dict[str, Any]:
        """Return the coordinates that all results have."""
        return {
            "estimator": list(self.bins.estimators),
            "lag": ("lag", self.lags(lag_sign), {"units": "s"}),
            "fold": np.arange(self.n_folds),
        }

    def attrs(self, notes: Sequence[str], excluded: Mapping[str, Mapping[str, str]], **config: Any) -> dict[str, str]:
        """Return what a result says of how it was made, as JSON: settings, what was left out and why, notes."""
        config = {
            "bin_width_s": self.bins.width,
            "lags_s": [round(self.bins.width * shift, 9) for shift in self.shifts],
            "n_folds": self.n_folds,
            "guard_s": self.guard,
            "events": None if self.events is None else self.events.name,
            "around_s": None if self.events is None else [self.events.before, self.events.after],
            "seed": self.seed,
            **config,
        }
        every = dict.fromkeys([*self.bins.notes, *self._trial_notes(), *notes])
        return as_json(config=config, **excluded, excluded_muscles=self.bins.left_out, notes=list(every))

    def _trial_notes(self) -> list[str]:
        """Say what is missing where there are no trials to average over."""
        events, time = self.events, self.bins.time
        if events is None:
            return ["no events were given: what repeats was not told from what does not"]
        inside = np.count_nonzero((events.times >= time[0]) & (events.times <= time[-1]))
        return (
            [] if inside >= 2 else [f"{inside} of {events.name} in the time of the estimates: too few for an average"]
        )


def _known_enough(bins: Bins) -> Bins:
    """Leave out muscles that are known in less than half as many bins as the best known muscle; say what others cost.

    All muscles are predicted, and predict, in the same bins, those in which each is known: scores that are compared
    are then of the same time.
    """
    known = np.asarray(np.isfinite(bins.values).all(axis=0))
    if known.all():
        return bins
    counts = known.sum(axis=0)
    kept = 2 * counts >= counts.max()
    bins = bins.without(
        {
            muscle: f"known in {100 * count / len(known):.0f} % of the time of the estimates"
            for muscle, count, enough in zip(bins.muscles, counts, kept, strict=True)
            if not enough
        }
    )
    known = np.asarray(known[:, kept])
    lost = np.asarray(known.any(axis=1) & ~known.all(axis=1))
    if not lost.any():
        return bins
    missing = [muscle for muscle, here in zip(bins.muscles, known[lost].T, strict=True) if not here.all()]
    share = f"{np.count_nonzero(lost)} of {len(lost)} bins are left out for all muscles"
    return replace(bins, notes=(*bins.notes, f"{share}: there is no estimate of {', '.join(missing)} there"))


def _whole_bins(lags: Sequence[float], width: float) -> tuple[int, ...]:
    """Return lags as numbers of bins, each once, ascending."""
    if not len(lags) or min(lags) < 0:
        raise ConfigError(f"lags of {list(lags)} s", way_out="Give one or more lags of 0 s or more", obj="lags")
    return tuple(sorted({round(lag / width) for lag in lags}))


def _reachable(bins: Bins, shifts: tuple[int, ...]) -> tuple[Bins, tuple[int, ...]]:
    """Leave out lags that reach out of short segments, as trials are, from more than half of their bins; say so."""
    lengths = bins.segments.lengths
    reach = max((n for n in range(max(shifts) + 1) if 2 * np.maximum(lengths - n, 0).sum() >= lengths.sum()), default=0)
    kept = tuple(shift for shift in shifts if shift <= reach) or shifts[:1]
    if kept == shifts:
        return bins, shifts
    longest, usual = (f"{1000 * bins.width * n:g} ms" for n in (kept[-1], np.median(lengths)))
    note = f"lags over {longest} were not tried: gap-free segments have a median length of {usual}"
    return replace(bins, notes=(*bins.notes, note)), kept


def _checked_guard(guard: float | None, window: float, *, reach: float) -> float:
    """Return the guard (s) between tested and training bins: at least window and reach together, or they leak."""
    if guard is None:
        return window + reach
    if guard < window + reach:
        raise ConfigError(
            f"a guard of {guard:g} s is shorter than the {window:g} s window of the estimators and the {reach:g} s "
            "that lags and smoothing reach",
            way_out="Give a longer guard, or none",
            obj="guard",
        )
    return guard


def _best_lag(at_lag: Floats, lags: Floats) -> Floats:
    """Return the lag of the highest score; NaN where there is none."""
    best = lags[np.where(np.isnan(at_lag), -np.inf, at_lag).argmax(axis=-1)]
    return np.where(np.isnan(at_lag).all(axis=-1), np.nan, best)


def _shuffled(values: Floats, bins: Bins, rng: np.random.Generator) -> Floats:
    """Fill each second, or segment where that is shorter, with what was at another time.

    From any bin on: were trials put in another order, their common course would still be at its place.
    """
    pieces = bins.segments.chunks(max(1, round(1 / bins.width)))
    rows = [int(rng.integers(len(values))) + np.arange(length) for length in pieces.lengths]
    return values[np.concatenate(rows) % len(values)]
