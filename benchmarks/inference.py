"""Seconds of a posterior sample, here and in lfads-torch, and what 50 samples cost beside one.

``python benchmarks/inference.py --peer PATH`` takes turns with the unmodified model of lfads-torch, one thread,
processor time. There, every sample runs the encoders again.

``python benchmarks/inference.py --minutes 10`` times the whole ``estimate`` of a session of 12 muscles by the models of
preset ``quick``, ``--members`` of them, after a single gradient step: how well they are trained changes no time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from lfads_torch_peer import build_peer, session_batch
from training import emg_like, seconds

import nwb_autolfads as nal
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.lfads.inference import infer
from nwb_autolfads.lfads.kernels import recurrence
from nwb_autolfads.lfads.masking import CoordinatedDropout, TemporalShift
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.observations import Gamma
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.lfads.streams import Streams
from nwb_autolfads.lfads.windows import chop

BINS, WINDOWS, MANY, ROUNDS = 100, 256, 50, 3


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--peer", help="a checkout of lfads-torch")
    what.add_argument("--minutes", type=float, help="length of a session that is estimated as a whole")
    parser.add_argument("--members", type=int, default=8, help="models that are averaged")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    if options.peer:
        samples_beside(options.peer)
    else:
        whole_estimate(options.minutes, options.members)


def whole_estimate(minutes: float, members: int) -> None:
    """Print the processor seconds of an estimate of a session."""
    with tempfile.TemporaryDirectory() as folder:
        path = nal.simulate_session(Path(folder) / "session.nwb", seed=0, duration=60 * minutes)
        emg = nal.preprocess(nal.open_emg(path, path="acquisition/EMG"))
    training = {"members": members, "max_epochs": 1, "steps_per_epoch": 1, "budget_s": None}
    # a margin that wide takes all members into the average
    config = AutoLFADSConfig.preset("quick").with_changes({"ensemble_margin": 10.0, "training": training})
    estimator = nal.AutoLFADS(config=config, device="cpu").fit(emg)
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        estimator.estimate(emg)
        taken.append(time.process_time() - began)
    print(f"{minutes:g} minutes, {emg.sizes['muscle']} muscles, {members} models: {statistics.median(taken):.1f} s")


def samples_beside(checkout: str) -> None:
    """Print what posterior samples cost, on both paths and in the peer."""
    sizes = Sizes(12, generator=64, factors=8, inputs=2)
    model = LFADS(sizes, 1, Gamma.parameters, Streams.of([0], 0))
    windows = chop(emg_like(BINS * WINDOWS, 12), range(0, BINS * WINDOWS, BINS), BINS)
    peer = build_peer(checkout, sizes, BINS).eval()
    batch = session_batch(windows.transpose(0, 1).contiguous())

    def here(samples: int) -> Any:
        random = Streams.of([0], 1)
        return infer(
            model,
            Gamma(),
            windows,
            CoordinatedDropout(TemporalShift(0)).masks(windows, random),
            samples=samples,
            random=random,
        )

    @torch.no_grad()
    def there() -> Any:
        return peer.predict_step({0: (batch, ())}, 0, sample_posteriors=True)

    print(f"T {BINS}, {WINDOWS} windows, 64/8/2; median of {ROUNDS}\n")
    print(f"| path | one sample (ms) | each of {MANY} (ms) | {MANY} cost, of one | lfads-torch (ms) | times faster |")
    print("|---|---|---|---|---|---|")
    for path in ("compiled", "torch"):
        with recurrence.using(path):
            turns = []
            for turn in range(ROUNDS + 1):
                times = [seconds(work, "processor") for work in (lambda: here(1), lambda: here(MANY), there)]
                turns += [times] if turn else []
        one, many, peers = (statistics.median(values) for values in zip(*turns, strict=True))
        row = (f"{1e3 * one:.0f}", f"{1e3 * many / MANY:.0f}", f"{many / one:.1f}", f"{1e3 * peers:.0f}")
        print("| " + " | ".join([path, *row, f"{peers / (many / MANY):.1f}"]) + " |", flush=True)


if __name__ == "__main__":
    main()
