"""Tests between estimators: against scipy, and Holm's correction against its definition."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import wilcoxon

from nwb_autolfads.evaluation.scores.statistics import compare_pairs, holm, rank_biserial


def made_up_scores(shift=0.05, seed=0):
    rng = np.random.default_rng(seed)
    by_fold = 0.5 + 0.1 * rng.normal(size=(1, 8, 10)) + 0.02 * rng.normal(size=(3, 8, 10))
    by_fold[0] += shift
    fold_scores = xr.DataArray(
        by_fold,
        dims=("estimator", "muscle", "fold"),
        coords={"estimator": ["good", "b", "c"], "muscle": list("ABCDEFGH")},
    )
    return fold_scores.mean("fold"), fold_scores


def test_each_pair_is_tested_over_folds_and_over_muscles():
    scores, fold_scores = made_up_scores()
    found = compare_pairs(scores, fold_scores, "muscle")
    assert list(zip(found["first"].values, found["second"].values, strict=True)) == [
        ("good", "b"),
        ("good", "c"),
        ("b", "c"),
    ]
    difference = fold_scores.sel(estimator="good") - fold_scores.sel(estimator="b")
    assert found["p_folds"].values[0] == pytest.approx(wilcoxon(difference.mean("muscle").values).pvalue)
    assert found["p_items"].values[0] == pytest.approx(wilcoxon(difference.mean("fold").values).pvalue)
    assert found["difference"].values[0] == pytest.approx(float(difference.mean()))
    assert found["effect_folds"].values[0] == 1.0
    assert (found["p_folds_corrected"].values[:2] < 0.05).all()
    assert found["p_folds_corrected"].values[2] > 0.05


def test_no_difference_is_found_between_estimators_that_are_alike():
    small = [
        compare_pairs(*made_up_scores(shift=0.0, seed=seed), "muscle")["p_folds_corrected"].min() for seed in range(20)
    ]
    assert np.mean(np.asarray(small) < 0.05) <= 0.2


def test_identical_estimators_have_no_test():
    _, fold_scores = made_up_scores()
    same = fold_scores.isel(estimator=[1, 1]).assign_coords(estimator=["x", "y"])
    found = compare_pairs(same.mean("fold"), same, "muscle")
    assert found["difference"].values[0] == 0
    assert np.isnan(found["p_folds"].values[0])
    assert np.isnan(found["effect_items"].values[0])


def test_one_estimator_has_nothing_to_be_compared_with():
    scores, fold_scores = made_up_scores()
    assert compare_pairs(scores.isel(estimator=[0]), fold_scores.isel(estimator=[0]), "muscle").sizes["pair"] == 0


def test_rank_biserial_weighs_differences_by_their_rank():
    # ranks 1, 2, 3, 4: in favour 1 + 3 + 4, against 2
    assert rank_biserial(np.array([0.1, -0.2, 0.3, 0.4, 0.0, np.nan])) == pytest.approx((8 - 2) / 10)


def test_holm_rejects_what_its_step_down_procedure_rejects():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.uniform(size=6) ** 4
        rejected = set()
        for step, index in enumerate(np.argsort(p)):  # Holm 1979: stop at the first p above level / (tests left)
            if p[index] > 0.05 / (len(p) - step):
                break
            rejected.add(index)
        assert set(np.flatnonzero(holm(p) <= 0.05)) == rejected
    assert np.isnan(holm(np.array([0.01, np.nan]))[1])
    assert holm(np.array([0.01, np.nan]))[0] == 0.01
