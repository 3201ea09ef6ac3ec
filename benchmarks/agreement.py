"""Do cortex and movement rank estimators as the truth does? Scores that need no truth, and their rank correlation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

import nwb_autolfads as nal

LOWER_IS_BETTER = ("held_out_nll",)
CORTEX_LAGS_S = (0.02, 0.04, 0.06)
"""Around the 40 ms by which simulated cortex leads, and close enough together for fast changes. The default lags, for
any recording, reach to 150 ms in steps of 30 ms; with them filters of 5 and 60 Hz change places."""


def score_cortex(estimate: xr.Dataset, path: Path) -> float:
    """Return the R2 with which the activation of all muscles predicts a unit's rate in held-out time, mean over units.

    Spikes are the same target for every estimate; of the other direction an estimate that is too smooth scores high.
    """
    scores = nal.compare_with_cortex(estimate, path, lags=CORTEX_LAGS_S, n_shuffles=0)
    return float(scores["population_r2"].item())


def score_movement(estimate: xr.Dataset, path: Path) -> float:
    """Return the R2 with which activation predicts force, angles and their derivatives in held-out time, their mean."""
    return float(nal.compare_with_behavior(estimate, path, n_shuffles=0)["r2"].mean())


def rank_agreement(rows: Iterable[Mapping[str, Any]], by: str, truth: str = "r2") -> float:
    """Return Spearman's correlation of two scores over estimators, averaged over sessions.

    Parameters
    ----------
    rows : iterable of mapping
        One of each estimator and session, with the keys ``generator`` and ``seed``, which name the session, and the
        scores. Rows in which one of the two is missing or not finite do not count; those in which both are the same
        as another's are the same estimate (a projection on all components is none) and count once.
    by : str
        Key of the score. Where less is better (``held_out_nll``), its sign is turned.
    truth : str
        Key of what it is compared with.

    Returns
    -------
    float
        1 where every session gives the same order. Sessions with fewer than two different scores do not count; NaN
        where none is left.
    """
    sessions: dict[tuple[Any, Any], set[tuple[float, float]]] = {}
    for row in rows:
        pair = (float(row.get(by, np.nan)), float(row.get(truth, np.nan)))
        if np.isfinite(pair).all():
            sessions.setdefault((row["generator"], row["seed"]), set()).add(pair)
    sign = -1.0 if by in LOWER_IS_BETTER else 1.0
    correlations = [
        sign * float(spearmanr(*zip(*pairs, strict=True)).statistic)
        for pairs in sessions.values()
        if all(len(set(scores)) > 1 for scores in zip(*pairs, strict=True))
    ]
    return float(np.mean(correlations)) if correlations else float("nan")
