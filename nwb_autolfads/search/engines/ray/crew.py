"""The workers of a run: started as far as the cluster has room, watched, and replaced when they are lost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from nwb_autolfads.errors import TrainingError, printable
from nwb_autolfads.search.engines.ray.cluster import Cluster
from nwb_autolfads.search.engines.ray.worker import Worker

STARTED_WITHIN_S = 60.0
"""Workers are waited for so long at the beginning, if one is there already."""
PLACED_WITHIN_S = 600.0
"""A run ends with an error when no worker could be had for so long."""
ANSWERS_WITHIN_S = 10.0


@dataclass(eq=False)
class Hand:
    """One worker, and what is known of it.

    Attributes
    ----------
    number : int
        Counted from 1, never used again.
    actor : ActorHandle
    arriving : ObjectRef or None
        What it answers when it is ready; None once it has.
    node : str
        Its machine.
    holds : tuple of int
        Members that it has as they are at the moment.
    doing : str
        What it last said of itself.
    steps : int
        That it had made by then.
    moved_at : float
        When a step was last seen to be done, by the monotonic clock (s).
    asked : ObjectRef or None
        A question how it goes that it has not answered yet.
    given : list of (Hand, ObjectRef)
        Members that it is given before it begins, and the workers that give them.
    """

    number: int
    actor: Any
    arriving: Any
    node: str = ""
    holds: tuple[int, ...] = ()
    doing: str = "starts"
    steps: int = -1
    moved_at: float = field(default_factory=time.monotonic)
    asked: Any = None
    given: list[tuple[Hand, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What a user is told."""
        return f"worker {self.number} on {self.node}"

    def late_givers(self) -> set[Hand]:
        """Return the workers that have not given what this one waits for."""
        return {giver for giver, gift in self.given if not ray.wait([gift], timeout=0, fetch_local=False)[0]}

    def look(self) -> None:
        """Take an answer that has come, and ask again; never waits."""
        if self.asked is not None and ray.wait([self.asked], timeout=0)[0]:
            answer, self.asked = self.asked, None
            try:
                self.doing, steps = ray.get(answer)
            except RayError:
                return  # that it is lost is seen from what it was ordered to do
            if steps != self.steps:
                self.steps, self.moved_at = steps, time.monotonic()
        if self.asked is None:
            self.asked = self.actor.watched.remote()

    def answers(self) -> bool:
        """Whether it lives."""
        try:
            ray.get(self.actor.where.options(concurrency_group="watch").remote(), timeout=ANSWERS_WITHIN_S)
        except RayError:
            return False
        return True


class Crew:
    """The workers of a run.

    Parameters
    ----------
    learning : ObjectRef
        To what a worker is made from: broadcast once, through the object store.
    cluster : Cluster
    most : int
        Workers that there is work for.
    """

    def __init__(self, learning: Any, cluster: Cluster, most: int) -> None:
        self.learning, self.cluster, self.most = learning, cluster, most
        self.hands: list[Hand] = []
        self._kind: Any = ray.remote(concurrency_groups={"watch": 1})(_Actor)
        self._count, self._failure = 0, ""

    def fill(self) -> None:
        """Start the workers that are missing, as far as they are wanted and there is room."""
        wanted = self.cluster.workers or max(self.cluster.room(), 1)
        for _ in range(min(wanted, self.most) - len(self.hands)):
            self._count += 1
            actor = self._kind.options(**self.cluster.options()).remote(self.learning, self.cluster.device)
            self.hands.append(Hand(self._count, actor, actor.where.remote()))

    def ready(self, wait_s: float = 0.0) -> list[Hand]:
        """Return the workers that can be ordered, after waiting for others that long."""
        arriving = {hand.arriving: hand for hand in self.hands if hand.arriving is not None}
        if arriving:
            for answer in ray.wait(list(arriving), num_returns=len(arriving), timeout=wait_s)[0]:
                hand = arriving[answer]
                try:
                    hand.node, hand.arriving = ray.get(answer), None
                except RayError as error:
                    self._failure = printable(str(error).strip().splitlines()[-1])
                    self.lose(hand)
        return [hand for hand in self.hands if hand.arriving is None]

    def assemble(self) -> list[Hand]:
        """Fill the crew, and return those that are ready: all there is room for, if they come soon, but one at least.

        Raises
        ------
        TrainingError
            If none comes.
        """
        began, fresh = time.monotonic(), not self._count
        while True:
            self.fill()
            expected = min(len(self.hands), max(self.cluster.room(), 1)) if fresh else 1
            found = self.ready(wait_s=0.0 if len(self.ready()) >= expected else 0.2)
            waited = time.monotonic() - began
            if len(found) >= expected or (found and waited > STARTED_WITHIN_S):
                return found
            if waited > PLACED_WITHIN_S:
                why = f" (the last failed: {self._failure})" if self._failure else ""
                raise TrainingError(
                    f"no worker could be started for {PLACED_WITHIN_S:.0f} s: the cluster has room for "
                    f"{self.cluster.room()}, others may use it{why}",
                    way_out="Look at `ray status`; with a run directory (--resume) the run goes on from where it was.",
                )

    def lose(self, hand: Hand) -> None:
        """Give a worker up, whatever it is doing."""
        if hand in self.hands:
            self.hands.remove(hand)
        ray.kill(hand.actor)

    def stop(self) -> None:
        """Let all workers go."""
        for hand in list(self.hands):
            self.lose(hand)


class _Actor(Worker):
    """A worker as an actor: it tells how it goes while it trains."""

    @ray.method(concurrency_group="watch")
    def watched(self) -> tuple[str, int]:
        """As `Worker.watched`."""
        return super().watched()
