"""The real client of the DANDI archive against an archive on this machine: listed, found, and read by ranges."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import nwb_autolfads as nal
from nwb_autolfads.sources.opening.dandi import dandiset_of, files_of_dandiset

pytest.importorskip("dandi", reason="dandi is in the extras 'dandi' and 'interop'")

SOURCE = Path(__file__).resolve().parents[2] / "docs" / "loopback_archive.py"
NAME, IN_ZARR = "sub-01/sub-01_ses-walk.nwb", "sub-02/sub-02_ses-walk.nwb.zarr"


@pytest.fixture(scope="module")
def loopback():
    spec = importlib.util.spec_from_file_location("loopback_archive", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(loopback, tmp_path_factory):
    made = tmp_path_factory.mktemp("dandiset")
    loopback.write_dandiset(made)
    return made


@pytest.fixture
def archive(loopback, folder, monkeypatch):
    monkeypatch.setenv("DANDI_NO_ET", "1")
    with loopback.serve(folder) as archive:
        monkeypatch.setenv("DANDI_INSTANCE", archive.address)
        yield archive


def test_a_dandiset_is_listed_and_both_its_kinds_of_files_are_read_in_parts(archive, loopback, folder):
    addresses = files_of_dandiset(dandiset_of("DANDI:000999"))
    assert addresses == [f"dandi://000999@0.260101.1200/{name}" for name in (NAME, IN_ZARR)]
    for address, name, objects in zip(addresses, (NAME, IN_ZARR), ("/blobs/", "/zarr/"), strict=True):
        archive.asked.clear()
        before = archive.sent
        with nal.open_emg(address) as recording:
            streamed = recording.read(0, 1000)
            assert recording.origin.file == address
        with nal.open_emg(folder / name) as recording:
            np.testing.assert_array_equal(streamed, recording.read(0, 1000))
        assert 0 < archive.sent - before < loopback.size_of(folder / name)
        assert any(path.startswith(objects) for path in archive.asked)
        assert not any(path.endswith("/download/") for path in archive.asked if objects == "/zarr/")


def test_a_file_that_the_dandiset_has_not_is_said(archive):
    with pytest.raises(
        nal.SourceError, match=r"the archive does not give it \(NotFoundError: No asset at path 'sub-02"
    ):
        nal.open_emg("dandi://000999/sub-02/sub-02_ses-walk.nwb")
