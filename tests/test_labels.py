"""What a variable is and its unit: the same where it is made, written and read."""

import numpy as np
import pytest
import xarray as xr
from builders import file_with_2d_series, raw_emg

import nwb_autolfads as nal
from nwb_autolfads.labels import LABELS, labelled
from nwb_autolfads.results.build import _SERIES


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return file_with_2d_series(tmp_path_factory.mktemp("labels") / "a.nwb", raw_emg(4000) * 1e-3)


def test_units_and_names_go_from_the_recording_to_the_estimate_and_back_from_its_file(recorded, tmp_path):
    with nal.open_emg(recorded) as recording:
        emg = nal.preprocess(recording)
    assert (emg.attrs["units"], emg.attrs["long_name"]) == ("a.u.", "Rectified EMG")
    assert emg["scale"].attrs["units"] == "V"
    estimate = nal.BayesianFilter().fit(emg).estimate(emg)
    for name in ("activation", "activation_std"):
        assert estimate[name].attrs["units"] == "a.u."
        assert estimate[name].attrs["long_name"] == LABELS[name][0]
    assert estimate["time"].attrs["units"] == "s"
    nal.write_activation(estimate, recorded, tmp_path / "b.nwb")
    back = nal.read_activation(tmp_path / "b.nwb")
    assert {name: each.attrs for name, each in back.variables.items()} == {
        name: each.attrs for name, each in estimate.variables.items()
    }


def test_units_are_those_that_the_file_says():
    assert {name: LABELS[name][1] for name in _SERIES} == {name: row[3] for name, row in _SERIES.items()}


def test_what_was_given_stays_as_it_was():
    given = xr.Dataset(
        {"activation": ("time", np.ones(2)), "other": ("time", np.ones(2), {"units": "N"})}, {"time": [0, 1]}
    )
    found = labelled(given)
    assert given["activation"].attrs == given["time"].attrs == {}
    assert found["activation"].attrs["units"] == "a.u."
    assert found["other"].attrs == {"units": "N"}
