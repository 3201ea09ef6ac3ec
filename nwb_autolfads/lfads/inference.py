"""Posterior averages of trained models: what is estimated for each window."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .model import LFADS
from .noise import draw_noise
from .observation import Gamma


class Posterior(NamedTuple):
    """Averages over posterior samples, of one model; time first."""

    mean: Tensor  # (T, B, N), expected observation alpha / beta
    mean_sd: Tensor  # (T, B, N), its spread over posterior samples
    concentration: Tensor  # (T, B, N), alpha
    factors: Tensor  # (T, B, factors)
    inputs: Tensor  # (T, B, inputs)
    inputs_sd: Tensor  # (T, B, inputs), within and between samples
    initial_condition: Tensor  # (B, initial_condition), posterior mean


@torch.no_grad()
def infer(model: LFADS, observation: Gamma, x: Tensor, *, samples: int, random: torch.Generator) -> Posterior:
    """Average over posterior samples; the encoders run once.

    Parameters
    ----------
    model : LFADS
        Of one member.
    observation : Gamma
    x : Tensor, (T, B, N)
        Windows, nothing hidden.
    samples : int
        Posterior samples, at least 1.
    random : torch.Generator

    Returns
    -------
    Posterior
    """
    T, B, _ = x.shape
    no_dropout = x.new_zeros(1)

    def draw() -> tuple[Tensor, ...]:
        noise = draw_noise(model.sizes, T, B, no_dropout, random, dropout=False)
        decoded = model.decode(encoded, noise)
        mean = observation.mean(decoded.readout)
        return (
            mean,
            mean.square(),
            observation.concentration(decoded.readout),
            decoded.factors,
            decoded.input_mean,
            decoded.input_mean.square() + decoded.input_sd.square(),
        )

    encoded = model.encode(x.unsqueeze(0), draw_noise(model.sizes, T, B, no_dropout, random, dropout=False))
    sums = draw()
    for _ in range(samples - 1):
        sums = tuple(a + b for a, b in zip(sums, draw(), strict=True))
    mean, mean_square, concentration, factors, inputs, inputs_square = (s.squeeze(0) / samples for s in sums)
    return Posterior(
        mean=mean,
        mean_sd=(mean_square - mean.square()).clamp_min(0).sqrt(),
        concentration=concentration,
        factors=factors,
        inputs=inputs,
        inputs_sd=(inputs_square - inputs.square()).clamp_min(0).sqrt(),
        initial_condition=encoded.ic_mean.squeeze(0),
    )
