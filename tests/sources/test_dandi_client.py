"""The real client of the DANDI archive against an archive on this machine: listed, found, and read by ranges."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import nwb_autolfads as nal
from nwb_autolfads.sources.opening.dandi import dandiset_of, files_of_dandiset

pytest.importorskip("dandi", reason="dandi is in the extras 'dandi' and 'interop'")

SOURCE = Path(__file__).resolve().parents[2] / "docs" / "loopback_archive.py"
NAME = "sub-01/sub-01_ses-walk.nwb"


@pytest.fixture(scope="module")
def loopback():
    spec = importlib.util.spec_from_file_location("loopback_archive", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def archive(loopback, tmp_path, monkeypatch):
    (tmp_path / "sub-01").mkdir()
    nal.simulate_session(tmp_path / NAME, seed=0, duration=60.0)
    monkeypatch.setenv("DANDI_NO_ET", "1")
    with loopback.serve(tmp_path) as archive:
        monkeypatch.setenv("DANDI_INSTANCE", archive.address)
        yield archive


def test_a_dandiset_is_listed_and_a_file_of_it_read_in_parts(archive, tmp_path):
    (address,) = files_of_dandiset(dandiset_of("DANDI:000999"))
    assert address == f"dandi://000999@0.260101.1200/{NAME}"
    with nal.open_emg(address) as recording:
        streamed = recording.read(0, 1000)
    with nal.open_emg(tmp_path / NAME) as recording:
        np.testing.assert_array_equal(streamed, recording.read(0, 1000))
    assert 0 < archive.sent < (tmp_path / NAME).stat().st_size
    assert f"/blobs/{next(iter(archive.assets()))}" in archive.asked


def test_a_file_that_the_dandiset_has_not_is_said(archive):
    with pytest.raises(
        nal.SourceError, match=r"the archive does not give it \(NotFoundError: No asset at path 'sub-02"
    ):
        nal.open_emg("dandi://000999/sub-02/sub-02_ses-walk.nwb")
