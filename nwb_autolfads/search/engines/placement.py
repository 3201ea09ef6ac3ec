"""Where a population is trained: on which device, in this process or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch

from nwb_autolfads.errors import ConfigError, shown
from nwb_autolfads.lfads.masking import Masking
from nwb_autolfads.lfads.observations import Observation
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.search.config import TrainingConfig
from nwb_autolfads.search.engines.address import of_cluster
from nwb_autolfads.search.engines.local import LocalEngine
from nwb_autolfads.search.engines.population import Population
from nwb_autolfads.search.sessions import SessionData

EngineName = Literal["local", "ray"]
DeviceName = Literal["auto", "cpu", "cuda"]
MOST_WORKERS = 1024


@dataclass(frozen=True)
class Placement:
    """Where a population is trained.

    Attributes
    ----------
    engine : {"local", "ray"}
        In this process, or by workers of a Ray cluster.
    device : {"auto", "cpu", "cuda"}
        Where tensors live; auto: a GPU where there is one.
    workers : int, optional
        Of the cluster; unset, as many as it has room for.
    address : str, optional
        Of the cluster, HOST:PORT, or auto: that of the variable RAY_ADDRESS, else the one of this machine. Unset, that
        of the variable; without it, a cluster of this machine alone is started, and stopped at the end.
    """

    engine: EngineName = "local"
    device: DeviceName = "auto"
    workers: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        for name, value, known in (("engine", self.engine, EngineName), ("device", self.device, DeviceName)):
            if value not in get_args(known):
                choices = ", ".join(get_args(known))
                raise ConfigError(f"{name} is {shown(value)}", obj="training", way_out=f"Use one of {choices}.")
        for name in ("workers", "address"):
            if getattr(self, name) is not None and self.engine != "ray":
                raise ConfigError(
                    f"{name} is {shown(getattr(self, name))}, and nothing but the engine ray has {name}",
                    obj="training",
                    way_out=f"Add --engine ray, or leave --{name} out.",
                )
        if self.workers is not None and not 1 <= self.workers <= MOST_WORKERS:
            raise ConfigError(f"workers is {self.workers}", obj="training", way_out=f"Give 1 to {MOST_WORKERS}.")
        if self.engine == "ray":
            of_cluster(self.address)  # refused now, before data are read

    @contextmanager
    def engine_for(
        self,
        sessions: Sequence[SessionData],
        window: int,
        sizes: Sizes,
        observation: Observation,
        masking: Masking,
        config: TrainingConfig,
        seed: int,
    ) -> Iterator[Population]:
        """Yield an engine for a `Population`, whose arguments these are, and close it at the end.

        Raises
        ------
        ConfigError
            If there is no such device, or Ray is missing or not reached.
        """
        learning = (window, sizes, observation, masking, config, seed)
        if self.engine == "ray":
            from nwb_autolfads.search.engines.ray import cluster, engine  # Ray is an extra, and takes its time

            with cluster.joined(of_cluster(self.address), self.device, self.workers, config.threads) as found:
                there = engine.RayEngine(sessions, *learning, cluster=found)
                try:
                    yield there
                finally:
                    there.close()
            return
        device = device_of(self.device)
        yield LocalEngine([replace(session, data=session.data.to(device)) for session in sessions], *learning)


def device_of(name: DeviceName) -> torch.device:
    """Return the device that is meant.

    Raises
    ------
    ConfigError
        If it is a GPU, and torch sees none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"a GPU was asked for (cuda), and torch {torch.__version__} sees none",
            obj="training",
            way_out="Leave --device out to train on the processor; `nwb-autolfads doctor` says what torch sees.",
        )
    return torch.device("cuda" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu")
