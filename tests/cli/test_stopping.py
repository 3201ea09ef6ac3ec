"""A command that is told to end, or may write no more, leaves nothing half-written."""

import os
import signal
import subprocess
import sys
import time

import pytest

from nwb_autolfads.cli.ending import Stopped, stopping_cleanly

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these signals nor such limits")

RUN = [sys.executable, "-c", "import sys; from nwb_autolfads.cli import main; main(sys.argv[1:])"]


def begun_to_write(folder, process):
    """Wait until something of the output is there."""
    for _ in range(2400):
        if any(folder.iterdir()):
            return
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    pytest.fail("nothing was written within 2 minutes")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_end_leaves_nothing(number, tmp_path):
    arguments = ["simulate", str(tmp_path / "session.nwb"), "--duration", "60"]
    process = subprocess.Popen(
        [*RUN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # also where the tests run under nohup
    )
    begun_to_write(tmp_path, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert os.listdir(tmp_path) == []
    assert "Traceback" not in said


def test_a_limit_of_file_size_is_one_message(tmp_path):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    arguments = ["simulate", str(tmp_path / "session.nwb"), "--duration", "20"]
    done = subprocess.run([*RUN, *arguments], capture_output=True, text=True, check=False, preexec_fn=limit)
    assert done.returncode == 1
    assert done.stderr.startswith("nwb-autolfads: ")
    assert "session.nwb" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGTERM, Stopped), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_that_comes_while_an_object_is_deleted_is_not_lost(monkeypatch, number, raised):
    class Deleted:
        def __del__(self):
            signal.raise_signal(number)  # Python drops what is raised here

    def delete_and_wait():
        with stopping_cleanly():
            deleted = Deleted()
            del deleted
            time.sleep(5)

    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(raised):
            delete_and_wait()
    finally:
        signal.signal(signal.SIGINT, before)
    assert said == []
