"""Writers that are killed, interrupted, or meet each other: ``python tests/faults/writers.py --kills 100``.

Each writer is a process forked from this one, so that a hundred of them cost no imports, and its fate is decided at a
random moment of its work, from a seed. What is found afterwards is printed as JSON; anything that must not be raises.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pynwb
import xarray as xr

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from nwb_examples import make_emg, make_estimate, tree, write_session

from nwb_autolfads.errors import OutputError
from nwb_autolfads.results.read import list_estimates, read_activation
from nwb_autolfads.results.versions import version
from nwb_autolfads.results.write import write_activation

OURS = ("/processing/behavior/AutoLFADS", "/processing/behavior/muscles", "/specifications")
FILE = "session.nwb"
ONE_MINUTE_BINS = 30_000


def make_files(folder: Path, megabytes: float) -> dict[str, Path]:
    """Write a session of a given size, and the same session with an estimate that is to be replaced."""
    session = write_session(folder / "add.nwb")
    with pynwb.NWBHDF5IO(session, "a") as io:
        nwbfile = io.read()
        values = np.random.default_rng(1).normal(size=int(megabytes * 250_000)).astype(np.float32)
        series = pynwb.TimeSeries(name="large", data=values, unit="volts", rate=30_000.0, description="Broadband.")
        nwbfile.add_acquisition(series)
        io.write(nwbfile)
    earlier = make_estimate(make_emg(n_bins=ONE_MINUTE_BINS, seed=9), seed=9)
    return {"add": session, "replace": write_activation(earlier, session, folder / "replace.nwb")}


def write_in_place(path: Path, estimate: xr.Dataset) -> None:
    """Do what a user does."""
    write_activation(estimate, path, in_place=True, overwrite=True)


def fork(work: Callable[[], None]) -> int:
    """Run something in a process of its own and return its id; its exit code is 0 where it ends well."""
    if pid := os.fork():
        return pid
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started to ignore it
    code = 1
    try:
        work()
        code = 0
    except KeyboardInterrupt:
        code = 2
    except OutputError as error:
        code = 3 if "another process is writing this file now" in str(error) else 1
    finally:
        os._exit(code)


def digest(path: Path) -> str:
    """Return a hash of the bytes of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def require_new(path: Path, before: dict[str, Any], estimate: xr.Dataset) -> None:
    """Raise unless the file is valid, holds the new estimate, and everything else as before."""
    if tree(path, OURS) != before:
        raise AssertionError(f"something else in {path} changed")
    if errors := pynwb.validate(path=str(path)):
        raise AssertionError(f"{path} does not validate: {errors}")
    xr.testing.assert_identical(read_activation(path), estimate)


def stop_writers(
    folder: Path, files: dict[str, Path], estimate: xr.Dataset, times: int, seed: int, kind: signal.Signals
) -> dict[str, Any]:
    """Send a signal to writers at random moments, look at what each leaves, and write again after it."""
    random = np.random.default_rng(seed)
    work = folder / kind.name
    work.mkdir()
    path = work / FILE
    before = {name: tree(file, OURS) for name, file in files.items()}
    bytes_before = {name: digest(file) for name, file in files.items()}
    usual_s = {}
    for name, file in files.items():
        shutil.copyfile(file, path)
        started = time.monotonic()
        os.waitpid(fork(lambda: write_in_place(path, estimate)), 0)
        usual_s[name] = time.monotonic() - started
    found: collections.Counter[str] = collections.Counter()
    left: collections.Counter[str] = collections.Counter()
    while found["old"] + found["new"] < times:  # writers that were done before the signal do not count
        name = list(files)[sum(found.values()) % len(files)]
        shutil.copyfile(files[name], path)
        writer = fork(lambda: write_in_place(path, estimate))
        time.sleep(random.uniform(0, usual_s[name]))
        os.kill(writer, kind)
        status = os.waitpid(writer, 0)[1]
        remains = sorted(each.name.removeprefix(f".{FILE}.") for each in work.iterdir() if each.name != FILE)
        if kind == signal.SIGINT and remains:
            raise AssertionError(f"after Ctrl-C there are {remains}")
        left["+".join(remains) or "nothing"] += 1
        if digest(path) == bytes_before[name]:
            found["old"] += 1
        else:
            require_new(path, before[name], estimate)
            found["new" if status else "done_before"] += 1
        if os.waitpid(fork(lambda: write_in_place(path, estimate)), 0)[1]:
            raise AssertionError("the next writer failed")
        if list_estimates(path) != ["AutoLFADS"] or os.listdir(work) != [FILE]:
            raise AssertionError(f"the next writer left {os.listdir(work)} with {list_estimates(path)}")
    require_new(path, before[name], estimate)
    return {"times": times, **found, "left_before_retry": dict(left)}


def let_two_meet(folder: Path, files: dict[str, Path], estimate: xr.Dataset) -> dict[str, Any]:
    """Start two writers of one file at the same moment."""
    path = folder / FILE
    shutil.copyfile(files["add"], path)
    before = tree(path, OURS)
    read_end, write_end = os.pipe()

    def work() -> None:
        os.close(write_end)
        os.read(read_end, 1)  # returns when the other end is closed everywhere
        write_in_place(path, estimate)

    writers = [fork(work) for _ in range(2)]
    os.close(write_end)
    codes = sorted(os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]) for writer in writers)
    require_new(path, before, estimate)
    return {"exit_codes": codes, "left": [name for name in os.listdir(folder) if name.startswith(".")]}


def main() -> None:
    """Parse, do, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--interrupts", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--megabytes", type=float, default=60.0, help="size of the file that is written into")
    parser.add_argument("--unvalidated", action="store_true", help="leave out the validation, the slowest step")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.unvalidated:
        version._require_valid = lambda *_: None
    estimate = make_estimate(make_emg(n_bins=ONE_MINUTE_BINS))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = make_files(folder, options.megabytes)
        found = {
            "megabytes": round(files["add"].stat().st_size / 1e6, 1),
            "killed": stop_writers(folder, files, estimate, options.kills, options.seed, signal.SIGKILL),
            "interrupted": stop_writers(folder, files, estimate, options.interrupts, options.seed, signal.SIGINT),
            "two_at_once": let_two_meet(folder, files, estimate),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
