"""What a file links to is only ever read: its bytes and its time of change stay, at any depth, protected or not."""

import os
import shutil
import subprocess
import sys
import uuid
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from messages import assert_refused
from nwb_examples import make_emg, make_estimate, write_session

from nwb_autolfads.errors import OutputError
from nwb_autolfads.files.places import Output, check_outputs
from nwb_autolfads.results.neighbours import files_behind
from nwb_autolfads.results.read import list_estimates
from nwb_autolfads.results.write import write_activation

DATA = "acquisition/beside/data"


@pytest.fixture(scope="module")
def written_once(tmp_path_factory):
    return write_session(tmp_path_factory.mktemp("session") / "session.nwb")


@pytest.fixture(scope="module")
def estimate():
    return make_estimate(make_emg(), everything=False)


@pytest.fixture
def session(written_once, tmp_path):
    """A session with a series in a file beside it, which has its data in a third one."""
    session = Path(shutil.copy(written_once, tmp_path))
    with h5py.File(session, "r+") as file, h5py.File(tmp_path / "near.h5", "w") as near:
        file.copy("acquisition/EMG", near, "beside")
        near["beside"].attrs["object_id"] = str(uuid.uuid4())
        with h5py.File(tmp_path / "far.h5", "w") as far:
            near.copy("beside/data", far, "deep/data")
        del near["beside/data"]
        near["beside/data"] = h5py.ExternalLink("far.h5", "deep/data")
        file["acquisition/beside"] = h5py.ExternalLink("near.h5", "beside")
    return session


def states(*files):
    return [(file.read_bytes(), os.stat(file).st_mtime_ns, os.stat(file).st_ino) for file in files]


def test_all_beside_a_recording_of_another_format_counts_but_results_and_models(tmp_path):
    for name in ("session.vhdr", "session.eeg", "markers.vmrk", "session_activation.nwb", "session.safetensors"):
        (tmp_path / name).write_bytes(b"not HDF5")
    (tmp_path / "folder").mkdir()
    found = files_behind(tmp_path / "session.vhdr")
    assert found[0] == tmp_path / "session.vhdr"
    assert {each.name for each in found} == {"session.vhdr", "session.eeg", "markers.vmrk"}
    with assert_refused(OutputError, "session.eeg: is read by this command", "Choose another name"):
        check_outputs([Output(tmp_path / "session.eeg", overwrite=True)], found)


@pytest.mark.parametrize("in_place", [False, True], ids=["new_file", "in_place"])
def test_the_files_behind_links_are_not_written(session, estimate, in_place):
    neighbours = [session.with_name(name) for name in ("near.h5", "far.h5")]
    before = states(*neighbours)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = write_activation(estimate, session, in_place=in_place)
    assert states(*neighbours) == before
    assert list_estimates(result) == ["AutoLFADS"]
    with h5py.File(result) as file:
        assert isinstance(file.get("acquisition/beside", getlink=True), h5py.ExternalLink)
        assert file[DATA].shape == (3000, 3)


def test_a_replaced_estimate_leaves_them_too(session, estimate):
    result = write_activation(estimate, session)
    neighbours = [session.with_name(name) for name in ("near.h5", "far.h5")]
    before = states(*neighbours)
    write_activation(estimate, result, in_place=True, overwrite=True)
    assert states(*neighbours) == before


def test_the_usual_way_of_h5py_is_back_afterwards(session, estimate):
    from h5py._hl import base

    usual = base.dlapl
    write_activation(estimate, session)
    assert base.dlapl is usual


def test_neighbours_that_are_protected_are_read_without_a_word(session, estimate, tmp_path):
    """As a user other than root, for whom a protection holds, where such a process can be made."""
    if os.getuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("root may write into any file, and there is no way to be somebody else")
    for name in ("near.h5", "far.h5"):
        session.with_name(name).chmod(0o444)
    code = (
        "import sys, pathlib; sys.path[:0] = sys.argv[2:]\n"
        "from nwb_autolfads.results.versions.adding import opened_to_add\n"
        "path = pathlib.Path(sys.argv[1])\n"
        f"with opened_to_add(path, path) as file: print(file['{DATA}'].shape)\n"
    )
    drop = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*drop, sys.executable, "-c", code, str(session), *sys.path], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("(3000, 3)", "")


def test_a_virtual_data_set_that_grows_is_refused_because_hdf5_would_write_its_sources(session, estimate):
    source = session.with_name("grows.h5")
    with h5py.File(source, "w") as file:
        file.create_dataset("values", data=np.arange(3.0), maxshape=(None,), chunks=(2,))
    with h5py.File(session, "r+") as file:
        layout = h5py.VirtualLayout((3,), maxshape=(None,), dtype=float)
        growing = h5py.VirtualSource("grows.h5", "values", shape=(3,), maxshape=(None,))
        layout[: h5py.h5s.UNLIMITED] = growing[: h5py.h5s.UNLIMITED]
        file.create_virtual_dataset("acquisition/EMG/more", layout)
    before = states(source, session)
    with pytest.raises(OutputError) as caught:
        write_activation(estimate, session, in_place=True)
    assert str(caught.value) == (
        f"{session}, acquisition/EMG/more: is a virtual data set that grows with other files, which HDF5 would open "
        "for writing. Write a small file beside it that names it instead: --link (in Python: link=True)"
    )
    assert states(source, session) == before


def test_results_are_not_written_into_a_module_that_lies_in_another_file(session, estimate):
    with h5py.File(session.with_name("module.h5"), "w") as other:
        other.create_group("behavior").attrs.update({"neurodata_type": "ProcessingModule", "namespace": "core"})
    with h5py.File(session, "r+") as file:
        if "processing/behavior" in file:
            del file["processing/behavior"]
        file["processing/behavior"] = h5py.ExternalLink("module.h5", "behavior")
    before = states(session, session.with_name("module.h5"))
    with assert_refused(
        OutputError,
        "session.nwb, processing/behavior: lies in another file",
        "Write a small file beside it that names it instead: --link (in Python: link=True)",
    ):
        write_activation(estimate, session, in_place=True)
    assert states(session, session.with_name("module.h5")) == before


def test_all_files_behind_a_file_are_found_whatever_the_way(session, tmp_path):
    with h5py.File(session, "r+") as file:
        file.create_dataset("scratch/raw", (4,), "u1", external=[("raw.bin", 0, 4)])
        layout = h5py.VirtualLayout((3,), dtype=float)
        layout[:] = h5py.VirtualSource("mapped.h5", "values", (3,))
        file.create_virtual_dataset("scratch/mapped", layout)
    (tmp_path / "raw.bin").write_bytes(b"1234")
    with h5py.File(tmp_path / "mapped.h5", "w") as mapped:
        mapped["values"] = np.zeros(3)
        mapped["back"] = h5py.ExternalLink("session.nwb", "/")  # a ring ends
    found = files_behind(session)
    assert found[0] == session
    assert {file.name for file in found} == {"session.nwb", "near.h5", "far.h5", "raw.bin", "mapped.h5"}
    assert files_behind("https://example.org/session.nwb") == []


@pytest.mark.parametrize("name", ["near.h5", "far.h5"])
def test_a_neighbour_is_no_place_for_a_result(session, estimate, name):
    before = states(session, session.with_name(name))
    with pytest.raises(OutputError, match=rf"{name}: is read by this command"):
        write_activation(estimate, session, session.with_name(name), overwrite=True)
    assert states(session, session.with_name(name)) == before
