"""What the members of a population are, wherever they are trained: weights, optimiser, hyperparameters, scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from nwb_autolfads.lfads.masking import Masking
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.observations import Observation
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.lfads.streams import Streams
from nwb_autolfads.search.adam import PopulationAdam
from nwb_autolfads.search.config import TrainingConfig
from nwb_autolfads.search.engines.base import EngineState, Watch, unwatched
from nwb_autolfads.search.hyperparameters import Hyperparameters
from nwb_autolfads.search.sessions import SessionData, SessionWindows, start

WEIGHTS, RANGES, WINDOWS, TRAINING, EXPLORATION = range(5)  # what random numbers are for


class Population(ABC):
    """Models, their optimiser and their scores: all of an `Engine` but the training.

    Parameters
    ----------
    sessions : sequence of SessionData
        What is learnt from.
    window : int
        Bins that the model sees at once.
    sizes : Sizes
    observation : Observation
    masking : Masking
    config : TrainingConfig
    seed : int
        With an epoch and a member's number it names all that is random for that member in that epoch: results do not
        depend on which members are trained side by side.
    members : sequence of int, optional
        Numbers of the members that are meant, if not all of the population.

    Attributes
    ----------
    model : LFADS
    hyperparameters : Hyperparameters
    score : Tensor, (P,)
        Smoothed validation NLL per masked element; infinite for members that were dropped.
    best_score : Tensor, (P,)
        Lowest score of each member so far, the one its best state has.
    history : list of dict
        One row per epoch and member.
    steps_per_epoch : int
        Gradient steps in an epoch, for each session.
    """

    epochs_at_once = 1

    def __init__(
        self,
        sessions: Sequence[SessionData],
        window: int,
        sizes: Sizes,
        observation: Observation,
        masking: Masking,
        config: TrainingConfig,
        seed: int,
        members: Sequence[int] | None = None,
    ) -> None:
        self.observation, self.masking, self.config = observation, masking, config
        self.seed, self.members = seed, list(range(config.members) if members is None else members)
        self.window = window + 2 * masking.margin
        self.windows = SessionWindows(sessions, self.window)
        device, count = self.device, len(self.members)
        weights = Streams.of(self.members, seed, WEIGHTS)
        self.model = LFADS(sizes, count, observation.parameters, weights).to(device)
        start(self.model, sessions, observation)
        self.optimiser = PopulationAdam(self.model.parameters(), config.gradient_norm)
        ranges = Streams.of(self.members, seed, RANGES)
        self.hyperparameters = Hyperparameters.draw(config.space, self.members, ranges).to(device)
        self.score = torch.full((count,), torch.inf, device=device)
        self.best_score = torch.full((count,), torch.inf, device=device)
        self.best_state = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.restarts = torch.zeros(count, dtype=torch.long, device=device)
        self.history: list[dict[str, float]] = []
        self.epoch = 0
        one_pass = self.windows.count / (self.window * config.batch_windows * len(sessions))
        self.steps_per_epoch = config.steps_per_epoch or max(1, round(one_pass))

    @property
    def device(self) -> torch.device:
        """Where the members are."""
        return self.windows.sessions[0].data.device

    @property
    def alive(self) -> Tensor:
        """Members that were not dropped, bool (P,)."""
        return self.restarts <= self.config.max_restarts

    @abstractmethod
    def train(self, epochs: int, watch: Watch = unwatched) -> list[str]:
        """Train all members for some epochs and score them after each; give what a user must know."""

    @torch.no_grad()
    def load_best(self, member: int) -> None:
        """Put one member back to its best state."""
        for name, value in self.model.state_dict().items():
            value[member] = self.best_state[name][member]

    def explore(self, member: int) -> None:
        """Move the hyperparameters of one member at random, within the search space."""
        self.hyperparameters.explore(member, self.config.space, self._streams([self.members[member]], EXPLORATION))

    def _streams(self, members: Sequence[int], purpose: int, device: torch.device | str = "cpu") -> Streams:
        return Streams.of(members, self.seed, purpose, self.epoch, device=device)

    @torch.no_grad()
    def copy_member(self, winner: int, loser: int) -> None:
        """Make one member what another is: weights, best weights, optimiser, hyperparameters, scores."""
        for whole in self._members().values():
            whole[loser] = whole[winner]

    def state(self) -> EngineState:
        """Give all that is needed to go on from here; its tensors are those that training goes on with."""
        return EngineState(self._members(), self.epoch, self.steps_per_epoch, list(self.history))

    @torch.no_grad()
    def load_state(self, state: EngineState) -> None:
        """Go on from where another engine of the same population was.

        Raises
        ------
        ValueError
            If a tensor is missing or is not the one of this population; nothing has changed then.
        """
        expected = self._members()
        for name, whole in expected.items():
            given = state.members.get(name)
            if given is None or given.shape != whole.shape or given.dtype != whole.dtype:
                raise ValueError(f"tensor {name} is not the one of this run")
        for name, whole in expected.items():
            whole.copy_(state.members[name])
        self.epoch, self.steps_per_epoch, self.history = state.epoch, state.steps_per_epoch, list(state.history)

    def _members(self) -> dict[str, Tensor]:
        """Give everything that the members are, by name; each tensor leads with the population axis."""
        groups: dict[str, dict[str, Tensor]] = {
            "model": self.model.state_dict(),
            "best": self.best_state,
            "first": {str(i): moment for i, moment in enumerate(self.optimiser.first)},
            "second": {str(i): moment for i, moment in enumerate(self.optimiser.second)},
            "hyperparameters": vars(self.hyperparameters),
            "": {
                "steps": self.optimiser.steps,
                "score": self.score,
                "best_score": self.best_score,
                "restarts": self.restarts,
            },
        }
        return {f"{group}.{name}": tensor for group, parts in groups.items() for name, tensor in parts.items()}

    def best_members(self, margin: float) -> list[int]:
        """Give the members whose best score is within ``margin`` of the population's, the best one first.

        A member that became a copy of another has its best state too, until it finds a better one: it is left out.
        """
        order = self.best_score.argsort(stable=True).tolist()
        kept: list[int] = []
        for member in order:
            if self.best_score[member] > self.best_score[order[0]] + margin:
                break
            if not any(self._have_one_best_state(member, other) for other in kept):
                kept.append(member)
        return kept

    def _have_one_best_state(self, a: int, b: int) -> bool:
        return all(torch.equal(value[a], value[b]) for value in self.best_state.values())

    def best_models(self, members: Sequence[int]) -> LFADS:
        """Return some members at their best states, as a population of their own."""
        chosen = torch.tensor(members)
        some = LFADS(self.model.sizes, len(members), self.observation.parameters, None)
        some.load_state_dict({name: value[chosen] for name, value in self.best_state.items()})
        return some

    def close(self) -> None:  # noqa: B027
        """Let go of what trains the members; nothing is held besides memory where that is this process."""
