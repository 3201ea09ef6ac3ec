"""Scores of estimates of short trials: whole trials are held out, lags and windows fit into them, time is time."""

import json

import numpy as np
import pytest
import xarray as xr
from builders import new_nwbfile, save
from pynwb import TimeSeries
from pynwb.epoch import TimeIntervals

from nwb_autolfads.emg.trials import cut_trials, without_trials
from nwb_autolfads.evaluation.decoding.folds import contiguous_folds
from nwb_autolfads.evaluation.event_window import read_event_times
from nwb_autolfads.evaluation.scores.behavior import score_against_behavior
from nwb_autolfads.evaluation.scores.events import event_averages
from nwb_autolfads.evaluation.scores.force import coherence_with_force
from nwb_autolfads.evaluation.scores.response import transfer_function
from nwb_autolfads.sources.opening.nwb import open_nwb

RATE = 500.0
STARTS = 0.5 + 0.4 * np.arange(60)
TRIAL_S = 0.22


def smooth_noise(n_time, n_columns, seed, width=25):
    rng = np.random.default_rng(seed)
    kernel = np.hanning(width)
    return np.stack([np.convolve(rng.normal(size=n_time + width - 1), kernel, "valid") for _ in range(n_columns)], 1)


def signals(values, names, dim, **coords):
    return xr.DataArray(
        values, dims=("time", dim), coords={"time": np.arange(len(values)) / RATE, dim: names, **coords},
        attrs={"rate": RATE, "unit": "degrees"}, name=f"processing/behavior/{dim}",
    )  # fmt: skip


@pytest.fixture(scope="module")
def walk():
    """Activation with a course that all trials share, and a knee 40 ms behind it."""
    n = round(26 * RATE)
    time = np.arange(n) / RATE
    activation = smooth_noise(n, 2, 0) + 6 * np.sin(2 * np.pi * time / 0.4)[:, None]
    knee = np.roll(activation[:, 0] - 0.5 * activation[:, 1], round(0.04 * RATE))[:, None]
    return signals(activation, ["TA", "SOL"], "muscle"), signals(knee, ["knee"], "column")


def as_estimate(activation):
    return activation.drop_attrs().to_dataset(name="activation").assign_attrs(rate=RATE)


@pytest.fixture(scope="module")
def trials(walk):
    return cut_trials(walk[0], STARTS, from_ms=0, to_ms=1000 * TRIAL_S)


def test_folds_are_whole_trials():
    lengths = np.array([20, 22, 18, 21] * 8)
    number = np.repeat(np.arange(len(lengths)), lengths)
    time = 0.4 * number + 0.01 * np.concatenate([np.arange(n) for n in lengths])
    folds = contiguous_folds(time, 5, 0.1, number)
    assert (folds.test.sum(axis=0) == 1).all()
    for trial in range(len(lengths)):
        assert sorted(folds.test[:, number == trial].mean(axis=1).tolist()) == [0, 0, 0, 0, 1]
    sizes = folds.test.sum(axis=1)
    assert sizes.max() - sizes.min() <= 2 * lengths.max()


def test_a_recording_with_fewer_segments_than_folds_is_cut_by_time():
    number = np.repeat([0, 1], [900, 100])
    folds = contiguous_folds(np.arange(1000) * 0.01, 5, 0.1, number)
    assert folds.test.sum(axis=1).tolist() == [200] * 5


def test_trials_predict_behaviour_with_the_lags_that_fit_into_them(walk, trials):
    scores = score_against_behavior({"a": as_estimate(trials)}, [walk[1]], derivatives=(0,), n_folds=5, n_shuffles=3)
    assert scores["r2"].item() > 0.98
    assert scores["best_lag"].item() == pytest.approx(-0.04)
    assert scores["lag"].values.min() == pytest.approx(-0.1)
    assert "lags over 100 ms were not tried: gap-free segments have a median length of 220 ms" in json.loads(
        scores.attrs["notes"]
    )


def test_what_all_trials_share_does_not_leak_into_the_shuffled_control():
    course = np.sin(2 * np.pi * np.arange(round(26 * RATE)) / RATE / 0.4)[:, None]
    activation = signals(30 * course + smooth_noise(len(course), 2, 1), ["TA", "SOL"], "muscle")
    trials = as_estimate(cut_trials(activation, STARTS, from_ms=0, to_ms=200))
    knee = signals(30 * course, ["knee"], "column")
    scores = score_against_behavior({"a": trials}, [knee], derivatives=(0,), n_folds=5, n_shuffles=5)
    assert scores["r2"].item() > 0.9
    assert float(scores["control_r2"].mean()) < 0.05


@pytest.mark.parametrize("order", [("whole", "cut"), ("cut", "whole")])
def test_an_estimate_of_the_whole_recording_is_compared_in_the_time_of_the_trials(order, walk, trials):
    estimates = {"whole": as_estimate(walk[0]), "cut": as_estimate(trials)}
    given = {name: estimates[name] for name in order}
    scores = score_against_behavior(given, [walk[1]], derivatives=(0,), n_folds=5, n_shuffles=0)
    np.testing.assert_allclose(scores["r2"].sel(estimator="whole"), scores["r2"].sel(estimator="cut"))
    # Trials that follow each other without a gap are trials all the same.
    close = cut_trials(walk[0], 0.5 + 0.2 * np.arange(120), from_ms=0, to_ms=200)
    given = {"whole": as_estimate(walk[0]), "cut": as_estimate(close)}
    scores = score_against_behavior({name: given[name] for name in order}, [walk[1]], derivatives=(0,), n_folds=5)
    assert scores["lag"].values.min() == pytest.approx(-0.1)


def test_frequency_response_and_force_take_windows_that_fit_into_trials(walk, trials):
    emg = np.abs(walk[0]) + 0.1
    between = np.stack([STARTS[:-1] + TRIAL_S, STARTS[1:]], axis=1)
    phases = {"trials": np.stack([STARTS, STARTS + TRIAL_S], axis=1), "between": between}
    found = transfer_function({"a": as_estimate(trials)}, emg, phases)
    assert found["phase"].values.tolist() == ["trials"]
    assert found["n_windows"].values.tolist() == [len(STARTS)]
    assert json.loads(found.attrs["notes"]) == ["no window of 0.2 s is recorded in the 59 intervals of phase between"]
    whole = transfer_function({"a": as_estimate(trials)}, emg)
    assert json.loads(whole.attrs["config"])["window_s"] == pytest.approx(TRIAL_S)
    cut_knee = cut_trials(walk[1].rename(column="muscle"), STARTS, from_ms=0, to_ms=1000 * TRIAL_S)
    force = coherence_with_force({"a": as_estimate(trials)}, [cut_knee.rename(muscle="column")])
    assert force["target"].values.tolist() == ["knee", "d knee/dt"]
    lost_by_the_derivative = 2 * 13 / RATE
    assert json.loads(force.attrs["config"])["window_s"] == pytest.approx(TRIAL_S - lost_by_the_derivative)
    assert float(force["peak_coherence"].sel(target="knee").max()) > 0.5


def test_cutting_trials_is_no_setting_of_the_preprocessing(walk, trials):
    steps = [{"step": "high-pass", "cutoff_hz": 65.0}]
    emg = walk[0].assign_attrs(preprocessing=json.dumps(steps))
    cut = cut_trials(emg, STARTS, from_ms=0, to_ms=220)
    assert without_trials(cut.attrs["preprocessing"]) == steps != json.loads(cut.attrs["preprocessing"])
    assert without_trials(None) == []


def file_of_trials(path, starts=STARTS, **columns):
    nwbfile = new_nwbfile()
    table = TimeIntervals(name="trials", description="Trials.")
    for name in columns:
        table.add_column(name, "A time (s).")
    for row, start in enumerate(starts):
        times = {name: values[row] for name, values in columns.items()}
        table.add_row(start_time=start, stop_time=start + TRIAL_S, **times)
    nwbfile.trials = table
    nwbfile.add_time_intervals(TimeIntervals(name="longer", description="More rows."))
    for start in np.arange(0, 26, 0.2):
        nwbfile.intervals["longer"].add_row(start_time=start, stop_time=start + 0.2)
    nwbfile.add_acquisition(TimeSeries(name="taps", data=np.ones(50), timestamps=STARTS[:50] + 0.05, unit="a.u."))
    save(nwbfile, path)
    return path


@pytest.mark.parametrize(
    ("events", "asked", "expected"),
    [
        (None, (None, None), ("trials:start_time", -0.02, 0.198)),  # as they were cut; the last bin is 2 ms earlier
        ("trials", (None, None), ("trials:start_time", -0.02, 0.198)),
        ("trials:cue", (None, None), ("trials:cue", 0.08, 0.098)),  # from start to stop, as far as it is recorded
        ("longer", (0.0, None), ("longer:start_time", 0.0, 0.098)),
        ("acquisition/taps", (None, None), ("acquisition/taps", 0.03, 0.148)),
        ("acquisition/taps", (0.3, 0.4), ("acquisition/taps", 0.3, 0.4)),
    ],
)
def test_the_window_around_events_is_that_of_the_trials(events, asked, expected, walk, tmp_path):
    path = file_of_trials(tmp_path / "t.nwb", cue=STARTS + 0.1)
    cut = cut_trials(walk[0], STARTS, from_ms=20, to_ms=200, name="trials")
    with open_nwb(path) as opened:
        found = read_event_times(opened.nwbfile, events, asked, {"whole": as_estimate(walk[0]), "cut": with_steps(cut)})
    assert found.name == expected[0]
    np.testing.assert_allclose((found.before, found.after), expected[1:], atol=1e-9)
    averages = event_averages(cut, found) if asked == (None, None) else None
    assert averages is None or averages["n"] >= 0.75 * 50


def with_steps(cut):
    return as_estimate(cut).assign_attrs(preprocessing=cut.attrs["preprocessing"])


def test_trials_up_to_another_event_have_a_window_that_most_of_them_fill(walk, tmp_path):
    ends = STARTS + np.where(np.arange(60) < 15, 0.15, 0.25)
    cut = cut_trials(walk[0], STARTS, until=ends, from_ms=0, to_ms=0, name="trials")
    with open_nwb(file_of_trials(tmp_path / "t.nwb")) as opened:
        found = read_event_times(opened.nwbfile, None, (None, None), {"cut": with_steps(cut)})
    assert (found.before, found.after) == (0, pytest.approx(0.248))
    assert event_averages(cut, found)["n"] == 45
