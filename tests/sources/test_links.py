"""What a file may read from: itself and its own folder, at any depth, and nothing that leads back to itself."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from builders import file_with_2d_series, raw_emg

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files import limits
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.opening import links, walk

DATA = "acquisition/EMG/data"
TRUST = "If you trust it, say so with --outside-links (in Python: outside_links=True)"


@pytest.fixture
def recording(tmp_path):
    folder = tmp_path / "session"
    folder.mkdir()
    return file_with_2d_series(folder / "a.nwb")


@pytest.fixture
def secret(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["data"] = raw_emg(1000)
    return tmp_path / "secret.h5"


def message_of(path, **how) -> str:
    with pytest.raises(SourceError) as caught:
        open_emg(path, **how)
    return str(caught.value)


def put(path, make, place=DATA):
    """Put what ``make(file)`` returns, or makes, in the place of the EMG."""
    with h5py.File(path, "r+") as file:
        attributes = dict(file[place].attrs)
        del file[place]
        made = make(file)
        if made is not None:
            file[place] = made
        else:
            file[place].attrs.update(attributes)


def neighbour(recording, make):
    path = recording.parent / "neighbour.h5"
    with h5py.File(path, "w") as file:
        make(file)
    return path


def virtual(file, place, source, name, shape=(1000, 3)):
    layout = h5py.VirtualLayout(shape, "f8")
    layout[:] = h5py.VirtualSource(str(source), name, shape)
    file.create_virtual_dataset(place, layout)


def stored_outside(file, place, target):
    file.create_dataset(place, shape=(1000, 3), dtype="f8", external=[(str(target), 0, 24_000)])


ONE_HOP = {
    "external link": lambda secret: lambda file: file.__setitem__("data", h5py.ExternalLink(secret, "/data")),
    "virtual data set": lambda secret: lambda file: virtual(file, "data", secret, "data"),
    "external storage": lambda secret: lambda file: stored_outside(file, "data", secret),
}


@pytest.mark.parametrize("kind", ONE_HOP)
@pytest.mark.parametrize("way", ["external link", "virtual data set", "soft link"])
def test_data_of_another_folder_are_refused_after_two_hops(recording, secret, kind, way):
    neighbour(recording, ONE_HOP[kind](secret))
    if way == "external link":
        put(recording, lambda _: h5py.ExternalLink("neighbour.h5", "/data"))
    elif way == "virtual data set":
        put(recording, lambda file: virtual(file, DATA, "neighbour.h5", "data"))
    else:
        with h5py.File(recording, "r+") as file:
            file["scratch/beside"] = h5py.ExternalLink("neighbour.h5", "/")
        put(recording, lambda _: h5py.SoftLink("/scratch/beside/data"))
    said = message_of(recording)
    assert said.startswith(f"{recording}, /data: reads its data from {secret}, outside the folder of the file")
    assert said.endswith(TRUST)


def test_a_neighbour_that_keeps_its_own_data_is_read(recording):
    neighbour(recording, lambda file: file.__setitem__("data", raw_emg(1000)))
    put(recording, lambda file: virtual(file, DATA, "neighbour.h5", "data"))
    with open_emg(recording) as opened:
        np.testing.assert_allclose(opened.read(0, 1000), raw_emg(1000), rtol=1e-6)


def test_external_storage_is_what_hdf5_reads_and_not_a_file_of_the_same_name(recording, tmp_path, monkeypatch):
    # HDF5 takes relative names from the folder that the program runs in.
    (recording.parent / "values.bin").write_bytes(bytes(24_000))
    (tmp_path / "values.bin").write_bytes(bytes(24_000))
    put(recording, lambda file: stored_outside(file, DATA, "values.bin"))
    monkeypatch.chdir(tmp_path)
    assert "reads its data from values.bin, outside the folder of the file (external storage" in message_of(recording)
    monkeypatch.chdir(recording.parent)
    with open_emg(recording) as opened:
        assert not opened.read(0, 1000).any()


def test_a_link_beside_the_file_that_leads_out_of_the_folder_is_refused(recording, secret):
    (recording.parent / "beside.h5").symlink_to(secret)
    put(recording, lambda _: h5py.ExternalLink("beside.h5", "/data"))
    assert "reads its data from beside.h5, outside the folder of the file" in message_of(recording)


def test_a_recording_opened_by_a_link_reads_what_lies_beside_the_recording_itself(recording, tmp_path):
    neighbour(recording, lambda file: file.__setitem__("data", raw_emg(1000)))
    put(recording, lambda _: h5py.ExternalLink("neighbour.h5", "/data"))
    with h5py.File(tmp_path / "neighbour.h5", "w") as file:
        file["data"] = np.ones((1000, 3))
    (tmp_path / "link.nwb").symlink_to(recording)
    with h5py.File(recording, "r+") as file:
        file["acquisition/EMG/data"].attrs.update(unit="V", conversion=1.0, resolution=-1.0)
    with open_emg(tmp_path / "link.nwb") as opened:
        np.testing.assert_allclose(opened.read(0, 1000), raw_emg(1000), rtol=1e-6)


def test_a_pipe_that_a_file_reads_from_is_refused_without_blocking(recording):
    os.mkfifo(recording.parent / "pipe")
    put(recording, lambda _: h5py.ExternalLink("pipe", "/data"))
    assert "reads its data from pipe, which is a pipe, not a file" in message_of(recording)


def test_a_neighbour_that_is_no_hdf5_or_lacks_the_data_is_said(recording):
    (recording.parent / "neighbour.h5").write_bytes(b"nothing")
    put(recording, lambda _: h5py.ExternalLink("neighbour.h5", "/data"))
    assert "reads its data from neighbour.h5, which is no HDF5, or damaged" in message_of(recording)
    neighbour(recording, lambda file: file.create_group("other"))
    assert "links to /data, which is not in the file" in message_of(recording)


def test_virtual_data_sets_that_are_made_of_themselves_are_refused(tmp_path):
    itself, other, soft = (file_with_2d_series(tmp_path / f"{name}.nwb") for name in ("itself", "other", "soft"))
    put(itself, lambda file: virtual(file, DATA, ".", DATA))
    put(other, lambda file: virtual(file, DATA, ".", "b"))
    with h5py.File(other, "r+") as file:
        virtual(file, "b", ".", DATA)
    put(soft, lambda file: virtual(file, DATA, ".", "b"))
    with h5py.File(soft, "r+") as file:
        file["b"] = h5py.SoftLink(f"/{DATA}")
    # HDF5 itself ends in a segmentation fault on them.
    code = """
import sys, nwb_autolfads as nal
from nwb_autolfads.errors import SourceError
for path in sys.argv[1:]:
    try:
        nal.open_emg(path)
    except SourceError as error:
        print(error.problem)
"""
    command = [sys.executable, "-c", code, itself, other, soft]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    refused = "is a link back to a group that it lies in, or made of itself, so the file never ends\n"
    assert done.stdout == 3 * refused


def test_a_ring_of_virtual_data_sets_over_two_files_is_refused(recording):
    neighbour(recording, lambda file: virtual(file, "data", "a.nwb", DATA))
    put(recording, lambda file: virtual(file, DATA, "neighbour.h5", "data"))
    assert "made of itself, so the file never ends" in message_of(recording)


def test_virtual_data_sets_by_pattern_are_refused(recording):
    def by_pattern(file):
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        space = h5py.h5s.create_simple((1000, 3), (h5py.h5s.UNLIMITED, 3))
        space.select_hyperslab((0, 0), (h5py.h5s.UNLIMITED, 1), stride=(10, 3), block=(10, 3))
        creation.set_virtual(space, b"part-%b.h5", b"data", h5py.h5s.create_simple((10, 3)))
        h5py.h5d.create(file.id, DATA.encode(), h5py.h5t.IEEE_F64LE, space, creation)

    put(recording, by_pattern)
    assert "maps files or data sets by a pattern (part-%b.h5, data), which is not read" in message_of(recording)


def test_rings_of_soft_links_and_of_groups_are_refused(recording):
    with h5py.File(recording, "r+") as file:
        file["scratch/a"] = h5py.SoftLink("/scratch/b")
        file["scratch/b"] = h5py.SoftLink("/scratch/a")
    assert f"{recording}, /scratch/a: is in a ring of links, which leads nowhere" in message_of(recording)
    with h5py.File(recording, "r+") as file:
        del file["scratch/a"], file["scratch/b"]
        file.create_group("scratch/a")
        file.create_group("scratch/b")
        file["scratch/a/x"] = h5py.SoftLink("/scratch/b")
        file["scratch/b/y"] = file["scratch/a"]
    assert "a link back to a group that it lies in" in message_of(recording)


def test_groups_nested_thousands_deep_are_refused(recording):
    with h5py.File(recording, "r+") as file:
        group = file.require_group("scratch")
        for _ in range(3000):
            group = group.create_group("g")
    said = message_of(recording)
    assert f"groups and links lie more than {limits.MAX_DEPTH} deep in each other" in said
    assert len(said) < 400


def test_more_objects_files_and_longer_names_than_the_limits_are_refused(recording, monkeypatch):
    monkeypatch.setattr(walk, "MAX_OBJECTS", 20)
    assert "holds more than 20 objects" in message_of(recording)
    monkeypatch.undo()
    with h5py.File(recording, "r+") as file:
        file.create_group("scratch/" + "n" * 1025)
    assert "/scratch: holds a name of 1025 bytes, more than 1024" in message_of(recording)
    with h5py.File(recording, "r+") as file:
        del file["scratch/" + "n" * 1025]
    neighbour(recording, lambda file: file.__setitem__("data", raw_emg(1000)))
    put(recording, lambda _: h5py.ExternalLink("neighbour.h5", "/data"))
    monkeypatch.setattr(links, "MAX_FILES", 0)
    assert "reads from more than 0 files" in message_of(recording)


def test_chunks_and_elements_that_fill_the_memory_are_refused(recording):
    with h5py.File(recording, "r+") as file:
        file.create_dataset("scratch/big", shape=(2**27,), dtype="f8", chunks=(2**27,), compression="gzip")
    assert "/scratch/big: has chunks of 1074 MB, more than 256 MB" in message_of(recording)
    with h5py.File(recording, "r+") as file:
        del file["scratch/big"]
        file.create_dataset("scratch/long", shape=(), dtype="S20000000")
    assert "/scratch/long: has elements of 20 MB, more than 16 MB" in message_of(recording)


def test_a_pipe_a_device_and_an_endless_name_as_file_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.nwb")
    assert "is a pipe, not a file" in message_of(tmp_path / "pipe.nwb")
    assert "is a device, not a file" in message_of("/dev/zero")
    assert "File name too long" in message_of(tmp_path / ("n" * 300))
