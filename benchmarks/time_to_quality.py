"""Seconds until a population here is as good as one of lfads-torch after a fixed time.

``python benchmarks/time_to_quality.py --peer PATH`` trains models of lfads-torch one after the other, as its users do
on one machine, each for a budget, and takes the best masked validation NLL and the best R2 to the truth that any of
them has on the way. Then a population here, with the same hyperparameters, trains on the same data until it has reached
both. What is hidden in validation is the same for all: single elements of the same windows. R2 is that of the mean over
the whole recording, averaged over muscles. Evaluations are not timed; the clock is that of the processor.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from lfads_torch_peer import build_peer, peer_step, session_batch
from torch import Tensor

import nwb_autolfads as nal
from nwb_autolfads.evaluation.truth import score_against_truth
from nwb_autolfads.lfads.inference import infer
from nwb_autolfads.lfads.loss import masked_nll
from nwb_autolfads.lfads.masking import CoordinatedDropout, MaskedBatch, TemporalShift
from nwb_autolfads.lfads.observations import Gamma
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.lfads.streams import Streams
from nwb_autolfads.lfads.windows import chop, merge, window_starts
from nwb_autolfads.search.config import TrainingConfig
from nwb_autolfads.search.engines.local import LocalEngine
from nwb_autolfads.search.sessions import SessionData
from nwb_autolfads.simulate import read_true_activation

CLOCK = time.process_time  # one thread, and others may use the machine


class Session:
    """A simulated recording, its windows, and the R2 of an estimate of it."""

    def __init__(self, seconds: float, seed: int, window: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = nal.simulate_session(Path(folder) / "session.nwb", seed=seed, duration=seconds)
            self.emg = nal.preprocess(nal.open_emg(file))
            self.truth = read_true_activation(file, None)
        self.data = torch.from_numpy(self.emg.values.copy())
        self.starts = window_starts(len(self.data), window, window // 4)
        self.windows = chop(self.data, self.starts, window)

    def r2(self, mean: Tensor) -> float:
        """Score the mean in all windows (T, B, N)."""
        activation = self.emg.copy(data=merge(mean, self.starts, 1.0).numpy())
        estimate = xr.Dataset({"activation": activation.drop_vars(["segment", "scale", "usable"], errors="ignore")})
        return float(score_against_truth({"mean": estimate}, self.truth)["r2"].mean())


@torch.no_grad()
def quality_of_peer(peer: Any, session: Session, hidden: MaskedBatch) -> tuple[float, float]:
    """Give the NLL of hidden elements at the posterior means, and R2."""
    peer.eval()
    x, target, weight = (part[0].transpose(0, 1) for part in (hidden.input, hidden.target, hidden.weight))
    parameters = peer.forward(session_batch(x.contiguous()), output_means=False)[0].output_params
    nll = float((peer.recon[0].compute_loss(target, parameters) * weight).sum() / weight.sum())
    mean = peer.forward(session_batch(session.windows.transpose(0, 1).contiguous()))[0].output_params
    peer.train()
    return nll, session.r2(mean.transpose(0, 1))


def quality_here(ours: LocalEngine, session: Session, hidden: MaskedBatch) -> tuple[float, float]:
    """Give the same of the member with the lower NLL."""
    member = int(masked_nll(ours.model, Gamma(), ours.validation[0]).argmin())
    alone = ours.best_models([member])
    everything = CoordinatedDropout(TemporalShift(0)).masks(session.windows, Streams.of([0], 0))
    posterior = infer(alone, Gamma(), session.windows, everything, samples=1, random=Streams.of([0], 1))
    return float(masked_nll(alone, Gamma(), hidden)), session.r2(posterior.mean)


def curve(advance: Callable[[], Any], quality: Callable[[], tuple[float, float]], until: Callable[..., bool]) -> list:
    """Train until told; give rows of seconds, NLL and R2."""
    rows: list[tuple[float, float, float]] = []
    spent = 0.0
    while not rows or not until(rows):
        began = CLOCK()
        advance()
        spent += CLOCK() - began
        rows.append((spent, *quality()))
        print("   {:7.1f} s   NLL {:.4f}   R2 {:.3f}".format(*rows[-1]), flush=True)
    return rows


def main() -> None:
    """Train the peer for its budget, then ours until it is as good."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="a checkout of lfads-torch")
    parser.add_argument("--budget", type=float, default=600, help="seconds for each model of the peer")
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60, help="length of the session")
    parser.add_argument("--bins", type=int, default=100, help="length of a window")
    parser.add_argument("--peer-batch", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16, help="windows in a batch here")
    parser.add_argument("--steps", type=int, default=25, help="steps between evaluations")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    session = Session(options.seconds, seed=0, window=options.bins)
    config = TrainingConfig(members=options.members, batch_windows=options.batch, steps_per_epoch=options.steps)
    sessions = [SessionData(session.data, (len(session.data),))]
    sizes, masking = Sizes(session.data.shape[1]), CoordinatedDropout(TemporalShift(0))
    plain = LocalEngine(sessions, options.bins, sizes, Gamma(), masking, config, seed=0)
    starts = plain.windows.training[0]
    hidden = MaskedBatch(*(part[:1] for part in plain.validation[0]))

    print(f"lfads-torch, {options.members} models one after the other, {options.budget:.0f} s each")
    peers = []
    for member in range(options.members):
        peer = build_peer(options.peer, sizes, options.bins, ramp_epochs=0, **peer_settings(plain, member))
        optimiser = peer.configure_optimizers()

        def peer_steps(peer: Any = peer, optimiser: Any = optimiser) -> None:
            for _ in range(options.steps):
                chosen = starts[torch.randint(len(starts), (options.peer_batch,))]
                peer_step(peer, optimiser, chop(session.data, chosen, options.bins).transpose(0, 1).contiguous())

        peers.append(
            curve(
                peer_steps,
                partial(quality_of_peer, peer, session, hidden),
                lambda rows: rows[-1][0] >= options.budget,
            )
        )
    goal_nll = min(row[1] for rows in peers for row in rows)
    goal_r2 = max(row[2] for rows in peers for row in rows)
    peer_seconds = sum(rows[-1][0] for rows in peers)

    print(f"here, {options.members} models at once, until NLL {goal_nll:.4f} and R2 {goal_r2:.3f}")
    rows = curve(
        lambda: plain.train(1),
        lambda: quality_here(plain, session, hidden),
        lambda rows: (
            (min(r[1] for r in rows) <= goal_nll and max(r[2] for r in rows) >= goal_r2) or rows[-1][0] > peer_seconds
        ),
    )
    to_nll, to_r2 = (next((r[0] for r in rows if good(r)), None) for good in reached(goal_nll, goal_r2))
    print("\n| reached | lfads-torch s | here s | share |\n|---|---|---|---|")
    for what, taken in ((f"masked NLL {goal_nll:.4f}", to_nll), (f"R2 {goal_r2:.3f}", to_r2)):
        here = f"{taken:.0f} | {taken / peer_seconds:.2f}" if taken else "not within that time | "
        print(f"| {what} | {peer_seconds:.0f} | {here} |")
    if options.json:
        options.json.write_text(json.dumps({"peer": peers, "here": rows, "options": vars(options)}, default=str))


def reached(nll: float, r2: float) -> tuple[Callable[[Any], bool], Callable[[Any], bool]]:
    """Give what tells whether a row has reached each goal."""
    return lambda row: row[1] <= nll, lambda row: row[2] >= r2


def peer_settings(ours: LocalEngine, member: int) -> dict[str, float]:
    """Give the peer's model the hyperparameters of one of ours."""
    values = ours.hyperparameters.of(member)
    values["l2"] = values.pop("l2_generator")
    values.pop("l2_controller")
    return values


if __name__ == "__main__":
    main()
