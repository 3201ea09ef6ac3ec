"""Writing loses nothing: the source stays, nothing else in the file changes, and a fault leaves no trace."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pynwb
import pytest
import xarray as xr
from messages import assert_refused
from nwb_examples import (
    add_references,
    add_what_the_schema_does_not_know,
    make_emg,
    make_estimate,
    tree,
    write_session,
    write_session_of_unknown_extension,
)

from nwb_autolfads.errors import OutputError
from nwb_autolfads.files import atomic
from nwb_autolfads.results import write
from nwb_autolfads.results.read import list_estimates, read_activation
from nwb_autolfads.results.versions import version
from nwb_autolfads.results.versions.repack import repack
from nwb_autolfads.results.write import write_activation

OURS = ("/processing/behavior/AutoLFADS", "/processing/behavior/muscles", "/specifications")
REAL_FILES = ["walk13/ID0012_TW_01.nwb", "gait14/test_small.nwb"]


@pytest.fixture(scope="module")
def written_once(tmp_path_factory):
    path = write_session(tmp_path_factory.mktemp("session") / "session.nwb")
    add_what_the_schema_does_not_know(path)
    return path


@pytest.fixture
def session(written_once, tmp_path):
    return Path(shutil.copy(written_once, tmp_path))


@pytest.fixture(scope="module")
def estimate():
    """An estimate of activation alone, for tests of what is around it."""
    return make_estimate(make_emg(), everything=False)


@pytest.fixture(scope="module")
def whole_estimate():
    return make_estimate(make_emg())


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_leaves_the_source_as_it_was_byte_for_byte(session, estimate):
    before = digest(session)
    path = write_activation(estimate, session)
    assert path == session.with_name("session_activation.nwb")
    assert path.stat().st_size < session.stat().st_size + 100_000  # the room that was taken is given back
    assert digest(session) == before
    assert names_in(session.parent) == ["session.nwb", "session_activation.nwb"]


def test_nothing_else_in_the_file_changes(session, whole_estimate):
    before = tree(session, OURS)
    path = write_activation(whole_estimate, session)
    assert len(before) > 60
    assert tree(path, OURS) == before


@pytest.mark.parametrize("in_place", [False, True], ids=["new_file", "in_place"])
def test_several_estimates_are_written_together_or_not_at_all(session, estimate, in_place, monkeypatch):
    before, build, built = digest(session), write.build_estimate, []

    def stopped_at_the_second(*arguments):
        if built:
            raise KeyboardInterrupt
        built.append(build(*arguments))
        return built[0]

    monkeypatch.setattr(write, "build_estimate", stopped_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        write.write_activations({"first": estimate, "second": estimate}, session, in_place=in_place)
    assert len(built) == 1
    assert digest(session) == before
    assert names_in(session.parent) == ["session.nwb"]
    monkeypatch.undo()
    path = write.write_activations({"first": estimate, "second": estimate}, session, in_place=in_place)
    assert list_estimates(path) == ["first", "second"]


def test_nothing_else_changes_when_an_estimate_is_replaced(session, whole_estimate):
    before = tree(session, OURS)
    path = write_activation(make_estimate(make_emg(seed=8)), session)
    write_activation(whole_estimate, path, in_place=True, overwrite=True)
    assert tree(path, OURS) == before
    xr.testing.assert_identical(read_activation(path), whole_estimate)


def test_nothing_changes_in_an_extension_that_is_not_known_here(tmp_path, estimate):
    path = write_session_of_unknown_extension(tmp_path / "session.nwb")
    ours = ("/processing", "/specifications/ndx-muscle-activation")
    before = tree(path, ours)
    assert before["/acquisition/insole"][2]["neurodata_type"][2] == "'InsoleSeries'"
    assert "/specifications/ndx-insole/0.3.0/insole" in before
    for _ in range(2):
        write_activation(estimate, path, in_place=True, overwrite=True)
    assert tree(path, ours) == before


@pytest.mark.parametrize("name", REAL_FILES)
def test_nothing_else_changes_in_real_recordings(shared_data, tmp_path, name):
    source = shared_data / name
    with h5py.File(source) as file:
        identifier = file["identifier"].asstr()[()]
    estimate = make_estimate(make_emg(identifier=identifier))
    before = tree(source, OURS)
    path = write_activation(estimate, source, tmp_path / "result.nwb")
    replaced = write_activation(estimate, path, in_place=True, overwrite=True)
    after = tree(replaced, OURS)
    made = {"/processing", "/processing/behavior"} - set(before)
    assert {place: what for place, what in after.items() if place not in made} == before


def test_a_real_recording_with_a_result_validates(shared_data, tmp_path, validating):
    with h5py.File(shared_data / REAL_FILES[0]) as file:
        identifier = file["identifier"].asstr()[()]
    estimate = make_estimate(make_emg(identifier=identifier))
    path = write_activation(estimate, shared_data / REAL_FILES[0], tmp_path / "result.nwb")
    assert pynwb.validate(path=str(path)) == []


def test_repacking_keeps_every_object_attribute_link_and_reference(session, tmp_path):
    add_references(session)
    repack(session, tmp_path / "packed.nwb")
    assert tree(tmp_path / "packed.nwb") == tree(session)


def test_a_reference_to_something_deleted_becomes_empty(session, tmp_path):
    with h5py.File(session, "r+") as file:
        del file["acquisition/EMG"]
    repack(session, tmp_path / "packed.nwb")
    with h5py.File(tmp_path / "packed.nwb") as file:
        assert not file["laboratory"].attrs["points_to"]


def test_replacing_again_and_again_does_not_let_the_file_grow(session):
    path = write_activation(make_estimate(make_emg(), everything=False), session, weights=os.urandom(100_000))
    size = path.stat().st_size
    for seed in range(4):
        estimate = make_estimate(make_emg(seed=seed), seed=seed, everything=False)
        write_activation(estimate, path, in_place=True, overwrite=True, weights=os.urandom(100_000))
    assert path.stat().st_size < 1.01 * size
    xr.testing.assert_identical(read_activation(path), estimate)


def test_the_muscles_table_goes_with_the_last_estimate_that_uses_it(session):
    one, other = (make_estimate(make_emg(muscles), everything=False) for muscles in (("TA", "SOL"), ("RF", "VM")))
    path = write_activation(one, session, name="one")
    write_activation(one, path, in_place=True, name="two")
    write_activation(other, path, in_place=True, overwrite=True, name="one")
    with h5py.File(path) as file:
        assert sorted(file["processing/behavior"]) == ["muscles", "muscles_2", "one", "speed", "two"]
    write_activation(other, path, in_place=True, overwrite=True, name="two")
    with h5py.File(path) as file:
        assert sorted(file["processing/behavior"]) == ["muscles_2", "one", "speed", "two"]


@pytest.mark.parametrize(
    ("moment", "fault"), [("_copy", SystemExit), ("_add", RuntimeError), ("require_valid", KeyboardInterrupt)]
)
@pytest.mark.parametrize("in_place", [False, True], ids=["new_file", "in_place"])
def test_a_fault_half_way_leaves_everything_as_it_was(session, estimate, monkeypatch, moment, fault, in_place):
    before = digest(session)
    real = getattr(version, moment)

    def fail(*arguments):
        real(*arguments)
        raise fault

    monkeypatch.setattr(version, moment, fail)
    with pytest.raises(fault):
        write_activation(estimate, session, in_place=in_place)
    monkeypatch.undo()
    assert names_in(session.parent) == ["session.nwb"]
    assert digest(session) == before


def test_a_killed_writer_leaves_the_old_file_and_the_next_one_cleans_up(session, estimate):
    before = digest(session)
    code = (
        "import os, signal, sys; from pathlib import Path; from nwb_autolfads.files.atomic import new_version\n"
        "with new_version(Path(sys.argv[1])) as partial:\n"
        "    partial.write_bytes(b'half')\n"
        "    partial.with_name(partial.name + '.packed').write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(session)], check=False)
    assert names_in(session.parent) == [
        ".session.nwb.lock",
        ".session.nwb.partial",
        ".session.nwb.partial.packed",
        "session.nwb",
    ]
    assert digest(session) == before
    write_activation(estimate, session, in_place=True)
    assert names_in(session.parent) == ["session.nwb"]


def test_of_two_writers_at_once_one_gets_a_clear_error(session, estimate):
    with atomic.new_version(session) as partial:
        shutil.copyfile(session, partial)
        with assert_refused(
            OutputError,
            "session.nwb: another process is writing this file now",
            "Wait until it is done, then try again.",
        ):
            write_activation(estimate, session, in_place=True)
    assert names_in(session.parent) == ["session.nwb"]


def test_a_reader_elsewhere_keeps_the_old_file_while_a_new_one_takes_its_place(session, estimate):
    with h5py.File(session) as reader:
        write_activation(estimate, session, in_place=True)
        assert "AutoLFADS" not in reader["processing/behavior"]
    assert list_estimates(session) == ["AutoLFADS"]


def test_a_writer_elsewhere_is_named(session, estimate):
    code = "import h5py, sys; f = h5py.File(sys.argv[1], 'r+'); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(session)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "open\n"
        with assert_refused(
            OutputError,
            "session.nwb: the file is open for writing in another program",
            "Close it there, then try again.",
        ):
            write_activation(estimate, session)
        other.stdin.close()


def test_a_source_that_changes_meanwhile_is_not_overwritten(session, estimate, monkeypatch):
    def change(*_):
        with h5py.File(session, "r+") as file:
            file.attrs["changed"] = 1

    monkeypatch.setattr(version, "require_valid", change)
    with assert_refused(
        OutputError,
        "session.nwb: the file was changed by another program while the result was written",
        "Start again from the file as it is now.",
    ):
        write_activation(estimate, session, in_place=True)
    assert list_estimates(session) == []


def test_the_permissions_of_a_file_stay_when_it_is_replaced(session, estimate):
    session.chmod(0o640)
    write_activation(estimate, session, in_place=True)
    assert session.stat().st_mode & 0o777 == 0o640


def test_a_link_to_a_file_stays_a_link(session, estimate, tmp_path):
    link = tmp_path / "link.nwb"
    link.symlink_to(session)
    write_activation(estimate, link, in_place=True)
    assert link.is_symlink()
    assert list_estimates(session) == ["AutoLFADS"]


def test_a_result_that_does_not_validate_is_not_kept(session, estimate, monkeypatch, validating):
    def spoil(path, *_):
        with h5py.File(path, "r+") as file:
            del file["acquisition/EMG/data"]

    monkeypatch.setattr(version, "_add", spoil)
    said = r"session\.nwb: the result does not validate \(2 errors, the first: .*missing\)\. Report this as a bug"
    with pytest.raises(OutputError, match=said):
        write_activation(estimate, session)
    assert names_in(session.parent) == ["session.nwb"]


def test_errors_that_the_source_had_already_do_not_stop_the_result(session, estimate, monkeypatch, validating):
    monkeypatch.setattr(version.pynwb, "validate", lambda path: ["an old error"])
    assert list_estimates(write_activation(estimate, session)) == ["AutoLFADS"]


def test_an_existing_target_is_refused_unless_it_is_to_be_overwritten(session, estimate):
    target = write_activation(estimate, session)
    with assert_refused(
        OutputError,
        "session_activation.nwb: exists already",
        "Choose another name, or --overwrite it (in Python: overwrite=True)",
    ):
        write_activation(estimate, session)
    assert write_activation(estimate, session, overwrite=True) == target


def test_an_estimate_of_the_same_name_is_refused_unless_it_is_to_be_overwritten(session, estimate):
    path = write_activation(estimate, session)
    before = digest(path)
    with assert_refused(
        OutputError,
        "session_activation.nwb, processing/behavior/AutoLFADS: the name is in the file already",
        "Choose another name, or overwrite.",
    ):
        write_activation(estimate, path, in_place=True)
    assert digest(path) == before


def test_what_is_not_an_estimate_is_never_overwritten(session, estimate):
    with assert_refused(
        OutputError, "session.nwb, processing/behavior/speed: the name is taken by a TimeSeries", "Choose another name."
    ):
        write_activation(estimate, session, name="speed", overwrite=True)


def test_the_source_is_no_target_unless_in_place(session, estimate):
    with assert_refused(OutputError, "session.nwb: is read by this command", "Choose another name"):
        write_activation(estimate, session, session, overwrite=True)
    with assert_refused(
        OutputError, "session.nwb: a target (other.nwb) was given together with in_place", "Give one of the two."
    ):
        write_activation(estimate, session, session.with_name("other.nwb"), in_place=True)


def test_an_estimate_of_another_file_is_refused(session):
    estimate = make_estimate(make_emg(identifier="another"))
    with assert_refused(
        OutputError,
        "session.nwb: the estimate was made from another file (identifier 'another', this file has 'a-session')",
        "Give the file that the EMG was read from.",
    ):
        write_activation(estimate, session)


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "a\\b", "..", ".", " a", "a\n", "muscles", "x" * 101])
def test_unfit_names_are_refused(session, estimate, name):
    way_out = "Use up to 100 letters, digits, '_', '-', '.' or spaces between, other than 'muscles'."
    with assert_refused(OutputError, f"session_activation.nwb: the name {name!r} is unfit", way_out):
        write_activation(estimate, session, name=name)


def test_what_is_not_nwb_is_refused(tmp_path, estimate):
    text, hdf5 = tmp_path / "text.nwb", tmp_path / "other.h5"
    text.write_text("no HDF5")
    with h5py.File(hdf5, "w") as file:
        file["identifier"] = "x"
    for path in (text, hdf5):
        with assert_refused(OutputError, f"{path.name}: is not an NWB file in HDF5 form", "Give an NWB file."):
            write_activation(estimate, path)
    with assert_refused(OutputError, "absent.nwb: there is no such file", "Check the path"):
        write_activation(estimate, tmp_path / "absent.nwb")
    assert names_in(tmp_path) == ["other.h5", "text.nwb"]


def test_a_missing_folder_is_named(session, estimate, tmp_path):
    with assert_refused(OutputError, "result.nwb: the folder absent does not exist", "Create it first"):
        write_activation(estimate, session, tmp_path / "absent" / "result.nwb")


def test_a_read_only_file_is_not_replaced(session, estimate):
    session.chmod(0o444)
    with assert_refused(OutputError, "session.nwb: the file is read-only", "Write to a new file"):
        write_activation(estimate, session, in_place=True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write into any folder")
def test_a_read_only_folder_is_named(session, estimate, tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    with pytest.raises(OutputError, match=r"nothing can be written to the folder .*closed"):
        write_activation(estimate, session, folder / "result.nwb")


def test_a_folder_that_refuses_files_is_named(session, estimate, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with assert_refused(
        OutputError,
        (f"session_activation.nwb: nothing can be written to the folder {session.parent.name}: Permission denied"),
        "Choose another folder",
    ):
        write_activation(estimate, session)


def test_too_little_room_is_named_before_anything_is_written(session, estimate, monkeypatch):
    usage = shutil.disk_usage(session.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000))
    with pytest.raises(OutputError, match=r"MB are needed in .*, 0.0 MB are free. Make room"):
        write_activation(estimate, session)
    assert names_in(session.parent) == ["session.nwb"]


FULL_DISKS = [
    OSError(28, "No space left on device"),
    OSError("Can't write data (file write failed: errno = 28, error message = 'No space left on device')"),
    RuntimeError("Can't decrement id ref count (file write failed: errno = 28)"),
]


@pytest.mark.parametrize("fault", FULL_DISKS, ids=["system", "hdf5_writing", "hdf5_closing"])
def test_a_disk_that_fills_up_is_named_and_leaves_nothing(session, estimate, monkeypatch, fault):
    def fill_up(*_):
        raise fault

    monkeypatch.setattr(version, "_add", fill_up)
    with assert_refused(
        OutputError, "session_activation.nwb: the disk is full", "Make room, or write to another disk."
    ):
        write_activation(estimate, session)
    assert names_in(session.parent) == ["session.nwb"]
