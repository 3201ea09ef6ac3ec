"""What longer training gives: R2 to the truth along a run of preset `quick` that fills a time.

``python benchmarks/longer_training.py`` trains for 30 minutes on a simulated session of either generator, one thread,
estimates with the members that are best after some epochs, and compares with the exact Bayesian smoother. It prints a
table and keeps every number in ``longer_training.json``.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import argparse
import json
import time
from pathlib import Path
from typing import Any

import xarray as xr
from accuracy import GENERATORS, put_tables, simulated_sessions

import nwb_autolfads as nal
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.prepared import Prepared
from nwb_autolfads.estimators.autolfads.training import Training
from nwb_autolfads.estimators.autolfads.weights import pack
from nwb_autolfads.evaluation.truth import score_against_truth
from nwb_autolfads.search.engines.placement import Placement
from nwb_autolfads.search.progress import Progress


def r2(estimate: xr.Dataset, truth: xr.DataArray) -> float:
    """Mean over muscles."""
    return float(score_against_truth({"it": estimate}, truth)["r2"].mean())


def look_along(settings: AutoLFADSConfig, emg: xr.DataArray, truth: xr.DataArray, seed: int, every: int) -> list[Any]:
    """Train to the end; after some epochs, estimate with what is best by then. One row each."""
    looks: list[dict[str, float]] = []
    spent, began = 0.0, time.process_time()

    def look(progress: Progress) -> None:
        nonlocal spent, began
        spent += time.process_time() - began
        if progress.epoch and (progress.epoch % every == 0 or progress.epoch == progress.n_epochs):
            estimator = nal.AutoLFADS.from_bytes(pack(training.best()))
            found = {"r2": r2(estimator.estimate(emg), truth), "validation_nll": progress.best}
            steps = progress.epoch * training.engine.steps_per_epoch
            looks.append({"epoch": progress.epoch, "steps": steps, "seconds": spent} | found)
            print(looks[-1], flush=True)
        began = time.process_time()

    with Training.of(Prepared.of(settings, {"session": emg}), seed, Placement()) as training:
        training.run(look)
    return looks


def table(runs: list[dict[str, Any]]) -> str:
    """Write a line for each run: R2 along it, its end against its best and against the smoother (points)."""
    epochs = [look["epoch"] for look in runs[0]["looks"]]
    heads = [*(f"epoch {epoch}" for epoch in epochs), "end - best", "end - smoother", "steps", "CPU (min)"]
    lines = ["| session | " + " | ".join(heads) + " |"]
    lines += ["|---" * (5 + len(epochs)) + "|"]
    for run in runs:
        along, last = [look["r2"] for look in run["looks"]], run["looks"][-1]
        cells = [f"{value:.3f}" for value in along]
        cells += [f"{100 * (along[-1] - max(along)):.1f}", f"{100 * (along[-1] - run['smoother']):+.1f}"]
        cells += [f"{last['steps']}", f"{last['seconds'] / 60:.0f}"]
        lines.append(f"| {run['generator']}, seed {run['seed']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="time for the training of each session")
    parser.add_argument("--generators", nargs="+", choices=GENERATORS, default=list(GENERATORS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--duration", type=float, default=120.0, help="length of a session (s)")
    parser.add_argument("--every", type=int, default=4, help="epochs from one look to the next")
    parser.add_argument("--json", type=Path, default=Path("longer_training.json"))
    parser.add_argument("--keep", action="store_true", help="keep the runs on other sessions that the JSON has")
    parser.add_argument("--markdown", type=Path, help="page whose table is replaced")
    options = parser.parse_args(arguments)
    settings = AutoLFADSConfig.preset("quick").lasting(options.minutes)
    runs: list[dict[str, Any]] = json.loads(options.json.read_text()) if options.keep and options.json.exists() else []
    for generator, seed, emg, truth, _ in simulated_sessions(options):
        smoother = r2(nal.BayesianFilter(smooth=True).fit(emg).estimate(emg), truth)
        print(generator, seed, f"smoother {smoother:.4f}", flush=True)
        session = {"generator": generator, "seed": seed}
        runs = [run for run in runs if (run["generator"], run["seed"]) != (generator, seed)]
        runs.append(session | {"smoother": smoother, "looks": look_along(settings, emg, truth, seed, options.every)})
        options.json.write_text(json.dumps(runs, indent=1))
    runs.sort(key=lambda run: (run["generator"], run["seed"]))
    print("\n" + table(runs))
    if options.markdown:
        put_tables(options.markdown, table(runs))


if __name__ == "__main__":
    main()
