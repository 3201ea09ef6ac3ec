"""Frequency response and coherence: a filter's own response, scipy's coherence, and limits as true as they say."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy import signal

from nwb_autolfads.compare.spectra import coherence_limit, confidence_interval, force_coherence, transfer_function
from nwb_autolfads.errors import SignalError

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
    with pytest.raises(SignalError, match=r"strike: no window of 0.2 s is recorded in its 1 intervals"):
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


def test_unrelated_signals_exceed_the_limit_as_often_as_it_says():
    rng = np.random.default_rng(0)
    activation = array(rng.normal(size=(60 * 500, 4)), list("ABCD"), "muscle").to_dataset(name="activation")
    force = array(rng.normal(size=(60 * 500, 3)), ["x", "y", "z"], "column", rate=RATE)
    found = force_coherence({"a": activation}, force, derivatives=(0,))
    share = float((found["coherence"].isel(frequency=slice(2, -2)) > found["coherence_limit"]).mean())
    assert 0.03 < share < 0.07


def test_the_confidence_interval_holds_the_true_coherence_as_often_as_it_says():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200 * 500, 6))
    force = array((x.mean(axis=1) * np.sqrt(6))[:, None], ["F"], "column", rate=RATE)
    activation = array(x + 0.5 * rng.normal(size=x.shape), list("ABCDEF"), "muscle").to_dataset(name="activation")
    true = (1 / 6) / 1.25  # squared correlation of white signals at every frequency
    found = force_coherence({"a": activation}, force, derivatives=(0,))
    inside = (found["lower"] <= true) & (true <= found["upper"])
    assert 0.92 < float(inside.mean()) < 0.98


def test_force_and_its_derivative_share_the_same_frequencies_with_activation():
    rng = np.random.default_rng(2)
    rhythm = np.sin(2 * np.pi * 8 * np.arange(30000) / RATE + np.cumsum(0.05 * rng.normal(size=30000)))
    activation = array((2 + rhythm + rng.normal(size=30000))[:, None], ["TA"], "muscle").to_dataset(name="activation")
    force = array((rhythm + 0.1 * rng.normal(size=30000))[:, None], ["F"], "column", rate=RATE)
    found = force_coherence({"a": activation}, force)
    assert found["target"].values.tolist() == ["F", "d F/dt"]
    peak = found["coherence"].isel(estimator=0, muscle=0)
    np.testing.assert_allclose(peak["frequency"].values[peak.argmax("frequency")], 8.0, atol=1.0)
    assert (found["lower"].sel(frequency=8.0) > found["coherence_limit"]).all()
    assert (found["coherence"].sel(frequency=60.0, target="F") < 0.3).all()


def test_force_with_gaps_of_nan_uses_what_is_known():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(30000, 1))
    activation = array(values, ["TA"], "muscle").to_dataset(name="activation")
    known = force_coherence({"a": activation}, array(values, ["F"], "column", rate=RATE), derivatives=(0,))
    values = values.copy()
    values[10000:10500] = np.nan
    found = force_coherence({"a": activation}, array(values, ["F"], "column", rate=RATE), derivatives=(0,))
    np.testing.assert_allclose(found["coherence"], 1.0)
    assert known["n_windows"] - 4 <= found["n_windows"] < known["n_windows"]
    values[:] = np.nan
    with pytest.raises(SignalError, match="0 windows of 1 s are known"):
        force_coherence({"a": activation}, array(values, ["F"], "column", rate=RATE))


def test_limits_at_the_edges_are_what_they_must_be():
    assert coherence_limit(1) == 1.0
    assert coherence_limit(101, 0.05) == pytest.approx(1 - 0.05 ** (1 / 100))
    lower, upper = confidence_interval(np.array([0.0, 1.0]), 50)
    assert lower[0] == 0.0
    assert upper[1] == pytest.approx(1.0)
