"""What trains a population of models, wherever they live, and all that the search needs of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from torch import Tensor


class EngineState(NamedTuple):
    """All that an engine must keep to go on from here, on this machine or another."""

    members: dict[str, Tensor]  # everything that the members are, by name; each leads with the population axis
    epoch: int
    steps_per_epoch: int
    history: list[dict[str, float]]


Watch = Callable[[str], None]
"""Called now and then while members are trained, with what each shard of the population does."""


def unwatched(shards: str) -> None:
    """Do nothing with it."""


class Engine(Protocol):
    """Where the members of a population live and are trained.

    Attributes
    ----------
    steps_per_epoch : int
        Gradient steps in an epoch, for each session; what a time budget lowers.
    epochs_at_once : int
        Epochs that are best trained without looking at the members between.
    """

    steps_per_epoch: int
    epochs_at_once: int

    @property
    def epoch(self) -> int:
        """Epochs trained so far."""

    @property
    def score(self) -> Tensor:
        """Smoothed validation NLL of each member (P,), infinite for members that were dropped."""

    @property
    def best_score(self) -> Tensor:
        """Lowest score of each member along its way (P,)."""

    @property
    def alive(self) -> Tensor:
        """Members that were not dropped after too many failures, bool (P,)."""

    def train(self, epochs: int, watch: Watch = unwatched) -> list[str]:
        """Train all members for so many epochs and score them after each; give what a user must know."""

    def copy_member(self, winner: int, loser: int) -> None:
        """Make the loser what the winner is: weights, best weights, optimiser, hyperparameters, scores."""

    def explore(self, member: int) -> None:
        """Move the hyperparameters of a member at random."""

    def state(self) -> EngineState:
        """Give all that is needed to go on from here; the tensors may be those that training goes on with."""

    def load_state(self, state: EngineState) -> None:
        """Go on from where another engine of the same population was."""

    def close(self) -> None:
        """Let go of what trains the members; what they are can still be asked for."""
