"""How estimators do in worlds where nothing was tuned, and whether those worlds surround real recordings.

``python benchmarks/worlds.py --signals`` measures the EMG of every real recording and of every world, and writes table
and figure. ``python benchmarks/worlds.py --set development`` runs every estimator on every development world: R2 to the
truth at lag 0, mean over muscles. ``--set test`` is for the table of a release, never to choose anything. Every result
is kept in the JSON at once: what is there is not run again, so that an interrupted run goes on.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import world_signals
import xarray as xr
from accuracy import ESTIMATORS, SHARED_DATA
from pynwb import NWBHDF5IO

import nwb_autolfads as nal
from nwb_autolfads.emg.trials import cut_trials
from nwb_autolfads.evaluation.truth import score_against_truth
from nwb_autolfads.files.atomic import new_version
from nwb_autolfads.simulate import read_true_activation
from nwb_autolfads.simulate.worlds import World

BEFORE_MOVEMENT = 0.2
"""Share of a trial that lies before the movement it is cut around."""

DOCS = Path(__file__).resolve().parents[1] / "docs"


def recording(world: World, repeat: int, path: Path) -> tuple[xr.DataArray, xr.DataArray]:
    """Simulate a world; return the EMG as its estimators see it, in trials or as it runs, and the truth."""
    world.simulate(path, repeat=repeat, overwrite=True)
    emg = nal.preprocess(nal.open_emg(path, path="acquisition/EMG"))
    if world.trial_table:
        with NWBHDF5IO(path, "r") as io:
            starts = np.asarray(io.read().intervals[world.trial_table]["start_time"][:])
        before = BEFORE_MOVEMENT * world.trial_ms
        emg = cut_trials(emg, starts, from_ms=-before, to_ms=world.trial_ms - before, name=world.trial_table)
    return emg, read_true_activation(path)


def score(name: str, emg: xr.DataArray, truth: xr.DataArray, seed: int, preset: str) -> dict[str, float]:
    """Fit and estimate; return R2 to the truth, mean over usable muscles, and processor seconds."""
    began = time.process_time()
    estimate = ESTIMATORS[name](seed, preset).fit(emg).estimate(emg)
    seconds = time.process_time() - began
    r2 = score_against_truth({"it": estimate}, truth)["r2"].isel(estimator=0)
    of_usable = r2.sel(muscle=emg["muscle"].values[emg["usable"].values])
    return {"r2": float(of_usable.fillna(0.0).mean()), "seconds": round(seconds, 2)}


def identity(world: World, name: str, seed: int, preset: str) -> dict[str, Any]:
    """Return what a result belongs to: with other settings of a world, or another preset, it is another result."""
    settings = hashlib.sha256(world.model_dump_json().encode()).hexdigest()[:12]
    of_preset = {"preset": preset} if name == "AutoLFADS" else {}
    return {"world": world.name, "settings": settings, "estimator": name, "seed": seed} | of_preset


def run(options: argparse.Namespace, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Score what the rows do not have yet; one world's session at a time, for all estimators."""
    known = [{key: row.get(key) for key in ("world", "settings", "estimator", "seed", "preset")} for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        for world in world_signals.SETS[options.set](options.seconds):
            for seed in options.seeds:
                asked = {name: identity(world, name, seed, options.preset) for name in options.estimators}
                left = [name for name, who in asked.items() if {"preset": None} | who not in known]
                if not left:
                    continue
                emg, truth = recording(world, seed, Path(folder) / "session.nwb")
                for name in left:
                    scores = score(name, emg, truth, seed, options.preset)
                    print(world.name, seed, name, f"R2 {scores['r2']:.3f}", f"{scores['seconds']:.1f} s", flush=True)
                    yield asked[name] | {"set": options.set, "duration_s": world.duration_s} | scores


def by_world(rows: list[dict[str, Any]], options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return the mean over seeds for each estimator and world, of the settings as they are now."""
    found: dict[str, dict[str, float]] = {}
    for name in options.estimators:
        for world in world_signals.SETS[options.set](options.seconds):
            ids = [identity(world, name, seed, options.preset) for seed in options.seeds]
            values = [row["r2"] for row in rows if any(row.items() >= who.items() for who in ids)]
            if len(values) == len(ids):
                found.setdefault(name, {})[world.name] = float(np.mean(values))
    return found


def table(scores: dict[str, dict[str, float]]) -> str:
    """Write mean, worst world and share of worlds won, then every world, as Markdown tables."""
    names, worlds = list(scores), list(next(iter(scores.values())))
    best = {world: max(scores[name][world] for name in names) for world in worlds}
    lines = ["| estimator | mean | worst | worst world | worlds won |", "|---" * 5 + "|"]
    for name in names:
        of = scores[name]
        worst = min(of, key=lambda world: of[world])
        won = np.mean([of[world] == best[world] for world in worlds])
        lines.append(f"| {name} | {np.mean(list(of.values())):.3f} | {of[worst]:.3f} | {worst} | {won:.0%} |")
    lines += ["", "| world | " + " | ".join(names) + " |", "|---" * (1 + len(names)) + "|"]
    lines += [f"| {world} | " + " | ".join(f"{scores[name][world]:.3f}" for name in names) + " |" for world in worlds]
    return "\n".join(lines)


def put(page: Path, part: str, text: str) -> None:
    """Replace what stands between the two marks of a part of a page."""
    mark = f"<!-- {part}: made by benchmarks/worlds.py -->"
    before, _, after = page.read_text(encoding="utf-8").split(mark)
    page.write_text(f"{before}{mark}\n\n{text.strip()}\n\n{mark}{after}", encoding="utf-8")


def keep(result: dict[str, Any], path: Path) -> None:
    """Write all results, so that an interruption leaves the file as it was or as it should be."""
    with new_version(path) as partial:
        partial.write_text(json.dumps(result, indent=None, separators=(",", ":")).replace("{", "\n{"))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--signals", action="store_true", help="measure the EMG of recordings and worlds")
    what.add_argument("--set", choices=list(world_signals.SETS), help="score estimators on a set of worlds")
    parser.add_argument("--estimators", nargs="+", choices=list(ESTIMATORS), default=list(ESTIMATORS), metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="each a session of every world")
    parser.add_argument("--seconds", type=float, help="longest session; without, each world's own (30 s to 10 min)")
    parser.add_argument("--preset", default="quick", help="of AutoLFADS")
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder of the real recordings")
    parser.add_argument("--hd-emg", type=Path, help="otb_testfile.mat of the package openhdemg 0.1.2")
    parser.add_argument("--json", type=Path, default=DOCS / "worlds.json")
    parser.add_argument("--figure", type=Path, default=DOCS / "worlds.png")
    parser.add_argument("--markdown", type=Path, help="page whose part is replaced")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    result: dict[str, Any] = json.loads(options.json.read_text()) if options.json.exists() else {}
    result["versions"] = {name: version(name) for name in ("nwb-autolfads", "numpy", "scipy", "torch")}
    if options.signals:
        found = world_signals.measure(options.data, options.hd_emg, options.seconds or 60.0)
        result["signals"] = world_signals.described(found)
        keep(result, options.json)
        world_signals.figure(found, options.figure)
        part, text = "signals", world_signals.table(found)
    else:
        rows = result.setdefault("accuracy", [])
        for row in run(options, rows):
            rows.append(row)
            keep(result, options.json)
        scores = by_world(rows, options)
        part, text = options.set, table(scores)
    print("\n" + text)
    if options.markdown:
        put(options.markdown, part, text)


if __name__ == "__main__":
    main()
