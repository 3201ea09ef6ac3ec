"""Scores against the truth, beside numpy's own line fit."""

import numpy as np
import pytest
import xarray as xr
from messages import assert_refused

from nwb_autolfads.errors import SignalError
from nwb_autolfads.evaluation.truth import score_against_truth

RATE = 100.0


def smooth_noise(seed, n_bins=2000, n_muscles=3):
    noise = np.random.default_rng(seed).normal(size=(n_bins + 40, n_muscles))
    kernel = np.hanning(41) / np.hanning(41).sum()
    return np.stack([np.convolve(column, kernel, mode="valid") for column in noise.T], axis=1)


def truth_array(values, start=5.0):
    time = start + np.arange(len(values)) / RATE
    muscles = [f"M{i}" for i in range(values.shape[1])]
    return xr.DataArray(values, dims=("time", "muscle"), coords={"time": time, "muscle": muscles})


def estimate_of(activation):
    return xr.Dataset({"activation": activation})


def r2_by_polyfit(estimate, truth):
    line = np.polyval(np.polyfit(estimate, truth, 1), estimate)
    return 1 - np.sum((truth - line) ** 2) / np.sum((truth - truth.mean()) ** 2)


def test_r2_is_what_a_line_fitted_per_muscle_explains():
    truth = truth_array(smooth_noise(0))
    noisy = truth + 0.1 * np.random.default_rng(1).normal(size=truth.shape)
    scores = score_against_truth({"a": estimate_of(noisy)}, truth)
    expected = [r2_by_polyfit(noisy.values[:, m], truth.values[:, m]) for m in range(3)]
    np.testing.assert_allclose(scores["r2"].sel(estimator="a").values, expected, rtol=1e-9)
    assert scores["r2"].dims == ("estimator", "muscle")


def test_scale_and_offset_of_a_muscle_do_not_matter():
    truth = truth_array(smooth_noise(2))
    scores = score_against_truth({"scaled": estimate_of(truth * 7.0 + 3.0)}, truth)
    np.testing.assert_allclose(scores["r2"].values, 1.0)


def test_best_lag_finds_the_delay_of_a_late_estimate():
    values = smooth_noise(3)
    truth = truth_array(values)
    late = truth_array(np.roll(values, 4, axis=0)).isel(time=slice(4, None))
    scores = score_against_truth({"late": estimate_of(late)}, truth, max_lag=0.1)
    np.testing.assert_allclose(scores["best_lag"].values, 0.04, atol=1e-9)
    np.testing.assert_allclose(scores["r2_best_lag"].values, 1.0)
    assert (scores["r2"].values < 0.99).all()


def test_truth_at_another_rate_is_interpolated():
    time = np.arange(0, 20, 1 / 1000)
    fine = xr.DataArray(
        np.sin(2 * np.pi * time)[:, None], dims=("time", "muscle"), coords={"time": time, "muscle": ["M0"]}
    )
    coarse_time = np.arange(0.0005, 19.9, 1 / RATE)
    coarse = xr.DataArray(
        np.sin(2 * np.pi * coarse_time)[:, None],
        dims=("time", "muscle"),
        coords={"time": coarse_time, "muscle": ["M0"]},
    )
    assert score_against_truth({"a": estimate_of(coarse)}, fine)["r2"].item() == pytest.approx(1.0, abs=1e-4)


def test_muscles_are_matched_by_name_and_missing_ones_stay_nan():
    truth = truth_array(smooth_noise(4))
    swapped = truth.isel(muscle=[2, 0])
    unestimated = truth.copy(data=truth.values.copy())
    unestimated[:, 1] = np.nan
    scores = score_against_truth({"two": estimate_of(swapped), "nan": estimate_of(unestimated)}, truth)
    r2 = scores["r2"].sel(muscle=["M0", "M1", "M2"])
    np.testing.assert_allclose(r2.sel(estimator="two").values, [1, np.nan, 1])
    np.testing.assert_allclose(r2.sel(estimator="nan").values, [1, np.nan, 1])


def test_bins_without_an_estimate_are_left_out():
    truth = truth_array(smooth_noise(5))
    partial = truth + 0.1 * np.random.default_rng(6).normal(size=truth.shape)
    partial[:500] = np.nan
    expected = [r2_by_polyfit(partial.values[500:, m], truth.values[500:, m]) for m in range(3)]
    scores = score_against_truth({"a": estimate_of(partial)}, truth)
    np.testing.assert_allclose(scores["r2"].values[0], expected, rtol=1e-9)


def test_constant_estimate_has_no_score():
    truth = truth_array(smooth_noise(7))
    assert np.isnan(score_against_truth({"flat": estimate_of(xr.ones_like(truth))}, truth)["r2"].values).all()


def test_muscle_without_truth_is_named():
    truth = truth_array(smooth_noise(8))
    with assert_refused(
        SignalError, "a: no true activation of X9", "Score an estimate against the session it was made from"
    ):
        score_against_truth({"a": estimate_of(truth.assign_coords(muscle=["M0", "M1", "X9"]))}, truth)


def test_negative_lag_range_is_refused():
    truth = truth_array(smooth_noise(9))
    with assert_refused(SignalError, "the largest lag is -0.1 s", "Give 0 or a positive number of seconds"):
        score_against_truth({"a": estimate_of(truth)}, truth, max_lag=-0.1)
