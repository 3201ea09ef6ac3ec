"""How estimators do in worlds where nothing was tuned, and whether those worlds surround real recordings.

``python benchmarks/worlds.py --signals`` measures the EMG of every real recording and of every world, and writes table
and figure. ``python benchmarks/worlds.py --worlds development`` runs estimators on every development world: R2 to the
truth at lag 0, mean over muscles. ``--worlds test`` is for the table of a release, never to choose anything. ``--worlds
drawn:31`` draws twelve worlds of that seed, ``drawn-further:31`` further ones. Every result is kept in the JSON at
once: what is there is not run again, so that an interrupted run goes on.

An estimator is given by its key and, after a colon, what differs from its defaults: ``lowpass``,
``lowpass:cutoff=auto``, ``bayes:amplitudes=linear,grid=50``, ``autolfads:preset=quick,training.budget_s=null``.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import argparse
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import world_signals
import xarray as xr
from accuracy import coverage
from pynwb import NWBHDF5IO
from real_recordings import SHARED_DATA

import nwb_autolfads as nal
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.trials import cut_trials
from nwb_autolfads.errors import ConfigError, NwbAutolfadsError
from nwb_autolfads.estimators.base import Estimator, Making
from nwb_autolfads.estimators.registry import chosen
from nwb_autolfads.evaluation.truth import score_against_truth
from nwb_autolfads.files.atomic import new_version
from nwb_autolfads.simulate import read_true_activation
from nwb_autolfads.simulate.worlds import World, draw_worlds, further_worlds

# Without a budget of time a crowded machine gives the same numbers.
ESTIMATORS = (
    "autolfads:training.budget_s=null",
    "amortized",
    "wiener",
    "statespace",
    "bayes",
    "bayes:temper=1",
    "subspace:cutoff=auto",
    "lowpass:cutoff=auto",
    "lowpass",
)
PREPROCESSING = {
    "clean": None,
    "coloured": PreprocessingConfig(spectrum="keep"),
    "recorded": PreprocessingConfig(spectrum="keep", crosstalk="keep", common_artifacts="keep"),
}
"""As by default; not whitened; and neither whitened nor rid of cross-talk and artifacts that all electrodes see."""
OF_MAKING = ("preset", "minutes")
"""Options of an estimator that are no settings of it."""

BEFORE_MOVEMENT = 0.2
"""Share of a trial that lies before the movement it is cut around."""

ASKED_COVERAGE = 0.9
SETS = world_signals.SETS | {"further": further_worlds}
DRAWN = re.compile(r"drawn(-further)?:(\d{1,9})")
DOCS = Path(__file__).resolve().parents[1] / "docs"


def worlds_of(which: str, seconds: float | None) -> list[World]:
    """Return a set of worlds by its name, or twelve that are drawn."""
    if drawn := DRAWN.fullmatch(which):
        worlds = draw_worlds(int(drawn[2]), name=which, further=bool(drawn[1]))
        return [world.shortened(seconds) for world in worlds]
    return SETS[which](seconds)


def recording(world: World, repeat: int, path: Path, emg_is: str = "clean") -> tuple[xr.DataArray, xr.DataArray]:
    """Simulate a world; return the EMG as its estimators see it, in trials or as it runs, and the truth."""
    return prepared(world, repeat, path, PREPROCESSING[emg_is])


def prepared(
    world: World, repeat: int, path: Path, how: PreprocessingConfig | None
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the same with any preprocessing."""
    world.simulate(path, repeat=repeat, overwrite=True)
    emg = nal.preprocess(nal.open_emg(path, path="acquisition/EMG"), how)
    if world.trial_table:
        with NWBHDF5IO(path, "r") as io:
            starts = np.asarray(io.read().intervals[world.trial_table]["start_time"][:])
        before = BEFORE_MOVEMENT * world.trial_ms
        emg = cut_trials(emg, starts, from_ms=-before, to_ms=world.trial_ms - before, name=world.trial_table)
    return emg, read_true_activation(path)


def make(what: str, seed: int) -> Estimator:
    """Return the estimator of a key and its options.

    Raises
    ------
    ConfigError
        If there is no such estimator or option, or an option is out of its range.
    """
    key, _, options = what.partition(":")
    entry = chosen(key)[0]
    settings: dict[str, Any] = {}
    for option in filter(None, options.split(",")):
        path, is_given, value = option.partition("=")
        if not is_given:
            raise ConfigError(f"{option!r} has no value", obj=what, way_out="Give options as name=value")
        *parts, last = path.split(".")
        into = settings
        for part in parts:
            into = into.setdefault(part, {})
        try:
            into[last] = json.loads(value)
        except json.JSONDecodeError:
            into[last] = value
    making = Making(seed=seed, **{name: settings.pop(name) for name in OF_MAKING if name in settings})
    return entry.make(settings, making)


def score(what: str, emg: xr.DataArray, truth: xr.DataArray, seed: int) -> dict[str, Any]:
    """Fit and estimate; return R2 to the truth, mean over usable muscles, coverage, and processor seconds.

    An estimator that refuses the EMG has explained nothing of it: its R2 is 0, and what it said is kept.
    """
    began = time.process_time()
    try:
        estimate = make(what, seed).fit(emg).estimate(emg)
    except NwbAutolfadsError as error:
        return {"r2": 0.0, "covered": None, "seconds": _since(began), "error": str(error)}
    seconds = _since(began)
    estimate = estimate.sel(muscle=emg["muscle"].values[emg["usable"].values])
    r2 = score_against_truth({"it": estimate}, truth)["r2"]
    return {"r2": float(r2.fillna(0.0).mean()), "covered": coverage(estimate, truth), "seconds": seconds}


def _since(began: float) -> float:
    return round(time.process_time() - began, 2)


def identity(world: World, what: str, seed: int, emg_is: str) -> dict[str, Any]:
    """Return what a result belongs to: with other settings of a world it is another result.

    What is as by default is left out, so that a new level, which is off by default, leaves results valid.
    """
    settings = hashlib.sha256(world.model_dump_json(exclude_defaults=True).encode()).hexdigest()[:12]
    return {"world": world.name, "settings": settings, "emg": emg_is, "estimator": what, "seed": seed}


def run(options: argparse.Namespace, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Score what the rows do not have yet; one world's session at a time, for all estimators."""
    known = [{key: row.get(key) for key in ("world", "settings", "emg", "estimator", "seed")} for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        for world in worlds_of(options.worlds, options.seconds):
            for seed in options.seeds:
                asked = {what: identity(world, what, seed, options.emg) for what in options.estimators}
                left = [what for what, who in asked.items() if who not in known]
                if not left:
                    continue
                emg, truth = recording(world, seed, Path(folder) / "session.nwb", options.emg)
                for what in left:
                    scores = score(what, emg, truth, seed)
                    said = scores.get("error", "")
                    print(
                        world.name, seed, what, f"R2 {scores['r2']:.3f}", f"{scores['seconds']:.1f} s", said, flush=True
                    )
                    yield asked[what] | {"set": options.worlds, "duration_s": world.duration_s} | scores


def asked_for(rows: list[dict[str, Any]], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the rows of what the options ask for, of the settings as they are now."""
    worlds = worlds_of(options.worlds, options.seconds)
    asked = [
        identity(w, what, seed, options.emg) for what in options.estimators for w in worlds for seed in options.seeds
    ]
    return [row for who in asked for row in rows if row.items() >= who.items()]


def table(rows: list[dict[str, Any]]) -> str:
    """Write mean, worst world and share of worlds won, then every world, then what failed, as Markdown."""
    names = list(dict.fromkeys(row["estimator"] for row in rows))
    worlds = list(dict.fromkeys(row["world"] for row in rows))
    r2 = {name: {world: _mean(rows, name, world, "r2") for world in worlds} for name in names}
    best = {world: max(r2[name][world] for name in names) for world in worlds}
    columns = ("estimator", "mean R2", "worst R2", "worst world", "worlds won", "in 90 % interval", "worst", "CPU (s)")
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for name in names:
        of = r2[name]
        worst = min(of, key=lambda world: of[world])
        won = np.mean([of[world] == best[world] for world in worlds])
        seconds = sum(_mean(rows, name, world, "seconds") for world in worlds)
        covered = [_mean(rows, name, world, "covered") for world in worlds]
        covered = [share for share in covered if np.isfinite(share)]
        furthest = max(covered, key=lambda share: abs(share - ASKED_COVERAGE), default=np.nan)
        shares = [f"{np.mean(covered):.0%}", f"{furthest:.0%}"] if covered else ["", ""]
        cells = [name, f"{np.mean(list(of.values())):.3f}", f"{of[worst]:.3f}", worst, f"{won:.0%}", *shares]
        lines.append("| " + " | ".join([*cells, f"{seconds:.0f}"]) + " |")
    lines += ["", "| world | " + " | ".join(names) + " |", "|---" * (1 + len(names)) + "|"]
    lines += [f"| {world} | " + " | ".join(f"{r2[name][world]:.3f}" for name in names) + " |" for world in worlds]
    failed = [
        f"- {row['world']}, seed {row['seed']}, {row['estimator']}: {row['error']}" for row in rows if "error" in row
    ]
    return "\n".join([*lines, *(["", "Refused, and so an R2 of 0:", "", *failed] if failed else [])])


def _mean(rows: list[dict[str, Any]], name: str, world: str, column: str) -> float:
    """Return the mean over seeds; NaN where there is none."""
    values = [row[column] for row in rows if row["estimator"] == name and row["world"] == world]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")


def put(page: Path, part: str, text: str, by: str = "worlds.py") -> None:
    """Replace what stands between the two marks of a part of a page."""
    mark = f"<!-- {part}: made by benchmarks/{by} -->"
    before, _, after = page.read_text(encoding="utf-8").split(mark)
    page.write_text(f"{before}{mark}\n\n{text.strip()}\n\n{mark}{after}", encoding="utf-8")


def keep(result: dict[str, Any], path: Path) -> None:
    """Write all results, so that an interruption leaves the file as it was or as it should be."""
    with new_version(path) as partial:
        partial.write_text(json.dumps(result, indent=None, separators=(",", ":")).replace("{", "\n{"))


def _set(which: str) -> str:
    if which in SETS or DRAWN.fullmatch(which):
        return which
    raise argparse.ArgumentTypeError(f"{which!r} is none of {', '.join(SETS)}, drawn:SEED and drawn-further:SEED")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--signals", action="store_true", help="measure the EMG of recordings and worlds")
    what.add_argument("--worlds", type=_set, metavar="SET", help="score estimators on a set of worlds")
    parser.add_argument("--estimators", nargs="+", default=ESTIMATORS, metavar="KEY[:NAME=VALUE,...]")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="each a session of every world")
    parser.add_argument("--seconds", type=float, help="longest session; without, each world's own (30 s to 10 min)")
    parser.add_argument("--emg", choices=list(PREPROCESSING), default="clean", help="default, not whitened, as it is")
    parser.add_argument("--again", action="store_true", help="run what is asked for anew, kept or not")
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
        for what in options.estimators:
            make(what, 0)  # a wrong name or option ends the run before anything is run
        rows = result.setdefault("accuracy", [])
        if options.again:
            old = asked_for(rows, options)
            rows[:] = [row for row in rows if row not in old]
        for row in run(options, rows):
            rows.append(row)
            keep(result, options.json)
        part = options.worlds if options.emg == "clean" else f"{options.worlds}, {options.emg}"
        text = table(asked_for(rows, options))
    print("\n" + text)
    if options.markdown:
        put(options.markdown, part, text)


if __name__ == "__main__":
    main()
