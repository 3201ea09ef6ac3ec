"""Over the network only what is needed is fetched, a lost connection is tried again, and every failure is said."""

from __future__ import annotations

import sys
import types

import h5py
import numpy as np
import pytest
from builders import file_with_2d_series, new_nwbfile, raw_emg, save
from hdmf.backends.hdf5.h5_utils import H5DataIO
from pynwb import TimeSeries
from range_server import serve

from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.contents import list_contents
from nwb_autolfads.sources.opening import http, remote

remfile = pytest.importorskip("remfile", reason="reading over the network needs the extra streaming")

N_SAMPLES, N_MUSCLES = 600_000, 8  # 5 minutes at 2 kHz: 9.6 MB of 16-bit samples


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    """200 MB, of which 9.6 MB are EMG between two large signals that nobody asks for."""
    path = tmp_path_factory.mktemp("served") / "large.nwb"
    nwbfile = new_nwbfile()
    filler = np.zeros((1_000_000, 1), dtype=np.int16) + np.arange(48, dtype=np.int16)
    data = (raw_emg(N_SAMPLES, N_MUSCLES) * 500).astype(np.int16)
    emg = H5DataIO(data, chunks=(16384, N_MUSCLES))
    for name, values in (("video_motion", filler), ("EMG", emg), ("broadband", filler)):
        values = values if name == "EMG" else H5DataIO(values, chunks=(10_000, 48))
        unit, rate = ("volts", 2000.0) if name == "EMG" else ("degrees", 30000.0)
        nwbfile.add_acquisition(TimeSeries(name=name, data=values, unit=unit, rate=rate, conversion=1e-6))
    return save(nwbfile, path), data


@pytest.fixture
def server(large_file):
    with serve(large_file[0].parent) as running:
        yield running


def message_of(source) -> str:
    with pytest.raises(SourceError) as caught:
        open_emg(source)
    return str(caught.value)


def test_inspecting_a_file_of_200_mb_fetches_less_than_5_mb(large_file, server):
    assert large_file[0].stat().st_size > 195e6
    contents = list_contents(server.address("large.nwb"))
    assert [(each.candidate.path, each.likely) for each in contents.emg] == [("acquisition/EMG", True)]
    assert server.sent < 5e6


def test_reading_and_preprocessing_fetch_the_emg_and_little_more(large_file, server):
    path, data = large_file
    with h5py.File(path) as plain:
        stored = plain["acquisition/EMG/data"].id.get_storage_size()
    with open_emg(server.address("large.nwb")) as recording:
        np.testing.assert_allclose(recording.read(5000, 5100), data[5000:5100] * 1e-6, rtol=1e-5)
        emg = preprocess(recording)
    assert emg.sizes["time"] == N_SAMPLES / 4
    assert server.sent < 1.1 * stored


def test_nothing_is_fetched_twice_although_memory_holds_little(large_file, server, monkeypatch):
    monkeypatch.setattr(remote, "_MEMORY_BYTES", 256 * 1024)
    with open_emg(server.address("large.nwb")) as recording:
        once = recording.read(0, N_SAMPLES)
        sent = server.sent
        np.testing.assert_array_equal(recording.read(0, N_SAMPLES), once)
        assert server.sent == sent


def test_closing_removes_what_was_kept(large_file, server, tmp_path, monkeypatch):
    monkeypatch.setattr(remote.tempfile, "tempdir", str(tmp_path))
    with open_emg(server.address("large.nwb")):
        assert any(tmp_path.iterdir())
    assert not any(tmp_path.iterdir())


def test_a_dropped_connection_is_tried_again(large_file, server, monkeypatch):
    monkeypatch.setattr(remfile.RemFile.time, "sleep", lambda seconds: None)
    with open_emg(server.address("large.nwb")) as recording:
        server.drops = 2
        np.testing.assert_allclose(recording.read(300_000, 300_050), large_file[1][300_000:300_050] * 1e-6, rtol=1e-5)
        assert server.drops == 0


def test_a_connection_that_stays_lost_is_said_with_what_was_read(large_file, server, monkeypatch):
    monkeypatch.setattr(remfile.RemFile.time, "sleep", lambda seconds: None)
    with open_emg(server.address("large.nwb")) as recording:
        server.drops = 10**9
        with pytest.raises(SourceError, match=r"large\.nwb, acquisition/EMG: samples 300000 to 300050 cannot be read"):
            recording.read(300_000, 300_050)


def test_an_address_without_a_file_is_refused(server):
    assert "there is no such file at this address" in message_of(server.address("gone.nwb"))


def test_a_server_without_ranges_is_refused_and_not_read_in_whole(server):
    server.ranges = False
    assert "its server does not give parts of a file (no range requests). Download" in message_of(
        server.address("large.nwb")
    )


def test_a_server_that_is_not_there_is_tried_and_then_said(server, monkeypatch):
    monkeypatch.setattr(http.time, "sleep", lambda seconds: None)
    address = server.address("large.nwb")
    server.server_close()
    assert "cannot be reached (ConnectionError" in message_of(address)


def test_what_is_no_nwb_at_an_address_is_refused(tmp_path):
    (tmp_path / "notes.nwb").write_text("hello " * 100)
    with h5py.File(tmp_path / "other.nwb", "w") as file:
        file["data"] = [1, 2]
    linked = file_with_2d_series(tmp_path / "linked.nwb")
    with h5py.File(linked, "r+") as file:
        file["acquisition/EMG/more"] = h5py.ExternalLink("/etc/passwd", "/")
    with serve(tmp_path) as server:
        assert "is not an NWB file in HDF5" in message_of(server.address("notes.nwb"))
        assert "is HDF5 but not an NWB file" in message_of(server.address("other.nwb"))
        assert "reads its data from /etc/passwd, which an address cannot bring along" in message_of(
            server.address("linked.nwb")
        )
    assert "ftp:// is not a kind of address known here" in message_of("ftp://somewhere/a.nwb")


def test_public_s3_buckets_are_read_over_https():
    assert http.url_of("s3://dandiarchive/blobs/a b") == "https://dandiarchive.s3.amazonaws.com/blobs/a%20b"


class FakeClient:
    """As much of the DANDI client as is asked, with one dandiset of one file."""

    address = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def get_dandiset(self, dandiset, version=None):
        assert (dandiset, version) in {("000941", None), ("000941", "0.1")}
        return self

    def get_asset_by_path(self, path):
        if path != "sub-L/a.nwb":
            raise LookupError(f"No asset at path {path!r}")
        return self

    def get_content_url(self, *, follow_redirects, strip_query):
        return self.address


def test_a_dandiset_and_path_are_resolved_by_the_dandi_client(tmp_path, monkeypatch):
    module = types.ModuleType("dandi.dandiapi")
    module.DandiAPIClient = FakeClient
    monkeypatch.setitem(sys.modules, "dandi", types.ModuleType("dandi"))
    monkeypatch.setitem(sys.modules, "dandi.dandiapi", module)
    file_with_2d_series(tmp_path / "a.nwb")
    with serve(tmp_path) as server:
        FakeClient.address = server.address("a.nwb")
        for dandiset in ("000941", "000941@0.1"):
            with open_emg(f"dandi://{dandiset}/sub-L/a.nwb") as recording:
                assert recording.n_samples == 6000
    assert "the archive does not give it (LookupError: No asset at path 'b.nwb')" in message_of("dandi://000941/b.nwb")
    assert "names no file of a dandiset" in message_of("dandi://000941")


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "dandi.dandiapi", None)
    assert 'pip install "nwb-autolfads[dandi,streaming]"' in message_of("dandi://000941/a.nwb")
    monkeypatch.setitem(sys.modules, "remfile", None)
    assert 'pip install "nwb-autolfads[streaming]"' in message_of("https://somewhere/a.nwb")
