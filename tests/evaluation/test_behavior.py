"""Activation beside behaviour: movement made from a known activation, and behaviour as files hold it."""

import json

import numpy as np
import pytest
import xarray as xr
from builders import new_nwbfile, save
from messages import assert_refused
from pynwb import TimeSeries
from pynwb.behavior import BehavioralTimeSeries
from pynwb.epoch import TimeIntervals

from nwb_autolfads.errors import ConfigError, SignalError, SourceError
from nwb_autolfads.evaluation.decoding.binning import bin_activation
from nwb_autolfads.evaluation.scores.behavior import score_against_behavior
from nwb_autolfads.evaluation.scores.derivatives import differentiate, to_bins
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.sources.nwb.behavior import read_behavior
from nwb_autolfads.sources.nwb.events import read_events
from nwb_autolfads.sources.nwb.phases import read_phases

RATE = 500.0
QUICK = {"n_folds": 4, "lags": (0.0, 0.02, 0.05, 0.1), "n_shuffles": 0}


def smooth_noise(seconds, n_columns, seed, width=51):
    rng = np.random.default_rng(seed)
    kernel = np.hanning(width)
    columns = [
        np.convolve(rng.normal(size=round(seconds * RATE) + width - 1), kernel, "valid") for _ in range(n_columns)
    ]
    return np.stack(columns, axis=1)


def estimate(values, **config):
    coords = {"time": np.arange(len(values)) / RATE, "muscle": ["TA", "SOL"]}
    data = xr.DataArray(values, dims=("time", "muscle"), coords=coords)
    return xr.Dataset({"activation": data}, attrs={"config": json.dumps(config)})


def behavior(values, columns, rate=RATE, name="processing/behavior/angles", unit="degrees"):
    coords = {"time": np.arange(len(values)) / rate, "column": list(columns)}
    return xr.DataArray(values, dims=("time", "column"), coords=coords, name=name, attrs={"rate": rate, "unit": unit})


@pytest.fixture(scope="module")
def movement():
    activation = smooth_noise(40, 2, seed=0)
    knee = np.roll(activation[:, 0] - activation[:, 1], round(0.05 * RATE))[:, None]  # 50 ms behind activation
    noisy = activation + 2 * np.random.default_rng(4).normal(size=activation.shape)
    return {"good": estimate(activation), "noisy": estimate(noisy)}, behavior(knee, ["knee"])


@pytest.fixture(scope="module")
def scores(movement):
    estimates, knee = movement
    events = Events("marks", np.arange(1.0, 39.0, 0.5))
    return score_against_behavior(estimates, [knee], events=events, **(QUICK | {"n_shuffles": 2}))


def test_movement_that_activation_makes_is_predicted_at_its_lag(scores):
    good = scores.sel(estimator="good")
    assert good["target"].values.tolist() == ["knee", "d knee/dt", "d2 knee/dt2"]
    assert good["target_unit"].values.tolist() == ["degrees", "degrees/s", "degrees/s2"]
    assert float(good["r2"].sel(target="knee")) > 0.98
    np.testing.assert_allclose(good["best_lag"].sel(target="knee"), -0.05)
    assert float(good["r2_one_lag"].sel(target="knee")) > 0.97


def test_the_better_estimate_predicts_movement_better_and_the_control_nothing(scores):
    assert (scores["r2"].sel(estimator="good") > scores["r2"].sel(estimator="noisy")).all()
    assert scores["targets_effect_folds"].item() == 1.0
    control = scores["control_r2"].sel(estimator="good")
    assert float(control.mean()) <= float(control.std())


def test_marks_that_mean_nothing_leave_the_single_trial_part_as_good(scores):
    difference = scores["single_trial_r2"] - scores["r2"]
    assert float(np.abs(difference.sel(estimator="good")).max()) < 0.1


def test_derivatives_of_a_polynomial_are_exact_at_every_rate():
    for rate in (50.0, 500.0, 1000.0):
        t = np.arange(round(0.8 * rate)) / rate
        values = np.stack([t**3 - 2 * t, 5 * t**2], axis=1)
        first, second = differentiate(values, rate, 1), differentiate(values, rate, 2)
        whole = np.isfinite(first).all(axis=1)
        assert (~whole).sum() == 2 * max(13 * round(rate / 500), round(27 * rate / 500) // 2, 3)
        np.testing.assert_allclose(first[whole], np.stack([3 * t**2 - 2, 10 * t], axis=1)[whole], atol=1e-6)
        np.testing.assert_allclose(second[whole], np.stack([6 * t, np.full_like(t, 10)], axis=1)[whole], atol=1e-4)


def test_the_derivative_does_not_touch_what_is_not_known():
    values = np.sin(np.arange(200) / 20)[:, None]
    values[100] = np.nan
    found = differentiate(values, RATE, 1)
    assert np.flatnonzero(np.isnan(found[:, 0])).tolist() == [*range(13), *range(87, 114), *range(187, 200)]
    assert np.isnan(differentiate(values[:20], RATE, 1)).all()


def test_fast_series_are_averaged_and_slow_ones_interpolated():
    bins = bin_activation({"a": estimate(smooth_noise(1, 2, 0))}, 0.01)
    fast, slow = np.arange(0, 1, 0.001), np.arange(0, 1, 0.02)
    np.testing.assert_allclose(to_bins(fast[:, None], fast, 1000.0, bins)[5:-5, 0], bins.time[5:-5], atol=6e-4)
    inner = bins.time <= slow[-1]
    np.testing.assert_allclose(to_bins(slow[:, None], slow, 50.0, bins)[inner, 0], bins.time[inner])
    assert np.isnan(to_bins(slow[:, None], slow, 50.0, bins)[~inner]).all()
    fast_gap = np.where(np.abs(fast - 0.5) < 0.0005, np.nan, fast)
    # The first bin begins before the first sample.
    assert np.isnan(to_bins(fast_gap[:, None], fast, 1000.0, bins)[1:]).sum() == 1


def test_behaviour_slower_than_the_bins_is_interpolated_and_says_so(movement):
    estimates, knee = movement
    slow = behavior(knee.values[::25], ["knee"], rate=20.0)
    found = score_against_behavior(estimates, [slow], derivatives=(0,), **QUICK)
    assert (
        json.loads(found.attrs["notes"])[-1]
        == "processing/behavior/angles has 20 Hz: between its samples it was interpolated"
    )
    assert float(found["r2"].sel(estimator="good").item()) > 0.9


def test_behaviour_with_nan_uses_what_is_known_and_says_how_much(movement):
    estimates, knee = movement
    values = knee.values.copy()
    values[5000:6000] = np.nan
    found = score_against_behavior(estimates, [behavior(values, ["knee"])], derivatives=(0,), **QUICK)
    assert "NaN in 1000 of 20000 samples" in json.loads(found.attrs["notes"])[-1]
    assert float(found["r2"].sel(estimator="good").item()) > 0.98
    assert found["r2_fold_n"].isel(estimator=0).sum() == 4000 - 200 - 10  # without the unknown, and lags into nothing


def test_constant_and_unknown_columns_are_left_out_with_the_reason(movement):
    estimates, knee = movement
    constant = behavior(np.full_like(knee.values, 90.0), ["hip"], name="processing/behavior/hip")
    found = score_against_behavior(estimates, [knee, constant], derivatives=(0,), **QUICK)
    assert json.loads(found.attrs["excluded_targets"]) == {"hip": "does not vary"}
    assert found["target"].values.tolist() == ["knee"]
    with assert_refused(
        SignalError, "no behaviour can be predicted (hip: does not vary)", "Choose another series with --behavior PATH"
    ):
        score_against_behavior(estimates, [constant], derivatives=(0,), **QUICK)
    late = knee.assign_coords(time=knee["time"] + 500.0)
    with assert_refused(
        SignalError,
        "no behaviour can be predicted (knee: known in 0 % of the time of the estimates)",
        "Choose another series with --behavior PATH",
    ):
        score_against_behavior(estimates, [late], derivatives=(0,), **QUICK)


def test_a_column_known_in_half_of_the_time_is_kept_and_one_known_in_less_is_named_with_its_share(movement):
    estimates, knee = movement
    half, less = knee.values.copy(), knee.values.copy()
    half[: len(half) // 2] = np.nan
    less[round(0.346 * len(less)) :] = np.nan
    both = [behavior(half, ["half"]), behavior(less, ["less"], name="processing/behavior/filmed")]
    found = score_against_behavior(estimates, both, derivatives=(0,), **QUICK)
    assert found["target"].values.tolist() == ["half"]
    assert json.loads(found.attrs["excluded_targets"]) == {"less": "known in 35 % of the time of the estimates"}


def test_columns_of_the_same_name_are_told_apart_by_their_series(movement):
    estimates, knee = movement
    other = behavior(knee.values, ["knee"], name="processing/behavior/filmed")
    found = score_against_behavior(estimates, [knee, other], derivatives=(0,), **QUICK)
    assert found["target"].values.tolist() == ["angles knee", "filmed knee"]


def test_a_derivative_that_the_polynomial_has_not_is_refused(movement):
    estimates, knee = movement
    with assert_refused(ConfigError, "derivatives: derivatives [5]", "Give orders from 0 to 4"):
        score_against_behavior(estimates, [knee], derivatives=(5,))


@pytest.fixture(scope="module")
def session_file(tmp_path_factory):
    nwbfile = new_nwbfile()
    angles = TimeSeries(
        name="angles",
        data=np.arange(600).reshape(300, 2).astype(np.int16),
        rate=100.0,
        starting_time=2.0,
        unit="degrees",
        conversion=0.1,
        offset=5.0,
        comments="columns: hip, knee",
    )
    stamps = np.concatenate([np.arange(100) / 50.0, 10 + np.arange(100) / 50.0])
    force = TimeSeries(name="force", data=np.arange(200.0), timestamps=stamps, unit="N")
    emg = TimeSeries(name="EMG_filtered", data=np.zeros((300, 4)), rate=1000.0, unit="volts")
    module = nwbfile.create_processing_module("behavior", "movement")
    module.add(BehavioralTimeSeries(time_series=[angles, force]))
    module.add(emg)
    nwbfile.add_trial_column("kind", "what was asked")
    for start, kind in ((0.0, "walk"), (2.0, "stand"), (4.0, "walk")):
        nwbfile.add_trial(start_time=start, stop_time=start + 1.5, kind=kind)
    steps = TimeIntervals(name="steps", description="steps")
    steps.add_column("foot_off_time", "s")
    for start in range(6):
        steps.add_row(start_time=float(start), stop_time=start + 1.0, foot_off_time=start + 0.6)
    nwbfile.add_time_intervals(steps)
    return save(nwbfile, tmp_path_factory.mktemp("behavior") / "session.nwb")


def test_behaviour_is_read_in_its_unit_and_on_the_session_clock(session_file):
    angles, force = sorted(read_behavior(session_file), key=lambda each: each.name)
    assert angles.name == "processing/behavior/BehavioralTimeSeries/angles"
    assert angles["column"].values.tolist() == ["hip", "knee"]
    np.testing.assert_allclose(angles.sel(time=2.01, method="nearest"), [5.2, 5.3])
    assert force["segment"].values.tolist() == [0] * 100 + [1] * 100
    np.testing.assert_allclose(force["time"], np.concatenate([np.arange(100) / 50, 10 + np.arange(100) / 50]))
    assert force.attrs == {"rate": 50.0, "unit": "N"}
    assert read_behavior(session_file, ["processing/behavior/*/force"])[0].name == force.name


def test_events_come_from_the_longest_table_or_the_column_that_is_named(session_file):
    found = read_events(session_file)
    assert found.name == "steps:start_time"
    assert found.times.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    np.testing.assert_allclose(read_events(session_file, "steps:foot_off_time").times, np.arange(6) + 0.6)
    assert read_events(session_file, "trials").times.tolist() == [0.0, 2.0, 4.0]


def test_phases_come_from_names_or_times_or_the_intervals_themselves(session_file):
    named = read_phases(session_file)
    assert named.name == "trials:kind"
    assert named.intervals["walk"].tolist() == [[0.0, 1.5], [4.0, 5.5]]
    split = read_phases(session_file, "steps:foot_off_time").intervals
    assert split["before foot_off_time"][0].tolist() == [0.0, 0.6]
    assert split["after foot_off_time"][5].tolist() == [5.6, 6.0]
    assert read_phases(session_file, "trials").intervals["between trials"].tolist() == [[1.5, 2.0], [3.5, 4.0]]


def test_what_is_not_there_is_named_with_what_is(session_file, tmp_path):
    with assert_refused(
        SourceError,
        f"{session_file}, trials:start: the table has no such column",
        "Give TABLE:COLUMN; its columns are start_time, stop_time, kind",
    ):
        read_events(session_file, "trials:start")
    with assert_refused(
        SourceError,
        f"{session_file}, reaches: there is no such table of intervals",
        "Give TABLE:COLUMN; there are trials:start_time, trials:stop_time, trials:kind, steps:start_time, "
        "steps:stop_time, steps:foot_off_time",
    ):
        read_phases(session_file, "reaches:kind")
    with assert_refused(
        SourceError,
        f"{session_file}, trials:kind: holds no times",
        "Give TABLE:COLUMN; its columns are start_time, stop_time, kind",
    ):
        read_events(session_file, "trials:kind")
    with assert_refused(
        SourceError,
        f"{session_file}, processing/behavior/elbow: there is no such series of numbers",
        "See `nwb-autolfads inspect FILE` for what is there",
    ):
        read_behavior(session_file, ["processing/behavior/elbow"])
    bare = save(new_nwbfile(), tmp_path / "bare.nwb")
    with assert_refused(
        SourceError,
        f"{bare}, processing/behavior: holds no behavioural series",
        "Name one with --behavior PATH; nwb-autolfads inspect FILE lists what is there",
    ):
        read_behavior(bare)
    assert read_events(bare) is None
    assert read_phases(bare) is None
