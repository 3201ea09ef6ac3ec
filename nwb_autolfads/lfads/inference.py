"""Posterior averages of trained models: what is estimated for each window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from .hiding import View
from .model import LFADS, Decoded
from .noise import draw_noise, no_noise
from .observation import Gamma


class Posterior(NamedTuple):
    """Averages over views and posterior samples, of one model; time first."""

    mean: Tensor  # (T, B, N), expected observation alpha / beta
    mean_sd: Tensor  # (T, B, N), its spread over views and posterior samples
    concentration: Tensor  # (T, B, N), alpha
    factors: Tensor  # (T, B, factors)
    inputs: Tensor  # (T, B, inputs)
    inputs_sd: Tensor  # (T, B, inputs), within and between samples
    initial_condition: Tensor  # (B, initial_condition), posterior mean


@torch.no_grad()
def infer(
    model: LFADS, observation: Gamma, x: Tensor, views: Iterable[View], *, samples: int, random: torch.Generator
) -> Posterior:
    """Average over views and posterior samples; the encoders run once for each view.

    Parameters
    ----------
    model : LFADS
        Of one member.
    observation : Gamma
    x : Tensor, (T, B, N)
        Windows.
    views : iterable of View
        What is hidden, and which bins count; see `Hiding.views`.
    samples : int
        Posterior samples for each view, at least 1.
    random : torch.Generator

    Returns
    -------
    Posterior
    """
    T, B, _ = x.shape
    no_dropout = x.new_zeros(1)
    totals: list[Tensor] = []
    ic_mean, weights, count = x.new_zeros(B, model.sizes.initial_condition), x.new_zeros(T, B, 1), 0
    for view in views:
        quiet = no_noise(model.sizes, T, B, x, 1)
        encoded = model.encode((x * view.scale).unsqueeze(0), quiet)
        ic_mean, weights, count = ic_mean + encoded.ic_mean[0], weights + view.weight, count + 1
        for _ in range(samples):
            noise = draw_noise(model.sizes, T, B, no_dropout, random, dropout=False)
            drawn = [series[0] * view.weight for series in _moments(observation, model.decode(encoded, noise))]
            totals = [a + b for a, b in zip(totals, drawn, strict=True)] if totals else drawn
    mean, mean_square, concentration, factors, inputs, inputs_square = (t / (weights * samples) for t in totals)
    return Posterior(
        mean=mean,
        mean_sd=(mean_square - mean.square()).clamp_min(0).sqrt(),
        concentration=concentration,
        factors=factors,
        inputs=inputs,
        inputs_sd=(inputs_square - inputs.square()).clamp_min(0).sqrt(),
        initial_condition=ic_mean / count,
    )


def _moments(observation: Gamma, decoded: Decoded) -> tuple[Tensor, ...]:
    mean = observation.mean(decoded.readout)
    return (
        mean,
        mean.square(),
        observation.concentration(decoded.readout),
        decoded.factors,
        decoded.input_mean,
        decoded.input_mean.square() + decoded.input_sd.square(),
    )
