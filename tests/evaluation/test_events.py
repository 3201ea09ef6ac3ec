"""Event-aligned averages, and what is left of a signal and of its prediction without them."""

import numpy as np
import pytest
import xarray as xr
from messages import assert_refused

from nwb_autolfads.errors import SignalError
from nwb_autolfads.evaluation.scores.events import Events, event_averages, single_trial_scores, without_average

STEP = 0.01


def repeating(n_trials=40, noise=0.5, seed=0):
    """Trials of 50 bins: the same bump in each, and noise of its own in each."""
    rng = np.random.default_rng(seed)
    bump = np.sin(np.linspace(0, np.pi, 50))
    own = noise * rng.normal(size=(n_trials, 50))
    return bump, own, (bump + own).ravel()[:, None], np.arange(50 * n_trials) * STEP


def test_the_average_and_the_spread_are_those_of_the_trials():
    bump, own, values, time = repeating()
    signals = xr.DataArray(values, dims=("time", "muscle"), coords={"time": time, "muscle": ["TA"]})
    events = Events("steps", np.arange(40) * 0.5 + 0.1, before=0.1, after=0.39)
    found = event_averages(signals, events)
    assert int(found["n"]) == 40
    np.testing.assert_allclose(found["from_event"], np.arange(-10, 40) * STEP)
    np.testing.assert_allclose(found["mean"].sel(muscle="TA"), (bump + own).mean(axis=0))
    np.testing.assert_allclose(found["std"].sel(muscle="TA"), own.std(axis=0, ddof=1))


def test_events_at_a_gap_or_at_the_ends_are_left_out():
    _, _, values, time = repeating()
    time = np.where(np.arange(len(time)) >= 1010, time + 5.0, time)
    signals = xr.DataArray(values, dims=("time", "muscle"), coords={"time": time})
    events = Events("steps", np.arange(40) * 0.5 + 0.1 + np.where(np.arange(40) > 20, 5.0, 0.0), before=0.2, after=0.39)
    assert int(event_averages(signals, events)["n"]) == 38  # not the first, not the one across the gap
    with assert_refused(
        SignalError,
        "late: none of 1 events is recorded from 0.1 s before to 0.25 s on",
        "Choose other events, or a shorter window around them",
    ):
        event_averages(signals, Events("late", np.array([1000.0])))


def test_one_event_has_an_average_and_no_spread():
    _, _, values, time = repeating()
    signals = xr.DataArray(values, dims=("time", "muscle"), coords={"time": time})
    assert np.isnan(event_averages(signals, Events("one", np.array([5.0])))["std"]).all()


def test_share_and_score_of_what_does_not_repeat():
    bump, own, values, time = repeating(n_trials=200)
    events = Events("steps", np.arange(200) * 0.5, before=0.0, after=0.49)
    knows_the_bump = np.tile(bump, 200)[:, None]
    share, r2 = single_trial_scores(values, knows_the_bump, time, STEP, events)
    residual = own - own.mean(axis=0)
    assert share[0] == pytest.approx((residual**2).sum() / ((values - values.mean()) ** 2).sum())
    assert r2[0] == pytest.approx(0, abs=1e-9)
    half = knows_the_bump + 0.5 * own.ravel()[:, None]  # leaves a quarter of the variance
    assert single_trial_scores(values, half, time, STEP, events)[1][0] == pytest.approx(0.75)


def test_bins_far_from_any_event_do_not_count():
    _, _, values, time = repeating()
    left = without_average(values, time, STEP, Events("two", np.array([2.0, 4.0]), before=0.1, after=0.1))
    near = (np.abs(time - 2.0) < 0.1 + 1e-6) | (np.abs(time - 4.0) < 0.1 + 1e-6)
    assert (np.isfinite(left[:, 0]) == near).all()


def test_a_single_trial_has_no_average_to_subtract():
    _, _, values, time = repeating()
    share, r2 = single_trial_scores(values, values, time, STEP, Events("one", np.array([2.0])))
    assert np.isnan(share).all()
    assert np.isnan(r2).all()
