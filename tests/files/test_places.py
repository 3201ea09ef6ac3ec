"""What may be written where: an output costs the user nothing, by whatever name a source or another output goes."""

import os
from pathlib import Path

import pytest
from messages import assert_refused

from nwb_autolfads.errors import OutputError
from nwb_autolfads.files import atomic, places
from nwb_autolfads.files.places import Output, check_outputs


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "session.nwb"
    source.write_bytes(b"cannot be made again")
    return source


def refusal(*outputs, sources=()):
    with pytest.raises(OutputError) as caught:
        check_outputs([Output(file, overwrite=True) for file in outputs], sources)
    return str(caught.value)


def test_an_absent_file_in_a_folder_that_is_there_passes_and_is_not_made(tmp_path, source):
    check_outputs([Output(tmp_path / "new.nwb"), Output(tmp_path / "model")], [source])
    assert os.listdir(tmp_path) == ["session.nwb"]


def test_a_source_is_no_output(source):
    assert refusal(source, sources=[source]) == f"{source}: is read by this command. Choose another name"


def test_a_source_is_no_output_by_another_path(source, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    other = tmp_path / "folder" / ".." / "session.nwb"
    assert refusal(other, sources=[source]).startswith(f"{other}: is read by this command, as {source}. ")
    monkeypatch.chdir(tmp_path)
    assert "is read by this command" in refusal(Path("session.nwb"), sources=[source])


def test_a_source_is_no_output_by_a_hard_link_in_another_folder(source, tmp_path):
    (tmp_path / "folder").mkdir()
    other = tmp_path / "folder" / "table.csv"
    other.hardlink_to(source)
    assert f"is read by this command, as {source}" in refusal(other, sources=[source])


def test_a_source_is_no_output_through_a_folder_that_is_a_link(source, tmp_path):
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    assert "is read by this command" in refusal(tmp_path / "elsewhere" / "session.nwb", sources=[source])


def test_any_of_several_sources_counts_and_one_that_is_absent_does_not(source, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("session: {}")
    assert "settings.yaml: is read" in refusal(settings, sources=[source, tmp_path / "absent", settings])


def test_the_source_in_place_passes(source):
    check_outputs([Output(source, in_place=True)], [source])


def test_nothing_is_put_into_a_folder_that_is_a_source(tmp_path):
    folder = tmp_path / "session.zarr"
    folder.mkdir()
    assert "lies in" in refusal(folder / "result.nwb", sources=[folder])
    (tmp_path / "link").symlink_to(folder)
    assert "lies in" in refusal(tmp_path / "link" / "result.nwb", sources=[folder])


@pytest.mark.parametrize("name", [".result.nwb.partial", ".result.nwb.partial.packed", ".result.nwb.lock"])
def test_a_source_with_the_name_of_what_is_written_on_the_way_is_safe(tmp_path, name):
    source = tmp_path / name
    source.write_bytes(b"mine")
    assert "is written by way of the name of" in refusal(tmp_path / "result.nwb", sources=[source])


def test_two_outputs_are_two_files(tmp_path):
    assert "is asked for twice" in refusal(tmp_path / "one", tmp_path / "one")
    (tmp_path / "link").symlink_to(tmp_path)
    assert "is asked for twice" in refusal(tmp_path / "one", tmp_path / "link" / "one")
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    assert "is asked for twice" in refusal(tmp_path / "one", tmp_path / "two")


def test_a_link_is_no_output_whether_it_leads_somewhere_or_not(source, tmp_path):
    for target in ("session.nwb", "nowhere"):
        link = tmp_path / f"to_{target}"
        link.symlink_to(target)
        said = refusal(link)
        assert said == f"{link}: is a link to {target}. Give the name of the file itself, or another name"
    assert source.read_bytes() == b"cannot be made again"
    assert not (tmp_path / "nowhere").exists()


def test_a_pipe_a_folder_and_a_device_are_no_outputs(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe, not a file" in refusal(tmp_path / "pipe")
    assert "is a folder, not a file" in refusal(tmp_path)
    try:
        os.mknod(tmp_path / "device", 0o020600, os.makedev(1, 3))
    except PermissionError:
        return  # only root makes devices
    assert "is a device, not a file" in refusal(tmp_path / "device")


def test_an_existing_file_is_replaced_only_when_asked_for_and_never_when_protected(source):
    with assert_refused(
        OutputError, "session.nwb: exists already", "Choose another name, or --overwrite it (in Python: overwrite=True)"
    ):
        check_outputs([Output(source)])
    source.chmod(0o444)
    assert "the file is read-only" in refusal(source)


def test_names_that_no_file_can_have_are_refused(tmp_path):
    for name in ("n" * 300, "a\0b"):
        assert "cannot be written (" in refusal(tmp_path / name)


def test_a_folder_that_is_missing_or_has_no_room_is_refused(tmp_path):
    assert "does not exist. Create it first" in refusal(tmp_path / "missing" / "file")
    with pytest.raises(OutputError, match=r"MB are needed in .* MB are free"):
        check_outputs([Output(tmp_path / "file", n_bytes=10**18)])


@pytest.mark.parametrize("may_exist", [False, True])
def test_the_same_holds_where_it_is_written(source, tmp_path, may_exist):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(source)
    for name in ("pipe", "link"):
        with pytest.raises(OutputError):
            atomic.write_bytes(tmp_path / name, b"new", may_exist=may_exist)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe", "session.nwb"]
    assert source.read_bytes() == b"cannot be made again"


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_file_that_appears_while_a_new_one_is_written_stays(tmp_path, monkeypatch, hard_links):
    file = tmp_path / "result"
    if not hard_links:
        monkeypatch.setattr(atomic.os, "link", lambda *_: (_ for _ in ()).throw(OSError("not on this disk")))

    def write_slowly():
        with atomic.new_version(file, may_exist=False) as partial:
            partial.write_text("new")
            file.write_text("somebody else's")

    with assert_refused(
        OutputError, "result: exists already", "Choose another name, or --overwrite it (in Python: overwrite=True)"
    ):
        write_slowly()
    assert file.read_text() == "somebody else's"
    assert os.listdir(tmp_path) == ["result"]


def test_one_that_appears_at_the_very_last_moment_stays_too(tmp_path, monkeypatch):
    file = tmp_path / "result"
    flush = atomic._flush_to_disk

    def appears(path):
        flush(path)
        if path.name.endswith(".partial"):
            file.write_text("somebody else's")

    monkeypatch.setattr(atomic, "_flush_to_disk", appears)
    with assert_refused(
        OutputError, "result: exists already", "Choose another name, or --overwrite it (in Python: overwrite=True)"
    ):
        atomic.write_text(file, "new", may_exist=False)
    assert file.read_text() == "somebody else's"
    assert os.listdir(tmp_path) == ["result"]


def test_what_a_stranger_left_under_the_name_of_the_partial_file_is_not_written_through(source, tmp_path):
    file = tmp_path / "result"
    (tmp_path / places.partial_name(file)).symlink_to(source)
    atomic.write_bytes(file, b"new")
    assert (file.read_bytes(), source.read_bytes()) == (b"new", b"cannot be made again")
    (tmp_path / places.lock_name(file)).symlink_to(tmp_path / "made by the lock")
    with pytest.raises(OutputError):
        atomic.write_bytes(file, b"newer")
    assert not (tmp_path / "made by the lock").exists()


@pytest.mark.parametrize("name", ["x" * 251 + ".nwb", "肉" * 80 + ".nwb", "caf\udce9" * 50 + ".nwb"])
def test_a_file_with_the_longest_name_is_written_and_nothing_is_left(tmp_path, name):
    file = tmp_path / name
    atomic.write_bytes(file, b"whole")
    atomic.write_bytes(file, b"again")
    assert file.read_bytes() == b"again"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_long_names_that_begin_alike_have_each_their_own_writer(tmp_path):
    one, other = (tmp_path / ("x" * 245 + end) for end in ("a.nwb", "b.nwb"))
    assert places.partial_name(one) != places.partial_name(other)
    assert places.lock_name(one) != places.lock_name(other)


def test_a_page_that_names_a_file_whose_name_is_no_text_is_written(tmp_path):
    atomic.write_text(tmp_path / "page.html", "of caf\udce9.nwb")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "of caf\\udce9.nwb"
