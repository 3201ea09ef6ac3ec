"""What version 0.1.0 offered is still there: public names with their arguments, commands with their options.

``back_compat/0.1.0/interface.json`` was written by that version, from its `__all__` and its command line.
"""

import inspect
import json
from pathlib import Path

import pytest
import typer

import nwb_autolfads as nal
from nwb_autolfads.cli.app import app

THEN = json.loads((Path(__file__).parents[1] / "back_compat" / "0.1.0" / "interface.json").read_text())


@pytest.mark.parametrize("name", THEN["names"])
def test_public_name_takes_the_arguments_of_then(name):
    assert name in nal.__all__
    arguments = THEN["names"][name]
    if arguments is not None:
        inspect.signature(getattr(nal, name)).bind_partial(**dict.fromkeys(arguments))  # TypeError for one it lacks


@pytest.mark.parametrize("name", THEN["commands"])
def test_command_has_the_options_of_then(name):
    command = typer.main.get_command(app).commands[name]
    now = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert set(THEN["commands"][name]) <= now
