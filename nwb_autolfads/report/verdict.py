"""Is the fit to be trusted? A verdict in plain words, each reason with the numbers it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.estimators.registry import is_trained
from nwb_autolfads.evaluation import registry
from nwb_autolfads.evaluation.score import Ranking
from nwb_autolfads.evaluation.scores.statistics import pair_of
from nwb_autolfads.evaluation.scores.unseen import against, trained_there
from nwb_autolfads.report.following import explained_share

EXPLAINED = 0.5  # share of smoothed EMG that activation must explain for a muscle to count as explained
MOST_MUSCLES = 0.8
FEWEST_EPOCHS = 5  # with a score, to judge by the last fifth of them
CONVERGED, STILL_FALLING = 0.05, 0.15  # shares of all improvement that came in the last fifth of training
CERTAIN = 0.05
SAME_R2 = 0.005  # to the truth


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

    def label(self, finding: Finding) -> str:
        """Say for what a finding speaks; nothing where there is no fit to speak of."""
        return {True: "for it: ", False: "against it: ", None: "undecided: " if self.subject else ""}[finding.good]

    def lines(self) -> list[str]:
        """Return it as lines for a person."""
        return [self.headline, *(f"  {self.label(finding)}{finding.text}" for finding in self.findings)]

    def as_dict(self) -> dict[str, Any]:
        """Return it for a program, and for the file; JSON-serialisable."""
        return asdict(self)


def judge(
    estimates: Mapping[str, xr.Dataset],
    *,
    emg: xr.DataArray | None = None,
    comparisons: Mapping[str, xr.Dataset] | None = None,
    missing: Mapping[str, str] | None = None,
    truth: xr.Dataset | None = None,
) -> Verdict:
    """Judge the trained estimate among several.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        The last that was trained is judged, the others are what it must beat.
    emg : DataArray, (time, muscle), optional
        Rectified EMG that they were made from.
    comparisons : mapping of str to Dataset, optional
        Scores by the keys of `nwb_autolfads.evaluation.registry.SCORES`; held-out EMG and those with a `Ranking` are
        judged.
    missing : mapping of str to str, optional
        Why there is no score of a key.
    truth : Dataset, optional
        ``r2`` ``(estimator, muscle)`` to the true activation of a simulated session. Where it is known, it decides,
        and held-out EMG is not asked.

    Returns
    -------
    Verdict
    """
    trained = [name for name, each in estimates.items() if is_trained(each)]
    if not trained:
        return Verdict(
            "",
            "Nothing was trained on this recording, so there is no fit to distrust.",
            (
                Finding(None, "What is shown is as good as the EMG itself and the settings."),
                *_nearest((comparisons or {}).get("emg")),
            ),
        )
    subject = trained[-1]
    estimate = estimates[subject]
    scores = comparisons or {}
    known = _truth(subject, truth)
    found = [
        known,
        _unseen(subject, scores.get("emg"), (missing or {}).get("emg", "")) if known is None else None,
        _muscles(estimate, emg),
        _inputs(estimate),
        _convergence(estimate),
        *(
            _against_others(subject, scores.get(score.key), score.ranking)
            for score in registry.SCORES
            if score.ranking is not None
        ),
        *(_control(scores[score.key]) for score in registry.SCORES if score.key in scores),
    ]
    findings = tuple(finding for finding in found if finding is not None)
    if known is not None and known.good is not None:
        return Verdict(subject, known.text, findings)
    return Verdict(subject, _headline(subject, findings), findings)


def _headline(subject: str, findings: tuple[Finding, ...]) -> str:
    against_it = sum(finding.good is False for finding in findings)
    speaking_for = sum(finding.good is True for finding in findings)
    if against_it >= 2:
        return f"Do not trust {subject} here yet: {against_it} of {len(findings)} checks speak against it."
    if against_it == 1:
        return f"Use {subject} with care: one of {len(findings)} checks speaks against it."
    if speaking_for >= 2:
        open_ones = len(findings) - speaking_for
        rest = f", {open_ones} undecided" if open_ones else ""
        return (
            f"{subject} looks trustworthy: {speaking_for} of {len(findings)} checks speak for it, none against{rest}."
        )
    return f"Too little is known to trust or distrust {subject}."


def _truth(subject: str, truth: xr.Dataset | None) -> Finding | None:
    if truth is None or subject not in truth["estimator"].values or truth.sizes["estimator"] < 2:
        return None
    means = truth["r2"].mean("muscle")
    best = _best_other(means, subject)
    own, other = float(means.sel(estimator=subject)), float(means.sel(estimator=best))
    numbers = f"(R² {own:.3f} against {other:.3f}, mean over muscles)"
    if not np.isfinite(own - other) or abs(own - other) < SAME_R2:
        return Finding(None, f"The truth is known: {subject} is within {SAME_R2:g} of {best} {numbers}.")
    if own > other:
        return Finding(True, f"The truth is known: {subject} is nearest to it, then {best} {numbers}.")
    return Finding(False, f"The truth is known: {best} is nearer to it than {subject} {numbers}: use {best}.")


def _unseen(subject: str, scores: xr.Dataset | None, why: str) -> Finding:
    """Judge by the score in EMG that no model was trained on; a difference counts where that score is certain of it."""
    about = "Whether it is nearer to activation than other estimates, told from EMG that no model was trained on"
    if scores is None or subject not in scores["estimator"].values:
        return Finding(None, f"{about}, is not known{': ' + why if why else ''}.")
    means = scores["score"].mean("muscle")
    others = [str(name) for name in scores["estimator"].values if name != subject]
    if not others:
        return Finding(None, f"{about}, is not known: there is no other estimate.")
    if subject in trained_there(scores):
        return Finding(None, f"{about}, is not known: it names no block that was held out from its training.")
    beside = {name: against(scores, subject, name) for name in others}
    best = _best_other(means, subject)
    better = [name for name, (_, _, claim) in beside.items() if claim < 0]
    worse = [name for name, (_, _, claim) in beside.items() if claim > 0]
    judged = max(better or worse or [best], key=lambda name: float(means.sel(estimator=name)))
    difference, error, _ = beside[judged]
    numbers = f"{judged}: {difference:+.3f}, standard error {error:.3f} over {scores.attrs['n_blocks']} blocks"
    where = "in EMG that no model was trained on"
    if better:
        return Finding(False, f"{judged} is nearer to activation {where} ({numbers}): use {judged}.")
    if worse:
        rest = [name for name in others if name not in worse]
        text = f"It is nearer to activation than {', '.join(worse)} {where} ({numbers})"
        return Finding(best in worse or None, f"{text}{'; not told apart from ' + ', '.join(rest) if rest else ''}.")
    return Finding(None, f"It cannot be told apart from {', '.join(others)} {where} ({numbers}).")


def _nearest(scores: xr.Dataset | None) -> tuple[Finding, ...]:
    """Say which of several filters is nearest to activation, as far as the EMG tells."""
    if scores is None or scores.sizes["estimator"] < 2:
        return ()
    means = scores["score"].mean("muscle")
    first = str(means["estimator"].values[int(np.argmax(means.values))])
    others = [str(name) for name in scores["estimator"].values if name != first]
    beyond = [name for name in others if against(scores, first, name)[2] > 0]
    if not beyond:
        every = ", ".join([first, *others])
        return (Finding(None, f"The EMG does not tell which of {every} is nearest to activation."),)
    rest = [name for name in others if name not in beyond]
    text = f"Told from the EMG, {first} is nearer to activation than {', '.join(beyond)}"
    return (Finding(None, f"{text}{'; not told apart from ' + ', '.join(rest) if rest else ''}."),)


def _best_other(means: xr.DataArray, subject: str) -> str:
    others = [str(name) for name in means["estimator"].values if name != subject]
    return max(others, key=lambda name: np.nan_to_num(float(means.sel(estimator=name)), nan=-np.inf))


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


def _inputs(estimate: xr.Dataset) -> Finding | None:
    if "inputs" not in estimate:
        return None
    inputs = np.asarray(estimate["inputs"].values, dtype=np.float64)
    inputs = inputs[np.isfinite(inputs).all(axis=1)]
    if not inputs.size:
        return None
    noise = _mean_variance(estimate, inputs)
    used = int((inputs.var(axis=0) > noise).sum())
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
    if late / total > CONVERGED:
        return Finding(None, f"Longer training may help a little: {share}.")
    return Finding(True, f"Training converged: {share}.")


def _against_others(subject: str, scores: xr.Dataset | None, by: Ranking) -> Finding | None:
    if scores is None or subject not in scores["estimator"].values or scores.sizes["estimator"] < 2:
        return None
    item = next(str(dim) for dim in scores[by.variable].dims if dim != "estimator")
    means = scores[by.variable].mean(item)
    best = _best_other(means, subject)
    own, other = float(means.sel(estimator=subject)), float(means.sel(estimator=best))
    pair, sign = pair_of(scores, subject, best)
    n_items, n_pairs = scores.sizes[item], scores.sizes["pair"]
    low, high = sorted(sign * float(pair[f"{by.tests}difference_{end}"]) for end in ("low", "high"))
    numbers = f"R² {own:.3f} against {other:.3f} over {n_items} {item}s; {own - other:+.3f}, "
    numbers += f"95 % interval over folds {low:+.3f} to {high:+.3f}"
    # Neither folds nor items are a sample of independent numbers, so a difference must hold in both to be believed.
    if not ((low > 0 or high < 0) and _holds_in_items(pair, by.tests, n_items, n_pairs)):
        return Finding(None, f"Whether it {by.claim} better or less well than {best} is not certain ({numbers}).")
    return Finding(own > other, f"It {by.claim} {'better' if own > other else 'less well'} than {best} ({numbers}).")


def _holds_in_items(pair: xr.Dataset, prefix: str, n_items: int, n_pairs: int) -> bool:
    """Return whether a difference is certain over items; where they are too few for any p below 0.05, one of all."""
    least = 2 * 0.5**n_items * n_pairs  # of the signed-rank test, after Holm
    if least < CERTAIN:
        return bool(float(pair[f"{prefix}p_items_corrected"]) < CERTAIN)
    return bool(abs(float(pair[f"{prefix}effect_items"])) == 1)


def _control(scores: xr.Dataset) -> Finding | None:
    """Say where shuffled time predicts something: then what is tested leaks into what is trained on."""
    if "control_r2" not in scores:
        return None
    means = scores["control_r2"].mean([dim for dim in scores["control_r2"].dims if dim != "estimator"])
    by_name = zip(means["estimator"].values.tolist(), means.values.tolist(), strict=True)
    above = [f"{name} {value:.3f}" for name, value in by_name if value > 0]
    if not above:
        return None
    return Finding(
        None, f"Shuffled time predicts too, which it must not (R² {', '.join(above)}): do not use that score."
    )
