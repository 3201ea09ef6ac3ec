"""What a Ray cluster costs beside the local engine, and where more machines stop to help.

Each command prints a table:

``python benchmarks/engines.py overhead``  a generation with one worker beside the local engine, in turns;
``python benchmarks/engines.py traffic``   bytes that travel in each generation;
``python benchmarks/engines.py shards``    a generation against the number of workers on this machine;
``python benchmarks/engines.py launches``  torch operations of a step without the kernel: on a GPU each is a launch;
``python benchmarks/engines.py simulate``  measures step, tournament and transfer here; from these, and the speed of a
network that is told (``--gigabit``), the time of a generation of 1 to 1,000 members on 1 to 200 nodes.

The populations learn from made-up signals: what they learn does not change what it costs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from rows import head, line

from nwb_autolfads.lfads import streams
from nwb_autolfads.lfads.kernels import recurrence
from nwb_autolfads.lfads.masking import CoordinatedDropout, TemporalShift
from nwb_autolfads.lfads.observations import Gamma
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.search.config import TrainingConfig
from nwb_autolfads.search.engines.local import LocalEngine
from nwb_autolfads.search.pbt import PopulationBasedTraining
from nwb_autolfads.search.sessions import SessionData

WINDOW_BINS = 100
MEMBERS = (1, 4, 20, 100, 500, 1000)
NODES = (1, 2, 5, 10, 20, 50, 100, 200)


@dataclass(frozen=True)
class Costs:
    """What a generation is made of; measured, but for the last.

    Attributes
    ----------
    step : float
        Of a gradient step, however few members are in it (s).
    step_each : float
        More for each member of the shard (s).
    pack : float
        A worker, for each of its members, to have it ready to be sent (s).
    order : float
        The driver, for each worker, to be told what to do and to answer (s).
    keep : float
        The driver, for each member, to be taken over from an answer (s).
    meet : float
        The driver, for each member, at the tournament (s).
    size : float
        Of all that a member is (bytes).
    link : float
        What the network of a node takes in (bytes/s); assumed.
    """

    step: float
    step_each: float
    pack: float
    order: float
    keep: float
    meet: float
    size: float
    link: float


def shard_sizes(members: ArrayLike, workers: ArrayLike) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Share members out evenly; return the smaller size of a shard, and how many have it, and how many one more."""
    members, workers = np.asarray(members), np.asarray(workers)
    count = np.minimum(members, workers)
    return members // count, count - members % count, members % count


def simulated(costs: Costs, members: ArrayLike, nodes: ArrayLike, per_node: int, steps: int) -> tuple[Any, Any]:
    """Return the time of a generation (s), and the part of it in which members are trained.

    All begin when the last worker has its order. Shards of one size answer together, the smaller ones first; the driver
    takes answers over one after the other, each as fast as its network and itself allow. Then they meet, and half of
    the members of a node, as if all meet one of another node, come in over its network.

    Parameters
    ----------
    costs : Costs
    members, nodes : array_like of int
        Broadcast against each other.
    per_node : int
        Workers of a node.
    steps : int
        Gradient steps of a generation.
    """
    members, nodes = np.broadcast_arrays(members, nodes)
    smaller, few, more = shard_sizes(members, nodes * per_node)
    larger = smaller + (more > 0)
    take = costs.keep + costs.size / costs.link

    def ready(size: NDArray[Any]) -> NDArray[Any]:
        return steps * (costs.step + costs.step_each * size) + costs.pack * size

    answered = np.maximum(ready(smaller) + members * take, ready(larger) + more * larger * take)
    copies = np.minimum(per_node * larger, members) / 2 * costs.size / costs.link
    spread = np.minimum(members, nodes * per_node) > per_node  # on one node nothing goes over a network
    trained = steps * (costs.step + costs.step_each * larger)
    total = (few + more) * costs.order + answered + members * costs.meet + np.where(spread, copies, 0.0)
    return total, trained


def learning(options: argparse.Namespace, members: int) -> tuple[Any, ...]:
    """Return what an engine is made from."""
    random = torch.Generator().manual_seed(0)
    data = torch.empty(20_000, options.channels).exponential_(generator=random).clamp_min(1e-4)
    settings = {"members": members, "batch_windows": options.batch, "steps_per_epoch": options.steps}
    schedule = {"max_epochs": 100_000, "generation_epochs": options.epochs}
    config = TrainingConfig(**settings, **schedule)
    masking = CoordinatedDropout(TemporalShift(1.0, 2))
    return [SessionData(data, (len(data),))], WINDOW_BINS, Sizes(options.channels), Gamma(), masking, config, 0


def search_of(engine: Any) -> PopulationBasedTraining:
    """Return what holds the tournaments of a population."""
    return PopulationBasedTraining(engine, engine.config, torch.Generator().manual_seed(0))


@contextmanager
def on_ray(options: argparse.Namespace, members: int, workers: int) -> Iterator[Any]:
    """Yield a population on so many workers of this machine, that has been trained once."""
    from nwb_autolfads.search.engines.ray.cluster import joined  # Ray is an extra
    from nwb_autolfads.search.engines.ray.engine import RayEngine

    with joined(None, "cpu", workers, 1) as cluster:
        engine = RayEngine(*learning(options, members), cluster=cluster)
        try:
            engine.train(1)
            yield engine
        finally:
            engine.close()


def timed(work: Callable[[], Any]) -> float:
    """Return the time that some work takes (s)."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median_of(repeats: int, work: Callable[[], Any]) -> float:
    """Return the median time of some work (s)."""
    return statistics.median(timed(work) for _ in range(repeats))


def overhead(options: argparse.Namespace) -> None:
    """Time a generation with one worker, and the local engine, in turns."""
    local = LocalEngine(*learning(options, options.members))
    local.train(1)
    with on_ray(options, options.members, 1) as there:
        pairs = [
            [timed(partial(engine.train, options.epochs)) for engine in (local, there)] for _ in range(options.repeats)
        ]
        nothing = median_of(options.repeats, lambda: there.train(0))
    pairwise = statistics.median(with_ray / here for here, with_ray in pairs)
    head("", "local (s)", "Ray, one worker (s)", "ratio")
    middles: dict[str, Callable[[Sequence[float]], float]] = {"median": statistics.median, "least": min}
    for name, middle in middles.items():
        here, with_ray = map(middle, zip(*pairs, strict=True))
        line(name, here, with_ray, f"{with_ray / here:.3f}")
    print(f"median of the ratios of neighbours {pairwise:.3f}; without a step Ray takes {nothing:.3f} s")


def traffic(options: argparse.Namespace) -> None:
    """Count the bytes of some generations; winners by how many there were, and what each of them is."""
    from nwb_autolfads.search.engines.ray.worker import packed

    workers = min(options.workers, options.members)
    with on_ray(options, options.members, workers) as engine:
        search = search_of(engine)
        one = {name: whole[:1] for name, whole in engine.state().members.items()}
        each, parts = len(packed(one)), {name.split(".")[0]: 0 for name in one}
        for name, whole in one.items():
            parts[name.split(".")[0]] += whole.nbytes
        head("generation", "states sent (MB)", "states back (MB)", "members copied", "these (MB)")
        first = engine.traffic
        line("first order", first.sent / 1e6, first.returned / 1e6, 0, 0.0)
        for generation in range(options.repeats):
            before = (engine.traffic.sent, engine.traffic.returned)
            copies = len(search.exploit_and_explore())
            engine.train(options.epochs)
            after = (engine.traffic.sent, engine.traffic.returned)
            line(
                generation + 1,
                *((b - a) / 1e6 for a, b in zip(before, after, strict=True)),
                copies,
                copies * each / 1e6,
            )
    print(f"a member is {each / 1e6:.2f} MB; {options.members} members on {workers} workers")
    print("of it " + ", ".join(f"{name or 'the rest'} {size / 1e6:.3f} MB" for name, size in parts.items()))


def launches(options: argparse.Namespace) -> None:
    """Count the operations of a step that compute something; views of tensors do not."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Count(TorchDispatchMode):
        total = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.total += not func.is_view
            return func(*args, **(kwargs or {}))

    streams.IN_CACHE = 2**62  # drawn in one piece, as on a GPU
    head("members", "operations of a step")
    for members in (1, options.members):
        engine = LocalEngine(*learning(options, members))
        counts = []
        for steps in (1, 2):
            engine.steps_per_epoch = steps
            with recurrence.using("torch"), Count() as count:
                engine._train_epoch()
            counts.append(count.total)
        line(members, counts[1] - counts[0])


def shards(options: argparse.Namespace) -> None:
    """Time a generation on 1, 2, ... workers of this machine."""
    head("workers", "s for a generation", "times as fast as one")
    first = 0.0
    for workers in range(1, options.workers + 1):
        with on_ray(options, options.members, workers) as engine:
            taken = median_of(options.repeats, partial(engine.train, options.epochs))
        first = first or taken
        line(workers, taken, first / taken)
    print(f"{options.members} members, {os.cpu_count()} processors")


def line_through(sizes: Sequence[int], times: Sequence[float]) -> tuple[float, float]:
    """Return what is there at size 0 and what each more costs, neither below 0: least squares."""
    slope, start = np.polyfit(sizes, times, 1)
    return max(float(start), 0.0), max(float(slope), 0.0)


def measured(options: argparse.Namespace) -> Costs:
    """Measure on this machine what a generation is made of."""
    from nwb_autolfads.search.engines.ray.worker import packed

    sizes, steps, nothing = (1, 2, 4), [], []
    for members in sizes:
        engine = LocalEngine(*learning(options, members))
        engine.train(1)
        steps.append(median_of(options.repeats, partial(engine.train, 1)) / options.steps)
    states = engine.state().members
    pack = median_of(5 * options.repeats, lambda: packed(states)) / sizes[-1]
    search = search_of(engine)

    def tournament() -> None:
        engine.score.uniform_()  # who became a copy has the other's score, and nothing to do the next time
        search.exploit_and_explore()

    meet = median_of(5 * options.repeats, tournament) / sizes[-1]
    for members in (1, options.members):
        with on_ray(options, members, 1) as there:
            nothing.append(median_of(5 * options.repeats, partial(there.train, 0)))
    order, back = line_through((1, options.members), nothing)
    step, step_each = line_through(sizes, steps)
    size = len(packed(states)) / sizes[-1]
    return Costs(step, step_each, pack, order, max(back - pack, 0.0), meet, size, options.gigabit * 1e9 / 8)


def simulate(options: argparse.Namespace) -> None:
    """Print what was measured, and the time of a generation with it."""
    costs = measured(options)
    head(*(field.name for field in fields(costs)))
    line(*(getattr(costs, field.name) for field in fields(costs)))
    print(
        f"\ns for a generation of {options.generation_steps} steps, in brackets the share in which members are trained;"
    )
    print(f"nodes of {options.per_node} workers, {options.gigabit:g} Gbit/s\n")
    head("members", *(f"{nodes} nodes" if nodes > 1 else "1 node" for nodes in NODES))
    for members in MEMBERS:
        times, trained = simulated(costs, members, NODES, options.per_node, options.generation_steps)
        line(members, *(f"{t:,.0f} ({100 * w / t:.0f} %)" for t, w in zip(times, trained, strict=True)))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["overhead", "traffic", "shards", "launches", "simulate"])
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2, help="at most, for shards; for traffic, so many")
    parser.add_argument("--channels", type=int, default=12)
    parser.add_argument("--batch", type=int, default=64, help="windows of a step")
    parser.add_argument("--steps", type=int, default=12, help="in each epoch")
    parser.add_argument("--epochs", type=int, default=2, help="in each generation that is measured")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--generation-steps", type=int, default=300, help="of a generation that is simulated")
    parser.add_argument("--per-node", type=int, default=4, help="workers of a node that is simulated")
    parser.add_argument("--gigabit", type=float, default=10.0, help="what the network of a node takes in (Gbit/s)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    globals()[options.what](options)


if __name__ == "__main__":
    main()
