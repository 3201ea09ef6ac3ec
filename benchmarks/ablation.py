"""What each choice in AutoLFADS is worth: one change at a time from preset `quick`, on simulated and real sessions.

``python benchmarks/ablation.py`` prints a table of R2 to the truth before and after the correction by the muscle's own
data, and what the estimates tell of knee angles and gait phase. One model each, but where four are averaged, so that a
change is not hidden by an average.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from accuracy import GENERATORS, put_tables, real_tables, simulated_sessions, without_budget
from real_recordings import SHARED_DATA, score_knee_sessions, score_walking

import nwb_autolfads as nal
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.evaluation.truth import score_against_truth

CHANGES: dict[str, dict[str, Any]] = {
    "quick, one model": {},
    "four models, averaged": {"training": {"members": 4}},
    "prediction alone, not corrected": {"second_step": False},
    "single elements, shifted (published)": {"masking": "elements", "input_transform": "linear"},
    "all muscles masked at the same times": {"simultaneous_masking": 1.0},
    "each muscle at times of its own": {"simultaneous_masking": 0.0},
    "linear input, no mark of what is masked": {"input_transform": "linear"},
    "blocks of 12 ms": {"block_ms": 12.0},
    "blocks of 40 ms": {"block_ms": 40.0},
    "windows of 200 ms": {"window_ms": 200.0, "window_overlap_ms": 66.0},
    "batches of 64 windows, a quarter of the steps": {"training": {"batch_windows": 64, "steps_per_epoch": 6}},
    "twice the training": {"training": {"steps_per_epoch": 50}},
    "constant learning rate": {"training": {"decay_epochs": 0}},
}


def configured(change: dict[str, Any], **training: Any) -> AutoLFADSConfig:
    """Return preset quick with one model and one change."""
    base = without_budget("quick").model_dump()
    training = {**base["training"], "members": 1, **training, **change.get("training", {})}
    return AutoLFADSConfig.model_validate({**base, **change, "training": training})


def score(config: AutoLFADSConfig, emg: xr.DataArray, truth: xr.DataArray, seed: int) -> dict[str, float]:
    """Train once; estimate with the correction and without."""
    began = time.process_time()
    estimator = nal.AutoLFADS(config=config, seed=seed).fit(emg)
    seconds = time.process_time() - began
    estimates = {"corrected": estimator.estimate(emg)}
    if config.masking == "blocks" and config.second_step:
        estimates["predicted"] = estimator.estimate(emg, correct=False)
    r2 = score_against_truth(estimates, truth)["r2"].mean("muscle")
    found = {name: float(r2.sel(estimator=name)) for name in estimates}
    return found | {"validation_nll": estimator.config["validation_nll"], "seconds": seconds}


def score_real(configs: dict[str, AutoLFADSConfig], data: Path, seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """Score what every change gives on the real recordings, as the accuracy benchmark does."""
    makers = {change: lambda c=config: nal.AutoLFADS(config=c, seed=seed) for change, config in configs.items()}
    return score_knee_sessions(data / "knee4", makers) | score_walking(data / "walk13", makers)


def table(rows: list[dict[str, Any]]) -> str:
    """Write means over seeds, a line for each change."""
    generators = list(dict.fromkeys(row["generator"] for row in rows))
    heads = [f"{what}, {g}" for g in generators for what in ("predicted", "corrected")]
    lines = ["| change | " + " | ".join(heads) + " | training (CPU s) |", "|---" * (2 + len(heads)) + "|"]
    for change in dict.fromkeys(row["change"] for row in rows):
        mine = [row for row in rows if row["change"] == change]
        cells = []
        for generator in generators:
            for what in ("predicted", "corrected"):
                values = [row[what] for row in mine if row["generator"] == generator and what in row]
                cells.append(f"{np.mean(values):.3f}" if values else "-")
        lines.append(f"| {change} | " + " | ".join(cells) + f" | {np.mean([row['seconds'] for row in mine]):.0f} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", nargs="+", choices=list(CHANGES), default=list(CHANGES), metavar="CHANGE")
    parser.add_argument("--generators", nargs="+", choices=GENERATORS, default=list(GENERATORS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--duration", type=float, default=60.0, help="length of a session (s); 0: none")
    parser.add_argument("--epochs", type=int, default=None, help="epochs of training; by default those of quick")
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder of the real recordings")
    parser.add_argument("--no-real", action="store_true", help="leave out the real recordings")
    parser.add_argument("--json", type=Path, default=Path("ablation.json"))
    parser.add_argument("--markdown", type=Path, help="page whose tables are replaced")
    options = parser.parse_args(arguments)
    training = {"max_epochs": options.epochs} if options.epochs else {}
    configs = {change: configured(CHANGES[change], **training) for change in options.changes}
    rows: list[dict[str, Any]] = []
    result: dict[str, Any] = {"simulated": rows}
    for generator, seed, emg, truth, _ in simulated_sessions(options) if options.duration else ():
        for change, config in configs.items():
            found = score(config, emg, truth, seed)
            print(generator, seed, change, {k: round(v, 3) for k, v in found.items()}, flush=True)
            rows.append({"change": change, "generator": generator, "seed": seed} | found)
            options.json.write_text(json.dumps(result, indent=1))
    tables = table(rows) + "\n" if rows else ""
    if not options.no_real and options.data.is_dir():
        result["real"] = score_real(configs, options.data, options.seeds[0])
        options.json.write_text(json.dumps(result, indent=1))
        tables += "\n" * bool(rows) + real_tables(result["real"])
    print("\n" + tables)
    if options.markdown:
        put_tables(options.markdown, tables)


if __name__ == "__main__":
    main()
