"""How well each estimator follows the truth of simulated sessions, and what it gives on real recordings.

``python benchmarks/accuracy.py`` prints one table for each kind of data and writes every score, setting, seed and
version to ``accuracy.json``; ``--keep`` adds to it, estimator by estimator. What is not fixed is chosen by each
estimator's own ``fit``, which never sees the truth.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from agreement import rank_agreement, score_cortex, score_movement
from contraction import score_contraction
from real_recordings import SHARED_DATA, Makers, score_knee_sessions, score_walking
from scipy import signal

import nwb_autolfads as nal
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig, Preset
from nwb_autolfads.estimators.bayes.estimator import BayesianFilter
from nwb_autolfads.estimators.lowpass import LowPass
from nwb_autolfads.estimators.subspace import LowPassSubspace
from nwb_autolfads.evaluation.held_out import held_out_likelihood
from nwb_autolfads.evaluation.truth import score_against_truth
from nwb_autolfads.simulate import SimulationConfig, read_true_activation, simulate_session


def without_budget(preset: Preset) -> AutoLFADSConfig:
    """Return a preset that never takes steps off its training, so that a crowded machine gives the same numbers."""
    config = AutoLFADSConfig.preset(preset)
    return config.model_copy(update={"training": config.training.model_copy(update={"budget_s": None})})


ESTIMATORS: dict[str, Callable[[int, Preset], Any]] = {
    "low-pass 20 Hz": lambda seed, preset: LowPass(20.0),
    "low-pass auto": lambda seed, preset: LowPass("auto"),
    "low-pass + PCA": lambda seed, preset: LowPassSubspace("auto", "auto", seed=seed),
    "Wiener smoother": lambda seed, preset: nal.WienerSmoother(),
    # The largest diffusion at which an Euler step is stable for 100 amplitudes up to 1 at 500 Hz is 0.025.
    "Bayesian filter as published": lambda seed, preset: BayesianFilter(
        diffusion=0.02, temper=1.0, amplitudes="linear", transition="euler"
    ),
    "Bayesian filter": lambda seed, preset: BayesianFilter(),
    "Bayesian smoother": lambda seed, preset: BayesianFilter(smooth=True),
    "state-space smoother": lambda seed, preset: nal.StateSpaceSmoother(),
    "amortized smoother": lambda seed, preset: nal.AmortizedSmoother(),
    "AutoLFADS": lambda seed, preset: nal.AutoLFADS(seed=seed, config=without_budget(preset)),
}
GENERATORS = ("am", "motor_units")
COLUMNS = {
    "r2": "R2",
    "r2_best_lag": "R2 best lag",
    "best_lag_ms": "lag (ms)",
    "r2_below_10_hz": "R2 < 10 Hz",
    "r2_above_10_hz": "R2 > 10 Hz",
    "onset_ms": "onset (ms)",
    "covered": "in 90 % interval",
    "cortex_r2": "spikes R2",
    "movement_r2": "movement R2",
    "held_out_nll": "held-out NLL",
    "seconds": "CPU (s)",
}
RANKED_BY = ("held_out_nll", "cortex_r2", "movement_r2")
MARK = "<!-- made by a benchmark -->"
MAX_LAG_S = 0.05
SPLIT_HZ = 10.0
IN_90_PERCENT = 1.645  # standard deviations on both sides
ONSET_QUIET_S, ONSET_SEARCH_S = 0.03, 0.1


def score_simulated(estimator: Any, emg: xr.DataArray, truth: xr.DataArray, session: Path) -> dict[str, float | None]:
    """Fit, estimate, and score one estimator on one session; means over muscles."""
    cpu, wall = time.process_time(), time.perf_counter()
    estimate = estimator.fit(emg).estimate(emg)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    overall = score_against_truth({"it": estimate}, truth, max_lag=MAX_LAG_S).isel(estimator=0).mean("muscle")
    true = truth.interp(time=emg["time"].values, kwargs={"fill_value": "extrapolate"})
    activation = estimate["activation"].dropna("time", how="all")
    true = true.sel(time=activation["time"])
    bands = [
        float(score_against_truth({"it": xr.Dataset({"activation": a})}, t)["r2"].mean())
        for a, t in zip(split_bands(activation), split_bands(true), strict=True)
    ]
    return {
        "r2": float(overall["r2"]),
        "r2_best_lag": float(overall["r2_best_lag"]),
        "best_lag_ms": 1e3 * float(overall["best_lag"]),
        "r2_below_10_hz": bands[0],
        "r2_above_10_hz": bands[1],
        "onset_ms": onset_error_ms(activation, true),
        "covered": coverage(estimate, true),
        "cortex_r2": score_cortex(estimate, session),
        "movement_r2": score_movement(estimate, session),
        "held_out_nll": float(held_out_likelihood(estimator.predict_hidden, emg)["nll"].mean()),
        "seconds": cpu,
        "wall_seconds": wall,
    }


def coverage(estimate: xr.Dataset, truth: xr.DataArray) -> float | None:
    """Return the share of the truth within 1.645 standard deviations of the estimate; None where it gives none.

    The estimate is first put on the scale of the truth by least squares. What was not estimated is left out.
    """
    if "activation_std" not in estimate:
        return None
    inside = []
    for muscle in estimate["muscle"].values:
        of = estimate.sel(muscle=muscle).dropna("time", subset=["activation", "activation_std"])
        e, sd = of["activation"].values.astype(float), of["activation_std"].values
        t = np.interp(of["time"].values, truth["time"].values, truth.sel(muscle=muscle).values)
        slope, offset = np.polyfit(e, t, 1)
        inside.append(np.mean(np.abs(slope * e + offset - t) <= IN_90_PERCENT * slope * sd))
    return float(np.mean(inside))


def split_bands(values: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return what a zero-phase low-pass at `SPLIT_HZ` leaves, and the rest."""
    rate = 1 / float(np.median(np.diff(values["time"])))
    slow = values.copy(data=signal.sosfiltfilt(signal.butter(4, SPLIT_HZ, fs=rate, output="sos"), values, axis=0))
    return slow, values - slow


def onset_error_ms(estimate: xr.DataArray, truth: xr.DataArray) -> float:
    """Return the median over onsets of the time from a true onset to the nearest of the estimate (ms).

    An onset is where activation rises through a quarter of the way from its 5 % to its 95 % quantile after at least
    30 ms below and stays above for 30 ms. The estimate is first put on the scale of the truth by least squares. Its
    onsets are all its rises through the same level; one with none within 100 ms counts as 100 ms off.
    """
    times = truth["time"].values
    quiet = round(ONSET_QUIET_S / float(np.median(np.diff(times))))
    errors = []
    for e, t in zip(estimate.values.T.astype(float), truth.values.T.astype(float), strict=True):
        slope, offset = np.polyfit(e, t, 1)
        low, high = np.quantile(t, [0.05, 0.95])
        level = low + 0.25 * (high - low)
        above = t > level
        rises = [
            i
            for i in np.flatnonzero(above[1:] & ~above[:-1]) + 1
            if i >= quiet and not above[i - quiet : i].any() and above[i : i + quiet].all()
        ]
        over = slope * e + offset > level
        found = times[np.flatnonzero(over[1:] & ~over[:-1]) + 1]
        for onset in times[rises]:
            nearest = np.abs(found - onset).min() if len(found) else np.inf
            errors.append(min(nearest, ONSET_SEARCH_S))
    return 1e3 * float(np.median(errors)) if errors else float("nan")


def simulated_sessions(options: argparse.Namespace) -> Iterator[tuple[str, int, xr.DataArray, xr.DataArray, Path]]:
    """Simulate a session of every generator and seed; give both, EMG, truth, and the file while it is there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.nwb"
        for generator in options.generators:
            for seed in options.seeds:
                config = SimulationConfig(emg_generator=generator)
                simulate_session(path, seed=seed, duration=options.duration, config=config, overwrite=True)
                emg = nal.preprocess(nal.open_emg(path, path="acquisition/EMG"))
                yield generator, seed, emg, read_true_activation(path), path


def run_simulated(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Score the estimators on every generator and seed; one row each."""
    for generator, seed, emg, truth, path in simulated_sessions(options):
        for name in options.estimators:
            estimator = ESTIMATORS[name](seed, options.preset)
            scores = score_simulated(estimator, emg, truth, path)
            print(generator, seed, name, f"R2 {scores['r2']:.3f}", f"{scores['seconds']:.1f} s", flush=True)
            asked = {"estimator": name, "generator": generator, "seed": seed, "duration_s": options.duration}
            yield asked | scores | {"config": estimator.config}


def simulated_tables(rows: list[dict[str, Any]], names: list[str]) -> str:
    """Write mean and spread (standard deviation) over seeds, one Markdown table for each generator."""
    lines = []
    for generator in dict.fromkeys(row["generator"] for row in rows):
        lines += [f"**{generator}**", "", "| estimator | " + " | ".join(COLUMNS.values()) + " |"]
        lines += ["|---" * (1 + len(COLUMNS)) + "|"]
        for name in names:
            mine = [row for row in rows if row["generator"] == generator and row["estimator"] == name]
            lines += [f"| {name} | " + " | ".join(_mean_and_spread(mine, column) for column in COLUMNS) + " |"]
        lines += [""]
    return "\n".join(lines)


def agreement_table(rows: list[dict[str, Any]], names: list[str]) -> str:
    """Write how well scores without truth rank the estimators as R2 to the truth does (Spearman), per generator."""
    lines = ["**Do scores without truth rank estimators as the truth does?** Rank correlation, mean over sessions", ""]
    lines += [
        "| generator | " + " | ".join(COLUMNS[by] for by in RANKED_BY) + " |",
        "|---" * (1 + len(RANKED_BY)) + "|",
    ]
    for generator in dict.fromkeys(row["generator"] for row in rows):
        mine = [row for row in rows if row["generator"] == generator and row["estimator"] in names]
        lines += [f"| {generator} | " + " | ".join(f"{rank_agreement(mine, by):.2f}" for by in RANKED_BY) + " |"]
    return "\n".join([*lines, ""])


def real_tables(real: dict[str, dict[str, dict[str, float]]]) -> str:
    """Write one Markdown table for each real data set."""
    lines = []
    for title, by_estimator in real.items():
        columns = list(next(iter(by_estimator.values())))
        lines += [f"**{title}**", "", "| estimator | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
        lines += [
            f"| {name} | " + " | ".join(f"{scores[column]:.3f}" for column in columns) + " |"
            for name, scores in by_estimator.items()
        ]
        lines += [""]
    return "\n".join(lines)


def put_tables(page: Path, tables: str) -> None:
    """Replace what stands between the two marks of a page by the tables; without a page, make one."""
    before, _, after = page.read_text(encoding="utf-8").split(MARK) if page.exists() else ("", "", "\n")
    page.write_text(f"{before}{MARK}\n\n{tables.strip()}\n\n{MARK}{after}", encoding="utf-8")


def _mean_and_spread(rows: list[dict[str, Any]], column: str) -> str:
    values = np.array([row[column] for row in rows], float)
    values = values[np.isfinite(values)]
    if not len(values):
        return "-"
    digits = 1 if column in ("best_lag_ms", "onset_ms", "seconds") else 3
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--estimators", nargs="+", choices=list(ESTIMATORS), default=list(ESTIMATORS), metavar="NAME")
    parser.add_argument("--duration", type=float, default=120.0, help="length of a simulated session (s); 0: none")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--generators", nargs="+", choices=GENERATORS, default=list(GENERATORS))
    parser.add_argument("--preset", default="quick", help="of AutoLFADS")
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder of the real recordings")
    parser.add_argument("--hd-emg", type=Path, help="otb_testfile.mat of the package openhdemg 0.1.2")
    parser.add_argument("--no-real", action="store_true", help="leave out those of --data")
    parser.add_argument("--json", type=Path, default=Path("accuracy.json"))
    parser.add_argument("--keep", action="store_true", help="keep the rows of other estimators that the JSON has")
    parser.add_argument("--markdown", type=Path, help="page whose tables are replaced")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    result: dict[str, Any] = {"simulated": [], "real": {}}
    if options.keep and options.json.exists():
        result = json.loads(options.json.read_text())
    result["versions"] = {name: version(name) for name in ("nwb-autolfads", "numpy", "scipy", "scikit-learn", "torch")}
    result["versions"]["python"] = platform.python_version()
    result["settings"] = {"seeds": options.seeds, "preset": options.preset}
    again = [(e, g) for e in options.estimators for g in options.generators] if options.duration else []
    simulated = [row for row in result["simulated"] if (row["estimator"], row["generator"]) not in again]
    result["simulated"] = simulated
    for row in run_simulated(options) if options.duration else ():
        simulated.append(row)
        options.json.write_text(json.dumps(result, indent=1))
    real = result["real"]
    makers = {name: partial(ESTIMATORS[name], options.seeds[0], options.preset) for name in options.estimators}
    recordings: dict[Callable[[Path, Makers], dict[str, Any]], Path]
    recordings = {score_knee_sessions: options.data / "knee4", score_walking: options.data / "walk13"}
    if options.no_real or not options.data.is_dir():
        recordings = {}
    if options.hd_emg:
        recordings[score_contraction] = options.hd_emg
    for score, place in recordings.items():
        for title, scores in score(place, makers).items():
            real.setdefault(title, {}).update(scores)
        options.json.write_text(json.dumps(result, indent=1))
    present = [name for name in ESTIMATORS if any(row["estimator"] == name for row in simulated)]
    parts = [simulated_tables(simulated, present), agreement_table(simulated, present)] if simulated else []
    tables = "\n".join([*parts, real_tables(real)] if real else parts)
    print("\n" + tables)
    if options.markdown:
        put_tables(options.markdown, tables)


if __name__ == "__main__":
    main()
