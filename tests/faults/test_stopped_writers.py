"""Writers that are killed, interrupted or meet leave the old file or the new one. `make faults` kills a hundred."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WRITERS = Path(__file__).with_name("writers.py")
KILLS, INTERRUPTS = 2, 1

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="writers are forked, which Windows cannot"),
]


@pytest.fixture(scope="module")
def found():
    """What is left after a few of each, which is looked at in there: the script fails where a file is neither."""
    few = ["--kills", str(KILLS), "--interrupts", str(INTERRUPTS), "--seed", "1", "--megabytes", "5", "--unvalidated"]
    done = subprocess.run([sys.executable, str(WRITERS), *few], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


WRITTEN = ["estimates in place", "scores in place", "model", "table", "page"]


@pytest.mark.parametrize("what", WRITTEN)
def test_a_killed_writer_leaves_the_old_file_or_the_new_one_and_the_next_one_works(found, what):
    killed = found[what]["SIGKILL"]
    assert killed.get("old", 0) + killed.get("new", 0) == KILLS


@pytest.mark.parametrize("what", WRITTEN)
@pytest.mark.parametrize("kind", ["SIGINT", "SIGTERM"])
def test_ctrl_c_and_a_signal_to_end_leave_the_old_file_or_the_new_one_and_nothing_beside_it(found, what, kind):
    stopped = found[what][kind]
    assert stopped.get("old", 0) + stopped.get("new", 0) == INTERRUPTS
    assert set(stopped["left_before_retry"]) == {"nothing"}


def test_of_two_writers_of_one_file_one_wins_and_the_other_is_told(found):
    assert found["two_at_once"] == {"exit_codes": [0, 3], "left": []}
