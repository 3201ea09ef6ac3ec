"""Coherence of activation and force: scipy's, with limits as true as they say."""

import json

import numpy as np
import pytest
import xarray as xr
from messages import assert_refused
from scipy import signal

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.evaluation.scores.force import SCORE, coherence_with_force

RATE = 500.0


def array(values, names, dim, rate=RATE, **attrs):
    time = np.arange(len(values)) / rate
    return xr.DataArray(
        values, dims=("time", dim), coords={"time": time, dim: names}, attrs={"rate": rate, **attrs}, name=dim
    )


def test_unrelated_signals_exceed_the_limit_as_often_as_it_says():
    rng = np.random.default_rng(0)
    activation = array(rng.normal(size=(60 * 500, 4)), list("ABCD"), "muscle").to_dataset(name="activation")
    force = array(rng.normal(size=(60 * 500, 3)), ["x", "y", "z"], "column")
    found = coherence_with_force({"a": activation}, [force], derivatives=(0,))
    share = float((found["coherence"].isel(frequency=slice(2, -2)) > found["coherence_limit"]).mean())
    assert 0.03 < share < 0.07


def test_the_best_of_unrelated_muscles_and_frequencies_is_rarely_above_its_limit():
    rng = np.random.default_rng(4)
    activation = array(rng.normal(size=(40 * 100, 8)), list("ABCDEFGH"), "muscle", rate=100.0)
    force = array(rng.normal(size=(40 * 100, 60)), [f"f{k}" for k in range(60)], "column", rate=100.0)
    found = coherence_with_force({"a": activation.to_dataset(name="activation")}, [force], derivatives=(0,))
    best = found["coherence"].isel(estimator=0).max(("muscle", "frequency"))
    assert float((best > found["coherence_limit"]).mean()) > 0.95
    assert float((best > found["best_limit"]).mean()) < 0.15
    rows = SCORE.rows(found)
    alone = found["coherent_up_to"].isel(estimator=0).max("muscle").values
    assert sum(row[8] != "-" for row in rows) < np.isfinite(alone).sum()


def test_windows_that_overlap_count_as_fewer_than_they_are():
    rng = np.random.default_rng(3)
    activation = array(rng.normal(size=(60 * 500, 8)), list("ABCDEFGH"), "muscle").to_dataset(name="activation")
    force = array(rng.normal(size=(60 * 500, 8)), list("stuvwxyz"), "column")
    found = coherence_with_force({"a": activation}, [force], derivatives=(0,))
    n, taper = int(found["n_windows"][0]), signal.windows.hann(500, sym=False)
    shared = (taper[:250] @ taper[250:] / (taper @ taper)) ** 2  # Welch 1967: what neighbours have in common
    independent = n / (1 + 2 * shared * (1 - 1 / n))
    np.testing.assert_allclose(found["coherence_limit"], 1 - 0.05 ** (1 / (independent - 1)), rtol=1e-6)
    # Unrelated signals have the mean coherence 1 / n: with the windows as they are it would be 5 % lower.
    mean = float(found["coherence"].isel(frequency=slice(2, -2)).mean())
    assert mean == pytest.approx(1 / independent, rel=0.02)


def test_the_confidence_interval_holds_the_true_coherence_as_often_as_it_says():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200 * 500, 6))
    force = array((x.mean(axis=1) * np.sqrt(6))[:, None], ["F"], "column")
    activation = array(x + 0.5 * rng.normal(size=x.shape), list("ABCDEF"), "muscle").to_dataset(name="activation")
    true = (1 / 6) / 1.25  # squared correlation of white signals at every frequency
    found = coherence_with_force({"a": activation}, [force], derivatives=(0,))
    inside = (found["lower"] <= true) & (true <= found["upper"])
    assert 0.92 < float(inside.mean()) < 0.98


def test_force_and_its_derivative_share_the_same_frequencies_with_activation():
    rng = np.random.default_rng(2)
    rhythm = np.sin(2 * np.pi * 8 * np.arange(30000) / RATE + np.cumsum(0.05 * rng.normal(size=30000)))
    activation = array((2 + rhythm + rng.normal(size=30000))[:, None], ["TA"], "muscle").to_dataset(name="activation")
    force = array((rhythm + 0.1 * rng.normal(size=30000))[:, None], ["F"], "column")
    found = coherence_with_force({"a": activation}, [force])
    assert found["target"].values.tolist() == ["F", "d F/dt"]
    peak = found["coherence"].isel(estimator=0, muscle=0)
    np.testing.assert_allclose(peak["frequency"].values[peak.argmax("frequency")], 8.0, atol=1.0)
    assert (found["lower"].sel(frequency=8.0) > found["coherence_limit"]).all()
    assert (found["coherence"].sel(frequency=60.0, target="F") < 0.3).all()


def test_force_with_gaps_of_nan_uses_what_is_known():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(30000, 1))
    activation = array(values, ["TA"], "muscle").to_dataset(name="activation")
    known = coherence_with_force({"a": activation}, [array(values, ["F"], "column")], derivatives=(0,))
    values = values.copy()
    values[10000:10500] = np.nan
    found = coherence_with_force({"a": activation}, [array(values, ["F"], "column")], derivatives=(0,))
    np.testing.assert_allclose(found["coherence"], 1.0)
    assert known["n_windows"] - 4 <= found["n_windows"] < known["n_windows"]
    values[:] = np.nan
    with assert_refused(
        SignalError,
        "force: no force can be used (F: known in 0 windows of 1 s; d F/dt: known in 0 windows of 1 s)",
        "Give a shorter window, or another series",
    ):
        coherence_with_force({"a": activation}, [array(values, ["F"], "column")])


def test_coherence_with_force_is_that_of_scipy():
    rng = np.random.default_rng(5)
    force = rng.normal(size=(20000, 1))
    activation = signal.lfilter([1, 1, 1], [1], force, axis=0) + rng.normal(size=(20000, 2))
    estimates = {"a": array(activation, ["TA", "SOL"], "muscle").to_dataset(name="activation")}
    found = coherence_with_force(estimates, [array(force, ["F"], "column")], derivatives=(0,), window=0.5)
    f, expected = signal.coherence(activation, force, RATE, "hann", 250, 125, axis=0)
    np.testing.assert_allclose(found["frequency"], f[1:])
    np.testing.assert_allclose(found["coherence"].sel(estimator="a", target="F").T, expected[1:], rtol=1e-6)


def test_the_summary_names_the_peak_and_how_far_coherence_stays_above_chance():
    rng = np.random.default_rng(6)
    force = rng.normal(size=(30000, 1))
    slow = signal.sosfiltfilt(signal.butter(4, 30, fs=RATE, output="sos"), force, axis=0)
    activation = np.hstack([slow + 0.05 * rng.normal(size=force.shape), rng.normal(size=force.shape)])
    estimates = {"a": array(activation, ["TA", "SOL"], "muscle").to_dataset(name="activation")}
    found = coherence_with_force(estimates, [array(force, ["F"], "column", unit="N")], derivatives=(0,))
    for muscle in ("TA", "SOL"):
        one = found.sel(estimator="a", target="F", muscle=muscle)
        reached = np.nan
        for frequency in found["frequency"].values:
            if not float(one["coherence"].sel(frequency=frequency)) > float(found["coherence_limit"].sel(target="F")):
                break
            reached = frequency
        np.testing.assert_array_equal(one["coherent_up_to"], reached)
        assert float(one["peak_coherence"]) == float(one["coherence"].sel(frequency=one["peak_frequency"]))
        assert float(one["peak_coherence"]) == one["coherence"].values.max()
    assert float(found["coherent_up_to"].sel(muscle="TA").item()) > 25
    assert not float(found["coherent_up_to"].sel(muscle="SOL").item()) > 10
    assert found["target_unit"].values.tolist() == ["N"]


def test_the_slowest_force_sets_the_rate_and_columns_of_one_name_get_that_of_their_series():
    rng = np.random.default_rng(7)
    activation = array(rng.normal(size=(10000, 1)), ["TA"], "muscle").to_dataset(name="activation")
    fast, slow = (
        array(rng.normal(size=(10000, 1)), ["z"], "column"),
        array(rng.normal(size=(2000, 1)), ["z"], "column", 100.0),
    )
    found = coherence_with_force({"a": activation}, [fast.rename("left"), slow.rename("right")], derivatives=(0,))
    assert json.loads(found.attrs["config"])["rate_hz"] == 100.0
    assert found["frequency"].values[-1] == 50.0
    assert found["target"].values.tolist() == ["left z", "right z"]


def test_a_constant_force_is_left_out_with_its_reason_and_a_window_must_hold_some_samples():
    rng = np.random.default_rng(8)
    activation = {"a": array(rng.normal(size=(5000, 1)), ["TA"], "muscle").to_dataset(name="activation")}
    force = array(np.hstack([rng.normal(size=(5000, 1)), np.full((5000, 1), 9.81)]), ["x", "z"], "column")
    found = coherence_with_force(activation, [force], derivatives=(0,))
    assert found["target"].values.tolist() == ["x"]
    assert json.loads(found.attrs["excluded_targets"]) == {"z": "does not vary"}
    with assert_refused(
        SignalError, "force: no force can be used (z: does not vary)", "Give a shorter window, or another series"
    ):
        coherence_with_force(activation, [force.sel(column=["z"])], derivatives=(0,))
    with assert_refused(ConfigError, "window: a window of 0.01 s is 5 samples", "Give a longer one"):
        coherence_with_force(activation, [force], window=0.01)
    with assert_refused(ConfigError, "derivatives: derivatives [5]", "Give orders from 0 to 4"):
        coherence_with_force(activation, [force], derivatives=(5,))


def test_stretches_that_were_not_estimated_are_left_out():
    rng = np.random.default_rng(9)
    both = rng.normal(size=(10000, 1))
    activation = array(both.copy(), ["TA"], "muscle").to_dataset(name="activation")
    activation["activation"].values[4000:4100] = np.nan
    found = coherence_with_force({"a": activation}, [array(both, ["F"], "column")], derivatives=(0,))
    np.testing.assert_allclose(found["coherence"], 1.0)
    assert 30 < int(found["n_windows"].item()) < 38
