"""Which estimate is nearest to the truth, told from EMG that no model was trained on, beside a truth that is known."""

import json

import numpy as np
import pytest
import xarray as xr
from estimators.test_wiener import one_muscle
from messages import assert_refused
from scipy.ndimage import gaussian_filter1d

from nwb_autolfads.errors import SignalError, SourceError
from nwb_autolfads.estimators.base import estimate_dataset, with_config
from nwb_autolfads.estimators.observed import observe
from nwb_autolfads.evaluation.scores.penalty import covariance_with_noise
from nwb_autolfads.evaluation.scores.unseen import SCORE, against, score_on_unseen, trained_there
from nwb_autolfads.evaluation.unseen import HELD_OUT, intervals, unseen_bins, with_blocks, without

RATE = 500.0


def made(values, segment=None, **attrs):
    time = np.arange(len(values)) / RATE
    coords = {"time": time, "muscle": [f"m{k}" for k in range(values.shape[1])]}
    coords["segment"] = ("time", np.zeros(len(values), int) if segment is None else segment)
    return xr.DataArray(values, dims=("time", "muscle"), coords=coords, attrs={"rate": RATE, **attrs})


def truth_and_emg(seconds=80.0, seed=0):
    """Activation that changes within 60 ms, and EMG that is it times noise that lasts a bin."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    slow = gaussian_filter1d(rng.normal(size=(n, 3)), 30, axis=0)
    truth = np.exp(0.7 * slow / slow.std(axis=0))
    return truth, made(truth * rng.gamma(3.0, 1 / 3, size=truth.shape) + 1e-3)


def smoothed(emg, width_bins, estimator="LowPass"):
    values = gaussian_filter1d(emg.values, width_bins, axis=0)
    return estimate_dataset(emg, {"activation": values}, estimator=estimator, config={}, seed=0)


def test_a_tenth_is_held_out_in_blocks_of_a_second():
    emg = made(np.ones((int(65 * RATE), 1)))
    bins = unseen_bins(emg)
    found = np.array(intervals(emg, bins))
    np.testing.assert_allclose(found[:, 0], [4.5, 14.5, 24.5, 34.5, 44.5, 54.5, 64.5], atol=0.5 / RATE + 1e-6)
    np.testing.assert_allclose(np.diff(found[:-1], axis=1), 1.0, atol=1e-5)
    assert np.isnan(without(emg, bins).values).mean() == pytest.approx(0.1, abs=0.003)


def test_a_short_recording_has_four_shorter_blocks_and_the_shortest_none():
    assert len(intervals(made(np.ones((5000, 1))), unseen_bins(made(np.ones((5000, 1)))))) == 4
    assert not unseen_bins(made(np.ones((1000, 1)))).any()


@pytest.mark.parametrize("attrs", [{"trial_ms": 220.0}, {}])
def test_whole_trials_are_held_out(attrs):
    segment = np.repeat(np.arange(60), 110)
    emg = made(np.ones((6600, 1)), segment, **attrs)
    bins = unseen_bins(emg)
    assert sorted(set(segment[bins])) == [5, 15, 25, 35, 45, 55]
    assert all(bins[segment == trial].all() for trial in set(segment[bins]))
    assert not unseen_bins(emg.isel(time=segment < 30)).any()


def test_the_order_is_that_of_the_truth_and_not_that_of_the_emg():
    truth, emg = truth_and_emg(seconds=160)
    estimates = {"rough": smoothed(emg, 1), "right": smoothed(emg, 12), "slow": smoothed(emg, 100)}
    correlation = {
        name: np.mean([np.corrcoef(each["activation"].values[:, k], truth[:, k])[0, 1] for k in range(3)])
        for name, each in estimates.items()
    }
    assert correlation["right"] > max(correlation["rough"], correlation["slow"]) + 0.03
    follows = {n: np.corrcoef(e["activation"].values[:, 0], emg.values[:, 0])[0, 1] for n, e in estimates.items()}
    assert follows["rough"] > follows["right"]
    scores = score_on_unseen(estimates, emg)
    assert against(scores, "right", "rough")[2] == 1
    assert against(scores, "right", "slow")[2] == 1
    assert against(scores, "slow", "right")[2] == -1
    r2 = {name: value**2 for name, value in correlation.items()}
    found = scores["score"].mean("muscle").to_series().to_dict()
    assert found == pytest.approx(r2, abs=0.08)
    assert [row[-1] for row in SCORE.rows(scores)] == ["further from it", "nearer to activation", "further from it"]


def test_errors_and_claims_are_those_of_a_plain_jackknife_over_seconds():
    _, emg = truth_and_emg(seconds=12)
    estimates = {f"{width} bins": smoothed(emg, width) for width in (40, 1, 2, 3, 4, 6, 8, 12, 14, 17, 20, 30)}
    found = score_on_unseen(estimates, emg)
    x = emg.values - emg.values.mean(axis=0)
    f = np.stack([each["activation"].values - each["activation"].values.mean(axis=0) for each in estimates.values()])
    with_noise, noise = covariance_with_noise(f, x, observe(emg))
    second = np.arange(len(x)) // 500

    def plain(kept, strength):
        scores = np.empty(with_noise.shape)
        for e, k in np.ndindex(scores.shape):
            (variance, both), _ = np.cov(f[e][kept, k], x[kept, k], bias=True)
            both -= strength * with_noise[e, k]
            scores[e, k] = np.sign(both) * both**2 / variance / (x[:, k].var() - strength * noise[k])
        return scores.mean(axis=1)

    claims = []
    for strength in (0.85, 1.15, 1.3):
        whole = plain(second >= 0, strength)
        left_out = np.array([plain(second != block, strength) for block in range(12)])
        pairs = [(a, b) for a in range(len(f)) for b in range(a + 1, len(f))]
        difference = np.array([whole[a] - whole[b] for a, b in pairs])
        error = np.sqrt(11) * np.array([(left_out[:, a] - left_out[:, b]).std() for a, b in pairs])
        claims.append(np.sign(difference) * (np.abs(difference) > 3.106 * error))  # t of 11 degrees, 0.5 % beyond
        if strength == 1.15:
            claims[-1] *= np.abs(difference) >= 0.02
            np.testing.assert_allclose(found["score"].mean("muscle"), whole, rtol=1e-6)
            np.testing.assert_allclose(found["standard_error"], np.sqrt(11) * left_out.std(axis=0), rtol=1e-6)
            np.testing.assert_allclose(found["difference_error"], error, rtol=1e-6)
    agreed = np.where((claims[0] == claims[1]) & (claims[1] == claims[2]), claims[1], 0)
    assert found["better"].values.tolist() == agreed.tolist()
    assert {-1, 0, 1} == set(agreed.tolist())


def test_two_that_are_nearly_the_same_are_not_told_apart_however_little_they_vary():
    _, emg = truth_and_emg()
    estimates = {name: smoothed(emg, width) for name, width in {"a": 12, "a little slower": 20, "slow": 60}.items()}
    scores = score_on_unseen(estimates, emg)
    difference, error, claim = against(scores, "a", "a little slower")
    assert 0.005 < abs(difference) < 0.02
    assert abs(difference) > 4 * error
    assert claim == 0
    assert against(scores, "a", "slow")[2] == 1


def test_two_that_are_alike_are_not_told_apart():
    _, emg = truth_and_emg()
    rng = np.random.default_rng(2)
    spoilt = {name: smoothed(emg, 15) + xr.DataArray(0.3 * rng.normal(size=emg.shape), dims=emg.dims) for name in "ab"}
    scores = score_on_unseen(spoilt, emg)
    difference, error, claim = against(scores, "a", "b")
    assert claim == 0
    assert abs(difference) < 0.03
    assert np.isfinite(error)


def test_the_covariance_with_noise_is_that_with_the_noise_that_was_put_in():
    truth, emg = truth_and_emg(seconds=160)
    x = emg.values - emg.values.mean(axis=0)
    f = np.stack([gaussian_filter1d(x, width, axis=0) for width in (2, 6)])
    noise = emg.values - 1e-3 - truth
    expected = np.array([[np.mean(each[:, k] * noise[:, k]) for k in range(3)] for each in f])
    found, variance = covariance_with_noise(f, x, observe(emg))
    np.testing.assert_allclose(found, expected, rtol=0.25)
    np.testing.assert_allclose(variance, noise.var(axis=0), rtol=0.25)


def test_noise_that_electrodes_over_one_muscle_have_at_other_times_is_not_taken_for_activation():
    x, drive = one_muscle(seconds=60)
    of_drive = np.vander(drive, 4)
    noise = x - of_drive @ np.linalg.lstsq(of_drive, x, rcond=None)[0]
    x = x - x.mean(axis=0)
    average = np.repeat(gaussian_filter1d(x, 3, axis=0).mean(axis=1)[:, None], x.shape[1], axis=1)
    expected = np.mean(average * noise, axis=0)
    found, _ = covariance_with_noise(average[None], x, observe(made(x - x.min() + 1e-3)))
    assert found.mean() == pytest.approx(expected.mean(), rel=0.25)


def test_blocks_are_those_that_the_trained_estimate_names():
    _, emg = truth_and_emg()
    bins = unseen_bins(emg)
    model = with_blocks(smoothed(emg, 15, "AutoLFADS"), emg, bins)
    scores = score_on_unseen({"model": model, "filter": smoothed(emg, 3)}, emg)
    assert scores.attrs["n_blocks"] == 8
    assert trained_there(scores) == []
    assert " blocks. " in SCORE.explained(scores)
    noise = np.random.default_rng(1).uniform(0.1, 2, size=emg.shape)
    elsewhere = model.assign(activation=model["activation"].where(xr.DataArray(bins, dims="time"), noise))
    rest = score_on_unseen({"model": elsewhere, "filter": smoothed(emg, 3)}, emg)
    # What it says where it was trained goes into how it answers to EMG, but not into what is scored.
    assert abs(against(rest, "model", "filter")[0]) < 0.5
    unnamed = score_on_unseen({"model": smoothed(emg, 15, "AutoLFADS"), "filter": smoothed(emg, 3)}, emg)
    assert trained_there(unnamed) == ["model"]
    assert " blocks, on which model may have been trained. " in SCORE.explained(unnamed)
    assert "model may have been trained on what it is judged on" in json.loads(unnamed.attrs["notes"])[0]


def test_too_few_blocks_are_refused():
    _, emg = truth_and_emg()
    model = with_config(smoothed(emg, 15, "AutoLFADS"), **{HELD_OUT: [[4.5, 5.5], [14.5, 15.5]]})
    problem = "the estimates share 2 blocks that no model was trained on, too few to compare them"
    with assert_refused(SignalError, problem, "Take a longer recording"):
        score_on_unseen({"model": model, "filter": smoothed(emg, 3)}, emg)


@pytest.mark.parametrize("said", ["soon", [[1]], [[5.0, 4.0]], [[1.0, 2.0], [1.5, 3.0]], [[0, None]], {"a": 1}])
def test_what_a_file_names_for_blocks_must_be_blocks(said):
    _, emg = truth_and_emg()
    model = with_config(smoothed(emg, 15, "AutoLFADS"), **{HELD_OUT: said})
    with pytest.raises(SourceError) as error:
        score_on_unseen({"model": model, "filter": smoothed(emg, 3)}, emg)
    assert str(error.value).startswith("model: its configuration names no blocks that ascend in unseen_s: ")
    assert error.value.way_out == "Make the estimate again with `nwb-autolfads run`"


def test_what_is_missing_counts_for_nothing():
    _, emg = truth_and_emg()
    estimates = {"right": smoothed(emg, 15), "rough": smoothed(emg, 3)}
    whole = score_on_unseen(estimates, emg)
    holes = emg.copy()
    holes[7000:9000, 0] = np.nan
    part = score_on_unseen(estimates, holes)
    np.testing.assert_allclose(part["score"], whole["score"], atol=0.05)
