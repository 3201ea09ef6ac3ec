"""NWB in Zarr is read like NWB in HDF5, and nothing that is pickled in it runs."""

from __future__ import annotations

import json
import os
import pickle
import sys

import numcodecs.pickles
import numpy as np
import pytest
from builders import emg_series, file_with_electrical_series, new_nwbfile, raw_emg, save
from pynwb import NWBHDF5IO

from nwb_autolfads.cli import main
from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.opening.nwb import open_nwb

nwb_zarr = pytest.importorskip("hdmf_zarr.nwb", reason="NWB in Zarr needs the extra zarr")


@pytest.fixture
def zarr_file(tmp_path):
    data = (raw_emg(2000) * 500).astype(np.int16)
    path = file_with_electrical_series(tmp_path / "a.nwb", data, locations=["TA", "SOL", "MG"], conversion=1e-6)
    with NWBHDF5IO(path, "r") as source, nwb_zarr.NWBZarrIO(str(tmp_path / "a.nwb.zarr"), mode="w") as target:
        target.export(src_io=source, write_args={"link_data": False})
    return tmp_path / "a.nwb.zarr", data


class RunsWhenUnpickled:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def message_of(source) -> str:
    with pytest.raises(SourceError) as caught:
        open_emg(source)
    return str(caught.value)


def test_zarr_is_read_with_names_units_and_conversion(zarr_file):
    path, data = zarr_file
    with open_emg(path) as recording:
        assert recording.muscles == ("TA", "SOL", "MG")
        assert (recording.rate, recording.unit) == (1000.0, "V")
        np.testing.assert_allclose(recording.read(100, 200), data[100:200] * 1e-6, rtol=1e-5)


def test_what_is_pickled_in_zarr_does_not_run(zarr_file, monkeypatch):
    path, _ = zarr_file
    monkeypatch.chdir(path.parent)
    column = path / "general" / "extracellular_ephys" / "electrodes" / "group"
    layout = json.loads((column / ".zarray").read_text())
    assert layout["filters"] == [{"id": "pickle", "protocol": 5}]
    harmful = numcodecs.pickles.Pickle().encode(np.array([RunsWhenUnpickled()] * 3, dtype=object))
    (column / "0").write_bytes(numcodecs.get_codec(layout["compressor"]).encode(harmful))
    with (
        pytest.raises(pickle.UnpicklingError, match=r"the file asks to run \w+\.mkdir, which no data need"),
        open_nwb(path) as opened,
    ):
        opened.nwbfile.electrodes["group"].data[:]
    assert not (path.parent / "ran").exists()


def test_links_to_zarr_elsewhere_are_refused(zarr_file):
    path, _ = zarr_file
    together = path / ".zmetadata"
    metadata = json.loads(together.read_text())
    link = {"name": "more", "source": "../../elsewhere.zarr", "path": "/acquisition/EMG"}
    metadata["metadata"]["acquisition/.zattrs"] = {"zarr_link": [link]}
    together.write_text(json.dumps(metadata))
    assert "acquisition/more: reads its data from" in message_of(path)
    assert "elsewhere.zarr, outside the folder of the file" in message_of(path)


def test_a_folder_without_zarr_and_a_missing_package_are_said(zarr_file, tmp_path, monkeypatch):
    path, _ = zarr_file
    assert "is a folder. Give the path of an NWB file (HDF5 or Zarr)" in message_of(tmp_path)
    monkeypatch.setitem(sys.modules, "hdmf_zarr.nwb", None)
    assert 'Install it with pip install "nwb-autolfads[zarr]"' in message_of(path)


def test_a_result_of_zarr_takes_session_and_subject_from_it(tmp_path):
    nwbfile = new_nwbfile()
    nwbfile.add_acquisition(emg_series(raw_emg(2000), comments="columns: TA, SOL, MG"))
    with (
        NWBHDF5IO(save(nwbfile, tmp_path / "a.nwb"), "r") as source,
        nwb_zarr.NWBZarrIO(str(tmp_path / "a.nwb.zarr"), mode="w") as target,
    ):
        target.export(src_io=source, write_args={"link_data": False})
    out = tmp_path / "out.nwb"
    with pytest.raises(SystemExit) as ended:
        main(["run", str(tmp_path / "a.nwb.zarr"), "--estimator", "lowpass", "--out", str(out)])
    assert ended.value.code == 0
    with open_nwb(out) as opened:
        subject, given = opened.nwbfile.subject, nwbfile.subject
        assert opened.nwbfile.session_start_time == nwbfile.session_start_time
        assert (subject.subject_id, subject.species, subject.sex) == (given.subject_id, given.species, given.sex)
        assert "LowPass" in opened.nwbfile.processing["behavior"].data_interfaces


@pytest.mark.parametrize("file", [".zmetadata", "acquisition/.zattrs", "acquisition/EMG/data/.zarray"])
def test_metadata_that_are_no_json_are_refused(zarr_file, file):
    path, _ = zarr_file
    (path / file).write_text("{")
    assert "is no JSON metadata of Zarr (JSONDecodeError" in message_of(path)


def test_chunks_that_lie_elsewhere_and_pipes_in_their_place_are_refused(zarr_file, tmp_path):
    path, _ = zarr_file
    chunk = next(each for each in (path / "acquisition/EMG/data").iterdir() if not each.name.startswith("."))
    folder = tmp_path / "session"
    folder.mkdir()
    path = path.rename(folder / "a.nwb.zarr")
    chunk = path / "acquisition/EMG/data" / chunk.name
    (tmp_path / "secret").write_bytes(chunk.read_bytes())
    chunk.unlink()
    chunk.symlink_to(tmp_path / "secret")
    assert f"acquisition/EMG/data/{chunk.name}: is a link out of the folder of the file" in message_of(path)
    chunk.unlink()
    os.mkfifo(chunk)
    assert f"acquisition/EMG/data/{chunk.name}: is a pipe, not a file" in message_of(path)


def test_zarr_beside_it_that_reads_from_elsewhere_is_refused(zarr_file):
    path, _ = zarr_file
    beside = path.parent / "beside.zarr"
    beside.mkdir()
    (beside / ".zgroup").write_text('{"zarr_format": 2}')
    link = {"name": "more", "source": "../beside.zarr", "path": "/"}
    (path / "acquisition" / ".zattrs").write_text(json.dumps({"zarr_link": [link]}))
    further = {"name": "far", "source": "../../elsewhere.zarr", "path": "/"}
    (beside / ".zattrs").write_text(json.dumps({"zarr_link": [further]}))
    assert "far: reads its data from" in message_of(path)
    assert "elsewhere.zarr, outside the folder of the file" in message_of(path)
    further["source"] = "https://example.org/a.zarr"
    (beside / ".zattrs").write_text(json.dumps({"zarr_link": [further]}))
    assert "reads its data from https://example.org/a.zarr, outside the folder" in message_of(path)
