"""Trials cut out of EMG, and AutoLFADS on windows that are trials."""

import json

import numpy as np
import pytest
from emg_examples import RATE, rectified_emg
from messages import assert_refused

from nwb_autolfads import AutoLFADS, cut_trials, read_activation, simulate_session
from nwb_autolfads.cli import main
from nwb_autolfads.commands.recipe import how_to_make
from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.search.config import TrainingConfig
from nwb_autolfads.search.split import split_starts


def emg_with_gap(n_bins=6000, gap_after=3000):
    values = np.random.default_rng(0).gamma(1.0, size=(n_bins, 2))
    emg = rectified_emg(values, segment=np.repeat([0, 1], [gap_after, n_bins - gap_after]))
    time = emg["time"].values.copy()
    time[gap_after:] += 5.0
    return emg.assign_coords(time=time)


def test_trials_are_what_lies_around_the_events_each_a_segment():
    emg = emg_with_gap()
    events = 10.5 + 0.5 * np.arange(10) + 0.0004  # between two bins
    trials = cut_trials(emg, events, from_ms=-100, to_ms=300, name="trials:start_time")
    assert trials.attrs["trial_ms"] == 400
    assert json.loads(trials.attrs["preprocessing"])[-1]["n_trials"] == 10
    for number, event in enumerate(events):
        trial = trials[trials["segment"] == number]
        expected = np.round((event - 0.1) * RATE) / RATE + np.arange(200) / RATE
        np.testing.assert_allclose(trial["time"], expected, atol=1e-9)
        np.testing.assert_array_equal(trial, emg.sel(time=trial["time"]))


def test_trials_over_a_gap_an_end_or_the_trial_before_are_left_out():
    emg = emg_with_gap()  # 10 to 16 s and 21 to 27 s
    inside = 10.5 + 0.5 * np.arange(10)
    outside = [9.0, 15.8, 16.5, 18.0, 20.9, 26.9, 40.0]
    overlapping = [11.1]
    trials = cut_trials(emg, np.concatenate([outside, inside, overlapping]), from_ms=-100, to_ms=300)
    np.testing.assert_allclose(trials["time"].values[::200], inside - 0.1, atol=1e-9)


def test_trials_that_end_at_events_have_lengths_of_their_own():
    emg = emg_with_gap()
    begins = 10.5 + 0.5 * np.arange(10)
    ends = begins + 0.12 + 0.02 * np.arange(10)
    trials = cut_trials(emg, begins, until=np.append(ends, 9.0), from_ms=-100, to_ms=20, until_name="trials:stop_time")
    lengths = np.bincount(trials["segment"])
    np.testing.assert_array_equal(lengths, np.round((ends - begins + 0.12) * RATE))
    assert trials.attrs["trial_ms"] == 1000 * lengths.max() / RATE
    assert json.loads(trials.attrs["preprocessing"])[-1]["until"] == "trials:stop_time"
    np.testing.assert_allclose(trials["time"].values[np.cumsum(lengths) - 1], ends + 0.02, atol=1.01 / RATE)


def test_trial_that_never_ends_is_left_out():
    emg = emg_with_gap()
    begins = 10.5 + 0.5 * np.arange(11)
    kept = cut_trials(emg, begins, until=begins[:10] + 0.3, from_ms=0)
    assert np.unique(kept["segment"]).size == 10
    assert not (kept["time"] >= begins[10]).any()
    with assert_refused(
        SignalError,
        (
            "0 of 11 events leave a trial of 0 ms to 0 ms after stops that lies in the recording and apart "
            "from the one before"
        ),
        "Give at least 10 such events, or shorter trials",
    ):
        cut_trials(emg, begins, until=np.array([1.0]), from_ms=0, until_name="stops")


def test_too_few_trials_and_trials_without_length_are_refused():
    emg = emg_with_gap()
    with assert_refused(
        SignalError,
        "2 of 3 events leave a trial of -100 to 300 ms that lies in the recording and apart from the one before",
        "Give at least 10 such events, or shorter trials",
    ):
        cut_trials(emg, np.array([11.0, 12.0, 99.0]), from_ms=-100, to_ms=300)
    with assert_refused(ConfigError, "trials from 100 to -100 ms have no length", "Let them end after they begin"):
        cut_trials(emg, np.array([11.0]), from_ms=100, to_ms=-100)


def test_every_fifth_trial_is_held_out_and_no_other_window_is_made():
    training, validation = split_starts([100] * 300, 100)
    assert len(validation) == 60
    assert len(training) == 240
    assert (training % 100 == 0).all()
    assert not set(training.tolist()) & set(validation.tolist())


def test_each_trial_is_one_window_of_the_model():
    emg = emg_with_gap()
    trials = cut_trials(emg, 10.2 + 0.45 * np.arange(12), from_ms=-100, to_ms=300)
    training = TrainingConfig(steps_per_epoch=2, max_epochs=2, ramp_epochs=1, burn_in_epochs=1, batch_windows=4)
    small = {"generator": 8, "controller": 8, "ic_encoder": 8, "ci_encoder": 8, "factors": 2, "inputs": 1}
    config = AutoLFADSConfig(**small, posterior_samples=1, training=training)
    estimator = AutoLFADS(config=config).fit(trials)
    assert estimator.settings.window_ms == config.window_ms  # what was asked for
    assert estimator.config["window_ms"] == 400.0  # what was used
    estimate = estimator.estimate(trials)
    np.testing.assert_allclose(estimate["window_start"], trials["time"].values[::200])
    assert np.isfinite(estimate["activation"]).all()


def test_trials_of_several_lengths_are_windows_of_one_model():
    emg = emg_with_gap()
    begins = 10.2 + 0.45 * np.arange(12)
    lengths = 0.2 + 0.01 * np.arange(12)
    lengths[3] = 0.01  # too short to predict anything from
    trials = cut_trials(emg, begins, until=begins + lengths, from_ms=-50)
    training = TrainingConfig(steps_per_epoch=2, max_epochs=2, ramp_epochs=1, burn_in_epochs=1, batch_windows=4)
    small = {"generator": 8, "controller": 8, "ic_encoder": 8, "ci_encoder": 8, "factors": 2, "inputs": 1}
    estimator = AutoLFADS(config=AutoLFADSConfig(**small, posterior_samples=1, training=training)).fit(trials)
    estimate = estimator.estimate(trials)
    assert estimate.sizes["time"] == trials.sizes["time"]
    short = trials["segment"].values == 3
    np.testing.assert_array_equal(np.isnan(estimate["activation"]).all("muscle"), short)
    first = np.delete(np.flatnonzero(np.diff(trials["segment"], prepend=-1)), 3)
    np.testing.assert_allclose(estimate["window_start"], trials["time"].values[first])


@pytest.mark.slow
def test_the_command_cuts_trials_for_autolfads_alone_and_the_report_says_how(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    simulate_session("session.nwb", duration=30.0)
    settings = (
        "{posterior_samples: 1, training: {members: 1, max_epochs: 1, steps_per_epoch: 1, validation_windows: 2}}"
    )
    (tmp_path / "tiny.yaml").write_text(f"autolfads: {settings}")
    command = ["run", "session.nwb", "--emg", "acquisition/EMG", "--estimator", "all", "--config", "tiny.yaml"]
    command += ["--trials", "steps:start_time", "--trial-from", "0", "--until", "steps:stop_time"]
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert not ended.value.code
    whole, cut = (read_activation("session_activation.nwb", name=name) for name in ("LowPass", "AutoLFADS"))
    step = json.loads(cut.attrs["preprocessing"])[-1]
    asked = {"events": "steps:start_time", "from_ms": 0, "until": "steps:stop_time", "to_ms": 0}
    assert step == {"step": "trials", "n_trials": step["n_trials"]} | asked
    assert np.isfinite(cut["activation"]).all()
    assert 100 * step["n_trials"] < cut.sizes["time"] < whole.sizes["time"]
    commands, _ = how_to_make({"AutoLFADS": cut}, tmp_path / "session_activation.nwb")
    assert "--trials steps:start_time --until steps:stop_time --trial-from 0 " in commands[0]
