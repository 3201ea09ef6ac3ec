"""An estimate that exists, written by NeuroConv beside a recording."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from messages import assert_refused
from nwb_examples import make_emg, make_estimate, write_session
from pynwb import NWBHDF5IO, NWBFile
from pynwb import validate as nwb_errors

import nwb_autolfads as nal
from nwb_autolfads.errors import OutputError, SourceError
from nwb_autolfads.results.read import read_weights

neuroconv = pytest.importorskip("neuroconv", reason="neuroconv is in the extra 'neuroconv'")

from neuroconv.tools.testing.mock_interfaces import MockRecordingInterface  # noqa: E402

from nwb_autolfads.interfaces.neuroconv import AutoLFADSActivationInterface  # noqa: E402

START = datetime(2026, 1, 1, tzinfo=UTC)  # of `write_session`


class Session(neuroconv.NWBConverter):
    """A recording and what was estimated from it."""

    data_interface_classes = {"Recording": MockRecordingInterface, "Activation": AutoLFADSActivationInterface}  # noqa: RUF012


@pytest.fixture(scope="module")
def estimate():
    return make_estimate(make_emg(gap=True))


@pytest.fixture(scope="module")
def result(tmp_path_factory, estimate):
    session = write_session(tmp_path_factory.mktemp("session") / "session.nwb")
    path = nal.write_activation(estimate, session, weights=b"weights of the model")
    low_pass = make_estimate(make_emg(), estimator="LowPass", everything=False)
    return nal.write_activation(low_pass, path, in_place=True)


def converted(result, folder, backend="hdf5", estimate_name="AutoLFADS", metadata=None, **options):
    source = {
        "Recording": {"durations": [3.0]},
        "Activation": {"file_path": str(result), "estimate_name": estimate_name},
    }
    converter = Session(source)
    made = folder / ("session.nwb.zarr" if backend == "zarr" else "session.nwb")
    all_metadata = converter.get_metadata()
    all_metadata.update(metadata or {})
    arguments = {"metadata": all_metadata, "conversion_options": {"Activation": options}}
    converter.run_conversion(nwbfile_path=made, backend=backend, **arguments)
    return made


def test_a_converter_writes_the_estimate_beside_the_recording(result, estimate, tmp_path):
    made = converted(result, tmp_path)
    xr.testing.assert_identical(nal.read_activation(made), estimate)
    assert nwb_errors(path=str(made)) == []
    with NWBHDF5IO(made, "r") as io:
        nwbfile = io.read()
        assert len(nwbfile.acquisition) == 1
        assert nwbfile.session_start_time == START


def test_the_estimate_is_in_a_zarr_store_too(result, estimate, tmp_path):
    hdmf_zarr = pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is in the extra 'zarr'")
    made = converted(result, tmp_path, backend="zarr")
    with hdmf_zarr.NWBZarrIO(str(made), "r") as io:
        written = io.read().processing["behavior"]["AutoLFADS"].activation
        np.testing.assert_array_equal(written.data[:], estimate["activation"])


def test_the_model_goes_with_it_where_that_is_asked_for(result, tmp_path):
    assert read_weights(converted(result, tmp_path, with_model=True)) == b"weights of the model"
    without = converted(result, tmp_path_of(tmp_path, "without"))
    with pytest.raises(SourceError, match="the estimate was written without the weights"):
        read_weights(without)


def tmp_path_of(folder, name):
    (folder / name).mkdir()
    return folder / name


def test_two_estimates_of_one_file_go_into_one_session(result, tmp_path):
    nwbfile = NWBFile("Walking.", "both", START)
    for name in ("AutoLFADS", "LowPass"):
        AutoLFADSActivationInterface(result, estimate_name=name).add_to_nwbfile(nwbfile)
    with NWBHDF5IO(tmp_path / "both.nwb", "w") as io:
        io.write(nwbfile)
    assert nal.read_activation(tmp_path / "both.nwb", "LowPass").attrs["estimator"] == "LowPass"
    with assert_refused(
        OutputError, "both, processing/behavior/LowPass: the name is in the file already", "Choose another name."
    ):
        AutoLFADSActivationInterface(result, estimate_name="LowPass").add_to_nwbfile(nwbfile)


def test_which_estimate_is_meant_must_be_clear(result):
    problem = f"{Path(result).name}, processing/behavior: which estimate is meant is not clear"
    with assert_refused(SourceError, problem, "Give a name: there are AutoLFADS, LowPass."):
        AutoLFADSActivationInterface(result)


def test_a_session_that_starts_at_another_time_needs_an_offset(result, estimate):
    later = NWBFile("Walking.", "later", START + timedelta(seconds=30))
    interface = AutoLFADSActivationInterface(result, estimate_name="AutoLFADS")
    problem = (
        f"{Path(result).name}, AutoLFADS: its session starts at 2026-01-01T00:00:00+00:00, "
        "the one to be written at 2026-01-01T00:00:30+00:00"
    )
    way_out = "Give one session_start_time in the metadata, or the conversion option time_offset (s)"
    with assert_refused(SourceError, problem, way_out):
        interface.add_to_nwbfile(later)
    interface.add_to_nwbfile(later, time_offset=-30.0)
    written = later.processing["behavior"]["AutoLFADS"]
    np.testing.assert_allclose(written.activation.timestamps.data, estimate["time"] - 30.0)
    np.testing.assert_allclose(written.initial_conditions["window_start"].data[:], estimate["window_start"] - 30.0)


def test_options_are_described_for_whoever_fills_them_in(result):
    options = AutoLFADSActivationInterface(result, estimate_name="LowPass").get_conversion_options_schema()
    assert set(options["properties"]) == {"with_model", "time_offset"}
    assert all(option["description"] for option in options["properties"].values())
    assert options["additionalProperties"] is False
    source = AutoLFADSActivationInterface.get_source_schema()
    assert source["required"] == ["file_path"]
