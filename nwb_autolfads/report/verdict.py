"""Is the fit to be trusted? A verdict in plain words, each reason with the numbers it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from nwb_autolfads.evaluation import registry
from nwb_autolfads.evaluation.score import Ranking

SMOOTH_S = 0.05
EXPLAINED = 0.5  # share of smoothed EMG that activation must explain for a muscle to count as explained
MOST_MUSCLES = 0.8
FEWEST_EPOCHS = 5  # with a score, to judge by the last fifth of them
STILL_FALLING = 0.05  # share of all improvement that came in the last fifth of training
CERTAIN = 0.05
_OVER = ("folds", "items")


@dataclass(frozen=True)
class Finding:
    """One reason: whether it speaks for the fit (None: it says nothing either way), and why, in words."""

    good: bool | None
    text: str


@dataclass(frozen=True)
class Verdict:
    """The name of the estimate that is judged ("" where nothing was trained), the verdict and its reasons."""

    subject: str
    headline: str
    findings: tuple[Finding, ...]


def judge(
    estimates: Mapping[str, xr.Dataset],
    *,
    emg: xr.DataArray | None = None,
    held_out: xr.Dataset | str = "",
    comparisons: Mapping[str, xr.Dataset] | None = None,
) -> Verdict:
    """Judge the trained estimate among several.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        The one with a search history or factors is judged, the others are what it must beat.
    emg : DataArray, (time, muscle), optional
        Rectified EMG that they were made from.
    held_out : Dataset or str
        ``nll`` ``(estimator, muscle)`` of hidden blocks, the same for all, as
        `nwb_autolfads.score_held_out` returns it; or why there is none.
    comparisons : mapping of str to Dataset, optional
        Scores by the keys of `nwb_autolfads.evaluation.registry.SCORES`; those with a `Ranking` are judged.

    Returns
    -------
    Verdict
    """
    trained = [name for name, each in estimates.items() if "search_valid_nll" in each or "factors" in each]
    if not trained:
        return Verdict(
            "",
            "Only filters were run: nothing was trained, so there is no fit to distrust.",
            (Finding(None, "What a filter shows is as good as the EMG itself and the settings below."),),
        )
    subject = trained[-1]
    estimate = estimates[subject]
    found = [
        _likelihood(subject, held_out),
        _muscles(estimate, emg),
        _inputs(estimate),
        _convergence(estimate),
        *(
            _against_others(subject, (comparisons or {}).get(score.key), score.ranking)
            for score in registry.SCORES
            if score.ranking is not None
        ),
    ]
    findings = tuple(finding for finding in found if finding is not None)
    against = sum(finding.good is False for finding in findings)
    speaking_for = sum(finding.good is True for finding in findings)
    if against >= 2:
        headline = f"Do not trust {subject} here yet: {against} of {len(findings)} checks speak against it."
    elif against == 1:
        headline = f"Use {subject} with care: one of {len(findings)} checks speaks against it."
    elif speaking_for >= 2:
        open_ones = len(findings) - speaking_for
        rest = f", {open_ones} undecided" if open_ones else ""
        headline = (
            f"{subject} looks trustworthy: {speaking_for} of {len(findings)} checks speak for it, none against{rest}."
        )
    else:
        headline = f"Too little is known to trust or distrust {subject}."
    return Verdict(subject, headline, findings)


def _likelihood(subject: str, held_out: xr.Dataset | str) -> Finding:
    names = [] if isinstance(held_out, str) else [str(name) for name in held_out["estimator"].values]
    others = [name for name in names if name != subject]
    if isinstance(held_out, str) or subject not in names or not others:
        why = held_out if isinstance(held_out, str) and held_out else "nobody looked"
        return Finding(None, f"How well it predicts EMG that was hidden from it, beside the best filter: {why}.")
    nll = held_out["nll"].mean("muscle")
    best = min(others, key=lambda name: float(nll.sel(estimator=name)))
    own, other = float(nll.sel(estimator=subject)), float(nll.sel(estimator=best))
    numbers = f"{own:.4f} against {other:.4f} nats per bin and muscle; lower is better"
    if own < other:
        return Finding(True, f"It predicts hidden EMG better than the best filter, {best} ({numbers}).")
    return Finding(False, f"It predicts hidden EMG no better than {best} ({numbers}): use {best}.")


def _muscles(estimate: xr.Dataset, emg: xr.DataArray | None) -> Finding | None:
    if emg is None:
        return None
    share = explained_share(estimate["activation"], emg)
    known = {name: value for name, value in share.items() if np.isfinite(value)}
    weak = sorted(name for name, value in known.items() if value < EXPLAINED)
    if not known:
        return Finding(False, "No muscle was estimated.")
    text = f"It follows {len(known) - len(weak)} of {len(known)} muscles (over {EXPLAINED:.0%} of their smoothed EMG)"
    text += f"; not {', '.join(weak)}." if weak else "."
    return Finding(len(known) - len(weak) >= MOST_MUSCLES * len(known), text)


def explained_share(activation: xr.DataArray, emg: xr.DataArray) -> dict[str, float]:
    """Return per muscle the squared correlation of activation with rectified EMG, both averaged over 50 ms."""
    shares = {}
    for muscle in [str(name) for name in activation["muscle"].values]:
        pair = [each.sel(muscle=muscle) for each in (activation, emg) if muscle in each["muscle"].values]
        if len(pair) < 2 or pair[0].sizes["time"] != pair[1].sizes["time"]:
            continue
        width = max(1, round(SMOOTH_S / float(np.median(np.diff(activation["time"].values)))))
        a, b = (_average_of_known(np.asarray(each.values, dtype=np.float64), width) for each in pair)
        known = np.isfinite(a) & np.isfinite(b)
        varies = known.sum() > 2 and np.ptp(a[known]) > 0 and np.ptp(b[known]) > 0
        shares[muscle] = float(np.corrcoef(a[known], b[known])[0, 1] ** 2) if varies else float("nan")
    return shares


def _average_of_known(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the moving average of what is known; NaN where less than half is."""
    known = np.isfinite(values)
    if known.all():
        return uniform_filter1d(values, width)
    weight = uniform_filter1d(known.astype(np.float64), width)
    total = uniform_filter1d(np.where(known, values, 0.0), width)
    return np.where(weight >= 0.5, total / np.maximum(weight, 0.5), np.nan)


def _inputs(estimate: xr.Dataset) -> Finding | None:
    if "inputs" not in estimate:
        return None
    inputs = np.asarray(estimate["inputs"].values, dtype=np.float64)
    inputs = inputs[np.isfinite(inputs).all(axis=1)]
    if not inputs.size:
        return None
    noise = _mean_variance(estimate, inputs)
    used = int((inputs.var(axis=0) > 0.1 * noise).sum())
    text = f"{used} of {inputs.shape[1]} inferred inputs vary by more than they are uncertain"
    if used:
        return Finding(True, f"{text}: the model reacts to what it could not foresee.")
    return Finding(
        False, f"{text}: the model only runs on from the start of each window; what is unexpected is smoothed."
    )


def _mean_variance(estimate: xr.Dataset, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    if "inputs_std" not in estimate:
        return np.full(inputs.shape[1], 1e-6)
    std = np.asarray(estimate["inputs_std"].values, dtype=np.float64)
    return (std[np.isfinite(std).all(axis=1)] ** 2).mean(axis=0)


def _convergence(estimate: xr.Dataset) -> Finding | None:
    if "search_valid_nll" not in estimate or "search_epoch" not in estimate:
        return None
    epoch = np.asarray(estimate["search_epoch"].values, dtype=np.float64)
    score = np.asarray(estimate["search_valid_nll"].values, dtype=np.float64)
    epochs = np.unique(epoch)
    best = np.array([np.nanmin(score[epoch == e]) if np.isfinite(score[epoch == e]).any() else np.nan for e in epochs])
    best = np.minimum.accumulate(best[np.isfinite(best)])
    if not best.size:
        return Finding(False, "Training never reached a finite score.")
    total = best[0] - best[-1]
    late = best[len(best) - 1 - len(best) // 5] - best[-1]
    if len(best) < FEWEST_EPOCHS:
        return Finding(None, f"Whether training converged cannot be told from {len(best)} epochs.")
    if total <= 0:
        return Finding(False, f"Training shows no improvement over its {len(best)} epochs: it cannot have converged.")
    share = f"{late / total:.1%} of the improvement came in the last fifth of {len(best)} epochs"
    if late / total > STILL_FALLING:
        return Finding(False, f"Training had not converged: {share}. Train longer.")
    return Finding(True, f"Training converged: {share}.")


def _against_others(subject: str, scores: xr.Dataset | None, by: Ranking) -> Finding | None:
    if scores is None or subject not in scores["estimator"].values or scores.sizes["estimator"] < 2:
        return None
    item = next(str(dim) for dim in scores[by.variable].dims if dim != "estimator")
    means = scores[by.variable].mean(item)
    others = [str(name) for name in scores["estimator"].values if name != subject]
    best = max(others, key=lambda name: float(means.sel(estimator=name)))
    own, other = float(means.sel(estimator=subject)), float(means.sel(estimator=best))
    over_folds, over_items = (_corrected_p(scores, f"{by.tests}p_{over}_corrected", subject, best) for over in _OVER)
    text = f"(R² {own:.3f} against {other:.3f}; p {over_folds:.2g} over folds, {over_items:.2g} over {item}s)"
    # Neither is a sample of independent numbers, so a difference must hold in both to be believed.
    if not (over_folds < CERTAIN and over_items < CERTAIN):
        return Finding(None, f"It {by.claim} about as well as {best} {text}.")
    return Finding(own > other, f"It {by.claim} {'better' if own > other else 'less well'} than {best} {text}.")


def _corrected_p(scores: xr.Dataset, name: str, one: str, other: str) -> float:
    for pair in range(scores.sizes["pair"]):
        each = scores.isel(pair=pair)
        if {each["first"].item(), each["second"].item()} == {one, other}:
            return float(each[name])
    return float("nan")
