"""What trains some members of a population in a process of its own, for an engine that is elsewhere."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import safetensors.torch
import torch
from torch import Tensor

from nwb_autolfads.lfads.kernels import compiled
from nwb_autolfads.search.engines.base import EngineState
from nwb_autolfads.search.engines.local import LocalEngine
from nwb_autolfads.search.sessions import SessionData


class Order(NamedTuple):
    """What a worker is to do next."""

    members: tuple[int, ...]  # of the population
    state: bytes | None  # of those members; None: the worker has them
    epoch: int  # from which on
    epochs: int
    steps_per_epoch: int
    copied: tuple[int, ...]  # members that become what is given beside the order, one after the other
    hyperparameters: dict[str, list[float]]  # of the members, after that


class Trained(NamedTuple):
    """What a worker gives back."""

    state: bytes
    history: list[dict[str, float]]
    messages: list[str]


class Worker:
    """Holds a shard, and trains it when it is told to.

    Parameters
    ----------
    learning : tuple
        Arguments of `Population` up to the members.
    device : str
        Where the members live.
    """

    def __init__(self, learning: tuple[Any, ...], device: str) -> None:
        sessions: Sequence[SessionData] = learning[0]
        self._learning: tuple[Any, ...] = (
            [replace(each, data=each.data.to(device)) for each in sessions],
            *learning[1:],
        )
        self._shard: LocalEngine | None = None
        self._doing = "starts"
        compiled.load()  # built before a clock runs

    def where(self) -> str:
        """Name the machine."""
        return platform.node()

    def process(self) -> int:
        """Return the number of its process."""
        return os.getpid()

    def watched(self) -> tuple[str, int]:
        """Say what it does at the moment, and how many steps it has made; asked from another thread."""
        shard = self._shard
        if shard is None:
            return self._doing, 0
        return self._doing.format(epoch=shard.epoch + 1), shard.steps_done

    def give(self, member: int) -> bytes:
        """Return all that a member is."""
        shard = self._held()
        index = shard.members.index(member)
        return packed({name: whole[index : index + 1] for name, whole in shard.state().members.items()})

    @torch.no_grad()
    def train(self, order: Order, *winners: bytes) -> Trained:
        """Do what is ordered; ``winners`` are what the copied members become."""
        if order.state is not None:
            self._doing = "takes over its members"
            if self._shard is None or tuple(self._shard.members) != order.members:
                learning: tuple[Any, ...] = (*self._learning, order.members)
                self._shard = LocalEngine(*learning)
            self._shard.load_state(EngineState(unpacked(order.state), order.epoch, order.steps_per_epoch, []))
        shard = self._held()
        shard.steps_per_epoch, shard.history = order.steps_per_epoch, []
        members = shard.state().members
        for member, winner in zip(order.copied, winners, strict=True):
            index = shard.members.index(member)
            for name, value in unpacked(winner).items():
                members[name][index : index + 1] = value
        for name, values in order.hyperparameters.items():
            tensor: Tensor = getattr(shard.hyperparameters, name)
            tensor.copy_(torch.tensor(values, dtype=tensor.dtype))
        self._doing = "epoch {epoch}"
        with torch.enable_grad():
            messages = shard.train(order.epochs)
        self._doing = "waits for the others"
        return Trained(packed(shard.state().members), shard.history, messages)

    def _held(self) -> LocalEngine:
        if self._shard is None:
            raise RuntimeError("a worker was asked for members that it was not given")
        return self._shard


def packed(tensors: dict[str, Tensor]) -> bytes:
    """Turn tensors into safetensors bytes: nothing in them is code."""
    return safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def unpacked(data: bytes) -> dict[str, Tensor]:
    """Turn safetensors bytes into tensors."""
    return safetensors.torch.load(data)
