"""No output of any command is ever what it reads, or anything but a file: by each option, as a user would give it."""

import hashlib
import os
import shutil
import sys

import h5py
import pytest
from builders import file_with_2d_series

from nwb_autolfads.cli import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes in folders")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """A recording, and a result of it."""
    folder = tmp_path_factory.mktemp("made")
    file_with_2d_series(folder / "walk.nwb", comments="columns: TA, SOL, GM")
    with pytest.raises(SystemExit) as ended:
        main(["run", str(folder / "walk.nwb"), "--estimator", "lowpass"])
    assert not ended.value.code
    (folder / "settings.yaml").write_text("lowpass: {cutoff: 10}\n")
    return folder


@pytest.fixture
def folder(made_once, tmp_path, monkeypatch):
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def state(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() or path.is_fifo()]
    return {
        path: (
            path.lstat().st_ino,
            path.lstat().st_mtime_ns,
            path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in files
    }


def refused(folder, capsys, *arguments):
    """Call what must be refused with one message and change nothing; return the message."""
    before = state(folder)
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    err = capsys.readouterr().err
    assert ended.value.code == 1, err
    assert state(folder) == before
    assert err.count("\n") == 1, err
    return err


LOWPASS = ("run", "walk.nwb", "--estimator", "lowpass", "--overwrite")


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (("run", "walk.nwb", "--save-model", "walk.nwb", "--overwrite"), "walk.nwb"),
        (("run", "walk.nwb", "--in-place", "--save-model", "walk.nwb", "--overwrite"), "walk.nwb"),
        ((*LOWPASS, "--out", "walk.nwb"), "walk.nwb"),
        ((*LOWPASS, "--out", "walk.nwb", "--link"), "walk.nwb"),
        ((*LOWPASS, "--config", "settings.yaml", "--out", "settings.yaml"), "settings.yaml"),
        (("compare", "walk_activation.nwb", "--csv", "walk_activation.nwb", "--overwrite"), "walk_activation.nwb"),
        (
            ("compare", "walk_activation.nwb", "--config", "settings.yaml", "--csv", "settings.yaml", "--overwrite"),
            "settings.yaml",
        ),
        (("report", "walk_activation.nwb", "--out", "walk_activation.nwb", "--overwrite"), "walk_activation.nwb"),
        (
            ("report", "walk_activation.nwb", "--config", "settings.yaml", "--out", "settings.yaml", "--overwrite"),
            "settings.yaml",
        ),
    ],
)
def test_what_is_read_is_not_replaced(folder, capsys, arguments, output):
    said = refused(folder, capsys, *arguments)
    assert said.startswith(f"nwb-autolfads: {output}: is read by this command")


def test_the_picture_of_inspect_does_not_replace_the_recording(folder, capsys):
    assert "walk.nwb: exists already" in refused(folder, capsys, "inspect", "walk.nwb", "--picture", "walk.nwb")


@pytest.mark.parametrize("kind", ["hard", "symbolic"])
@pytest.mark.parametrize("option", ["--save-model", "--out"])
def test_nor_is_it_by_another_name(folder, capsys, option, kind):
    link = folder / "other.nwb"
    link.hardlink_to("walk.nwb") if kind == "hard" else link.symlink_to("walk.nwb")
    said = refused(folder, capsys, "run", "walk.nwb", option, "other.nwb", "--overwrite")
    assert ("is read by this command, as walk.nwb" if kind == "hard" else "is a link to walk.nwb") in said


def test_a_file_that_the_recording_links_to_is_not_replaced(folder, capsys):
    with h5py.File("near.h5", "w") as near:
        near["values"] = [1.0]
    with h5py.File("walk.nwb", "r+") as file:
        file["scratch/near"] = h5py.ExternalLink("near.h5", "values")
    assert "near.h5: is read by this command" in refused(folder, capsys, *LOWPASS, "--out", "near.h5")
    options = ("--csv", "near.h5", "--overwrite")
    with h5py.File("walk_activation.nwb", "r+") as file:
        file["scratch/near"] = h5py.ExternalLink("near.h5", "values")
    assert "near.h5: is read by this command" in refused(folder, capsys, "compare", "walk_activation.nwb", *options)


def test_two_outputs_of_one_command_are_two_files(folder, capsys):
    said = refused(folder, capsys, "run", "walk.nwb", "--out", "new.nwb", "--save-model", "new.nwb")
    assert "new.nwb: is asked for twice" in said


def test_a_run_directory_with_the_settings_in_it_does_not_replace_them(folder, capsys):
    os.mkdir("run")
    shutil.copy("settings.yaml", "run/config.json")
    said = refused(folder, capsys, "run", "walk.nwb", "--config", "run/config.json", "--resume", "run", "--overwrite")
    assert "run/config.json: is read by this command" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "pipe", "--overwrite"),
        (*LOWPASS, "--out", "pipe"),
        ("run", "walk.nwb", "--save-model", "pipe", "--overwrite"),
        ("compare", "walk_activation.nwb", "--csv", "pipe", "--overwrite"),
        ("report", "walk_activation.nwb", "--out", "pipe", "--overwrite"),
        ("inspect", "walk.nwb", "--picture", "pipe"),
    ],
)
def test_a_pipe_is_no_output(folder, capsys, arguments):
    os.mkfifo("pipe")
    assert "pipe: is a pipe, not a file" in refused(folder, capsys, *arguments)


def test_a_device_is_no_output(folder, capsys):
    try:
        os.mknod("device", 0o020600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")
    assert "device: is a device, not a file" in refused(folder, capsys, "simulate", "device", "--overwrite")


@pytest.mark.parametrize("command", [("simulate", "link"), (*LOWPASS, "--out", "link")])
def test_a_link_that_leads_nowhere_is_not_followed(folder, capsys, command):
    os.symlink("elsewhere", "link")
    assert "link: is a link to elsewhere" in refused(folder, capsys, *command)
    assert not os.path.exists("elsewhere")


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "pipe"),
        ("run", "pipe"),
        ("run", "walk.nwb", "--config", "pipe"),
        ("apply", "pipe", "walk.nwb"),
        ("compare", "pipe"),
        ("report", "pipe"),
    ],
)
def test_a_pipe_as_what_is_read_does_not_block(folder, capsys, arguments):
    os.mkfifo("pipe")
    assert "pipe: is a pipe, not a file" in refused(folder, capsys, *arguments)
