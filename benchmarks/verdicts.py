"""How often the verdict is right where it claims that one estimate is nearer to activation than another.

``python benchmarks/verdicts.py --markdown docs/verdict.md`` draws 20 worlds (`nwb_autolfads.simulate.worlds`) of a seed
that nothing was chosen by, makes short sessions of few muscles, runs estimators as `run` does, AutoLFADS briefly and
without the blocks that are held out from it, and compares each claim that is made from the EMG alone with R2 to the
truth. It never looks at the test worlds. 15 minutes on one slow core; each world is kept in the JSON at once.

``python benchmarks/verdicts.py --held-out 0.1 0.2 --markdown docs/verdict.md`` says what holding these shares of a
session out of the training costs: R2 to the truth of AutoLFADS in the first three worlds, 5 minutes.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import argparse
import json
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from worlds import keep, make, put, recording

from nwb_autolfads.evaluation.scores.unseen import score_on_unseen
from nwb_autolfads.evaluation.truth import score_against_truth
from nwb_autolfads.evaluation.unseen import unseen_bins, with_blocks, without
from nwb_autolfads.simulate.worlds import DEVELOPMENT_SEED, TEST_SEED, World, draw_worlds

NETWORK = "autolfads"
BRIEF = ",".join(
    f"training.{name}={value}"
    for name, value in {"budget_s": "null", "members": 1, "max_epochs": 14, "ramp_epochs": 4, "decay_epochs": 4}.items()
)
ESTIMATORS = ("lowpass", "lowpass:cutoff=auto", "lowpass:cutoff=8", "bayes", "wiener", f"{NETWORK}:{BRIEF}")
MOST_MUSCLES, MOST_SYNERGIES = 5, 4
COSTED = 3  # worlds in which it is asked what holding out costs
DOCS = Path(__file__).resolve().parents[1] / "docs"


def small(world: World, seconds: float) -> World:
    """Return the world with few muscles, a short session and no trials."""
    muscles = min(world.levels.n_muscles, MOST_MUSCLES)
    fewer = {"n_muscles": muscles, "n_synergies": min(world.levels.n_synergies, MOST_SYNERGIES, muscles - 1)}
    levels = world.levels.model_copy(update=fewer)
    return world.model_copy(update={"levels": levels, "duration_s": seconds, "trial_ms": 0})


def judged(world: World, emg: xr.DataArray, truth: xr.DataArray) -> list[dict[str, Any]]:
    """Estimate, and return a row for each pair: what is claimed of it, and the difference of R2 to the truth."""
    held_out = unseen_bins(emg)
    estimates = {}
    for what in ESTIMATORS:
        name, network = what.removesuffix(f":{BRIEF}"), what.startswith(NETWORK)
        estimate = make(what, 0).fit(without(emg, held_out) if network else emg).estimate(emg)
        estimates[name] = with_blocks(estimate, emg, held_out) if network else estimate
    usable = emg["muscle"].values[emg["usable"].values]
    r2 = score_against_truth({name: each.sel(muscle=usable) for name, each in estimates.items()}, truth)["r2"]
    mean = r2.mean("muscle").to_series().to_dict()
    scores = score_on_unseen(estimates, emg)
    pairs = (scores.isel(pair=pair) for pair in range(scores.sizes["pair"]))
    return [
        {
            "world": world.name,
            "first": pair["first"].item(),
            "second": pair["second"].item(),
            "claim": int(pair["better"]),
            "score": round(float(pair["difference"]), 4),
            "error": round(float(pair["difference_error"]), 4),
            "r2": round(mean[pair["first"].item()] - mean[pair["second"].item()], 4),
        }
        for pair in pairs
    ]


def cost(worlds: Iterable[World], seconds: float, shares: Sequence[float]) -> str:
    """Train without these shares of each session, and with all of it; return R2 to the truth, as Markdown."""
    lines = ["| world | " + " | ".join(["none", *(f"{share:g}" for share in shares)]) + " |"]
    lines.append("|---" * (2 + len(shares)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for world in (small(world, seconds) for world in worlds):
            emg, truth = recording(world, 0, Path(folder) / "session.nwb")
            found = []
            for bins in (np.zeros(emg.sizes["time"], bool), *(unseen_bins(emg, share) for share in shares)):
                estimate = make(ESTIMATORS[-1], 0).fit(without(emg, bins)).estimate(emg)
                usable = estimate.sel(muscle=emg["muscle"].values[emg["usable"].values])
                found.append(float(score_against_truth({"it": usable}, truth)["r2"].mean()))
            lines.append(f"| {world.name} | " + " | ".join(f"{r2:.3f}" for r2 in found) + " |")
            print(lines[-1], flush=True)
    return "\n".join(lines)


def is_right(row: dict[str, Any]) -> bool:
    """Say whether a claim is what the truth says."""
    return bool(np.sign(row["r2"]) == row["claim"])


def table(rows: list[dict[str, Any]]) -> str:
    """Write how often claims were right, as Markdown."""
    lines = ["| pairs of estimates | pairs | claims | right | worlds with a wrong claim |", "|---|---|---|---|---|"]
    kinds = {
        "all": rows,
        "AutoLFADS and another": [row for row in rows if NETWORK in (row["first"], row["second"])],
        "R² to the truth differs by more than 0.02": [row for row in rows if abs(row["r2"]) > 0.02],
        "by less": [row for row in rows if abs(row["r2"]) <= 0.02],
    }
    worlds = len({row["world"] for row in rows})
    for kind, some in kinds.items():
        claims = [row for row in some if row["claim"]]
        wrong = [row for row in claims if not is_right(row)]
        share = f"{len(claims) - len(wrong)} ({1 - len(wrong) / len(claims):.1%})" if claims else "-"
        numbers = f"{len(some)} | {len(claims)} | {share} | {len({row['world'] for row in wrong})} of {worlds}"
        lines.append(f"| {kind} | {numbers} |")
    said = sorted({row["world"] for row in rows if row["claim"]})
    lines += ["", f"In {len(said)} of {worlds} worlds a claim was made."]
    lines += [
        f"Wrong: {row['world']}, {row['first']} and {row['second']}: claimed {row['claim']:+d}, R² {row['r2']:+.3f}."
        for row in rows
        if row["claim"] and not is_right(row)
    ]
    return "\n".join(lines)


def run(worlds: Iterable[World], seconds: float, result: dict[str, Any], path: Path) -> None:
    """Judge what the result does not have yet."""
    done = {row["world"] for row in result["pairs"]}
    with tempfile.TemporaryDirectory() as folder:
        for world in (small(world, seconds) for world in worlds if world.name not in done):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows = judged(world, *recording(world, 0, Path(folder) / "session.nwb"))
            result["pairs"] += rows
            keep(result, path)
            claims = [row for row in rows if row["claim"]]
            print(world.name, f"{len(claims)} claims, {sum(map(is_right, claims))} right", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=42, help="of the worlds; 40 and 41 are what the rule was chosen by")
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of a session")
    parser.add_argument("--held-out", type=float, nargs="+", metavar="SHARE", help="say what holding these out costs")
    parser.add_argument("--json", type=Path, default=DOCS / "verdicts.json")
    parser.add_argument("--markdown", type=Path, help="page whose part is replaced")
    options = parser.parse_args(arguments)
    if options.seed in (TEST_SEED, DEVELOPMENT_SEED):
        parser.error(f"the worlds of seed {options.seed} are kept for other tables")
    if options.held_out:
        first = draw_worlds(options.seed, options.worlds, name="world")[:COSTED]
        text = cost(first, options.seconds, options.held_out)
        if options.markdown:
            put(options.markdown, "held out", text, Path(__file__).name)
        return
    asked = {"seed": options.seed, "seconds": options.seconds, "estimators": list(ESTIMATORS)}
    result: dict[str, Any] = json.loads(options.json.read_text()) if options.json.exists() else {}
    if result.get("asked") != asked:
        result = {"asked": asked, "pairs": []}
    run(draw_worlds(options.seed, options.worlds, name="world"), options.seconds, result, options.json)
    text = table(result["pairs"])
    print("\n" + text)
    if options.markdown:
        put(options.markdown, "verdicts", text, Path(__file__).name)


if __name__ == "__main__":
    main()
