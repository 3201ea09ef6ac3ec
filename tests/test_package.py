"""What the package gives to who imports it: public names alone, its version, its exceptions, its types."""

from importlib.metadata import version
from importlib.resources import files

import numpy as np
import pytest

import nwb_autolfads as nal


def test_completion_lists_public_names_alone():
    assert {name for name in dir(nal) if not name.startswith("__")} == set(nal.__all__) - {"__version__"}
    assert all(hasattr(nal, name) for name in dir(nal))


def test_it_says_its_version_and_that_it_has_types():
    assert nal.__version__ == version("nwb-autolfads")
    assert files("nwb_autolfads").joinpath("py.typed").is_file()


def test_a_missing_file_is_what_python_calls_one_too():
    with pytest.raises(FileNotFoundError) as error:
        nal.open_emg("nowhere.nwb")
    assert isinstance(error.value, nal.SourceError)
    assert isinstance(error.value, nal.NwbAutolfadsError)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (nal.preprocess, "raw EMG is an EmgRecording, not 'ndarray'. Read it with nal.open_emg"),
        (nal.LowPass().fit, "EMG is an xarray DataArray, not 'ndarray'. Make it with nwb_autolfads.preprocess"),
        (nal.AutoLFADS().fit, "EMG is an xarray DataArray, not 'ndarray'. Make it with nwb_autolfads.preprocess"),
    ],
)
def test_an_array_is_refused_with_the_way_to_what_is_needed(call, message):
    with pytest.raises(nal.SignalError) as error:
        call(np.ones((1000, 2)))
    assert str(error.value) == message
