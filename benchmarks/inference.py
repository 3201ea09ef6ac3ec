"""Seconds of a posterior sample, here and in lfads-torch, and what 50 samples cost beside one.

``python benchmarks/inference.py --peer PATH`` takes turns with the unmodified model of lfads-torch, one thread,
processor time. There, every sample runs the encoders again.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import torch
from lfads_torch_peer import build_peer, session_batch
from training import emg_like, seconds

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
    """Measure both paths and the peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="a checkout of lfads-torch")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    sizes = Sizes(12, generator=64, factors=8, inputs=2)
    model = LFADS(sizes, 1, Gamma.parameters, Streams.of([0], 0))
    windows = chop(emg_like(BINS * WINDOWS, 12), range(0, BINS * WINDOWS, BINS), BINS)
    peer = build_peer(options.peer, sizes, BINS).eval()
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
