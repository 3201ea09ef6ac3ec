"""Seconds of a training step of one model, here and in lfads-torch, taken in turns in one process.

``python benchmarks/training.py --peer PATH`` prints a table; PATH is a checkout of lfads-torch, whose model code is
used as it is. A step is all that training does for one batch: cut windows out, hide, pass, gradients, Adam; for P
models at once it is divided by P. Floating-point operations are those of the matrix products; the rate of a product of
1024 x 1024 matrices is measured on the spot, with as many threads.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lfads_torch_peer import build_peer, peer_step

from nwb_autolfads.lfads.kernels import recurrence
from nwb_autolfads.lfads.masking import CoordinatedDropout, TemporalShift
from nwb_autolfads.lfads.observations import Gamma
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.lfads.windows import chop
from nwb_autolfads.search.config import TrainingConfig
from nwb_autolfads.search.engines.local import LocalEngine
from nwb_autolfads.search.sessions import SessionData

CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
PATHS = ("compiled", "torch", "plain")
HEADER = ("T", "sizes", "batch", "models", "threads", "path", "ms", "peer ms", "times faster", "GFLOP/s", "of GEMM")


def operations(s: Sizes, bins: int, batch: int) -> float:
    """Count those of the products of a step: one product forwards, two back, none back to the data."""
    encoders = sum(2 * E * 3 * (s.channels + E) for E in (s.ic_encoder, s.ci_encoder))
    controller = (2 * s.ci_encoder + s.factors + s.controller) * 3 * s.controller + s.controller * 2 * s.inputs
    generator = (s.inputs + s.generator) * 3 * s.generator + s.generator * s.factors
    readout = s.factors * Gamma.parameters * s.channels
    to_data = 2 * 3 * (s.ic_encoder + s.ci_encoder) * s.channels
    return 2.0 * bins * batch * (3 * (encoders + controller + generator + readout) - to_data)


def emg_like(bins: int, channels: int) -> torch.Tensor:
    """Draw gamma noise around slow rates, (bins, channels), strictly positive."""
    random = torch.Generator().manual_seed(0)
    phase = 6.28 * torch.rand(channels, generator=random)
    rate = 0.05 + 0.4 * (1 + torch.sin(0.02 * torch.arange(bins).unsqueeze(1) + phase))
    draws = -torch.rand(4, bins, channels, generator=random).clamp_min(1e-7).log()
    return rate * draws.mean(0) + 1e-4


def seconds(work: Callable[[], Any], clock: str) -> float:
    """Time a call, on the wall or in processor time of this process."""
    now = CLOCKS[clock]
    began = now()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return now() - began


def gemm_rate(device: str, clock: str) -> float:
    """Measure operations per second of a large product."""
    a = torch.randn(1024, 1024, device=device)
    return 2 * 1024**3 / min(seconds(lambda: a @ a, clock) for _ in range(3))


def measure(case: dict[str, Any], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Take turns between our paths, the peer and the product; give one row for each path."""
    T, batch, members, threads = case["bins"], case["batch"], case["members"], case["threads"]
    generator, factors, inputs = (int(size) for size in case["sizes"].split("/"))
    sizes = Sizes(options.channels, generator=generator, factors=factors, inputs=inputs)
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    data = emg_like(20_000, options.channels).to(options.device)
    config = TrainingConfig(
        members=members,
        batch_windows=batch,
        steps_per_epoch=options.steps,
        threads=threads,
        validation_windows=1,
        validation_draws=1,
    )
    sessions = [SessionData(data, (len(data),))]
    ours = LocalEngine(sessions, T, sizes, Gamma(), CoordinatedDropout(TemporalShift(0)), config, seed=0)
    turns: dict[str, list[float]] = {path: [] for path in (*options.path, "peer", "gemm")}

    def peer_steps() -> None:
        for _ in range(options.steps):
            chosen = torch.randint(len(data) - T, (batch,))
            peer_step(peer, optimiser, chop(data, chosen, T).transpose(0, 1).contiguous())

    if options.peer:
        peer = build_peer(options.peer, sizes, T).to(options.device)
        optimiser = peer.configure_optimizers()
    for turn in range(options.rounds + 1):  # the first warms up
        for path in options.path:
            with recurrence.using(path):
                taken = seconds(lambda: ours.train(1), options.clock) / (options.steps * members)
            turns[path] += [taken] if turn else []
        if options.peer:
            taken = seconds(peer_steps, options.clock) / options.steps
            turns["peer"] += [taken] if turn else []
        turns["gemm"].append(gemm_rate(options.device, options.clock))
    return [case | summary(path, turns, operations(sizes, T, batch)) for path in options.path]


def summary(path: str, turns: dict[str, list[float]], flops: float) -> dict[str, Any]:
    """Medians, minima and spreads over turns; ratios are taken within a turn."""
    own, rate = turns[path], statistics.median(turns["gemm"])
    row: dict[str, Any] = {"path": path, "seconds": statistics.median(own), "seconds_min": min(own)}
    row |= {"gflops": flops / row["seconds"] / 1e9, "gemm_gflops": rate / 1e9}
    row |= {"share_of_gemm": flops / row["seconds"] / rate, "share_of_gemm_max": flops / min(own) / max(turns["gemm"])}
    if turns["peer"]:
        ratios = [theirs / mine for theirs, mine in zip(turns["peer"], own, strict=True)]
        row |= {"peer_seconds": statistics.median(turns["peer"]), "peer_seconds_min": min(turns["peer"])}
        row |= {"ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios)}
    return row


def line(row: dict[str, Any]) -> str:
    """Format a row of the table."""
    peer = (
        (f"{1e3 * row['peer_seconds']:.0f}", f"{row['ratio']:.1f} ({row['ratio_min']:.1f}-{row['ratio_max']:.1f})")
        if "ratio" in row
        else ("", "")
    )
    case = [str(row[name]) for name in ("bins", "sizes", "batch", "members", "threads", "path")]
    rates = (f"{row['gflops']:.0f}", f"{100 * row['share_of_gemm']:.0f} %")
    return "| " + " | ".join([*case, f"{1e3 * row['seconds']:.0f}", *peer, *rates]) + " |"


def main() -> None:
    """Measure all combinations of what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="a checkout of lfads-torch")
    parser.add_argument("--bins", type=int, nargs="+", default=[100], help="T")
    parser.add_argument("--sizes", nargs="+", default=["64/8/2"], help="generator/factors/inputs; the rest is 64")
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 256], help="windows in a batch")
    parser.add_argument("--members", type=int, nargs="+", default=[1, 8], help="models trained at once")
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--path", nargs="+", choices=PATHS, default=["compiled", "torch"])
    parser.add_argument("--channels", type=int, default=12)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=4, help="steps in a turn")
    parser.add_argument("--rounds", type=int, default=5, help="turns")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="processor: for one thread on a busy machine")
    parser.add_argument("--json", type=Path, help="where every number goes")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, times faster: median (range)\n")
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|")
    rows = []
    for values in itertools.product(options.bins, options.sizes, options.batch, options.members, options.threads):
        case = dict(zip(("bins", "sizes", "batch", "members", "threads"), values, strict=True))
        for row in measure(case, options):
            rows.append(row)
            print(line(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
