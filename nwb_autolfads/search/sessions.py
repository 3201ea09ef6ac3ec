"""The sessions that a population learns from: their data, the windows drawn from them, where their maps start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nwb_autolfads.errors import TrainingError
from nwb_autolfads.lfads.alignment import Standardised, components_of_averages, components_of_covariance, start_maps
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.observations import Observation
from nwb_autolfads.lfads.streams import Streams
from nwb_autolfads.lfads.windows import chop
from nwb_autolfads.search.split import split_starts

LEAST_SHARE = 0.5
"""Of an even share: no session is drawn less often, so that a short one is not forgotten."""


@dataclass(frozen=True)
class SessionData:
    """What is learnt from in one session.

    Attributes
    ----------
    data : Tensor, (bins, N)
        All gap-free segments one after the other; NaN where data is missing.
    segment_bins : tuple of int
        Their lengths.
    channels : tuple of str
        Names; the same in two sessions are the same muscle.
    name : str
        Of the session, for messages; "" where there is only one.
    are_trials : bool
        Whether all segments have one length, and in all sessions begin at the same moment of the same behaviour.
    """

    data: Tensor
    segment_bins: tuple[int, ...]
    channels: tuple[str, ...] = ()
    name: str = ""
    are_trials: bool = False

    def typical(self) -> Tensor:
        """Return the data with the mean where they are missing."""
        return torch.where(self.data.isnan(), self.data.nanmean(0), self.data)


class SessionWindows:
    """Windows of several sessions, for training and for validation, none of which share a bin.

    Parameters
    ----------
    sessions : sequence of SessionData
    window : int
        Bins of a window, margins included.

    Attributes
    ----------
    training, held_out : list of Tensor of int
        Bins where a window may start, of each session.
    count : int
        Bins where a window for training may start, in all sessions.
    shares : Tensor, (session,)
        How often each is drawn: in proportion to what it holds, but `LEAST_SHARE` of an even share at least.

    Raises
    ------
    TrainingError
        If there is no room for a training and a validation window in one of them.
    """

    def __init__(self, sessions: Sequence[SessionData], window: int) -> None:
        self.sessions, self.window = sessions, window
        splits = [_split(session, window) for session in sessions]
        self.training = [training for training, _ in splits]
        self.held_out = [validation for _, validation in splits]
        held = torch.tensor([len(starts) for starts in self.training], dtype=torch.float64)
        self.count = int(held.sum())
        shares = (held / held.sum()).clamp_min(LEAST_SHARE / len(sessions))
        self.shares = shares / shares.sum()

    def draws(self, times: int, count: int, random: Streams) -> Iterator[tuple[int, Tensor]]:
        """Draw a session, and windows of it (window, count, N), so many times, by the one stream.

        It is a stream of the host, which decides what comes next, and what it drew goes to the data at once: on a GPU,
        the host would else wait for each draw.
        """
        chosen = [self._choose(count, random) for _ in range(times)]
        starts = torch.stack([starts for _, starts in chosen]).to(self.sessions[0].data.device)
        for (number, _), first in zip(chosen, starts, strict=True):
            yield number, chop(self.sessions[number].data, first, self.window)

    def _choose(self, count: int, random: Streams) -> tuple[int, Tensor]:
        number = 0
        if len(self.sessions) > 1:
            until = self.shares.cumsum(0)
            number = min(int((until <= float(random.uniform(1))).sum()), len(self.sessions) - 1)
        starts = self.training[number]
        (chosen,) = random.integers(len(starts), count)
        return number, starts[chosen]

    def validation(self, most: int) -> list[Tensor]:
        """Give windows for validation, of all sessions together about ``most``; each (window, B, N)."""
        each = max(most // len(self.sessions), 1)
        return [
            chop(session.data, starts[:: -(-len(starts) // each)], self.window)
            for session, starts in zip(self.sessions, self.held_out, strict=True)
        ]


@torch.no_grad()
def start(model: LFADS, sessions: Sequence[SessionData], observation: Observation) -> None:
    """Fit the input transforms to the data, give read-outs the moments of each channel, and align several sessions."""
    standardised = []
    for number, session in enumerate(sessions):
        maps, typical = model.of_session(number), session.typical()
        maps.readout.bias[:] = observation.initial_bias(typical)
        maps.input_transform.fit(typical)
        standardised.append(Standardised.of(typical.cpu(), maps.input_transform.kind))
    if model.read_in is None:
        return
    count = model.sizes.encoded
    if all(session.are_trials for session in sessions):
        weights = components_of_averages(_averages(sessions, standardised), count)
    else:
        values = [each.values for each in standardised]
        weights = components_of_covariance(values, [session.channels for session in sessions], count)
    start_maps(model, standardised, weights)


def _averages(sessions: Sequence[SessionData], standardised: Sequence[Standardised]) -> list[Tensor]:
    """Average over trials, each (bins, N), in the bins that are known of all channels."""
    averages = []
    for session, each in zip(sessions, standardised, strict=True):
        values = torch.where(session.data.isnan().cpu(), torch.nan, each.values)
        averages.append(values.unflatten(0, (-1, session.segment_bins[0])).nanmean(0))
    known = torch.cat(averages, 1).isfinite().all(1)
    return [average[known] for average in averages]


def _split(session: SessionData, window: int) -> tuple[Tensor, Tensor]:
    try:
        return split_starts(session.segment_bins, window)
    except TrainingError as error:
        obj = f"session {session.name!r}" if session.name else ""
        raise TrainingError(error.problem, way_out=error.way_out, obj=obj) from error
