"""Frequency response: a filter's own response, and scipy's coherence."""

import json

import numpy as np
import pytest
import xarray as xr
from messages import assert_refused
from scipy import signal

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.evaluation.scores.response import transfer_function
from nwb_autolfads.evaluation.scores.spectra import coherence_limit, confidence_interval

RATE = 500.0


def array(values, names, dim, **attrs):
    time = np.arange(len(values)) / RATE
    return xr.DataArray(values, dims=("time", dim), coords={"time": time, dim: names}, attrs=attrs, name=dim)


def made_up_emg(seconds=120.0, seed=0):
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    envelope = 1 + 0.5 * np.sin(2 * np.pi * np.arange(n) / RATE)[:, None]
    return array(np.abs(envelope * rng.normal(size=(n, 2))), ["TA", "SOL"], "muscle")


def filtered(emg, cutoff):
    sos = signal.butter(4, cutoff, fs=RATE, output="sos")
    values = signal.sosfiltfilt(sos, emg.values, axis=0)
    return emg.copy(data=values).to_dataset(name="activation"), sos


@pytest.mark.parametrize("cutoff", [5.0, 20.0, 40.0])
def test_a_fixed_filter_has_its_own_response_within_one_decibel(cutoff):
    emg = made_up_emg()
    activation, sos = filtered(emg, cutoff)
    found = transfer_function({"filter": activation}, emg)
    frequency = found["frequency"].sel(frequency=slice(0, 200)).values
    expected = 20 * np.log10(np.abs(signal.sosfreqz(sos, frequency, fs=RATE)[1]) ** 2)  # once forwards, once back
    passed = expected > -20
    decibels = 20 * np.log10(found["gain"].isel(estimator=0, phase=0).sel(frequency=slice(0, 200)).values[:, passed])
    assert passed.sum() >= 5
    assert np.abs(decibels - expected[passed]).max() < 1.0
    fine = np.linspace(0.1, 60, 6000)
    own_corner = fine[np.argmax(np.abs(signal.sosfreqz(sos, fine, fs=RATE)[1]) ** 2 < 10 ** (-3 / 20))]
    np.testing.assert_allclose(found["corner"].values.ravel(), own_corner, rtol=0.06)
    for muscle in found[
        "muscle"
    ].values:  # and, without the noise of the estimate, where its own gain has fallen by 3 dB
        gain = found["gain"].isel(estimator=0, phase=0).sel(muscle=muscle)
        fallen = 20 * np.log10(gain / gain[0])
        corner = float(found["corner"].isel(estimator=0, phase=0).sel(muscle=muscle))
        assert np.interp(corner, found["frequency"], fallen) == pytest.approx(-3)


def test_a_filter_is_the_same_in_all_phases_and_one_that_changes_is_not():
    emg = made_up_emg()
    slow, fast = (filtered(emg, cutoff)[0] for cutoff in (6.0, 30.0))
    switches = (emg["time"] % 4.0 < 2.0).values[:, None]
    adaptive = slow.copy(deep=True)
    adaptive["activation"].values[:] = np.where(switches, slow["activation"].values, fast["activation"].values)
    starts = np.arange(0, 118, 4.0)
    phases = {
        "slow": np.stack([starts, starts + 1.99], axis=1),
        "fast": np.stack([starts + 2.01, starts + 3.9], axis=1),
    }
    found = transfer_function({"fixed": slow, "adaptive": adaptive}, emg, phases)
    corner = found["corner"].mean("muscle")
    fixed = corner.sel(estimator="fixed")
    assert abs(float(fixed.sel(phase="slow") - fixed.sel(phase="fast"))) < 0.5
    assert float(corner.sel(estimator="adaptive", phase="fast")) > 3 * float(
        corner.sel(estimator="adaptive", phase="slow")
    )
    assert json.loads(found.attrs["config"])["window_s"] == 1.89
    assert (found["coherence"].sel(estimator="fixed", phase="slow").sel(frequency=2.0, method="nearest") > 0.9).all()


def test_short_intervals_get_one_window_around_their_middle():
    emg = made_up_emg(seconds=10)
    activation, _ = filtered(emg, 20.0)
    phases = {"strike": np.array([[2.0, 2.1], [4.0, 4.1], [9.99, 10.0], [np.nan, 5.0]])}
    found = transfer_function({"a": activation}, emg, phases)
    assert found["n_windows"].values.tolist() == [2]  # the third reaches over the end
    once = transfer_function({"a": activation}, emg, phases | {"rare": np.array([[3.0, 3.1]])})
    assert np.isnan(once["coherence"].sel(phase="rare")).all()  # of one window it is 1 whatever the signals
    assert np.isfinite(once["coherence"].sel(phase="strike")).all()
    assert "one window of 0.2 s is recorded in phase rare: coherence needs two" in json.loads(once.attrs["notes"])
    with assert_refused(
        SignalError,
        "no window of 0.2 s is recorded in the 1 intervals of phase strike",
        "Give a shorter window, or other phases",
    ):
        transfer_function({"a": activation}, emg, {"strike": np.array([[50.0, 50.1]])})


def test_coherence_is_that_of_scipy():
    emg = made_up_emg(seconds=60)
    rng = np.random.default_rng(3)
    smooth = filtered(emg, 20.0)[0]
    noisy = smooth + 0.1 * rng.normal(size=emg.shape)
    found = transfer_function({"a": noisy}, emg, window=0.5)["coherence"].sel(estimator="a", phase="all")
    f, expected = signal.coherence(emg.values, noisy["activation"].values, RATE, "hann", 250, 125, axis=0)
    np.testing.assert_allclose(found["frequency"], f[1:])
    np.testing.assert_allclose(found.transpose("frequency", "muscle"), expected[1:], rtol=1e-6)


def test_a_window_holds_eight_samples_at_least():
    emg = made_up_emg(2)
    estimates = {"filter": filtered(emg, 20.0)[0]}
    assert transfer_function(estimates, emg, window=8 / RATE)["frequency"].values == pytest.approx(
        [62.5, 125, 187.5, 250]
    )
    with assert_refused(ConfigError, "window: a window of 0.014 s is 7 samples", "Give a longer one"):
        transfer_function(estimates, emg, window=7 / RATE)


def test_limits_at_the_edges_are_what_they_must_be():
    assert coherence_limit(1) == 1.0
    assert coherence_limit(101, 0.05) == pytest.approx(1 - 0.05 ** (1 / 100))
    lower, upper = confidence_interval(np.array([0.0, 1.0]), 50)
    assert lower[0] == 0.0
    assert upper[1] == pytest.approx(1.0)


def test_what_was_not_estimated_takes_no_part():
    emg = made_up_emg(seconds=20)
    activation, _ = filtered(emg, 20.0)
    first_half = transfer_function(
        {"a": activation.isel(time=slice(0, 5000))}, emg.isel(time=slice(0, 5000)), window=1.0
    )
    activation["activation"].values[5000:] = np.nan
    found = transfer_function({"a": activation}, emg, window=1.0)
    np.testing.assert_allclose(found["gain"], first_half["gain"])


def test_estimates_of_emg_that_was_preprocessed_otherwise_are_each_compared_with_their_own():
    one, other = made_up_emg(40.0), made_up_emg(40.0, seed=1)
    estimates = {"one": filtered(one, 20.0)[0], "other": filtered(other, 5.0)[0]}
    found = transfer_function(estimates, {"one": one, "other": other}, window=1.0)
    for name, emg in (("one", one), ("other", other)):
        alone = transfer_function({name: estimates[name]}, emg, window=1.0)
        np.testing.assert_array_equal(found["gain"].sel(estimator=name), alone["gain"].sel(estimator=name))
    wrong = transfer_function(estimates, one, window=1.0)  # nothing goes from the one EMG to the other's estimate
    assert float(wrong["coherence"].sel(estimator="other", frequency=slice(2, 6)).median()) < 0.1
    assert float(found["coherence"].sel(estimator="other", frequency=slice(2, 6)).median()) > 0.9
