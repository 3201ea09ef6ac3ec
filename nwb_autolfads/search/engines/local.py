"""The members of a population in this process, trained side by side as one program."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from nwb_autolfads.lfads.kernels.recurrence import on_threads
from nwb_autolfads.lfads.loss import masked_nll, terms, total
from nwb_autolfads.lfads.masking import MaskedBatch
from nwb_autolfads.lfads.noise import draw_noise
from nwb_autolfads.lfads.streams import Streams
from nwb_autolfads.search.engines.base import Watch, unwatched
from nwb_autolfads.search.engines.population import TRAINING, WINDOWS, Population

VALIDATION_SEED = 20220  # validation masks are the same for all members, epochs and seeds
EVERYONE = 0  # in place of a member's number, where all share what is drawn


class LocalEngine(Population):
    """A population, or some of its members, trained here; an `Engine`.

    Attributes
    ----------
    steps_done : int
        Gradient steps made so far, by which another thread sees whether it goes on.
    """

    steps_done = 0

    @cached_property
    def validation(self) -> list[MaskedBatch]:
        """Windows of each session with what is masked in them."""
        return [self._masked(windows) for windows in self.windows.validation(self.config.validation_windows)]

    def _masked(self, windows: Tensor) -> MaskedBatch:
        """Draw the masks of windows for validation, the same for all members."""
        config = self.config
        rate = torch.tensor([config.validation_mask_rate], device=self.device)
        random = Streams.of([EVERYONE], VALIDATION_SEED, device=self.device)
        drawn = self.masking.draw(windows.repeat(1, config.validation_draws, 1), rate, random)
        return MaskedBatch(*(part.expand(len(self.members), -1, -1, -1) for part in drawn))

    def train(self, epochs: int, watch: Watch = unwatched) -> list[str]:
        """Train all members for some epochs and score them after each.

        Returns
        -------
        list of str
            What a user must know: members that failed, and what became of them.
        """
        with on_threads(self.config.threads):
            return [message for _ in range(epochs) for message in self._train_one()]

    def _train_one(self) -> list[str]:
        training_nll, finite = self._train_epoch()
        valid_nll = self._validate()
        messages = self._rescue(~finite | ~valid_nll.isfinite())
        self._keep_scores(valid_nll)
        columns = {"train_nll": training_nll, "valid_nll": valid_nll, "score": self.score, **vars(self.hyperparameters)}
        numbers = torch.stack(list(columns.values()), 1).tolist()  # at once: a GPU is waited for
        for member, row in zip(self.members, numbers, strict=True):
            self.history.append({"epoch": self.epoch, "member": member, **dict(zip(columns, row, strict=True))})
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
        random = self._streams(self.members, TRAINING, self.device)
        steps = self.steps_per_epoch * len(self.windows.sessions)
        for session, windows in self.windows.draws(steps, config.batch_windows, choice):
            batch = self.masking.draw(windows, hp.mask_rate, random)
            noise = draw_noise(sizes, bins, config.batch_windows, hp.dropout, random, dropout=True)
            parts = terms(self.model.of_session(session), self.observation, batch, noise, hp.penalties)
            total(parts, hp.penalties, ramp).sum().backward()
            finite &= self.optimiser.step(hp.learning_rate * config.decay(self.epoch))
            self.steps_done += 1
            nll_sum += parts.nll.detach() / batch.weight.mean((1, 2, 3))
        return nll_sum / steps, finite

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
            best = self.best_state[name]
            best.copy_(torch.where(better.view(-1, *[1] * (best.dim() - 1)), value, best))
