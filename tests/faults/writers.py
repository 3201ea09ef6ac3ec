"""Writers that are killed, interrupted, told to end, or meet: ``python tests/faults/writers.py --kills 100``.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pynwb
import xarray as xr

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from nwb_examples import make_emg, make_estimate, tree, write_session

from nwb_autolfads.cli.ending import Stopped, stopping_cleanly
from nwb_autolfads.errors import OutputError
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS
from nwb_autolfads.evaluation import write_csv
from nwb_autolfads.files.atomic import write_text
from nwb_autolfads.report.page import render_report
from nwb_autolfads.results.comparison import read_comparison, write_comparison
from nwb_autolfads.results.read import read_activation
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


@dataclass(frozen=True)
class Job:
    """One thing that users have written: the file as it was, what writes, and what raises unless all of it is there."""

    old: Path
    write: Callable[[Path], object]
    require_new: Callable[[Path], None]


def write_in_place(path: Path, estimate: xr.Dataset) -> None:
    """Do what a user does."""
    write_activation(estimate, path, in_place=True, overwrite=True)


def estimates_in_place(files: dict[str, Path], estimate: xr.Dataset) -> list[Job]:
    """An estimate is added to a file, and one in it is replaced."""

    def job(file: Path) -> Job:
        before = tree(file, OURS)
        return Job(file, lambda path: write_in_place(path, estimate), lambda path: require_new(path, before, estimate))

    return [job(file) for file in files.values()]


def comparison_in_place(file: Path, scores: xr.Dataset) -> Job:
    """A table of scores is added to a file."""
    leave_out = ("/processing/behavior/scores", "/specifications")
    before = tree(file, leave_out)

    def require(path: Path) -> None:
        if tree(path, leave_out) != before:
            raise AssertionError(f"something else in {path} changed")
        np.testing.assert_array_equal(read_comparison(path)["r2"], scores["r2"])

    return Job(file, lambda path: write_comparison(scores, path, name="scores", overwrite=True), require)


def of_its_own(
    folder: Path, name: str, write: Callable[[Path], object], content: Callable[[Path], str] | None = None
) -> Job:
    """A file of its own is replaced, which has the same content (by default: the same bytes) whenever it is written."""
    content = content or digest
    old, new = folder / f"old_{name}", folder / f"new_{name}"
    old.write_bytes(np.random.default_rng(3).bytes(1_000_000))
    write(new)
    expected = content(new)

    def require(path: Path) -> None:
        if content(path) != expected:
            raise AssertionError(f"{path} is neither the old {name} nor the new one")

    return Job(old, write, require)


def content_of_model(path: Path) -> str:
    """Return what tells one model from another: safetensors writes the entries of its header in any order."""
    data = path.read_bytes()
    header_bytes = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + header_bytes]), sort_keys=True)
    return header + hashlib.sha256(data[8 + header_bytes :]).hexdigest()


def make_jobs(folder: Path, files: dict[str, Path], estimate: xr.Dataset) -> dict[str, list[Job]]:
    """Return what is written, by what it is called in the answer."""
    emg = make_emg(n_bins=2_000)
    tiny = {"posterior_samples": 2, "training": {"max_epochs": 1, "steps_per_epoch": 1, "validation_windows": 2}}
    model = AutoLFADS(config=AutoLFADSConfig.model_validate(tiny)).fit(emg)
    random = np.random.default_rng(2)
    names = {"estimator": ["AutoLFADS", "LowPass"], "muscle": [f"m{k}" for k in range(16)], "fold": np.arange(100)}
    scores = xr.Dataset({"r2": (tuple(names), random.normal(size=(2, 16, 100)))}, names).assign_attrs(config="{}")
    page = render_report({"AutoLFADS": model.estimate(emg)}, title=FILE)
    return {
        "model": [of_its_own(folder, "model", model.save, content_of_model)],
        "table": [of_its_own(folder, "table", lambda path: write_csv({"cortex": scores}, path, overwrite=True))],
        "page": [of_its_own(folder, "page", lambda path: write_text(path, page))],
        "estimates in place": estimates_in_place(files, estimate),
        "scores in place": [comparison_in_place(files["replace"], scores)],
    }


def fork(work: Callable[[], None]) -> int:
    """Run something in a process of its own; return its id once it has begun. It exits with 0 where it ends well."""
    begun, begins = os.pipe()
    if pid := os.fork():
        os.close(begins)
        os.read(begun, 1)
        os.close(begun)
        return pid
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started to ignore it
    code = 1
    try:
        with stopping_cleanly():
            os.write(begins, b"!")
            work()
        code = 0
    except (KeyboardInterrupt, Stopped):
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


def stop_writers(folder: Path, jobs: list[Job], times: int, seed: int, kind: signal.Signals) -> dict[str, Any]:
    """Send a signal to writers at random moments, look at what each leaves, and write again after it."""
    random = np.random.default_rng(seed)
    work = folder / kind.name
    work.mkdir()
    path = work / FILE
    usual_s = []
    for job in jobs:
        shutil.copyfile(job.old, path)
        started = time.monotonic()
        os.waitpid(fork(lambda: job.write(path)), 0)  # noqa: B023
        usual_s.append(time.monotonic() - started)
    found: collections.Counter[str] = collections.Counter()
    left: collections.Counter[str] = collections.Counter()
    while found["old"] + found["new"] < times:  # writers that were done before the signal do not count
        number = sum(found.values()) % len(jobs)
        job = jobs[number]
        shutil.copyfile(job.old, path)
        writer = fork(lambda: job.write(path))  # noqa: B023
        time.sleep(random.uniform(0, usual_s[number]))
        os.kill(writer, kind)
        status = os.waitpid(writer, 0)[1]
        remains = sorted(each.name.removeprefix(f".{FILE}.") for each in work.iterdir() if each.name != FILE)
        if kind != signal.SIGKILL and remains:
            raise AssertionError(f"after {kind.name} there are {remains}")
        left["+".join(remains) or "nothing"] += 1
        if digest(path) == digest(job.old):
            found["old"] += 1
        else:
            job.require_new(path)
            found["new" if status else "done_before"] += 1
        if os.waitpid(fork(lambda: job.write(path)), 0)[1]:  # noqa: B023
            raise AssertionError("the next writer failed")
        if os.listdir(work) != [FILE]:
            raise AssertionError(f"the next writer left {os.listdir(work)}")
        job.require_new(path)
    shutil.rmtree(work)
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
    parser.add_argument("--interrupts", type=int, default=30, help="by Ctrl-C, and as many by SIGTERM")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--megabytes", type=float, default=20.0, help="size of the file that is written into")
    parser.add_argument("--only", action="append", help="a kind of output, such as 'model'; may be given several times")
    parser.add_argument("--unvalidated", action="store_true", help="leave out the validation, the slowest step")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.unvalidated:
        version.require_valid = lambda *_: None
    estimate = make_estimate(make_emg(n_bins=ONE_MINUTE_BINS))
    times = {
        signal.SIGKILL: options.kills,
        signal.SIGINT: options.interrupts,
        signal.SIGTERM: options.interrupts,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = make_files(folder, options.megabytes)
        found: dict[str, Any] = {"megabytes": round(files["add"].stat().st_size / 1e6, 1)}
        for what, jobs in make_jobs(folder, files, estimate).items():
            if options.only and what not in options.only:
                continue
            found[what] = {
                kind.name: stop_writers(folder, jobs, number, options.seed, kind) for kind, number in times.items()
            }
            print(f"{what}: {json.dumps(found[what])}", file=sys.stderr, flush=True)
        found["two_at_once"] = let_two_meet(folder, files, estimate)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
