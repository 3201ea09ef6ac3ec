"""Processor seconds of all that is not training: opening, reading, writing, comparing; what starting up takes.

``python benchmarks/rest_of_job.py`` simulates a session of 30 minutes in a temporary folder and takes the least of some
rounds. Comparing is all that ``nwb-autolfads compare`` does: in a program that has the preprocessed EMG already, and,
below the sum, as the command does it, which makes the EMG again; then its parts, each of which opens the file again.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import nwb_autolfads as nal

CODE = {
    "import nwb_autolfads": "import nwb_autolfads",
    "nwb-autolfads --help": "import sys; from nwb_autolfads.cli import main; sys.argv[1:] = ['--help']; main()",
}
JOB = ("opening", "reading and preprocessing", "writing an estimate", "reading it back", "comparing")
AGAIN = "comparing, EMG made again"
ALONE = ("compare_with_cortex", "compare_with_behavior", "frequency_response", "force_coherence")


def timed(times: dict[str, float], what: str, work: Callable[[], Any]) -> Any:
    """Do some work; keep its processor seconds where none were fewer."""
    start = time.process_time()
    result = work()
    times[what] = min(time.process_time() - start, times.get(what, float("inf")))
    return result


def started(code: str) -> float:
    """Return the processor seconds that a program takes beyond starting Python."""

    def seconds(program: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return max(0.0, seconds(code) - seconds("pass"))


def one_round(session: Path, times: dict[str, float]) -> None:
    """Do the job once, with the estimate of a low-pass filter."""
    from nwb_autolfads.evaluation import compare_file

    out = session.with_name("activation.nwb")
    recording = timed(times, JOB[0], lambda: nal.open_emg(session))
    emg = timed(times, JOB[1], lambda: nal.preprocess(recording))
    estimate = nal.LowPass(20.0).fit(emg).estimate(emg)
    timed(times, JOB[2], lambda: nal.write_activation(estimate, session, out, overwrite=True))
    timed(times, JOB[3], lambda: nal.read_activation(out))
    timed(times, JOB[4], lambda: compare_file(out, emg=emg))
    timed(times, AGAIN, lambda: compare_file(out))
    for name in ALONE:
        timed(times, name, partial(getattr(nal, name), out))
    recording.close()


def main() -> None:
    """Time the job and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=1800.0, help="of the simulated session (s)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    times: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        session = nal.simulate_session(Path(folder) / "session.nwb", seed=0, duration=options.duration)
        for _ in range(options.rounds):
            one_round(session, times)
    rows = {name: min(started(code) for _ in range(options.rounds)) for name, code in CODE.items()}
    rows |= {name: times[name] for name in JOB} | {"all of these five": sum(times[name] for name in JOB)}
    rows |= {AGAIN: times[AGAIN]} | {f"`{name}` alone": times[name] for name in ALONE}
    print(f"{options.duration:g} s of 12 muscles, least of {options.rounds}\n\n| job | processor seconds |\n|---|---|")
    print("\n".join(f"| {name} | {seconds:.2f} |" for name, seconds in rows.items()))


if __name__ == "__main__":
    main()
