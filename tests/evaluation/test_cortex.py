"""Activation beside motor cortex: spikes made from a known activation, so that it is known what must come out."""

import json

import numpy as np
import pytest
import xarray as xr
from messages import assert_refused

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.evaluation.decoding.binning import bin_activation, estimator_window
from nwb_autolfads.evaluation.decoding.spike_rates import spike_rates
from nwb_autolfads.evaluation.scores.cortex import score_against_cortex
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.sources.spikes.trains import SpikeTrains

RATE = 500.0
LEAD = 0.06
QUICK = {"n_folds": 4, "lags": (0.0, 0.03, 0.06, 0.09), "n_shuffles": 0}


def activation_of(seconds=40.0, n_muscles=3, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    kernel = np.hanning(51)
    smooth = [np.convolve(rng.normal(size=len(time) + 50), kernel / kernel.sum(), "valid") for _ in range(n_muscles)]
    return time, np.exp(5 * np.stack(smooth, axis=1))


def estimate(time, values, muscles=("TA", "SOL", "GM"), **config):
    coords = {"time": time, "muscle": list(muscles[: values.shape[1]]), "segment": ("time", np.zeros(len(time), int))}
    data = xr.DataArray(values.astype(np.float32), dims=("time", "muscle"), coords=coords)
    return xr.Dataset({"activation": data}, attrs={"config": json.dumps(config), "rate": RATE})


def spikes_ahead(time, values, n_units=15, seed=1, start=0.0):
    """Poisson units whose log rate is linear in the log activation `LEAD` later."""
    rng = np.random.default_rng(seed)
    ahead = np.roll(np.log(values), -round(LEAD * RATE), axis=0)
    rates = 25 * np.exp(0.8 * ahead @ rng.normal(size=(values.shape[1], n_units)))
    fired = rng.uniform(size=rates.shape) < rates / RATE
    times = tuple(
        start + time[fired[:, unit]] + rng.uniform(0, 1 / RATE, fired[:, unit].sum()) for unit in range(n_units)
    )
    return SpikeTrains(tuple(f"u{k}" for k in range(n_units)), times, tuple(np.empty((0, 2)) for _ in times), "id")


@pytest.fixture(scope="module")
def session():
    time, values = activation_of()
    rng = np.random.default_rng(5)
    noisy = values * np.exp(0.7 * rng.normal(size=values.shape))
    estimates = {"good": estimate(time, values), "noisy": estimate(time, noisy)}
    return estimates, spikes_ahead(time, values)


@pytest.fixture(scope="module")
def scores(session):
    estimates, spikes = session
    events = Events("marks", np.arange(1.0, 39.0, 0.5))
    return score_against_cortex(estimates, spikes, events=events, **(QUICK | {"n_shuffles": 3}))


def test_the_better_estimate_is_better_predicted_and_predicts_better(scores):
    assert (scores["r2"].sel(estimator="good") > scores["r2"].sel(estimator="noisy")).all()
    assert scores["population_r2"].sel(estimator="good") > scores["population_r2"].sel(estimator="noisy") > 0
    assert scores["muscles_difference"].item() > 0
    assert scores["population_p_items_corrected"].item() < 0.01
    assert scores["r2"].dims == ("estimator", "muscle")
    assert scores["r2_fold"].dims == ("estimator", "muscle", "fold")


def test_the_delay_behind_cortex_is_found(scores):
    np.testing.assert_allclose(scores["best_lag"].sel(estimator="good"), LEAD)
    assert scores["best_lag"].dims == ("estimator", "muscle")


def test_units_are_predicted_from_what_muscles_do_later(session):
    estimates, spikes = session
    one = {"good": estimates["good"]}
    at_once, later = (
        float(score_against_cortex(one, spikes, **(QUICK | {"lags": (lag,)}))["population_r2"].item())
        for lag in (0.0, LEAD)
    )
    assert later > at_once + 0.1


def test_shuffled_spikes_explain_nothing(scores):
    control = scores["control_r2"].sel(estimator="good")
    assert control.sizes["shuffle"] == 3
    assert float(control.mean()) <= float(control.std())
    assert float(control.max()) < 0.1


def test_marks_that_mean_nothing_leave_everything_to_single_trials(scores):
    share = scores["single_trial_share"].sel(estimator="good")
    assert ((share > 0.9) & (share < 1.0)).all()
    difference = scores["single_trial_r2"].sel(estimator="good") - scores["r2"].sel(estimator="good")
    assert float(np.abs(difference).max()) < 0.1


def test_scores_say_how_they_were_made(scores):
    config = json.loads(scores.attrs["config"])
    assert config["bin_width_s"] == pytest.approx(0.01)
    assert config["guard_s"] >= 0.5 + 0.09
    assert config["events"] == "marks"
    assert scores.attrs["n_units"] == 15


def test_units_that_say_too_little_are_left_out_with_the_reason(session):
    estimates, spikes = session
    silent, half = np.array([1.0, 2.0]), np.array([[0.0, 15.0]])
    more = SpikeTrains(
        (*spikes.units, "silent", "lost"),
        (*spikes.times, silent, spikes.times[0]),
        (*spikes.observed, np.array([[0.0, 40.0]]), half),
        "id",
    )
    found = score_against_cortex(estimates, more, **QUICK)
    assert json.loads(found.attrs["excluded_units"]) == {
        "silent": "fires at 0.05 Hz, less than 0.5 Hz",
        "lost": "observed in 38 % of the time",
    }
    assert found.attrs["n_units"] == 15


def test_spike_counts_in_bins_give_what_spike_times_give(session):
    estimates, spikes = session
    edges = np.arange(0, 40.0001, 0.005)
    counts = xr.DataArray(
        spikes.counts(edges), dims=("time", "unit"), coords={"time": edges[:-1] + 0.0025, "unit": list(spikes.units)}
    )
    bins = bin_activation(estimates, 0.01)
    from_times, from_counts = (spike_rates(each, bins, smoothing=0.025, min_rate=0.5) for each in (spikes, counts))
    # The middle of a bin of five samples lies 4 ms behind its first sample: the counts are half a bin off at most.
    assert np.corrcoef(from_times.rates.ravel(), from_counts.rates.ravel())[0, 1] > 0.99
    coarse = {"time": np.arange(800) * 0.05, "unit": [0, 1]}
    wide = xr.DataArray(np.ones((800, 2)), dims=("time", "unit"), coords=coarse)
    with assert_refused(
        SignalError,
        "spikes: spikes are counted in bins of 50 ms, activation in 10 ms",
        "Give --bin-width 0.05 (in Python: bin_width=0.05), or spike times",
    ):
        spike_rates(wide, bins, smoothing=0.025, min_rate=0.5)


def test_binning_averages_and_never_mixes_segments():
    time = np.concatenate([np.arange(13), 100 + np.arange(8)]) / RATE
    values = np.arange(21.0)[:, None]
    one = estimate(time, values)
    bins = bin_activation({"a": one.assign_coords(segment=("time", np.repeat([0, 1], [13, 8])))}, 0.01)
    assert bins.values[0, :, 0].tolist() == [2.0, 7.0, 15.0]  # two whole bins, then one
    assert bins.segments.numbers.tolist() == [0, 0, 1]
    np.testing.assert_allclose(bins.time, [2 / RATE, 7 / RATE, 102 / RATE])


def test_smoothing_of_spikes_does_not_reach_across_a_gap():
    time = np.concatenate([np.arange(500) / RATE, 10 + np.arange(500) / RATE])
    values = np.random.default_rng(0).uniform(size=(1000, 1))
    one = estimate(time, values).assign_coords(segment=("time", np.repeat([0, 1], 500)))
    bins = bin_activation({"a": one}, 0.01)
    before_the_gap = np.linspace(0.905, 0.995, 10)
    times = (before_the_gap, np.sort(np.concatenate([[0.005], before_the_gap, [10.995]])))
    spikes = SpikeTrains(("u0", "u1"), times, tuple(np.array([[0.0, 11.0]]) for _ in times), "id")
    rates = spike_rates(spikes, bins, smoothing=0.025, min_rate=0.5).rates
    second = bins.segments.numbers == 1
    assert rates[~second, 0].max() > 50
    assert (rates[second, 0] == 0).all()


def test_estimates_shorter_than_a_bin_are_refused():
    with assert_refused(
        SignalError,
        "no segment of a is as long as a bin of 10 ms",
        "Compare a longer recording, or give shorter bins (--bin-width; in Python: bin_width)",
    ):
        bin_activation({"a": estimate(np.arange(4) / RATE, np.arange(4.0)[:, None])}, 0.01)


def test_an_estimate_slower_than_the_bins_is_compared_at_its_own_rate_and_says_so():
    time = np.arange(400) / 20.0
    bins = bin_activation({"slow": estimate(time, np.random.default_rng(0).uniform(size=(400, 2)))}, 0.01)
    assert bins.width == pytest.approx(0.05)
    assert bins.notes == ("bins are 50 ms: the estimates are sampled at 20 Hz",)


def test_the_guard_covers_the_longest_window_of_the_estimators(session):
    time, values = activation_of(seconds=2)
    lfads, slow = estimate(time, values, window_ms=900.0), estimate(time, values, cutoff_hz=2.0)
    assert estimator_window({"a": lfads}) == 0.9
    assert estimator_window({"a": lfads, "b": slow}) == 1.0
    estimates, spikes = session
    for guard in (0.2, 0.6):  # the second is longer than the window, and still leaks by the lags
        with assert_refused(
            ConfigError,
            f"guard: a guard of {guard:g} s is shorter than the 0.5 s window of the estimators and the 0.35 s "
            "that lags and smoothing reach",
            "Give a longer guard, or none",
        ):
            score_against_cortex(estimates, spikes, guard=guard)


def test_spikes_at_another_time_are_refused(session):
    estimates, _ = session
    late = spikes_ahead(*activation_of(), start=1000.0)
    with assert_refused(
        SignalError,
        "spikes: no spike lies in the time of the activation, 0.0 to 40.0 s",
        "Check that spikes and EMG are on one clock",
    ):
        score_against_cortex(estimates, late, **QUICK)


def test_estimates_of_different_times_are_refused(session):
    estimates, spikes = session
    shifted = estimates["good"].assign_coords(time=estimates["good"]["time"] + 1000.0)
    with assert_refused(
        SignalError, "good and late have no time in common", "Compare estimates of the same recording at the same rate"
    ):
        score_against_cortex({"good": estimates["good"], "late": shifted}, spikes)


def test_unusable_and_constant_muscles_are_left_out_with_the_reason(session):
    estimates, _ = session
    values = estimates["good"]["activation"].values.copy()
    values[:, 0], values[:, 1] = np.nan, 0.3
    bins = bin_activation({"a": estimate(estimates["good"]["time"].values, values)}, 0.01)
    assert bins.left_out == {"TA": "unusable EMG: nothing was estimated", "SOL": "a does not vary"}
    assert bins.muscles == ("GM",)
    values[:, 2] = 0.0
    with assert_refused(
        SignalError,
        "no muscle can be compared (TA: unusable EMG: nothing was estimated; SOL: a does not vary; GM: a does"
        " not vary)",
        "Check the quality of the EMG: nwb-autolfads inspect FILE",
    ):
        bin_activation({"a": estimate(estimates["good"]["time"].values, values)}, 0.01)


def test_one_trial_leaves_the_single_trial_scores_open_and_says_so(session):
    estimates, spikes = session
    found = score_against_cortex({"good": estimates["good"]}, spikes, events=Events("trials", np.array([3.0])), **QUICK)
    assert np.isnan(found["single_trial_r2"]).all()
    assert "1 of trials in the time of the estimates" in json.loads(found.attrs["notes"])[0]


def test_a_session_too_short_for_folds_is_refused(session):
    estimates, spikes = session
    short = {"good": estimates["good"].isel(time=slice(0, 1500))}
    with assert_refused(
        SignalError,
        "285 bins in common are too few: 10 folds with guards of 0.85 s leave 0 bins to train on",
        "Use a longer recording, or fewer folds",
    ):
        score_against_cortex(short, spikes)


def test_bins_that_one_muscle_lacks_are_left_out_for_all_and_counted(session):
    estimates, spikes = session
    whole = score_against_cortex({"good": estimates["good"]}, spikes, **QUICK)
    holed = estimates["good"].copy(deep=True)
    holed["activation"][1000:2000, 1] = np.nan  # 2 s: 200 bins
    found = score_against_cortex({"good": holed}, spikes, **QUICK)
    n_lost = whole["r2_fold_n"].isel(muscle=0).sum() - found["r2_fold_n"].isel(muscle=0).sum()
    assert 200 <= n_lost <= 200 + 2  # spikes lead by up to 9 bins, so that only targets are missing
    note = "200 of 4000 bins are left out for all muscles: there is no estimate of SOL there"
    assert note in json.loads(found.attrs["notes"])
    np.testing.assert_allclose(found["r2"].sel(muscle="TA"), whole["r2"].sel(muscle="TA"), atol=0.05)


def test_a_muscle_that_is_mostly_unknown_costs_the_others_nothing(session):
    estimates, spikes = session
    kept = estimates["good"].isel(muscle=[0, 2])
    holed = estimates["good"].copy(deep=True)
    holed["activation"][:10_500, 1] = np.nan
    found = score_against_cortex({"good": holed}, spikes, **QUICK)
    assert json.loads(found.attrs["excluded_muscles"]) == {"SOL": "known in 48 % of the time of the estimates"}
    xr.testing.assert_allclose(found["r2"], score_against_cortex({"good": kept}, spikes, **QUICK)["r2"], rtol=1e-9)
