"""Estimates whose attributes, times, muscles or numbers are damaged: one error, which names file, place and value."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from nwb_examples import make_emg, make_estimate, write_session

from nwb_autolfads.errors import SourceError
from nwb_autolfads.results.read import read_activation
from nwb_autolfads.results.write import write_activation

ESTIMATE = "processing/behavior/AutoLFADS"
START = f"{ESTIMATE}/activation/starting_time"
MUSCLES = "processing/behavior/muscles"


@pytest.fixture(scope="module")
def written_once(tmp_path_factory):
    source = write_session(tmp_path_factory.mktemp("session") / "session.nwb")
    return write_activation(make_estimate(make_emg()), source, link=True)


@pytest.fixture
def result(written_once, tmp_path):
    return Path(shutil.copy(written_once, tmp_path))


def attribute(place, key, value):
    def change(file):
        file[place].attrs[key] = value

    return change


def column(name, values):
    def change(file):
        place, attrs = f"{MUSCLES}/{name}", dict(file[f"{MUSCLES}/{name}"].attrs)
        del file[place]
        file[place] = values
        file[place].attrs.update(attrs)

    return change


def data(values):
    def change(file):
        place, attrs = f"{ESTIMATE}/activation/data", dict(file[f"{ESTIMATE}/activation/data"].attrs)
        del file[place]
        file[place] = values
        file[place].attrs.update(attrs)

    return change


def first_bin_infinite(file):
    file[f"{ESTIMATE}/activation/data"][0] = np.inf


def start_at(value):
    def change(file):
        attrs = dict(file[START].attrs)
        del file[START]
        file[START] = value
        file[START].attrs.update(attrs)

    return change


def test_the_estimate_that_is_damaged_below_is_sound(result):
    assert read_activation(result)["activation"].sizes["muscle"] == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (attribute(ESTIMATE, "configuration", "{"), "configuration: is no JSON: '{'"),
        (attribute(ESTIMATE, "configuration", "[1]"), "configuration: is another JSON than it should be: '[1]'"),
        (attribute(ESTIMATE, "configuration", "[" * 60_000), "configuration: is no JSON: '"),
        (attribute(ESTIMATE, "configuration", "null"), "configuration: is another JSON than it should be: 'null'"),
        (attribute(ESTIMATE, "configuration", "9" * 10_000), "configuration: is no JSON: '"),
        (attribute(ESTIMATE, "preprocessing", "{}"), "preprocessing: is another JSON than it should be: '{}'"),
        (attribute(ESTIMATE, "preprocessing", "[5]"), "preprocessing: is another JSON than it should be: '[5]'"),
        (attribute(ESTIMATE, "sampling_rate", np.nan), "time: the rate is nan Hz"),
        (attribute(ESTIMATE, "sampling_rate", 0.0), "time: the rate is 0.0 Hz"),
        (attribute(ESTIMATE, "sampling_rate", 900.0), "time: the rate is 900 Hz, but bins are 0.002 s apart"),
        (start_at(np.nan), "time: bin 0 is at nan s"),
        (start_at(1e300), "time: bin 0 is at 1e+300 s"),
        (attribute(START, "rate", 0.0), "time: bin 0 is at nan s"),
        (attribute(START, "rate", -500.0), "time: it does not ascend: a step of -0.002 s"),
        (column("scale", [np.nan] * 3), "muscles: the scales are [nan, nan, nan], not positive numbers"),
        (column("scale", [1.0, 0.0, 1.0]), "muscles: the scales are [1.0, 0.0, 1.0], not positive numbers"),
        (column("scale", ["a"] * 3), "muscles: the scales are ['a', 'a', 'a'], not positive numbers"),
        (column("scale", [1.0]), "Columns must be the same length"),
        (column("muscle_name", ["TA"] * 3), "muscles: the muscles have no names of their own: ['TA', 'TA', 'TA']"),
        (column("muscle_name", ["", "b", "c"]), "muscles: the muscles have no names of their own: ['', 'b', 'c']"),
        (column("muscle_name", ["x" * 5000, "b", "c"]), "muscles: the muscles have no names of their own: ['xxx"),
        (first_bin_infinite, "activation: 3 of 3600 values are infinite"),
        (data(np.zeros((1, 3), "f4")), "AutoLFADS"),
        (data(np.zeros((1000, 3), "c8")), "AutoLFADS"),
        (lambda file: file.__delitem__(MUSCLES), "cannot be read as NWB"),
    ],
)
def test_what_is_damaged_is_one_error_with_its_place_and_value(result, change, said):
    with h5py.File(result, "r+") as file:
        change(file)
    with pytest.raises(SourceError) as caught:
        read_activation(result)
    message = str(caught.value)
    assert message.startswith(str(result))
    assert said in message
    assert len(message.replace(str(result), "")) < 500
    assert message.isprintable()
