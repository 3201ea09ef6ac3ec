"""Files of somebody else: what lies about its size, points elsewhere or carries a hostile name is refused."""

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from messages import assert_refused
from nwb_examples import make_emg, make_estimate, write_session

from nwb_autolfads.errors import OutputError, SourceError
from nwb_autolfads.results import read
from nwb_autolfads.results.read import list_estimates, read_activation, read_weights
from nwb_autolfads.results.write import write_activation

ESTIMATE = "processing/behavior/AutoLFADS"


@pytest.fixture(scope="module")
def written_once(tmp_path_factory):
    source = write_session(tmp_path_factory.mktemp("session") / "session.nwb")
    return write_activation(make_estimate(make_emg()), source, link=True, weights=b"weights")


@pytest.fixture
def result(written_once, tmp_path):
    (tmp_path / "files").mkdir()
    return Path(shutil.copy(written_once, tmp_path / "files"))


def replace_data(result, place, **how):
    """Put another dataset in the place of one, with its attributes."""
    with h5py.File(result, "r+") as file:
        attrs = dict(file[place].attrs)
        del file[place]
        made = file.create_dataset(place, **how)
        made.attrs.update(attrs)


def test_values_that_are_claimed_but_not_stored_are_refused_before_memory_is_taken(result):
    replace_data(result, f"{ESTIMATE}/activation/data", shape=(10**9, 3), dtype="f4", chunks=(10**6, 3))
    with assert_refused(
        SourceError,
        (
            "session_activation.nwb, data: 12000 MB are claimed, of which 0.000 MB are stored; such files "
            "are not made by this package"
        ),
        "Do not trust this file.",
    ):
        read_activation(result)


def test_weights_that_are_claimed_but_not_stored_are_refused(result, monkeypatch):
    replace_data(result, f"{ESTIMATE}/model/weights", shape=(10**9,), dtype="u1", chunks=(10**6,))
    with assert_refused(
        SourceError,
        (
            "session_activation.nwb, weights: 1000 MB are claimed, of which 0.000 MB are stored; such files "
            "are not made by this package"
        ),
        "Do not trust this file.",
    ):
        read_weights(result)


def test_weights_of_another_type_or_size_are_refused(result, monkeypatch):
    monkeypatch.setattr(read, "MAX_WEIGHTS_BYTES", 7)
    assert read_weights(result) == b"weights"
    monkeypatch.setattr(read, "MAX_WEIGHTS_BYTES", 6)
    with assert_refused(
        SourceError,
        "session_activation.nwb, AutoLFADS: the weights are 7 values of type uint8",
        "At most 6 bytes (uint8) are read; do not trust this file.",
    ):
        read_weights(result)
    replace_data(result, f"{ESTIMATE}/model/weights", data=np.zeros(2))
    with assert_refused(
        SourceError,
        "session_activation.nwb, AutoLFADS: the weights are 2 values of type float64",
        "At most 6 bytes (uint8) are read; do not trust this file.",
    ):
        read_weights(result)


def test_values_in_any_other_file_of_the_machine_are_refused(result, tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(range(200)))
    replace_data(result, f"{ESTIMATE}/model/weights", shape=(200,), dtype="u1", external=[(str(secret), 0, 200)])
    with assert_refused(
        SourceError,
        "session_activation.nwb, weights: the values are in another file; such files are not made by this package",
        "Do not trust this file.",
    ):
        read_weights(result)


def test_a_link_to_another_hdf5_file_is_refused(result, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["values"] = np.arange(5, dtype="u1")
    with h5py.File(result, "r+") as file:
        del file[f"{ESTIMATE}/model/weights"]
        file[f"{ESTIMATE}/model/weights"] = h5py.ExternalLink(tmp_path / "secret.h5", "/values")
    with assert_refused(
        SourceError,
        (
            "session_activation.nwb, weights: the values are in another file ('secret.h5'); such files are "
            "not made by this package"
        ),
        "Do not trust this file.",
    ):
        read_weights(result)


def test_links_beside_an_estimate_may_lead_nowhere_but_not_to_a_pipe(result):
    os.mkfifo(pipe := result.parent / "pipe.h5")
    with h5py.File(result, "r+") as file:
        file["scratch/gone"] = h5py.ExternalLink("gone.h5", "/values")
    assert list_estimates(result) == ["AutoLFADS"]
    with h5py.File(result, "r+") as file:
        file["scratch/blocks"] = h5py.ExternalLink("pipe.h5", "/values")
    with assert_refused(SourceError, f"{pipe}: is a pipe, not a file", "Give the path of a regular file"):
        list_estimates(result)


def test_a_damaged_heap_is_refused_before_hdf5_goes_round_in_it(result):
    data = bytearray(result.read_bytes())
    at = data.index(b"GCOL\x01\0\0\0")
    data[at + 16 : at + 32] = bytes(16)  # the first object takes no room
    result.write_bytes(data)
    problem = f"{result}: is HDF5, but damaged (the heap at byte {at})"
    with assert_refused(SourceError, problem, "Copy or download the file again"):
        read_activation(result)


def test_a_group_that_holds_itself_is_an_error_and_does_not_hang(result):
    with h5py.File(result, "r+") as file:
        file[f"{ESTIMATE}/itself"] = file[ESTIMATE]
    with pytest.raises(SourceError, match=r"activation.nwb: cannot be read as NWB \(RecursionError: maximum recursion"):
        read_weights(result)


@pytest.mark.parametrize("name", ["..", "<script>alert(1)", "\x1b[31mred", "line\nbreak", "C:evil", "ü" * 400])
def test_an_estimate_with_a_hostile_name_is_read_but_never_becomes_a_path(result, name):
    with h5py.File(result, "r+") as file:
        file.move(ESTIMATE, f"processing/behavior/{name}")
        file[f"processing/behavior/{name}"].attrs["estimator"] = name
    assert list_estimates(result) == [name]
    estimate = read_activation(result, name)
    assert estimate.attrs["estimator"] == name
    with pytest.raises(OutputError, match=r"nwb: the name '.*' is unfit\. Use up to 100 letters") as caught:
        write_activation(estimate, result)
    assert str(caught.value).isprintable()
    assert sorted(path.name for path in result.parent.parent.rglob("*")) == ["files", result.name]


@pytest.mark.parametrize("key", ["configuration", "preprocessing"])
@pytest.mark.parametrize(
    "text", ["[" * 60_000, "{", "5", "NaN", '["no step"]'], ids=["deep", "cut", "5", "NaN", "list"]
)
def test_texts_that_should_be_json_and_are_not_are_refused(result, key, text):
    with h5py.File(result, "r+") as file:
        attrs = file[ESTIMATE].attrs
        del attrs[key]
        attrs.create(key, text)
    with pytest.raises(SourceError, match=f"AutoLFADS, {key}: is (no|another) JSON") as caught:
        read_activation(result)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("muscles/muscle_name", ["TA", "TA", "VL"], "muscles: the muscles have no names of their own"),
        ("muscles/scale", [1.0, np.nan, 1.0], r"muscles: the scales are \[1.0, nan, 1.0\]"),
        ("muscles/scale", [1.0, 0.0, 1.0], r"muscles: the scales are \[1.0, 0.0, 1.0\]"),
    ],
)
def test_muscles_that_cannot_be_told_apart_or_scaled_are_refused(result, place, value, said):
    with h5py.File(result, "r+") as file:
        file[f"processing/behavior/{place}"][...] = value
    with pytest.raises(SourceError, match=said):
        read_activation(result)


def test_a_table_of_muscles_that_is_too_short_is_an_error_and_not_a_crash(result):
    with h5py.File(result, "r+") as file:
        data = file[f"{ESTIMATE}/activation/muscles"]
        data[...] = [0, 1, 4_000_000]
    with assert_refused(
        SourceError,
        (
            "session_activation.nwb, AutoLFADS: the estimate cannot be read (index 4000000 is out of bounds "
            "for axis 0 with size 3)"
        ),
        "The file is damaged or was not made by this package.",
    ):
        read_activation(result)
