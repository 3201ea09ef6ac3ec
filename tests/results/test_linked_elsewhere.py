"""A result that names its source needs nothing of it on this machine: a file at an address, and Zarr."""

from __future__ import annotations

import numpy as np
import pynwb
import pytest
from builders import file_with_electrical_series, raw_emg
from messages import assert_refused
from pynwb import NWBHDF5IO
from range_server import serve

import nwb_autolfads as nal
from nwb_autolfads.cli import main
from nwb_autolfads.errors import OutputError

pytest.importorskip("remfile", reason="reading over the network needs the extra streaming")
nwb_zarr = pytest.importorskip("hdmf_zarr.nwb", reason="NWB in Zarr needs the extra zarr")

KINDS = ["https", "zarr_folder", "zarr_address"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("served")
    file_with_electrical_series(made / "session.nwb", raw_emg(20_000), locations=["TA", "SOL", "MG"], conversion=1e-6)
    with (
        NWBHDF5IO(made / "session.nwb", "r") as source,
        nwb_zarr.NWBZarrIO(str(made / "session.nwb.zarr"), mode="w") as target,
    ):
        target.export(src_io=source, write_args={"link_data": False})
    return made


@pytest.fixture
def sources(folder):
    with serve(folder) as server:
        addresses = [
            server.address("session.nwb"),
            str(folder / "session.nwb.zarr"),
            server.address("session.nwb.zarr"),
        ]
        yield dict(zip(KINDS, addresses, strict=True))


def estimated(source):
    with nal.open_emg(source) as recording:
        emg = nal.preprocess(recording)
    return nal.LowPass(cutoff=20.0).fit(emg).estimate(emg)


@pytest.mark.parametrize("kind", [k if k == "zarr_address" else pytest.param(k, marks=pytest.mark.slow) for k in KINDS])
def test_it_says_what_one_of_a_file_of_this_machine_says(sources, folder, tmp_path, kind, validating):
    made = nal.write_activation(estimated(sources[kind]), sources[kind], tmp_path / "made.nwb", link=True)
    of_file = nal.write_activation(
        estimated(folder / "session.nwb"), folder / "session.nwb", tmp_path / "of_file.nwb", link=True
    )
    assert pynwb.validate(path=str(made)) == []
    np.testing.assert_array_equal(nal.read_activation(made)["activation"], nal.read_activation(of_file)["activation"])
    with NWBHDF5IO(made, "r") as ours, NWBHDF5IO(of_file, "r") as theirs:
        new, old = ours.read(), theirs.read()
        for name in ("session_description", "session_start_time", "session_id", "institution", "lab"):
            assert getattr(new, name) == getattr(old, name), name
        assert new.subject.fields == old.subject.fields
        named, expected = (each.processing["behavior"]["LowPass"] for each in (new, old))
        assert named.source_file == (sources[kind] if kind != "zarr_folder" else "session.nwb.zarr")
        assert (named.source_identifier, named.source_object_id) == (
            expected.source_identifier,
            expected.source_object_id,
        )
        assert list(new.acquisition) == []


def test_the_command_line_writes_the_same(sources, tmp_path):
    out = tmp_path / "out.nwb"
    with pytest.raises(SystemExit) as ended:
        main(["run", sources["https"], "--estimator", "lowpass", "--link", "--out", str(out)])
    assert ended.value.code == 0
    with NWBHDF5IO(out, "r") as io:
        assert list(io.read().acquisition) == []
    assert nal.read_activation(out).sizes["muscle"] > 0


def test_an_estimate_of_another_file_is_refused(sources, tmp_path):
    estimate = estimated(sources["https"])
    estimate.attrs["origin"] = estimate.attrs["origin"].replace('"file_identifier": "', '"file_identifier": "another-')
    with pytest.raises(OutputError, match="the estimate was made from another file"):
        nal.write_activation(estimate, sources["https"], tmp_path / "out.nwb", link=True)
    assert not (tmp_path / "out.nwb").exists()


@pytest.mark.parametrize("how", [{}, {"link": True}, {"target": "out.nwb"}, {"in_place": True}])
def test_what_has_no_place_of_its_own_needs_a_target_and_a_link(sources, tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    with assert_refused(
        OutputError,
        f"{sources['https']}: is no file on this machine that the result could go into or beside",
        "Name a new file, and let it name its source instead of copying it (target, link=True).",
    ):
        nal.write_activation(estimated(sources["https"]), sources["https"], **how)
