"""The pages of the specification are made without a warning, and have every type."""

import re
import subprocess
import sys
from pathlib import Path

import ndx_muscle_activation
import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"
OFFLINE = "failed to reach any of the inventories"  # of the pages of core, for links to them

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DOCS.is_dir(), reason="the sources of the extension are not here"),
]


def test_sphinx_has_nothing_against_them_and_every_type_is_there(tmp_path):
    pytest.importorskip("hdmf_docutils", reason="hdmf-docutils is in the extra 'docs'")
    command = [sys.executable, "-m", "sphinx", "-E", "--keep-going", "-b", "html", str(DOCS / "source"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if re.search(r"WARNING|ERROR|CRITICAL", line)]
    assert [line for line in said if OFFLINE not in line] == []
    page = (tmp_path / "format.html").read_text(encoding="utf-8")
    types = [name for name in ndx_muscle_activation.__all__ if name[0].isupper()]
    assert len(types) > 10
    assert [name for name in types if f"{name}" not in page] == []
