"""The Ray cluster that trains: joined where one is named, else started on this machine and stopped again."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from nwb_autolfads.errors import ConfigError, printable
from nwb_autolfads.search.engines.address import VARIABLE

try:
    import ray
except ImportError as missing:
    raise ConfigError(
        "the engine ray needs Ray, which is not installed",
        obj="training",
        way_out="pip install 'nwb-autolfads[ray]', or use --engine local.",
    ) from missing

ANSWERS_WITHIN_S = 10.0


@dataclass(frozen=True)
class Cluster:
    """What the workers of a run are made from.

    Attributes
    ----------
    device : {"cpu", "cuda"}
        Where workers keep their members.
    workers : int, optional
        How many are wanted; unset, as many as there is room for.
    threads : int
        Processors that a worker takes.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    workers: int | None = None
    threads: int = 1

    def room(self) -> int:
        """Return how many workers the machines of the cluster hold, 0 while there is none."""
        return sum(self._room(node["Resources"]) for node in ray.nodes() if node["Alive"])

    def _room(self, resources: dict[str, float]) -> int:
        by_processors = int(resources.get("CPU", 0) // self.threads)
        return min(by_processors, int(resources.get("GPU", 0))) if self.device == "cuda" else by_processors

    def options(self) -> dict[str, float | str]:
        """Return what Ray reserves for a worker."""
        gpus = {"num_gpus": 1} if self.device == "cuda" else {}
        return {"num_cpus": self.threads, "scheduling_strategy": "SPREAD", **gpus}


@contextmanager
def joined(address: str | None, device: str, workers: int | None, threads: int) -> Iterator[Cluster]:
    """Yield the cluster at an address (`address.of_cluster`); without one, one of this machine alone.

    A cluster that this process has joined already is taken as it is.

    Raises
    ------
    ConfigError
        If none answers there, or a GPU is asked for that it does not have.
    """
    ours = not ray.is_initialized()
    if ours:
        _join(address, workers, threads)
    try:
        yield Cluster(_device(device), workers, threads)
    finally:
        if ours:
            ray.shutdown()


def _join(address: str | None, workers: int | None, threads: int) -> None:
    processors = max(os.cpu_count() or 1, (workers or 1) * threads)
    here: dict[str, Any] = {} if address else {"num_cpus": processors, "include_dashboard": False}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        _knock(address)
        # "local" starts one whatever others there are: without it, Ray would join one that it finds in a file
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **here)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        problem = f"no Ray cluster answers at {address}" if address else "Ray could not be started on this machine"
        raise ConfigError(
            f"{problem} ({printable(str(error).strip())})",
            obj="training",
            way_out=f"Look at `ray status` there; without --address and {VARIABLE}, this machine alone is used."
            if address
            else "Use --engine local.",
        ) from error


def _knock(address: str | None) -> None:
    """Raise OSError where nobody listens: Ray itself asks again for minutes."""
    host, _, port = (address or "").rpartition(":")
    if port.isdecimal() and "/" not in host:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWERS_WITHIN_S):
            pass


def _device(wanted: str) -> Literal["cpu", "cuda"]:
    gpus = int(ray.cluster_resources().get("GPU", 0))
    if wanted == "cuda" and not gpus:
        raise ConfigError(
            "a GPU was asked for (cuda), and the Ray cluster has none",
            obj="training",
            way_out="Leave --device out to train on processors, or start its nodes with `ray start --num-gpus`.",
        )
    return "cuda" if gpus and wanted != "cpu" else "cpu"
