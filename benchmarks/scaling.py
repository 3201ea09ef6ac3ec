"""Cost of a training step against length of windows, channels, population and length of the recording.

``python benchmarks/scaling.py`` prints one table for each and draws ``scaling.png``. One of them changes at a time from
a middle: 100 bins, 12 channels, 4 models, 4 minutes at 500 Hz, batch 16, one thread. Every case runs in a process of
its own; memory is what training takes at its peak beyond the data (Linux only).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from training import emg_like

from nwb_autolfads.lfads.masking import BlockMasking
from nwb_autolfads.lfads.observations import Gamma
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.search.config import TrainingConfig
from nwb_autolfads.search.engines.local import LocalEngine
from nwb_autolfads.search.sessions import SessionData

RATE_HZ, BATCH, STEPS, ROUNDS = 500, 16, 3, 3
MIDDLE = {"bins": 100, "channels": 12, "members": 4, "minutes": 4}
AXES = {
    "bins": [25, 50, 100, 200, 400],
    "channels": [4, 8, 16, 32, 64, 128],
    "members": [1, 2, 4, 8, 16, 32, 64],
    "minutes": [1, 4, 15, 60, 240],
}
UNITS = {"bins": "bins in a window", "channels": "channels", "members": "models", "minutes": "minutes of EMG"}


def measure(case: dict[str, int]) -> dict[str, float]:
    """Train a population for some steps; give processor time for one step of one model, and memory."""
    torch.set_num_threads(1)
    data = emg_like(case["minutes"] * 60 * RATE_HZ, case["channels"])
    config = TrainingConfig(members=case["members"], batch_windows=BATCH, steps_per_epoch=STEPS, validation_windows=8)
    population = LocalEngine(
        [SessionData(data, (len(data),))],
        case["bins"],
        Sizes(case["channels"]),
        Gamma(),
        BlockMasking(5),
        config,
        seed=0,
    )
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is used now
    before = memory_mb("VmRSS")
    taken = []
    for _ in range(ROUNDS + 1):  # the first warms up
        began = time.process_time()
        population.train(1)
        taken.append((time.process_time() - began) / (STEPS * case["members"]))
    data_mb = data.numel() * data.element_size() / 2**20
    return {"ms": 1e3 * statistics.median(taken[1:]), "training_mb": memory_mb("VmHWM") - before, "data_mb": data_mb}


def memory_mb(field: str) -> float:
    """Read what this process uses, or its peak (MiB)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def draw(tables: dict[str, list[dict[str, Any]]], file: Path) -> None:
    """Draw cost and memory along each axis."""
    figure, panels = plt.subplots(2, len(tables), figsize=(3 * len(tables), 5), sharey="row", layout="constrained")
    for column, (axis, rows) in enumerate(tables.items()):
        for panel, value in zip(panels[:, column], ("ms", "training_mb"), strict=True):
            panel.plot([row[axis] for row in rows], [row[value] for row in rows], "o-")
            panel.set(xscale="log", yscale="log")
            panel.set_xticks([row[axis] for row in rows], [f"{row[axis]:g}" for row in rows])
            panel.set_xticks([], minor=True)
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.yaxis.set_minor_formatter(NullFormatter())
            panel.grid(alpha=0.3)
        panels[1, column].set_xlabel(UNITS[axis])
    panels[0, 0].set_ylabel("ms for a step of one model")
    panels[1, 0].set_ylabel("memory of training (MiB)")
    figure.savefig(file, dpi=120)


def main() -> None:
    """Measure along every axis."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, default=Path("scaling.png"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    alone = multiprocessing.get_context("spawn")
    tables: dict[str, list[dict[str, Any]]] = {}
    for axis, values in AXES.items():
        print(f"| {UNITS[axis]} | ms for a step of one model | memory of training (MiB) | the data (MiB) |")
        print("|---|---|---|---|")
        for value in values:
            case = MIDDLE | {axis: value}
            with alone.Pool(1) as pool:
                row = case | pool.apply(measure, (case,))
            tables.setdefault(axis, []).append(row)
            print(f"| {value} | {row['ms']:.1f} | {row['training_mb']:.0f} | {row['data_mb']:.1f} |", flush=True)
        print()
    draw(tables, options.picture)
    if options.json:
        options.json.write_text(json.dumps(tables, indent=1))


if __name__ == "__main__":
    main()
