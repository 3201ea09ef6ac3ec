"""Comparisons take estimates of EMG with holes: missing bins are left out, a muscle full of holes is named."""

import json

import numpy as np
import pytest
import xarray as xr
from emg_examples import RATE, rectified_emg

from nwb_autolfads.estimators.lowpass import LowPass
from nwb_autolfads.evaluation.scores.force import coherence_with_force
from nwb_autolfads.evaluation.scores.response import transfer_function
from nwb_autolfads.report.following import explained_share

N = 10000


@pytest.fixture(scope="module")
def values():
    random = np.random.default_rng(0)
    mean = np.exp(np.sin(2 * np.pi * np.arange(N)[:, None] / RATE * [0.9, 1.3, 2.1]))
    return random.gamma(2.0, mean / 2)


def estimated(values):
    emg = rectified_emg(values)
    return {"LowPass": LowPass(20.0).fit(emg).estimate(emg)}, emg


def with_holes(values, rows, muscle=1):
    values = values.copy()
    values[rows, muscle] = np.nan
    return values


def test_a_muscle_with_holes_in_every_window_leaves_the_response_of_the_others_as_it_was(values):
    whole = transfer_function(*estimated(values), window=1.0)
    found = transfer_function(*estimated(with_holes(values, np.arange(50, N, 200))), window=1.0)
    assert found["muscle"].values.tolist() == ["muscle 0", "muscle 2"]
    assert json.loads(found.attrs["excluded_muscles"]) == {"muscle 1": "it is known in 0 windows of 1 s, others in 39"}
    xr.testing.assert_equal(found["gain"], whole["gain"].sel(muscle=found["muscle"]))


def test_a_hole_costs_its_own_windows_only(values):
    whole = transfer_function(*estimated(values), window=1.0)
    found = transfer_function(*estimated(with_holes(values, slice(3000, 4000))), window=1.0)
    assert found["muscle"].size == 3
    assert 34 <= int(found["n_windows"][0]) < int(whole["n_windows"][0]) == 39
    below = {"frequency": slice(1, 10)}
    np.testing.assert_allclose(found["gain"].sel(below), whole["gain"].sel(below), atol=0.05)


def test_force_is_compared_with_the_muscles_that_are_known(values):
    force = xr.DataArray(
        values[:, :1],
        dims=("time", "column"),
        coords={"time": 10 + np.arange(N) / RATE, "column": ["force"]},
        name="acquisition/force",
        attrs={"rate": RATE, "unit": "N"},
    )
    holes = (np.arange(N) % 300) < 100  # longer than the period of the filter can bridge
    estimates, _ = estimated(with_holes(values, holes))
    found = coherence_with_force(estimates, [force], derivatives=(0,), window=1.0)
    assert found["muscle"].values.tolist() == ["muscle 0", "muscle 2"]
    assert json.loads(found.attrs["excluded_muscles"])["muscle 1"].startswith("it is known in 0 windows")


def test_the_share_explained_is_that_of_the_known_bins(values):
    estimates, emg = estimated(values)
    holed, holed_emg = estimated(with_holes(values, slice(2000, 4000)))
    whole = explained_share(estimates["LowPass"]["activation"], emg)
    found = explained_share(holed["LowPass"]["activation"], holed_emg)
    assert found["muscle 0"] == whole["muscle 0"]
    assert found["muscle 1"] == pytest.approx(whole["muscle 1"], abs=0.05)
