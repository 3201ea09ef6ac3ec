"""Posterior averages of trained models: what is estimated for each window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from .masking.base import Mask, without_missing
from .model import LFADS
from .noise import draw_noise, no_noise
from .observations import Observation
from .streams import Streams


class Posterior(NamedTuple):
    """Averages over members, masks and posterior samples; time first. What is latent is that of the first member."""

    mean: Tensor  # (T, B, N), expected observation alpha / beta
    mean_sd: Tensor  # (T, B, N), its spread over members, masks and posterior samples
    concentration: Tensor  # (T, B, N), alpha
    factors: Tensor  # (T, B, factors)
    inputs: Tensor  # (T, B, inputs)
    inputs_sd: Tensor  # (T, B, inputs), within and between samples
    initial_condition: Tensor  # (B, initial_condition), posterior mean


@torch.no_grad()
def infer(
    model: LFADS, observation: Observation, x: Tensor, masks: Iterable[Mask], *, samples: int, random: Streams
) -> Posterior:
    """Average over members, masks and posterior samples; the encoders run once for each mask.

    Parameters
    ----------
    model : LFADS
        Its members are an ensemble, the best one first: each has latents of its own, which cannot be averaged.
    observation : Observation
    x : Tensor, (T, B, N)
        Windows; NaN where data is missing.
    masks : iterable of Mask
        What is masked, and which estimates count; see `Masking.masks`.
    samples : int
        Posterior samples for each mask, at least 1.
    random : Streams
        One for each member.

    Returns
    -------
    Posterior
    """
    T, B, _ = x.shape
    x, known = without_missing(x)
    every = x.unsqueeze(0).expand(model.members, *x.shape)
    no_dropout = x.new_zeros(model.members)
    observed, latent = _Average(), _Average()
    ic_mean, count = x.new_zeros(B, model.sizes.initial_condition), 0
    for mask in masks:
        quiet = no_noise(model.sizes, T, B, x, model.members)
        input_mask, weight = known * mask.input_mask, mask.weight.expand(model.members, *mask.weight.shape[-3:])
        encoded = model.encode(model.input_transform(every * input_mask, input_mask), quiet)
        ic_mean, count = ic_mean + encoded.ic_mean[0], count + 1
        for _ in range(samples):
            noise = draw_noise(model.sizes, T, B, no_dropout, random, dropout=False)
            decoded = model.decode(encoded, noise)
            mean = observation.mean(decoded.readout)
            observed.add(weight, mean, mean.square(), observation.concentration(decoded.readout))
            inputs, inputs_sd = decoded.input_mean[:1], decoded.input_sd[:1]
            inputs_square = inputs.square() + inputs_sd.square()
            latent.add(weight[:1].mean(-1, keepdim=True), decoded.factors[:1], inputs, inputs_square)
    mean, mean_square, concentration = observed.averages()
    factors, inputs, inputs_square = latent.averages()
    return Posterior(
        mean=mean,
        mean_sd=(mean_square - mean.square()).clamp_min(0).sqrt(),
        concentration=concentration,
        factors=factors,
        inputs=inputs,
        inputs_sd=(inputs_square - inputs.square()).clamp_min(0).sqrt(),
        initial_condition=ic_mean / count,
    )


class _Average:
    """Weighted averages over members (P, T, B, ...) of several series that are added one after the other."""

    def __init__(self) -> None:
        self._totals: list[Tensor] = []
        self._weight = torch.zeros(())

    def add(self, weight: Tensor, *series: Tensor) -> None:
        weighted = [(weight * values).sum(0) for values in series]
        self._totals = [a + b for a, b in zip(self._totals, weighted, strict=True)] if self._totals else weighted
        self._weight = self._weight + weight.sum(0)

    def averages(self) -> list[Tensor]:
        return [total / self._weight for total in self._totals]
