"""What is written is read back, by us and by readers that know nothing of us."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pynwb
import pytest
import xarray as xr
from messages import assert_refused
from nwb_examples import IDENTIFIER, make_emg, make_estimate, write_session
from nwbinspector import inspect_nwbfile
from pynwb import NWBHDF5IO

from nwb_autolfads.errors import OutputError, SourceError
from nwb_autolfads.results import read
from nwb_autolfads.results.read import list_estimates, read_activation, read_weights
from nwb_autolfads.results.write import write_activation

WEIGHTS = np.random.default_rng(0).bytes(100_000)
PLACE = "processing/behavior/AutoLFADS"


@pytest.fixture(scope="module")
def written_once(tmp_path_factory):
    return write_session(tmp_path_factory.mktemp("session") / "session.nwb")


@pytest.fixture
def session(written_once, tmp_path):
    return Path(shutil.copy(written_once, tmp_path))


@pytest.fixture(scope="module")
def result(tmp_path_factory, written_once):
    """A file with an estimate without gaps, and its weights, for tests that only read."""
    target = tmp_path_factory.mktemp("result") / "result.nwb"
    return write_activation(make_estimate(make_emg(), seed=3), written_once, target, weights=WEIGHTS)


@pytest.mark.parametrize(("gap", "everything"), [(True, True), (False, False)], ids=["all_of_it", "activation_alone"])
def test_reading_gives_the_dataset_that_was_written(session, gap, everything):
    estimate = make_estimate(make_emg(gap=gap), everything=everything)
    back = read_activation(write_activation(estimate, session))
    xr.testing.assert_identical(back, estimate)
    for name, variable in estimate.variables.items():
        assert back.variables[name].dtype == variable.dtype, name


def test_further_coordinates_of_a_muscle_become_columns_of_the_table(session):
    emg = make_emg().assign_coords(snr=("muscle", [3.0, np.nan, 8.0]), side=("muscle", ["left", "left", "right"]))
    estimate = make_estimate(emg, everything=False)
    xr.testing.assert_identical(read_activation(write_activation(estimate, session)), estimate)


def test_a_configuration_larger_than_an_hdf5_attribute_may_be_is_kept(session):
    estimate = make_estimate(make_emg(), everything=False, config={"fitted": list(range(40_000))})
    assert len(estimate.attrs["config"]) > 65_536
    assert read_activation(write_activation(estimate, session)).attrs["config"] == estimate.attrs["config"]


def test_only_the_name_of_the_source_file_is_kept_and_not_its_folder(session):
    emg = make_emg()
    origin = json.loads(emg.attrs["origin"]) | {"file": "/home/jane/secret/s.nwb"}
    emg.attrs["origin"] = json.dumps(origin)
    back = read_activation(write_activation(make_estimate(emg, everything=False), session))
    assert json.loads(back.attrs["origin"]) == origin | {"file": "s.nwb"}


def test_plain_h5py_reads_values_names_and_times(result):
    estimate = make_estimate(make_emg(), seed=3)
    with h5py.File(result) as file:
        series = file[f"{PLACE}/activation"]
        np.testing.assert_array_equal(series["data"][:], estimate["activation"].values)
        assert series["data"].dtype == np.float32
        assert series["data"].compression == "gzip"
        assert series["data"].chunks == (1200, 1)
        assert series["starting_time"][()] == 2.0
        assert series["starting_time"].attrs["rate"] == 500.0
        table = file[series["muscles"].attrs["table"]]
        assert table.name == "/processing/behavior/muscles"
        assert table["muscle_name"].asstr()[:].tolist() == ["TA", "SOL", "VL"]
        np.testing.assert_array_equal(table["scale"][:], estimate["scale"].values)
        assert series.attrs["comments"] == "Muscles by column: 0=TA, 1=SOL, 2=VL"
        assert file[PLACE].attrs["source_object_path"] == "acquisition/EMG"


def test_times_with_a_gap_are_written_once_and_shared_by_all_series(session):
    estimate = make_estimate(make_emg(gap=True))
    with h5py.File(write_activation(estimate, session)) as file:
        np.testing.assert_array_equal(file[f"{PLACE}/activation/timestamps"][:], estimate["time"].values)
        assert "starting_time" not in file[f"{PLACE}/activation"]
        link = file[PLACE]["factors"].get("timestamps", getlink=True)
        assert isinstance(link, h5py.SoftLink)


def test_a_file_with_results_validates(session, validating):
    path = write_activation(make_estimate(make_emg(gap=True)), session, weights=b"weights")
    assert pynwb.validate(path=str(path)) == []


def test_nwbinspector_says_nothing_new(session):
    def messages(path):
        return {(m.check_function_name, m.location, m.message) for m in inspect_nwbfile(nwbfile_path=path)}

    before = messages(session)
    path = write_activation(make_estimate(make_emg(gap=True)), session, weights=WEIGHTS, name="gap")
    write_activation(make_estimate(make_emg()), path, in_place=True)
    assert messages(path) - before == set()


OPEN_WITHOUT_OUR_TYPES = """
import sys
sys.modules["ndx_muscle_activation"] = None
from pynwb import NWBHDF5IO, TimeSeries
with NWBHDF5IO(sys.argv[1], "r") as io:
    estimate = io.read().processing["behavior"]["AutoLFADS"]
    assert isinstance(estimate.activation, TimeSeries), type(estimate.activation)
    assert type(estimate).__module__ != "ndx_muscle_activation.estimate"
    print(estimate.activation.muscles.table["muscle_name"][:].tolist(), estimate.activation.data.shape, estimate.seed)
"""


def test_a_file_opens_where_our_packages_are_not_installed(result):
    command = [sys.executable, "-c", OPEN_WITHOUT_OUR_TYPES, str(result)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['TA', 'SOL', 'VL'] (1200, 3) 3"


def test_reading_needs_no_torch(result):
    code = (
        "import sys; from nwb_autolfads.results.read import read_activation; read_activation(sys.argv[1]); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(result)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_weights_come_back_byte_for_byte(result):
    assert read_weights(result) == WEIGHTS


def test_weights_of_a_hostile_size_are_refused_before_they_are_read(result, monkeypatch):
    monkeypatch.setattr(read, "MAX_WEIGHTS_BYTES", 99_999)
    with assert_refused(
        SourceError,
        "result.nwb, AutoLFADS: the weights are 100000 values of type uint8",
        "At most 99999 bytes (uint8) are read; do not trust this file.",
    ):
        read_weights(result)


def test_missing_weights_are_named(session):
    path = write_activation(make_estimate(make_emg(), everything=False), session)
    with assert_refused(
        SourceError,
        "session_activation.nwb, AutoLFADS: the estimate was written without the weights of its model",
        "Write it with weights, or use the file of the model.",
    ):
        read_weights(path)


def test_estimates_stand_side_by_side_and_share_the_muscles_table(session):
    emg = make_emg()
    path = write_activation(make_estimate(emg), session)
    low_pass = make_estimate(emg, seed=1, everything=False, estimator="LowPass")
    write_activation(low_pass, path, in_place=True)
    assert list_estimates(path) == ["AutoLFADS", "LowPass"]
    xr.testing.assert_identical(read_activation(path, "LowPass"), low_pass)
    with h5py.File(path) as file:
        assert sorted(file["processing/behavior"]) == ["AutoLFADS", "LowPass", "muscles", "speed"]


def test_an_estimate_of_other_muscles_brings_its_own_table(session):
    one, other = (
        make_estimate(make_emg(), everything=False),
        make_estimate(make_emg(("RF", "VM"), seed=4), everything=False, estimator="Other"),
    )
    path = write_activation(one, session)
    write_activation(other, path, in_place=True)
    xr.testing.assert_identical(read_activation(path, "AutoLFADS"), one)
    xr.testing.assert_identical(read_activation(path, "Other"), other)
    with h5py.File(path) as file:
        assert file["processing/behavior/muscles_2/muscle_name"].asstr()[:].tolist() == ["RF", "VM"]


def test_which_estimate_is_meant_must_be_clear(session):
    emg = make_emg()
    path = write_activation(make_estimate(emg, everything=False), session, name="first")
    write_activation(make_estimate(emg, everything=False), path, in_place=True, name="second")
    with assert_refused(
        SourceError,
        "session_activation.nwb, processing/behavior: which estimate is meant is not clear",
        "Give a name: there are first, second.",
    ):
        read_activation(path)
    with assert_refused(
        SourceError,
        "session_activation.nwb, processing/behavior: no estimate is called 'third'",
        "In the file there are first, second.",
    ):
        read_activation(path, "third")
    with assert_refused(
        SourceError,
        "session.nwb, processing/behavior: no estimate of muscle activation is in the file",
        "Write one first.",
    ):
        read_activation(session)


def test_a_file_that_is_not_nwb_is_named(tmp_path):
    (tmp_path / "notes.nwb").write_text("no HDF5")
    with assert_refused(SourceError, "notes.nwb: is not an NWB file (no HDF5 in it)", "Give the path of an NWB file"):
        list_estimates(tmp_path / "notes.nwb")
    with assert_refused(SourceError, "absent.nwb: there is no such file", "Check the path"):
        list_estimates(tmp_path / "absent.nwb")


def test_the_identifier_stays_so_that_a_result_file_can_be_the_next_source(result):
    with NWBHDF5IO(result, "r") as io:
        assert io.read().identifier == IDENTIFIER


def test_a_dataset_the_file_has_no_place_for_is_refused(session):
    estimate = make_estimate(make_emg())
    with assert_refused(
        OutputError,
        "estimate: variable 'other' has dimensions ('time',), for which there is no place in the file",
        "It must have ('muscle',).",
    ):
        write_activation(estimate.assign(other=("time", estimate["time"].values)), session)
    with assert_refused(
        OutputError, "estimate: the estimate has no 'activation'", "Write what an estimator of this package returned."
    ):
        write_activation(estimate.drop_vars("activation"), session)


RETURNED = "Write what an estimator of this package returned."


@pytest.mark.parametrize(
    ("broken", "problem", "way_out"),
    [
        (lambda found: found["activation"], "an estimate is an xarray Dataset, not 'DataArray'", RETURNED),
        (
            lambda found: found.drop_vars("scale"),
            "estimate: the estimate has no 'scale' to the unit of the recording",
            "Give one for each muscle: assign_coords(scale=('muscle', [...])), 1.0 where values are in that unit.",
        ),
        (
            lambda found: found.assign(activation=found["activation"].astype(str)),
            "estimate, activation: it is <U32 of shape (20, 3), not numbers of time and muscle",
            RETURNED,
        ),
        (
            lambda found: found.assign(activation=found["activation"].astype(complex)),
            "estimate, activation: it is complex128 of shape (20, 3), not numbers of time and muscle",
            RETURNED,
        ),
        (
            lambda found: found.isel(time=slice(None, None, -1)),
            "estimate, time: it does not ascend: a step of -0.002 s",
            RETURNED,
        ),
        (
            lambda found: found.assign_coords(time=np.zeros(20)),
            "estimate, time: it does not ascend: a step of 0 s",
            RETURNED,
        ),
        (
            lambda found: found.assign_coords(time=[str(at) for at in range(20)]),
            "estimate, time: times are of type <U2, not numbers (s)",
            RETURNED,
        ),
    ],
)
def test_what_could_not_be_read_back_is_not_written(session, broken, problem, way_out):
    estimate = make_estimate(make_emg(n_bins=20), everything=False)
    with assert_refused(OutputError, problem, way_out):
        write_activation(broken(estimate), session)
    assert not session.with_name(f"{session.stem}_activation.nwb").exists()
