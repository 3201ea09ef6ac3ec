"""Where a command ends badly, and what a terminal does not know: one message, and no warning of a library."""

import io
import sys
import warnings

import numpy as np
import pytest
from builders import file_with_2d_series

from nwb_autolfads.cli import main
from nwb_autolfads.cli.ending import UNFORESEEN, message_of, settle_streams
from nwb_autolfads.errors import NwbAutolfadsWarning, SourceError


@pytest.fixture(autouse=True)
def _usual_warnings():
    with warnings.catch_warnings():
        yield


def test_a_terminal_of_ascii_shows_all_letters_by_their_numbers(tmp_path, monkeypatch):
    file = file_with_2d_series(tmp_path / "ходьба.nwb", name="EMG_μ")
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", shown)
    with pytest.raises(SystemExit) as ended:
        main(["inspect", str(file)])
    assert not ended.value.code
    shown.seek(0)
    assert "EMG_\\u03bc" in shown.read()


def test_warnings_of_libraries_are_not_shown_and_ours_are():
    with warnings.catch_warnings(record=True) as shown:
        settle_streams()
        np.array([1e300]).astype(np.float32)  # NumPy warns of the overflow
        warnings.warn("a library's", UserWarning, stacklevel=1)
        warnings.warn("of this result", NwbAutolfadsWarning, stacklevel=1)
    assert [str(each.message) for each in shown] == ["of this result"]
    told = warnings.formatwarning("of\nthis \x1b[2J", NwbAutolfadsWarning, "a.py", 1)
    assert told == "  note: of this \\x1b[2J\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SourceError("is empty", file="a.nwb", way_out="Give another"), "a.nwb: is empty. Give another"),
        (MemoryError(), "run a.nwb: more memory is needed than there is. "),
        (
            RuntimeError("DefaultCPUAllocator: Cannot allocate memory"),
            "run a.nwb: more memory is needed than there is. ",
        ),
        (OSError(36, "File name too long", "b.nwb"), "run a.nwb: b.nwb: File name too long. "),
        (KeyError("x" * 5000), f"run a.nwb: {UNFORESEEN} (KeyError: xxx"),
    ],
)
def test_every_error_is_one_short_message_that_names_what_it_is_about(error, said):
    message = message_of(error, ["run", "a.nwb", "--seed", "1"])
    assert message.startswith(said)
    assert len(message) < 500


def test_settings_that_ask_for_too_much_memory_are_named():
    said = message_of(MemoryError(), ["run", "a.nwb", "--config", "b.yaml"])
    assert said.endswith("read fewer muscles, or set a smaller model (b.yaml)")


def test_what_nobody_foresaw_is_no_traceback_unless_asked_for(monkeypatch, capsys):
    monkeypatch.setattr("nwb_autolfads.commands.doctor.examine", lambda: {}["gone"])
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith(
        f"nwb-autolfads: doctor: {UNFORESEEN} (KeyError: gone). --debug shows where"
    )
    with pytest.raises(KeyError):
        main(["doctor", "--debug"])
