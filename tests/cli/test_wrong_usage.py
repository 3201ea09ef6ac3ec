"""Wrong usage: exit 2, one short message that names the option, nothing of a terminal's own codes."""

import pytest

import nwb_autolfads as nal
from nwb_autolfads.cli import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "x.nwb", "--seed", "2" * 4000), "--seed"),
        (("run", "x.nwb", "--seed", str(2**200)), "--seed"),
        (("run", "x.nwb", "--\x1b[2J"), "No such option"),
        (("run", "x.nwb", "\x1b[2J" * 500), "--out-dir"),
        (("run", "@paths.txt"), "--out-dir"),
        (("run", "DANDI:000941"), "--out-dir"),
        (("run", "x.nwb", "--jobs", "2"), "--jobs is for several FILEs"),
        (("run", "x.nwb", "--out-dir", "d", "--out", "y.nwb"), "--out and --out-dir exclude each other"),
        (("apply", "m.nwb", "x.nwb", "\x1b[2J" * 500), "unexpected extra argument"),
        (("run", "x.nwb", "--estimator", "\x1b[2J" + "y" * 4000), "--estimator"),
        (("\x1b]0;title\x07",), "No such command"),
    ],
)
def test_what_is_typed_wrong_is_echoed_short_and_without_control_characters(capsys, arguments, said):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    message = capsys.readouterr().err
    assert ended.value.code == 2
    assert message.startswith("Usage: ")
    assert said in message
    assert "\x1b" not in message
    assert len(message) < 600
    assert max(map(len, message.split())) < 300


@pytest.mark.parametrize("arguments", [("--help",), ("run", "-h")])
def test_help_ends_with_0(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert not ended.value.code
    assert "Usage: " in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert not ended.value.code
    assert capsys.readouterr().out == f"nwb-autolfads {nal.__version__}\n"


def test_no_command_shows_the_help_as_a_whole(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "  simulate  Write a session with known activation." in capsys.readouterr().err.splitlines()
