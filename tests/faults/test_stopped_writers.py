"""Writers that are killed, interrupted or meet leave the old file or the new one. `make faults` kills a hundred."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WRITERS = Path(__file__).with_name("writers.py")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="writers are forked, which Windows cannot")


def found_after(*arguments):
    command = [sys.executable, str(WRITERS), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_killed_writer_leaves_the_old_file_or_the_new_one_and_the_next_one_works():
    found = found_after("kill", "--times", "6", "--seed", "1", "--megabytes", "20")
    assert found["files"]["old"] + found["files"].get("new", 0) == 6


def test_ctrl_c_leaves_the_old_file_or_the_new_one_and_nothing_beside_it():
    found = found_after("interrupt", "--times", "4", "--seed", "2", "--megabytes", "20")
    assert found["left_before_retry"] == {"nothing": 4}


def test_of_two_writers_of_one_file_one_wins_and_the_other_is_told():
    found = found_after("race", "--megabytes", "20")
    assert found == {"exit_codes": [0, 3], "left": []}
