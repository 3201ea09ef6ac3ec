"""Commands and the recipes that are made of them, run as a user types them."""

import shlex
import shutil

import pytest

from nwb_autolfads.cli import main


def call(*arguments):
    """Run one command, which must end without an error."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert not ended.value.code, arguments


def follow(commands, settings_files, folder, needed, monkeypatch):
    """Run command lines one after the other in a new folder, with their settings files and copies of what they need."""
    folder.mkdir()
    for each in needed:
        shutil.copy(each, folder)
    for name, text in settings_files.items():
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    for command in commands:
        call(*shlex.split(command)[1:])
