"""Learn the network of the amortized smoother from simulated worlds, where the truth is known.

``python benchmarks/amortized.py --folder worlds`` simulates worlds that belong to no other set, into the
folder (what is there is not made again; about 3 s of a core each), learns by R2 to the truth, and writes the weights
into the package. Every tenth world is only looked at, to see that what is learnt holds beyond those it was learnt in.
With ``--further`` worlds of other kinds are learnt from, too.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import argparse
import math
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor
from worlds import PREPROCESSING, prepared

import nwb_autolfads as nal
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.errors import NwbAutolfadsError
from nwb_autolfads.estimators.amortized.network import WEIGHTS, Network
from nwb_autolfads.estimators.amortized.steps import OFFSET, features, mean_of_steps, relative
from nwb_autolfads.estimators.observed import observe
from nwb_autolfads.files.atomic import new_version, write_bytes
from nwb_autolfads.simulate.worlds import World, draw_worlds

SEED, DRAWN, FURTHER_SEED, FURTHER_DRAWN = 7001, 600, 7002, 400
SECONDS = 60.0
PREPARED = (
    *[PREPROCESSING["clean"]] * 5,
    PREPROCESSING["coloured"],
    PREPROCESSING["recorded"],
    PreprocessingConfig(analysis_rate_hz=200.0),
)
"""How EMG is prepared in one world after the other: most as by default."""
CROP_STEPS, SHORTEST_STEPS = 800, 20
RATE, LEAST_RATE, DECAY, WORLDS_IN_STEP, WARM_UP = 3e-3, 1e-5, 1e-2, 3, 100
LOOKED_AT, SAID_EVERY = 10, 1000

Piece = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Features (muscle, feature, step) and the true activation (muscle, step), of a segment."""


def training_worlds(n: int, further: int) -> list[World]:
    """Return so many worlds to learn from and to look at, and further ones."""
    drawn = draw_worlds(SEED, DRAWN, name="training")[:n]
    drawn += draw_worlds(FURTHER_SEED, FURTHER_DRAWN, name="further", further=True)[:further]
    return [world.shortened(SECONDS) for world in drawn]


def make(number: int, world: World, folder: Path) -> str:
    """Simulate a world and keep what is to be learnt from it; return what went wrong, if anything."""
    path = folder / f"{world.name}.npz"
    if path.exists():
        return ""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    try:
        with tempfile.TemporaryDirectory() as temporary:
            session, how = Path(temporary) / "session.nwb", PREPARED[number % len(PREPARED)]
            emg, truth = (part.load() for part in prepared(world, 0, session, how))
            observed = observe(emg)
            smoothers = (nal.WienerSmoother(), nal.StateSpaceSmoother())
            linear, process = (s.fit(emg).estimate(emg)["activation"].values[:, observed.usable] for s in smoothers)
    except NwbAutolfadsError as error:
        return f"{world.name}: {error}"
    seen = relative(observed.values, linear, process)[:3]
    times = {"time": emg["time"].values}
    true = truth.sel(muscle=list(observed.muscles)).interp(times, kwargs={"fill_value": "extrapolate"})
    kept: dict[str, NDArray] = {}
    for i, rows in enumerate(observed.segments.slices):
        by_emg, by_linear, by_process = (part[rows] for part in seen)
        kept[f"features {i}"] = features(by_emg, by_linear, by_process, observed.rate)
        kept[f"truth {i}"] = mean_of_steps(true.values[rows], observed.rate).T.astype(np.float32)
    with new_version(path) as partial, partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **kept)
    return ""


def pieces(path: Path) -> tuple[list[Piece], NDArray[np.float32]]:
    """Read a world: its segments, and the standard deviation of each muscle's true activation in all of them."""
    with np.load(path) as kept:
        found = [(kept[f"features {i}"], kept[f"truth {i}"]) for i in range(len(kept.files) // 2)]
    spread = np.concatenate([truth for _, truth in found], axis=1).std(axis=1)
    moves = spread > 1e-4
    return [(x[moves], truth[moves]) for x, truth in found], spread[moves]


def unexplained(estimate: Tensor, truth: Tensor, spread: Tensor) -> Tensor:
    """Return the variance that the best line from estimate to truth, (piece, muscle, step), leaves, over the spread's.

    All pieces of a muscle have the same line.
    """
    x, y = (z.transpose(0, 1).flatten(1) for z in (estimate, truth))
    x, y = x - x.mean(dim=1, keepdim=True), y - y.mean(dim=1, keepdim=True)
    explained = (x * y).mean(dim=1) ** 2 / ((x**2).mean(dim=1) + 1e-6)
    return (((y**2).mean(dim=1) - explained) / spread**2).clamp(max=3).mean()


def level(x: Tensor) -> Tensor:
    """Return the mean of both smoothers' logarithms, (piece, muscle, step), that features (as there) have."""
    return (x[:, :, 2] + x[:, :, 3]) / 2


def estimate(network: Network, x: Tensor) -> Tensor:
    """Return activation (piece, muscle, step) of features."""
    return torch.exp(level(x) + network(x)) - OFFSET


def batches(
    worlds: list[tuple[list[Piece], NDArray[np.float32]]], rng: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield features, truth and spread of one world after the other: some muscles, pieces of the same length."""
    while True:
        segments, spread = worlds[rng.integers(len(worlds))]
        lengths = np.array([truth.shape[1] for _, truth in segments])
        longest = min(CROP_STEPS, int(rng.choice(lengths)))
        steps = int(rng.integers(SHORTEST_STEPS, longest + 1)) if longest > SHORTEST_STEPS else longest
        chosen = rng.permutation(np.flatnonzero(lengths >= steps))[: max(1, CROP_STEPS // steps)]
        muscles = rng.permutation(len(spread))[: rng.integers(1, len(spread) + 1)]
        back = -1 if rng.random() < 0.5 else 1
        x, y = [], []
        for i in chosen:
            first = rng.integers(lengths[i] - steps + 1)
            x.append(segments[i][0][muscles, :, first : first + steps][:, :, ::back])
            y.append(segments[i][1][muscles, first : first + steps][:, ::back])
        yield torch.tensor(np.stack(x)), torch.tensor(np.stack(y)), torch.tensor(spread[muscles])


def look(network: Network, worlds: list[tuple[list[Piece], NDArray[np.float32]]]) -> tuple[float, float]:
    """Return the mean R2 over whole worlds of the network and of the mean that it corrects."""
    scores = []
    with torch.no_grad():
        for segments, spread in worlds:
            both = [
                torch.cat([of(torch.tensor(x)[None])[0] for x, _ in segments], dim=1)[None]
                for of in (lambda x: estimate(network, x), lambda x: torch.exp(level(x)))
            ]
            truth = torch.tensor(np.concatenate([y for _, y in segments], axis=1))[None]
            scores.append([1 - float(unexplained(x, truth, torch.tensor(spread))) for x in both])
    here, beside = np.mean(scores, axis=0)
    return float(here), float(beside)


def learn(paths: list[Path], steps: int, seed: int) -> Network:
    """Learn in so many steps, and say now and then how far it is."""
    worlds = [pieces(path) for path in sorted(paths)]
    worlds = [world for world in worlds if len(world[1])]
    looked_at = worlds[::LOOKED_AT]
    learnt_from = [world for i, world in enumerate(worlds) if i % LOOKED_AT]
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    network = Network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    given, losses = batches(learnt_from, np.random.default_rng(seed)), []
    print(f"{len(learnt_from)} worlds to learn from, {len(looked_at)} to look at", flush=True)
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, step / WARM_UP) * (math.cos(math.pi * step / steps) + 1) / 2 + LEAST_RATE
        optimizer.zero_grad()
        for _ in range(WORLDS_IN_STEP):
            x, truth, spread = next(given)
            loss = unexplained(estimate(network, x), truth, spread)
            loss.backward()
            losses.append(loss.item())
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step % SAID_EVERY == 0 or step == steps:
            here, beside = look(network, looked_at)
            recent = np.mean(losses[-SAID_EVERY * WORLDS_IN_STEP :])
            print(
                f"{step} steps: unexplained {recent:.4f}; R2 elsewhere {here:.4f}, without it {beside:.4f}", flush=True
            )
    return network


def main() -> None:
    """Make worlds and learn from them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="Where the worlds are kept.")
    parser.add_argument("--worlds", type=int, default=395, help=f"as those of the tables, 2 to {DRAWN}")
    parser.add_argument("--further", type=int, default=0, help=f"further ones, up to {FURTHER_DRAWN}")
    parser.add_argument("--steps", type=int, default=13_000, help="Of learning; 0: only make the worlds.")
    parser.add_argument("--seed", type=int, default=0, help="Of the network.")
    parser.add_argument("--workers", type=int, default=2, help="Processes that make worlds.")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    if not (2 <= options.worlds <= DRAWN and 0 <= options.further <= FURTHER_DRAWN):
        parser.error(f"there are 2 to {DRAWN} worlds and up to {FURTHER_DRAWN} further ones")
    options.folder.mkdir(parents=True, exist_ok=True)
    worlds = training_worlds(options.worlds, options.further)
    with ProcessPoolExecutor(options.workers) as pool:
        for wrong in pool.map(make, range(len(worlds)), worlds, [options.folder] * len(worlds)):
            if wrong:
                print(wrong, flush=True)
    if options.steps:
        paths = [options.folder / f"{world.name}.npz" for world in worlds]
        network = learn([path for path in paths if path.exists()], options.steps, options.seed)
        write_bytes(options.weights, save({name: of.contiguous() for name, of in network.state_dict().items()}))


if __name__ == "__main__":
    main()
