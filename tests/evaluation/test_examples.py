"""The worked examples in docs: their commands run on the real recordings and print the numbers that are shown."""

import os
import re
import shlex
from pathlib import Path

import pytest

from nwb_autolfads.cli import main

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


@pytest.mark.parametrize(
    ("page", "recording"),
    [
        ("knee.md", "knee4/4Amar.nwb"),
        pytest.param("walking.md", "walk13/ID0012_TW_01.nwb", marks=pytest.mark.slow),
    ],
)
def test_the_commands_print_what_the_page_shows(page, recording, shared_data, tmp_path, monkeypatch, capsys):
    text = (EXAMPLES / page).read_text(encoding="utf-8")
    os.symlink(shared_data / recording, tmp_path / Path(recording).name)
    monkeypatch.chdir(tmp_path)
    for command in re.findall(r"^\$ nwb-autolfads (.+)$", text, flags=re.MULTILINE):
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(command))
        assert not ended.value.code, capsys.readouterr().err
    printed = [_cells(line) for line in capsys.readouterr().out.splitlines()]
    shown = [
        _cells(line) for block in re.findall(r"```text\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines()
    ]
    assert len(shown) > 4
    for row in shown:
        assert any(_alike(row, other) for other in printed), row


def _cells(line):
    return re.split(r"\s{2,}", line.strip())


def _alike(shown, printed):
    """Whether two rows agree: words as they are, numbers to what another version of a library may change."""
    if len(shown) != len(printed):
        return False
    for left, right in zip(shown, printed, strict=True):
        try:
            same = float(left) == pytest.approx(float(right), abs=0.02, rel=0.15)
        except ValueError:
            same = left == right
        if not same:
            return False
    return True
