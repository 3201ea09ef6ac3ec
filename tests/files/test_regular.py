"""Only a regular file is opened: what could block for ever is refused before."""

import os
import socket

import pytest
from messages import assert_refused

from nwb_autolfads import AutoLFADS, open_emg, read_activation
from nwb_autolfads.errors import ConfigError, MissingFileError, SourceError
from nwb_autolfads.files.regular import require_regular_file


def test_a_file_and_a_link_to_it_pass(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"1")
    (tmp_path / "link").symlink_to(file)
    assert require_regular_file(file) == file
    assert require_regular_file(str(tmp_path / "link")) == tmp_path / "link"


def test_a_pipe_is_refused_with_the_error_that_was_asked_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError) as caught:
        require_regular_file(tmp_path / "pipe", ConfigError)
    assert str(caught.value) == f"{tmp_path}/pipe: is a pipe, not a file. Give the path of a regular file"


def test_a_link_to_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with assert_refused(SourceError, "link: is a pipe, not a file", "Give the path of a regular file"):
        require_regular_file(tmp_path / "link")


def test_a_socket_and_a_folder_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket may be no longer than a hundred bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        with assert_refused(SourceError, "socket: is a socket, not a file", "Give the path of a regular file"):
            require_regular_file("socket")
    with assert_refused(SourceError, f"{tmp_path}: is a folder, not a file", "Give the path of a regular file"):
        require_regular_file(tmp_path)


@pytest.mark.parametrize("name", ["missing", "missing/in/a/folder"])
def test_what_is_not_there_is_said(tmp_path, name):
    with pytest.raises(SourceError) as caught:
        require_regular_file(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: there is no such file. Check the path"


def test_a_link_that_leads_nowhere_is_named_as_such(tmp_path):
    (tmp_path / "link").symlink_to("missing")
    with assert_refused(SourceError, "link: is a link that leads nowhere", "Check the path"):
        require_regular_file(tmp_path / "link")


def test_links_in_a_circle_and_impossible_names_are_refused(tmp_path):
    (tmp_path / "link").symlink_to("link")
    for path in (tmp_path / "link", tmp_path / ("n" * 300), tmp_path / "a\0b"):
        with pytest.raises(SourceError, match="cannot be looked at: "):
            require_regular_file(path)


@pytest.mark.parametrize("read", [open_emg, read_activation, AutoLFADS.load], ids=lambda read: read.__name__)
def test_a_missing_file_is_also_the_error_of_python(tmp_path, read):
    with pytest.raises(FileNotFoundError) as caught:
        read(tmp_path / "gone.nwb")
    assert isinstance(caught.value, MissingFileError)
    assert str(caught.value).startswith(f"{tmp_path / 'gone.nwb'}: there is no such file. ")
