"""What is left to gain in each world: how near to the truth a linear filter comes that was taught by the truth.

``python benchmarks/ceiling.py --worlds test --seconds 60 --markdown docs/accuracy.md`` filters the rectified EMG of
all muscles by the gains of least squared error, ``C P^-1``, C the cross-spectra of true activation and EMG, P those of
the EMG. They are found in every other 10 s (of trials, every other one) and used in the rest, so that the filter knows
what kind of world it is in and not what happens in it. Of some amounts of shrinkage the one is taken that is best by
the truth. No linear estimator that has to do without the truth can be expected to be much better; others can.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import world_signals
import xarray as xr
from numpy.typing import NDArray
from worlds import identity, put, recording

import nwb_autolfads as nal
from nwb_autolfads.estimators.observed import observe
from nwb_autolfads.estimators.spectra import hann, windows
from nwb_autolfads.evaluation.truth import score_against_truth

BLOCK_S = 10.0
SHRINKAGE = (0.001, 0.01, 0.03, 0.1, 0.3)
"""Added to the diagonal of P, as a share of it."""
BESIDE = {"wiener": "Wiener smoother", "autolfads:training.budget_s=null": "AutoLFADS"}
DOCS = Path(__file__).resolve().parents[1] / "docs"


def ceiling(emg: xr.DataArray, truth: xr.DataArray) -> float:
    """Return R2 to the truth, mean over usable muscles, of the filter that was taught by it."""
    observed, smoother = observe(emg), nal.WienerSmoother().fit(emg)
    true = truth.sel(muscle=list(observed.muscles)).interp(
        time=emg["time"].values, kwargs={"fill_value": "extrapolate"}
    )
    x = np.where(observed.seen, observed.values - np.nanmean(observed.values, axis=0), 0.0)
    t = np.asarray(true - true.mean("time"), float)
    trials = "trial_ms" in emg.attrs
    number = observed.segments.numbers if trials else (np.arange(len(x)) / observed.rate // BLOCK_S).astype(int)
    halves = [number % 2 == parity for parity in (0, 1)]
    assert smoother.fitted_ is not None
    rows = np.concatenate(list(windows(observed.segments, smoother.fitted_.window)))
    taught = [_spectra(x, t, rows[half[rows].all(axis=1)]) for half in halves]
    scores = []
    for shrinkage in SHRINKAGE:
        activation = np.full(emg.shape, np.nan, np.float32)
        for half, (cross, power) in zip(reversed(halves), taught, strict=True):
            diagonal = np.einsum("fii->fi", power)[:, :, None] * np.eye(power.shape[1])
            gains = cross @ np.linalg.inv(power + shrinkage * diagonal)
            smoother.fitted_ = dataclasses.replace(smoother.fitted_, gains=gains)
            activation[half] = smoother.estimate(emg)["activation"].values[half]
        estimate = emg.copy(data=activation).to_dataset(name="activation").sel(muscle=list(observed.muscles))
        scores.append(float(score_against_truth({"it": estimate}, truth)["r2"].fillna(0.0).mean()))
    return max(scores)


def _spectra(
    x: NDArray[np.float64], t: NDArray[np.float64], rows: NDArray[np.intp]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Return the cross-spectra of truth and EMG and those of the EMG, (frequency, muscle, muscle), of some windows."""
    taper = hann(rows.shape[1])[:, None]
    of_emg, of_truth = (np.fft.rfft(each[rows] * taper, axis=1).transpose(1, 2, 0) for each in (x, t))
    adjoint = of_emg.conj().transpose(0, 2, 1)
    return of_truth @ adjoint, of_emg @ adjoint


def run(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each world, means over seeds, with what the JSON has of the same sessions."""
    kept = json.loads(options.json.read_text())["accuracy"]
    with tempfile.TemporaryDirectory() as folder:
        for world in world_signals.SETS[options.worlds](options.seconds):
            sessions = [recording(world, seed, Path(folder) / "session.nwb") for seed in options.seeds]
            row: dict[str, Any] = {"world": world.name, "taught": np.mean([ceiling(*each) for each in sessions])}
            for key in BESIDE:
                same = [identity(world, key, seed, "clean") for seed in options.seeds]
                found = [each["r2"] for each in kept for who in same if each.items() >= who.items()]
                row[key] = np.mean(found) if found else np.nan
            print(row, flush=True)
            yield row


def table(rows: list[dict[str, Any]]) -> str:
    """Write a row for each world, and their mean, as Markdown."""
    mean = {"world": "**mean**"} | {key: np.mean([row[key] for row in rows]) for key in (*BESIDE, "taught")}
    lines = [f"| world | {' | '.join(BESIDE.values())} | linear filter taught by the truth |", "|---" * 4 + "|"]
    for row in (*rows, mean):
        lines.append(f"| {row['world']} | " + " | ".join(f"{row[key]:.3f}" for key in (*BESIDE, "taught")) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", choices=list(world_signals.SETS), required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, help="longest session; without, each world's own")
    parser.add_argument("--json", type=Path, default=DOCS / "worlds.json", help="with the estimators beside it")
    parser.add_argument("--markdown", type=Path, help="page whose part is replaced")
    options = parser.parse_args(arguments)
    text = table(list(run(options)))
    print("\n" + text)
    if options.markdown:
        put(options.markdown, f"{options.worlds}, ceiling", text, by="ceiling.py")


if __name__ == "__main__":
    main()
