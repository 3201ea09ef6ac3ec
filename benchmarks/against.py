"""Estimates and times of this version beside those of another checkout of it.

``python benchmarks/against.py CHECKOUT`` starts a process for each of the two, lets them take turns, one at a time and
on one thread, on the same simulated session, and prints one table of estimates and one of processor times. Only what
both have and is meant to be the same is compared: estimators with their settings given, the frequency response, a
training step, as ``training.py`` of each checkout takes it, and opening, preprocessing, writing and reading.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import argparse
import inspect
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rows import head, line

HERE = Path(__file__).resolve().parents[1]
BAYES = "Bayesian smoother"
STEPS = {"training step": {"bins": 100, "sizes": "64/8/2", "batch": 64, "members": 1, "threads": 1}}
STEPS["training step of a population"] = {"bins": 150, "sizes": "64/10/3", "batch": 16, "members": 4, "threads": 1}
STEPS_IN_A_TURN = 3
KEPT = ("crosstalk", "common_artifacts", "spectrum")


def as_before() -> Any:
    """Return the settings that leave cross-talk and spectrum of the EMG as they were before they could be chosen."""
    from nwb_autolfads.emg.config import PreprocessingConfig

    return PreprocessingConfig.model_validate(
        {name: "keep" for name in KEPT if name in PreprocessingConfig.model_fields}
    )


class Other:
    """A process that has one of the two checkouts, and does what it is asked when it is asked."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        command = [sys.executable, __file__, str(checkout), "--serve"]
        extension = checkout / "extensions" / "ndx-muscle-activation" / "src"
        paths = os.pathsep.join(map(str, (checkout, extension, checkout / "benchmarks")))
        environment = {**os.environ, "PYTHONPATH": paths}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, task: str, *arguments: str) -> Any:
        """Have it do one of `TASKS`; give what came of it."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([task, *arguments]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.checkout} did not do: {task}")
        return json.loads(answer)


def serve(checkout: Path) -> None:
    """Do what comes in, line by line, in the process that has a checkout."""
    del sys.path[0]  # the folder of this file: the other checkout has benchmarks of its own
    import nwb_autolfads

    assert Path(nwb_autolfads.__file__).is_relative_to(checkout), f"{nwb_autolfads.__file__} is not of {checkout}"
    answers, sys.stdout = sys.stdout, sys.stderr
    for request in sys.stdin:
        task, *arguments = json.loads(request)
        print(json.dumps(TASKS[task](*arguments)), file=answers, flush=True)


def step(name: str) -> float:
    """Return the processor seconds of one training step of one model."""
    from training import measure

    path, clock = ["compiled"], "processor"
    options = argparse.Namespace(path=path, clock=clock, rounds=1, steps=4, channels=12, device="cpu", peer=None)
    return float(measure(STEPS[name], options)[0]["seconds"])


def job(session: str) -> dict[str, float]:
    """Return the processor seconds of what is done beside training."""
    import nwb_autolfads as nal

    times: dict[str, float] = {}

    def timed(what: str, work: Callable[[], Any]) -> Any:
        began = time.process_time()
        made = work()
        times[what] = time.process_time() - began
        return made

    out = f"{session}.out.nwb"
    with timed("opening", lambda: nal.open_emg(session)) as recording:
        emg = timed("preprocessing", lambda: nal.preprocess(recording, as_before()))
        estimate = timed("low-pass 20 Hz", lambda: nal.LowPass(20.0).fit(emg).estimate(emg))
    timed("writing an estimate", lambda: nal.write_activation(estimate, session, out, overwrite=True))
    timed("reading it back", lambda: nal.read_activation(out))
    timed("frequency response", lambda: nal.frequency_response({"it": estimate}, emg))
    return times


def simulated(session: str, duration: str) -> None:
    """Write the session that both use."""
    import nwb_autolfads as nal

    nal.simulate_session(Path(session), seed=0, duration=float(duration))


def estimates(session: str, out: str) -> None:
    """Keep estimates, their frequency responses and how much of the truth each muscle has."""
    import nwb_autolfads as nal
    from nwb_autolfads.simulate import read_true_activation

    untempered: dict[str, Any] = {"temper": 1.0} if "temper" in inspect.signature(nal.BayesianFilter).parameters else {}
    with nal.open_emg(session) as recording:
        emg = nal.preprocess(recording, as_before())
    made = {
        "low-pass 20 Hz": nal.LowPass(20.0),
        f"{BAYES}, diffusion 8, jump 0.5": nal.BayesianFilter(diffusion=8.0, jump=0.5, smooth=True, **untempered),
        f"{BAYES}, both fitted": nal.BayesianFilter(smooth=True, **untempered),
    }
    truth = read_true_activation(session)
    keep: dict[str, Any] = {"emg|values": emg.values}
    for name, estimator in made.items():
        estimate = estimator.fit(emg).estimate(emg)
        keep[f"{name}|activation"] = estimate["activation"].values
        response = nal.frequency_response({name: estimate}, emg)
        keep |= {f"{name}|{key}": response[key].values for key in ("gain", "coherence")}
        keep[f"{name}|truth"] = np.array(explained(estimate, truth))
    np.savez(out, **keep)


def explained(estimate: xr.Dataset, truth: xr.DataArray) -> list[float]:
    """Return the squared correlation with the truth, muscle by muscle: R2 after the best scale and offset."""
    activation = estimate["activation"]
    true = truth.interp(time=activation["time"].values, kwargs={"fill_value": "extrapolate"})
    pairs = ((activation.sel(muscle=m).values, true.sel(muscle=m).values) for m in activation["muscle"].values)
    return [float(np.corrcoef(*pair)[0, 1] ** 2) for pair in pairs]


TASKS: dict[str, Callable[..., Any]] = {"step": step, "job": job, "simulated": simulated, "estimates": estimates}


def print_estimates(there: Any, here: Any) -> None:
    """Print by how much each result differs, beside its largest value, and what it has of the truth."""
    head("result", "largest difference, of the largest value", "R2 to the truth, there", "here")
    for key in there.files:
        name, what = key.split("|")
        if what == "truth":
            continue
        known = np.isfinite(there[key])
        assert np.array_equal(known, np.isfinite(here[key])), f"{key} is missing in other places"
        apart = np.abs(here[key] - there[key])[known].max() / np.abs(there[key][known]).max()
        r2 = [f"{of[f'{name}|truth'].mean():.4f}" if what == "activation" else "" for of in (there, here)]
        line(f"{name}, {what}", float(apart), *r2, form=".1e")


def print_times(turns: dict[str, list[tuple[float, float]]]) -> None:
    """Print medians, the ratio of neighbouring turns (median and range), and the ratio of the least."""
    head("time", "there (s)", "here (s)", "here / there", "range", "of the least")
    for name, pairs in turns.items():
        before, now = zip(*pairs, strict=True)
        ratios = [b / a for a, b in pairs]
        between = f"{min(ratios):.2f}-{max(ratios):.2f}"
        medians = statistics.median(before), statistics.median(now)
        line(name, *medians, statistics.median(ratios), between, min(now) / min(before), form=".3f")


def main() -> None:
    """Let the two take turns and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="of the other version")
    parser.add_argument("--duration", type=float, default=60.0, help="of the simulated session (s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.checkout.resolve())
        return
    both = [Other(options.checkout.resolve()), Other(HERE)]
    turns: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        session = f"{folder}/session.nwb"
        both[0].ask("simulated", session, str(options.duration))
        for number, one in enumerate(both):
            one.ask("estimates", session, f"{folder}/{number}.npz")
        print_estimates(*(np.load(f"{folder}/{number}.npz") for number in (0, 1)))
        print(f"\n{options.duration:g} s of 12 muscles, {options.rounds} turns\n")
        for turn in range(options.rounds + 1):  # the first warms up
            for name in STEPS_IN_A_TURN * tuple(STEPS) if turn else ():
                turns.setdefault(name, []).append((both[0].ask("step", name), both[1].ask("step", name)))
            times = [one.ask("job", session) for one in both]
            for name in times[0] if turn else ():
                turns.setdefault(name, []).append((times[0][name], times[1][name]))
        print_times(turns)


if __name__ == "__main__":
    main()
