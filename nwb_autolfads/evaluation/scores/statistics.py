"""Paired tests between estimators, effect sizes, and correction for the number of comparisons."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import rankdata, t, wilcoxon

Floats = NDArray[np.float64]


def compare_pairs(scores: xr.DataArray, fold_scores: xr.DataArray, item: str) -> xr.Dataset:
    """Test for each pair of estimators whether one scores higher, over folds and over items.

    Scores of different folds share training data, and those of different muscles share movement, so neither is a
    sample of independent numbers. The test is therefore done twice, over folds with items averaged and over items
    with all folds together: a difference that holds for both is believable, one that holds for one of them is not.

    Parameters
    ----------
    scores : DataArray, (estimator, item)
        Of all folds together. NaN scores are left out, here and below.
    fold_scores : DataArray, (estimator, item, fold)
    item : str
        Name of the dimension of muscles, targets or units.

    Returns
    -------
    Dataset, (pair,)
        Coordinates ``first`` and ``second``; ``difference``, mean over items of first minus second;
        ``difference_low`` and ``difference_high``, limits of its 95 % interval over folds (Student's t);
        ``effect_folds`` and ``effect_items``, the matched-pairs rank-biserial correlation (1: first is always higher;
        Kerby 2014);
        ``p_folds`` and ``p_items``, two-sided Wilcoxon signed-rank; ``p_folds_corrected`` and
        ``p_items_corrected``, after Holm 1979 over the pairs. NaN where fewer than two differences are not 0.
    """
    pairs = list(combinations([str(name) for name in scores["estimator"].values], 2))
    rows = []
    for first, second in pairs:
        over_items = (scores.sel(estimator=first) - scores.sel(estimator=second)).values
        by_fold = fold_scores.sel(estimator=first) - fold_scores.sel(estimator=second)
        over_folds = by_fold.mean(item).values
        low, high = interval(over_folds)
        rows.append(
            {
                "difference_low": low,
                "difference_high": high,
                "difference": float(np.nanmean(over_items)) if np.isfinite(over_items).any() else float("nan"),
                "effect_folds": rank_biserial(over_folds),
                "effect_items": rank_biserial(over_items),
                "p_folds": _signed_rank(over_folds),
                "p_items": _signed_rank(over_items),
            }
        )
    names = ("difference", "difference_low", "difference_high", "effect_folds", "effect_items", "p_folds", "p_items")
    columns = {name: np.array([row[name] for row in rows], dtype=np.float64) for name in names}
    columns |= {f"{name}_corrected": holm(columns[name]) for name in ("p_folds", "p_items")}
    return xr.Dataset(
        {name: ("pair", values) for name, values in columns.items()},
        coords={
            "first": ("pair", np.array([pair[0] for pair in pairs], dtype=str)),
            "second": ("pair", np.array([pair[1] for pair in pairs], dtype=str)),
        },
    )


def pair_of(scores: xr.Dataset, one: str, other: str) -> tuple[xr.Dataset, int]:
    """Return the pair of two estimates, and its sign: 1 where ``one`` is the first, -1 where it is the second.

    Raises
    ------
    KeyError
        If there is no such pair.
    """
    for pair in range(scores.sizes["pair"]):
        found = scores.isel(pair=pair)
        named = (str(found["first"].item()), str(found["second"].item()))
        if named in ((one, other), (other, one)):
            return found, 1 if named[0] == one else -1
    raise KeyError((one, other))


def interval(differences: Floats, level: float = 0.95) -> tuple[float, float]:
    """Return the limits of the interval of a mean by Student's t, NaN left out; NaN for fewer than two."""
    kept = differences[np.isfinite(differences)]
    if kept.size < 2:
        return float("nan"), float("nan")
    half = float(t.ppf((1 + level) / 2, kept.size - 1) * kept.std(ddof=1) / np.sqrt(kept.size))
    return float(kept.mean()) - half, float(kept.mean()) + half


def rank_biserial(differences: Floats) -> float:
    """Return the share of rank sums in favour minus the share against, zeros and NaN left out (Kerby 2014)."""
    kept = differences[np.isfinite(differences) & (differences != 0)]
    if not kept.size:
        return float("nan")
    ranks = rankdata(np.abs(kept))
    return float((ranks * np.sign(kept)).sum() / ranks.sum())


def _signed_rank(differences: Floats) -> float:
    kept = differences[np.isfinite(differences) & (differences != 0)]
    return float(wilcoxon(kept).pvalue) if kept.size >= 2 else float("nan")


def holm(p_values: Floats) -> Floats:
    """Return p-values that hold for all tests together: ``max over smaller p of (number of tests left) p``, up to 1.

    Parameters
    ----------
    p_values : ndarray, (test,)
        NaN is no test.
    """
    corrected = np.full(len(p_values), np.nan)
    order = [index for index in np.argsort(p_values) if np.isfinite(p_values[index])]
    largest = 0.0
    for done, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - done) * float(p_values[index])))
        corrected[index] = largest
    return corrected
