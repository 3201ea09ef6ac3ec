"""NWB in Zarr at an address: the samples that were written, each object fetched once, and every failure said."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from builders import file_with_electrical_series, raw_emg
from messages import assert_refused
from pynwb import NWBHDF5IO
from range_server import serve

import nwb_autolfads as nal
from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.contents import list_contents
from nwb_autolfads.sources.opening import http, remote_zarr
from nwb_autolfads.sources.opening.nwb import open_nwb

nwb_zarr = pytest.importorskip("hdmf_zarr.nwb", reason="NWB in Zarr needs the extra zarr")
pytest.importorskip("requests", reason="reading over the network needs the extra streaming")

N_SAMPLES, CHUNK = 200_000, 4096
DATA = (raw_emg(N_SAMPLES) * 500).astype(np.int16)


def as_zarr(hdf5, target):
    from hdmf_zarr import ZarrDataIO

    with NWBHDF5IO(hdf5, "r") as source:
        nwbfile = source.read()
        series = nwbfile.acquisition["EMG"]
        series.set_data_io("data", ZarrDataIO, data_io_kwargs={"chunks": (CHUNK, DATA.shape[1])})
        with nwb_zarr.NWBZarrIO(str(target), mode="w") as io:
            io.export(src_io=source, nwbfile=nwbfile, write_args={"link_data": False})
    return target


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    file_with_electrical_series(folder / "a.nwb", DATA, locations=["TA", "SOL", "MG"], conversion=1e-6)
    as_zarr(folder / "a.nwb", folder / "a walk.nwb.zarr")
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made / "a walk.nwb.zarr", tmp_path / "served" / "a walk.nwb.zarr")


@pytest.fixture
def server(folder, monkeypatch):
    monkeypatch.setattr(http.time, "sleep", lambda seconds: None)
    with serve(folder.parent) as running:
        yield running


def chunk_names(server):
    return [name for name in server.asked if "/EMG/data/" in name and not name.rpartition("/")[2].startswith(".")]


@pytest.mark.parametrize("end", ["", "/"])
def test_samples_names_and_units_are_those_that_were_written(server, end):
    with open_emg(server.address("a%20walk.nwb.zarr") + end) as recording:
        assert recording.muscles == ("TA", "SOL", "MG")
        assert (recording.rate, recording.unit) == (1000.0, "V")
        np.testing.assert_allclose(recording.read(4000, 9000), DATA[4000:9000] * 1e-6, rtol=1e-5)


def test_only_the_chunks_that_are_needed_are_fetched_and_each_once(server):
    with open_emg(server.address("a%20walk.nwb.zarr")) as recording:
        first = unread(server) // CHUNK
        before, part = len(server.asked), slice(first * CHUNK, first * CHUNK + CHUNK + 1)
        np.testing.assert_allclose(recording.read(part.start, part.stop), DATA[part] * 1e-6, rtol=1e-5)
        recording.read(part.start, part.stop)
    assert (
        f"{first}.0" in {name.rpartition("/")[2] for name in server.asked[before:]} <= {f"{first}.0", f"{first + 1}.0"}
    )
    fetched = chunk_names(server)
    assert len(fetched) == len(set(fetched)) < N_SAMPLES / CHUNK


def test_it_is_inspected_like_a_file_of_this_machine(server, folder):
    there, here = list_contents(server.address("a%20walk.nwb.zarr")), list_contents(folder)

    def told(contents):
        found = [each.candidate for each in contents.emg]
        return [(each.path, each.shape, each.rate, each.unit, each.muscles, each.reasons) for each in found]

    assert told(there) == told(here) != []


def test_types_that_the_file_describes_itself_are_read(made, tmp_path):
    with nal.open_emg(made / "a.nwb") as recording:
        emg = nal.preprocess(recording)
    nal.write_activation(nal.LowPass(cutoff=20.0).fit(emg).estimate(emg), made / "a.nwb", tmp_path / "r.nwb")
    with (
        NWBHDF5IO(tmp_path / "r.nwb", "r") as source,
        nwb_zarr.NWBZarrIO(str(tmp_path / "r.nwb.zarr"), mode="w") as target,
    ):
        target.export(src_io=source, write_args={"link_data": False})
    with serve(tmp_path) as server, open_nwb(server.address("r.nwb.zarr")) as opened:
        assert opened.nwbfile.processing["behavior"]["LowPass"].neurodata_type == "ActivationEstimate"
        assert opened.notes == ()


def test_a_dropped_connection_is_tried_again_and_one_that_stays_lost_is_said(server):
    with open_emg(server.address("a%20walk.nwb.zarr")) as recording:
        server.drops, start = 2, unread(server)
        np.testing.assert_allclose(recording.read(start, start + 9), DATA[start : start + 9] * 1e-6, rtol=1e-5)
        assert server.drops == 0
        server.drops = 10**9
        with pytest.raises(SourceError, match=r"a%20walk\.nwb\.zarr.*cannot be reached \(\w+"):
            recording.read(unread(server), unread(server) + 1)


def unread(server):
    """Return a sample of which no neighbour was looked at when the EMG was opened."""
    looked_at = {int(name.rpartition("/")[2].split(".")[0]) for name in chunk_names(server)}
    return CHUNK * next(number for number in range(N_SAMPLES // CHUNK) if number not in looked_at) + 10


def test_nothing_is_read_in_place_of_a_chunk_that_is_too_large(server, monkeypatch):
    with open_emg(server.address("a%20walk.nwb.zarr")) as recording:
        monkeypatch.setattr(remote_zarr, "MAX_CHUNK_BYTES", 1)
        with pytest.raises(SourceError, match=r"acquisition/EMG/data/\d+\.0: has more than 0 MB"):
            recording.read(unread(server), unread(server) + 1)


def test_a_disk_that_is_full_is_no_chunk_of_zeros(server, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with open_emg(server.address("a%20walk.nwb.zarr")) as recording:
        monkeypatch.setattr(remote_zarr.Path, "write_bytes", full)
        with pytest.raises(SourceError, match=r"data/\d+\.0: cannot be kept while it is read \(OSError"):
            recording.read(unread(server), unread(server) + 1)


def test_closing_removes_what_was_kept(server, tmp_path, monkeypatch):
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setattr(remote_zarr.tempfile, "tempdir", str(kept))
    with open_emg(server.address("a%20walk.nwb.zarr")):
        assert any(kept.iterdir())
    assert not any(kept.iterdir())


def test_without_consolidated_metadata_the_way_out_is_said(server, folder):
    (folder / ".zmetadata").unlink()
    address = server.address("a%20walk.nwb.zarr")
    with assert_refused(
        SourceError,
        f"{address}: there is no .zmetadata below this address: no Zarr (version 2), or its metadata are not "
        "consolidated",
        "Check the address, consolidate them (zarr.consolidate_metadata), or download the folder",
    ):
        open_emg(address)


def test_a_server_that_sends_elsewhere_is_not_followed(server):
    server.moved["a walk.nwb.zarr/.zmetadata"] = "http://127.0.0.1:9/elsewhere"
    address = server.address("a%20walk.nwb.zarr/")
    with assert_refused(
        SourceError,
        f"{address}, .zmetadata: its server sends to http://127.0.0.1:9/elsewhere instead",
        "Give that address, if you trust it",
    ):
        open_emg(address)


@pytest.mark.parametrize("source", ["../elsewhere.zarr", "/etc", "https://example.org/b.zarr"])
def test_links_and_references_to_elsewhere_are_refused(server, folder, source):
    together = folder / ".zmetadata"
    metadata = json.loads(together.read_text())
    link = {"name": "more", "source": source, "path": "/acquisition/EMG"}
    metadata["metadata"]["acquisition/.zattrs"] = {"zarr_link": [link]}
    together.write_text(json.dumps(metadata))
    with pytest.raises(SourceError, match=f"acquisition/more: reads its data from {source}, which an address cannot"):
        open_emg(server.address("a%20walk.nwb.zarr"))


def test_chunks_that_no_memory_should_be_taken_for_are_refused_here_and_there(server, folder):
    together = folder / ".zmetadata"
    metadata = json.loads(together.read_text())
    metadata["metadata"]["acquisition/EMG/data/.zarray"]["chunks"] = [10**9, 3]
    together.write_text(json.dumps(metadata))
    (folder / "acquisition/EMG/data/.zarray").write_text(
        json.dumps(metadata["metadata"]["acquisition/EMG/data/.zarray"])
    )
    for source in (server.address("a%20walk.nwb.zarr"), folder):
        with pytest.raises(SourceError, match="acquisition/EMG/data: has chunks of 6000 MB, more than 256 MB"):
            open_emg(source)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "ValueError: a list"),
        ("{}", "holds no metadata of Zarr"),
        ('{"metadata": 5}', "holds no metadata of Zarr"),
        ('{"metadata": {".zgroup": {"zarr_format": 2}}}', "cannot be read as NWB"),
        (json.dumps({"metadata": {"a/" * 60 + ".zgroup": {}}}), "more than 50 deep"),
    ],
)
def test_metadata_that_are_none_are_refused(server, folder, content, reason):
    (folder / ".zmetadata").write_text(content)
    with pytest.raises(SourceError, match=reason):
        open_emg(server.address("a%20walk.nwb.zarr"))
