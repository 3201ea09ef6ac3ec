"""What estimates tell of a muscle that no estimator saw: real recordings of four thigh muscles.

``python benchmarks/held_out_muscles.py --markdown docs/accuracy.md`` leaves out one muscle after the other, fits each
estimator to the other three and estimates them, and predicts the rectified EMG of the muscle that was left out, in bins
of 20 ms: ridge regression over lags, on contiguous folds. Estimators cannot copy noise that only that muscle has, and
no truth is needed. Each result is kept in the JSON at once.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from accuracy import ESTIMATORS, real_tables
from real_recordings import FOLDS, GUARD_S, RATE, SHARED_DATA, knee_sessions, with_mean
from worlds import keep, put

from nwb_autolfads.evaluation.decoding.binning import bin_activation
from nwb_autolfads.evaluation.decoding.ridge import decode

LAGS = range(-8, 9)
"""In bins of 20 ms, before and after."""
DOCS = Path(__file__).resolve().parents[1] / "docs"


def predicted(estimate: xr.Dataset, emg: xr.DataArray) -> float:
    """Return R2 of rectified EMG of one muscle, (time,), from the activation of others."""
    others = bin_activation({"others": estimate}, 1 / RATE)
    own = bin_activation({"own": emg.expand_dims("muscle", axis=1).to_dataset(name="activation")}, 1 / RATE)
    found = decode(
        others.values[0], own.values[0], others.time, others.segments, list(LAGS), n_folds=FOLDS, guard=GUARD_S
    )
    return float(found.r2[0])


def run(folder: Path, names: list[str], result: dict[str, Any], path: Path) -> None:
    """Add what the result does not have yet: a row for each recording, muscle and estimator."""
    rows = result.setdefault("rows", [])
    known = {(row["recording"], row["muscle"], row["estimator"]) for row in rows}
    for session in knee_sessions(folder):
        for muscle in session.emg["muscle"].values.tolist():
            others = session.emg.sel(muscle=[other for other in session.emg["muscle"].values if other != muscle])
            for name in names:
                if (session.name, muscle, name) in known:
                    continue
                estimate = ESTIMATORS[name](0, "quick").fit(others).estimate(others)
                r2 = predicted(estimate, session.emg.sel(muscle=muscle))
                print(session.name, muscle, name, f"{r2:.3f}", flush=True)
                rows.append({"recording": session.name, "muscle": muscle, "estimator": name, "r2": round(r2, 4)})
                keep(result, path)


def table(rows: list[dict[str, Any]]) -> str:
    """Write the mean over muscles of each recording, and over recordings, as Markdown."""
    r2: dict[str, dict[str, list[float]]] = {name: {} for name in ESTIMATORS}
    for row in rows:
        r2[row["estimator"]].setdefault(row["recording"], []).append(row["r2"])
    means = {
        name: {recording: float(np.mean(of)) for recording, of in each.items()} for name, each in r2.items() if each
    }
    return real_tables({"muscles held out, R2": with_mean(means)})


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--estimators", nargs="+", choices=list(ESTIMATORS), default=list(ESTIMATORS), metavar="NAME")
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder of the real recordings")
    parser.add_argument("--json", type=Path, default=DOCS / "held_out_muscles.json")
    parser.add_argument("--markdown", type=Path, help="page whose part is replaced")
    options = parser.parse_args(arguments)
    folder = options.data / "knee4"
    if not any(folder.glob("*.nwb")):
        parser.error(f"there are no recordings in {folder}: name the folder of the real recordings with --data")
    result: dict[str, Any] = json.loads(options.json.read_text()) if options.json.exists() else {}
    run(folder, options.estimators, result, options.json)
    text = table(result["rows"])
    print("\n" + text)
    if options.markdown:
        put(options.markdown, "held-out muscles", text, by="held_out_muscles.py")


if __name__ == "__main__":
    main()
