"""Population-based training: the search that needs no tuning (Jaderberg et al. 2017, Keshtkaran et al. 2022).

After a burn-in, members are compared after every generation. All are paired at random; the worse of a pair becomes a
copy of the better, weights, optimiser state and hyperparameters, and then explores other hyperparameters. The algorithm
knows its models only through `Engine`: it does not matter where they live.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from nwb_autolfads.errors import TrainingError
from nwb_autolfads.search.config import TrainingConfig
from nwb_autolfads.search.engines.base import Engine
from nwb_autolfads.search.progress import Progress, ProgressCallback, silent


class PopulationBasedTraining:
    """The search over a population.

    Parameters
    ----------
    engine : Engine
    config : TrainingConfig
    random : torch.Generator
        Source of the pairs.
    """

    def __init__(self, engine: Engine, config: TrainingConfig, random: torch.Generator) -> None:
        self.engine, self.config, self.random = engine, config, random
        self.milestone = math.inf
        self.waited = 0

    @property
    def finished(self) -> bool:
        """Whether the last epoch is done, or the best score has not improved for too many generations."""
        return self.engine.epoch >= self.config.max_epochs or self.waited >= self.config.patience_generations

    def run(self, progress: ProgressCallback = silent, keep: Callable[[], None] = lambda: None) -> int:
        """Train, compare and copy until finished.

        Parameters
        ----------
        progress : callable
            Called after every epoch, or as many as the engine trains at once; with several shards also meanwhile.
        keep : callable
            Called as often, when the search can go on from what it is then.

        Returns
        -------
        int
            The member with the best state.

        Raises
        ------
        TrainingError
            If every member failed.
        """
        began, before = time.monotonic(), self.engine.epoch
        said = Progress(before, self.config.max_epochs, math.inf, math.inf, 0.0, math.inf)

        def watch(shards: str) -> None:
            progress(replace(said, elapsed_s=time.monotonic() - began, shards=shards, message=""))

        while not self.finished:
            messages = self.engine.train(self._epochs_until_looked_at(), watch)
            self._require_a_model()
            if self._generation_ends():
                self._note_improvement()
                if not self.finished:
                    self.exploit_and_explore()
            keep()
            elapsed, scores = time.monotonic() - began, self.engine.score
            said = Progress(
                epoch=self.engine.epoch,
                n_epochs=self.config.max_epochs,
                best=float(self.engine.best_score.min()),
                median=float(scores[scores.isfinite()].median()),
                elapsed_s=elapsed,
                left_s=elapsed / (self.engine.epoch - before) * (self.config.max_epochs - self.engine.epoch),
                message=" ".join(messages),
            )
            progress(said)
        return int(self.engine.best_score.argmin())

    def exploit_and_explore(self) -> list[tuple[int, int]]:
        """Hold a binary tournament: the worse of each random pair becomes a copy of the better, and explores.

        Returns
        -------
        list of (int, int)
            Losers and the winners they became; ties change nothing, and an odd member has nobody to meet.
        """
        score = self.engine.score
        score = torch.where(score.isnan(), math.inf, score)
        order = torch.randperm(len(score), generator=self.random).tolist()
        changed = []
        for a, b in zip(order[::2], order[1::2], strict=False):
            if score[a] == score[b]:
                continue
            loser, winner = (a, b) if score[a] > score[b] else (b, a)
            self.engine.copy_member(winner, loser)
            self.engine.explore(loser)
            changed.append((loser, winner))
        return changed

    def _epochs_until_looked_at(self) -> int:
        """As many as the engine trains at once, up to the next comparison."""
        since = self.engine.epoch - self.config.burn_in_epochs
        until = -since if since < 0 else self.config.generation_epochs - since % self.config.generation_epochs
        return min(until, self.engine.epochs_at_once, self.config.max_epochs - self.engine.epoch)

    def _require_a_model(self) -> None:
        if not self.engine.alive.any():
            raise TrainingError(
                f"no model is left after epoch {self.engine.epoch}: each of the {len(self.engine.alive)} failed "
                f"{self.config.max_restarts + 1} times with a loss or gradient that is not finite",
                way_out="Look at the EMG for extreme values (`inspect`), or lower `learning_rate`.",
            )

    def _generation_ends(self) -> bool:
        since = self.engine.epoch - self.config.burn_in_epochs
        return since >= 0 and since % self.config.generation_epochs == 0

    def _note_improvement(self) -> None:
        best = float(self.engine.best_score.min())
        needed = self.config.min_improvement * abs(self.milestone) if math.isfinite(self.milestone) else 0.0
        improved = best < self.milestone - needed
        self.milestone, self.waited = (best, 0) if improved else (self.milestone, self.waited + 1)
