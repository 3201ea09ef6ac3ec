"""The members of a population in this process, trained side by side as one program."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nwb_autolfads.errors import TrainingError
from nwb_autolfads.lfads.kernels.recurrence import on_threads
from nwb_autolfads.lfads.loss import masked_nll, terms, total
from nwb_autolfads.lfads.masking import MaskedBatch, Masking
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.noise import draw_noise
from nwb_autolfads.lfads.observations import Observation
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.lfads.streams import Streams
from nwb_autolfads.search.adam import PopulationAdam
from nwb_autolfads.search.config import TrainingConfig
from nwb_autolfads.search.engines.base import EngineState
from nwb_autolfads.search.hyperparameters import Hyperparameters
from nwb_autolfads.search.sessions import SessionData, SessionWindows, start

VALIDATION_SEED = 20220  # validation masks are the same for all members, epochs and seeds
EVERYONE = 0  # in place of a member's number, where all share what is drawn
WEIGHTS, RANGES, WINDOWS, TRAINING, EXPLORATION = range(5)  # what random numbers are for


class LocalEngine:
    """Models, their optimiser and their scores; an `Engine`.

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
        Numbers of the members of the population that live here; unset, all of them.

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
        Gradient steps in an epoch.
    """

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
        self.validation = [self._masked(windows) for windows in self.windows.validation(config.validation_windows)]
        self.score = torch.full((count,), torch.inf, device=device)
        self.best_score = torch.full((count,), torch.inf, device=device)
        self.best_state = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.restarts = torch.zeros(count, dtype=torch.long, device=device)
        self.history: list[dict[str, float]] = []
        self.epoch = 0
        one_pass = self.windows.count / (self.window * config.batch_windows)
        self.steps_per_epoch = config.steps_per_epoch or max(1, round(one_pass))

    @property
    def device(self) -> torch.device:
        """Where the members are."""
        return self.windows.sessions[0].data.device

    def _masked(self, windows: Tensor) -> MaskedBatch:
        """Draw the masks of windows for validation, the same for all members."""
        config = self.config
        rate = torch.tensor([config.validation_mask_rate], device=self.device)
        random = Streams.of([EVERYONE], VALIDATION_SEED, device=self.device)
        drawn = self.masking.draw(windows.repeat(1, config.validation_draws, 1), rate, random)
        return MaskedBatch(*(part.expand(len(self.members), -1, -1, -1) for part in drawn))

    @property
    def alive(self) -> Tensor:
        """Members that were not dropped, bool (P,)."""
        return self.restarts <= self.config.max_restarts

    def train(self, epochs: int) -> list[str]:
        """Train all members for some epochs and score them after each.

        Returns
        -------
        list of str
            What a user must know: members that failed, and what became of them.

        Raises
        ------
        TrainingError
            If every member was dropped.
        """
        with on_threads(self.config.threads):
            return [message for _ in range(epochs) for message in self._train_one()]

    def _train_one(self) -> list[str]:
        training_nll, finite = self._train_epoch()
        valid_nll = self._validate()
        messages = self._rescue(~finite | ~valid_nll.isfinite())
        self._keep_scores(valid_nll)
        for index, member in enumerate(self.members):
            row = {"epoch": self.epoch, "member": member, "train_nll": float(training_nll[index])}
            row |= {"valid_nll": float(valid_nll[index]), "score": float(self.score[index])}
            self.history.append(row | self.hyperparameters.of(index))
        self.epoch += 1
        return messages

    def _validate(self) -> Tensor:
        """Give the NLL (P,) of what is masked: the mean over sessions, whatever each of them holds."""
        batches = enumerate(self.validation)
        return torch.stack([masked_nll(self.model.of_session(n), self.observation, b) for n, b in batches]).mean(0)

    def _train_epoch(self) -> tuple[Tensor, Tensor]:
        """Make the gradient steps of an epoch; give the mean NLL (P,) and whether all gradients were finite (P,)."""
        config, hp, sizes = self.config, self.hyperparameters, self.model.sizes
        ramp, bins = config.ramp(self.epoch), self.window - 2 * self.masking.margin
        finite = torch.ones_like(self.restarts, dtype=torch.bool)
        nll_sum = torch.zeros_like(self.score)
        choice = self._streams([EVERYONE], WINDOWS)
        random = self._streams(self.members, TRAINING)
        for _ in range(self.steps_per_epoch):
            session, windows = self.windows.draw(config.batch_windows, choice)
            batch = self.masking.draw(windows, hp.mask_rate, random)
            noise = draw_noise(sizes, bins, config.batch_windows, hp.dropout, random, dropout=True)
            parts = terms(self.model.of_session(session), self.observation, batch, noise, hp.penalties)
            total(parts, hp.penalties, ramp).sum().backward()
            finite &= self.optimiser.step(hp.learning_rate * config.decay(self.epoch))
            nll_sum += parts.nll.detach() / batch.weight.mean((1, 2, 3))
        return nll_sum / self.steps_per_epoch, finite

    def _streams(self, members: Sequence[int], purpose: int) -> Streams:
        return Streams.of(members, self.seed, purpose, self.epoch, device=self.device)

    @torch.no_grad()
    def _rescue(self, failed: Tensor) -> list[str]:
        """Put failed members back to their best state with half the learning rate, or drop them after too many."""
        messages = []
        for member in (failed & self.alive).nonzero().flatten().tolist():
            self.restarts[member] += 1
            what = f"Member {self.members[member]}: a loss or gradient was not finite in epoch {self.epoch + 1};"
            self.load_best(member)
            self.optimiser.forget(member)
            if self.alive[member]:
                self.hyperparameters.learning_rate[member] *= 0.5
                rate = float(self.hyperparameters.learning_rate[member])
                messages.append(f"{what} restarted from its best state with learning rate {rate:.2g}.")
            else:
                self.hyperparameters.learning_rate[member] = 0
                messages.append(f"{what} dropped after {self.config.max_restarts} restarts.")
        if not self.alive.any():
            raise TrainingError(
                f"no model is left: each of the {self.config.members} failed {self.config.max_restarts + 1} times "
                f"with a loss or gradient that is not finite, the last in epoch {self.epoch + 1}",
                way_out="Look at the EMG for extreme values (`inspect`), or lower `learning_rate`.",
            )
        return messages

    @torch.no_grad()
    def _keep_scores(self, valid_nll: Tensor) -> None:
        share = self.config.score_smoothing
        smoothed = torch.where(self.score.isfinite(), share * valid_nll + (1 - share) * self.score, valid_nll)
        usable = self.alive & valid_nll.isfinite()
        self.score.copy_(torch.where(usable, smoothed, torch.where(self.alive, self.score, torch.inf)))
        better = usable & (self.score < self.best_score)
        self.best_score.copy_(torch.where(better, self.score, self.best_score))
        for name, value in self.model.state_dict().items():
            self.best_state[name][better] = value[better]

    @torch.no_grad()
    def load_best(self, member: int) -> None:
        """Put one member back to its best state."""
        for name, value in self.model.state_dict().items():
            value[member] = self.best_state[name][member]

    def explore(self, member: int) -> None:
        """Move the hyperparameters of one member at random, within the search space."""
        self.hyperparameters.explore(member, self.config.space, self._streams([self.members[member]], EXPLORATION))

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
