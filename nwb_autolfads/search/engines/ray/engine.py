"""An engine whose members are trained by the workers of a Ray cluster.

All that the members are is kept here too, as it was after the last comparison: a worker that is lost takes nothing with
it but the generation that it was in. Whoever takes over its members trains that again, with the same random numbers.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import ray
import torch
from ray.exceptions import RayError, RayTaskError

from nwb_autolfads.errors import TrainingError, printable
from nwb_autolfads.search.engines.base import EngineState, Watch, unwatched
from nwb_autolfads.search.engines.population import Population
from nwb_autolfads.search.engines.ray.cluster import Cluster
from nwb_autolfads.search.engines.ray.crew import Crew, Hand
from nwb_autolfads.search.engines.ray.worker import Order, Trained, packed, unpacked

PATIENCE_S = 300.0
"""A worker that has not finished a step for so long is given up."""
MOST_LOSSES = 5
"""The same members are trained again so often in a generation; then something is wrong with more than a machine."""
LOOKS_EVERY_S = 0.5

Members = tuple[int, ...]
Running = dict[Any, tuple[Hand, Members]]
"""What a worker will answer, the worker, and the members that it trains."""


@dataclass
class Traffic:
    """Bytes of members that went from here to workers, and back; copies go from worker to worker besides."""

    sent: int = 0
    returned: int = 0


class RayEngine(Population):
    """A population that workers train; an `Engine`.

    Parameters
    ----------
    *learning
        As for `Population`; the data on the processor.
    cluster : Cluster
    patience_s : float
        Seconds without a finished step after which a worker is given up.

    Attributes
    ----------
    traffic : Traffic
    patience_s : float
    """

    def __init__(self, *learning: Any, cluster: Cluster, patience_s: float = PATIENCE_S) -> None:
        super().__init__(*learning)
        self.epochs_at_once = self.config.generation_epochs
        self.traffic, self.patience_s = Traffic(), patience_s
        self._crew = Crew(ray.put(learning), cluster, self.config.members)
        self._copied: dict[int, tuple[Hand, Any]] = {}  # since the last orders: what a member becomes, and who gives it

    def train(self, epochs: int, watch: Watch = unwatched) -> list[str]:
        """Let the workers train all members for some epochs.

        Returns
        -------
        list of str
            What a user must know: members that failed, workers that were lost.

        Raises
        ------
        TrainingError
            If no worker is to be had, the same members are lost again and again, or a worker says that it cannot go on.
        """
        hands = sorted(self._crew.assemble(), key=lambda hand: hand.number)
        running = {self._order(h, m, epochs): (h, m) for h, m in zip(hands, self._shares(len(hands)), strict=False)}
        waiting: list[Members] = []
        losses: Counter[Members] = Counter()
        messages: list[str] = []
        while running or waiting:
            waiting = self._hand_on(waiting, running, epochs)
            for answer in ray.wait(list(running), timeout=LOOKS_EVERY_S)[0] if running else ():
                hand, members = running.pop(answer)
                trained = self._answer(answer, hand)
                hand.given = []  # Ray may let go of it
                if isinstance(trained, str):
                    messages += self._lost(members, losses, trained)
                    waiting.append(members)
                else:
                    self._keep(members, trained)
                    messages += trained.messages
            for answer, (hand, members) in self._stuck(running):
                del running[answer]
                self._crew.lose(hand)
                messages += self._lost(members, losses, f"{hand.name} has done nothing for {self.patience_s:.0f} s")
                waiting.append(members)
            watch(self._doing(running))
        self._copied.clear()
        self.history.sort(key=lambda row: (row["epoch"], row["member"]))
        self.epoch += epochs
        return messages

    def copy_member(self, winner: int, loser: int) -> None:
        """Make one member what another is, here and, worker to worker, where it is trained."""
        super().copy_member(winner, loser)
        hand = next((hand for hand in self._crew.hands if winner in hand.holds), None)
        if winner in self._copied:
            self._copied[loser] = self._copied[winner]
        elif hand is not None:
            self._copied[loser] = hand, hand.actor.give.remote(winner)
        else:  # it is sent from here with the next order
            for other in self._crew.hands:
                other.holds = () if loser in other.holds else other.holds

    def load_state(self, state: EngineState) -> None:
        """Go on from where another engine of the same population was; workers are sent their members again."""
        super().load_state(state)
        for hand in self._crew.hands:
            hand.holds = ()

    def close(self) -> None:
        """Let the workers go."""
        self._crew.stop()

    def _shares(self, count: int) -> list[Members]:
        """Share the members out, neighbours together, as evenly as can be."""
        parts = torch.arange(self.config.members).tensor_split(min(count, self.config.members))
        return [tuple(part.tolist()) for part in parts]

    def _order(self, hand: Hand, members: Members, epochs: int) -> Any:
        """Order a worker to train some members; it is sent them where it does not hold them."""
        rows, state = list(members), None
        copied: Members = ()
        if hand.holds == members:
            copied = tuple(member for member in members if member in self._copied)
        else:
            state = packed({name: whole[rows] for name, whole in self._members().items()})
            self.traffic.sent += len(state)
        numbers = {name: value[rows].tolist() for name, value in vars(self.hyperparameters).items()}
        order = Order(members, state, self.epoch, epochs, self.steps_per_epoch, copied, numbers)
        hand.holds, hand.moved_at = members, time.monotonic()
        hand.given = [self._copied[member] for member in copied]
        return hand.actor.train.remote(order, *(gift for _, gift in hand.given))

    def _answer(self, answer: Any, hand: Hand) -> Trained | str:
        """Return what a worker has trained, or what a user must know of why it has not."""
        try:
            return Trained(*ray.get(answer))
        except RayTaskError as error:
            if not isinstance(error.cause, RayError):
                raise TrainingError(
                    f"{hand.name} cannot go on: {printable(str(error.cause))}",
                    way_out="Use fewer members, smaller batches, or more workers, if it ran out of memory.",
                ) from error
        except RayError:
            pass
        hand.holds = ()
        if not hand.answers():
            self._crew.lose(hand)
            return f"{hand.name} was lost"
        givers = " and ".join(dict.fromkeys(giver.name for giver, _ in hand.given if not giver.answers()))
        return f"{givers or 'what was on its way'} was lost before {hand.name} was given a member"

    def _keep(self, members: Members, trained: Trained) -> None:
        rows, given = list(members), unpacked(trained.state)
        self.traffic.returned += len(trained.state)
        for name, whole in self._members().items():
            whole[rows] = given[name]
        self.history += trained.history

    def _lost(self, members: Members, losses: Counter[Members], what: str) -> list[str]:
        """Count a loss, and give the message."""
        losses[members] += 1
        said = f"members {members[0]} to {members[-1]}" if len(members) > 1 else f"member {members[0]}"
        if losses[members] >= MOST_LOSSES:
            raise TrainingError(
                f"{said}: {losses[members]} workers were lost with them in one generation, at last {what}",
                way_out="Look at `ray status` and at the memory of the machines.",
            )
        return [f"{what}; {said} are trained again from epoch {self.epoch + 1}."]

    def _hand_on(self, waiting: list[Members], running: Running, epochs: int) -> list[Members]:
        """Give members whose worker was lost to others that have nothing to do; return those that must wait."""
        if not waiting:
            return waiting
        self._copied.clear()  # what they become is known here
        busy = [hand for hand, _ in running.values()]
        idle = [hand for hand in (self._crew.assemble() if not busy else self._crew.ready()) if hand not in busy]
        if busy:
            self._crew.fill()
        for hand, members in zip(idle, waiting, strict=False):
            hand.holds = ()
            running[self._order(hand, members, epochs)] = hand, members
        return waiting[len(idle) :]

    def _stuck(self, running: Running) -> list[tuple[Any, tuple[Hand, Members]]]:
        for hand, _ in running.values():
            hand.look()
        now = time.monotonic()
        still = [item for item in running.items() if now - item[1][0].moved_at > self.patience_s]
        late = {hand: hand.late_givers() for _, (hand, _) in still}
        to_blame = set().union(*late.values())  # and not who waits for them
        return [item for item in still if item[1][0] in to_blame or not late[item[1][0]]]

    def _doing(self, running: Running) -> str:
        return "; ".join(f"{hand.name}: {len(members)} members, {hand.doing}" for hand, members in running.values())
