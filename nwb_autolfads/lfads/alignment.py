"""Where the read-ins and read-outs of several sessions start: regression onto principal components that they share.

Sessions of one body differ in electrodes, gains and muscles. So that their encoders' inputs mean the same from the
first step on, each session is regressed onto principal components of all: of averages over trials, where these go on
in the same way in all sessions (Pandarinath et al. 2018, Online Methods), else of the covariance of all muscles that
there are, each pair taken from the sessions that have both. Sessions without a muscle in common share no covariance:
their own components meet in the order of their variances, each with more of its weights positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .model import LFADS
from .networks.input_transform import FLOOR, Kind
from .networks.layers import Linear

RIDGE = 0.05
"""Added to variances of 1: what one muscle tells of another is known from little data."""


class Standardised(NamedTuple):
    """Data of mean 0 and variance 1, or their logarithm, and what was subtracted and divided by."""

    values: Tensor  # (samples, N)
    centre: Tensor  # (N,)
    spread: Tensor  # (N,)

    @classmethod
    def of(cls, x: Tensor, kind: Kind) -> Standardised:
        """Standardise data x (samples, N) as the encoders are given them; see `InputTransform`."""
        x = x if kind == "linear" else x.clamp_min(FLOOR).log()
        centre, spread = x.mean(0), x.std(0).clamp_min(1e-3)
        return cls((x - centre) / spread, centre, spread)


def components_of_averages(averages: Sequence[Tensor], count: int) -> list[Tensor]:
    """Regress each session onto the principal components of its average over trials beside those of all others.

    Parameters
    ----------
    averages : sequence of Tensor, each (bins, N)
        Of standardised data; bins after the event are the same in all of them.
    count : int
        K.

    Returns
    -------
    list of Tensor, each (N, K)
        Zero from where there are no more components.
    """
    centred = [average - average.mean(0) for average in averages]
    every = torch.cat(centred, dim=1)
    U, singular, _ = torch.linalg.svd(every, full_matrices=False)
    U = U[:, singular > 1e-4 * singular[0]][:, :count] * len(every) ** 0.5
    found = [_ridge(X.T @ X / len(X), X.T @ U / len(X), RIDGE * float(X.var(0).mean())) for X in centred]
    return [_filled(W, count) for W in found]


def components_of_covariance(data: Sequence[Tensor], channels: Sequence[Sequence[str]], count: int) -> list[Tensor]:
    """Regress each session onto the principal components of the covariance of all channels that there are.

    Parameters
    ----------
    data : sequence of Tensor, each (samples, N)
        Standardised.
    channels : sequence of sequence of str
        Names; a name in two sessions is the same muscle.
    count : int
        K.

    Returns
    -------
    list of Tensor, each (N, K)
        Zero from where there are no more components.
    """
    found: list[Tensor] = [torch.empty(0)] * len(data)
    for group in _connected(channels):
        names = sorted({name for session in group for name in channels[session]})
        columns = {session: torch.tensor([names.index(name) for name in channels[session]]) for session in group}
        covariance, seen = torch.zeros(len(names), len(names)), torch.zeros(len(names), len(names))
        for session, at in columns.items():
            y = data[session]
            covariance[at.unsqueeze(1), at] += y.T @ y / len(y)
            seen[at.unsqueeze(1), at] += 1
        covariance = covariance / seen.clamp_min(1)
        variance, V = torch.linalg.eigh(covariance)
        kept = variance.flip(0) > RIDGE
        V = V.flip(1)[:, kept][:, :count] / variance.flip(0)[kept][:count].sqrt()
        V = V * torch.where(V.sum(0) < 0, -1.0, 1.0)
        for session, at in columns.items():
            found[session] = _filled(_ridge(covariance[at.unsqueeze(1), at], covariance[at] @ V, RIDGE), count)
    return found


@torch.no_grad()
def start_maps(model: LFADS, data: Sequence[Standardised], weights: Sequence[Tensor]) -> None:
    """Let the read-ins give shared components, and the read-outs of all sessions mean the same by the factors.

    Parameters
    ----------
    model : LFADS
    data : sequence of Standardised
    weights : sequence of Tensor, each (N, K)
        From the data to the components, of any size.
    """
    sizes = [(y.values @ W).square().mean(0) for y, W in zip(data, weights, strict=True)]
    weights = [W / torch.stack(sizes).mean(0).sqrt().clamp_min(1e-6) for W in weights]
    scores = [y.values @ W for y, W in zip(data, weights, strict=True)]
    loadings = [_ridge(p.T @ p / len(p), p.T @ y.values / len(p), RIDGE) for y, p in zip(data, scores, strict=True)]
    most = max(range(len(data)), key=lambda session: data[session].values.shape[1])
    drawn = model.of_session(most).readout.weight.detach().cpu().clone()  # the data are there
    for session, (y, W, loading) in enumerate(zip(data, weights, loadings, strict=True)):
        maps = model.of_session(session)
        if maps.read_in is not None:
            set_read_in(maps.read_in, maps.input_transform.kind, y, W)
        alike = loadings[most].T @ loading  # of each channel of `most` (rows) with each of this session
        alike = alike / alike.norm(dim=0).clamp_min(1e-6)
        maps.readout.weight.copy_((drawn.unflatten(-1, (-1, len(alike))) @ alike).flatten(-2))


@torch.no_grad()
def set_read_in(read_in: Linear, kind: Kind, data: Standardised, W: Tensor) -> None:
    """Let a read-in weigh standardised channels by W (N, K) and, where it is given that, what is visible likewise."""
    if kind == "linear":
        weight = W / data.spread.unsqueeze(1)
        read_in.weight.copy_(weight)
        read_in.bias.copy_(-(data.centre @ weight))
        return
    read_in.weight.copy_(torch.block_diag(W, W.abs() / W.abs().sum(0).clamp_min(1e-6)))
    read_in.bias.zero_()


def _ridge(covariance: Tensor, target: Tensor, ridge: float) -> Tensor:
    return torch.linalg.solve(covariance + ridge * torch.eye(len(covariance)), target)


def _filled(W: Tensor, count: int) -> Tensor:
    return torch.nn.functional.pad(W, (0, count - W.shape[1]))


def _connected(channels: Sequence[Sequence[str]]) -> list[list[int]]:
    """Put sessions together that share a channel, or are linked by sessions that do."""
    groups: list[list[int]] = []
    for session, names in enumerate(channels):
        alike = [group for group in groups if any(set(channels[other]) & set(names) for other in group)]
        joined = [other for group in alike for other in group]
        groups = [*(group for group in groups if group not in alike), [*joined, session]]
    return groups
