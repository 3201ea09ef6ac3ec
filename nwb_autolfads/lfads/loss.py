"""The training objective, one number per member, and the score that members are compared by.

::

    loss = 1e4 * [NLL + ramp * L2 + ramp * (w_ic KL_ic + w_co KL_co)]

NLL is a mean over (window, bin, channel) and the KL terms are sums, so the evidence bound itself has w = 1 / (T * N).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .masking import MaskedBatch
from .model import LFADS
from .noise import Noise, no_noise
from .observations import Observation
from .priors import kl_initial_condition, kl_inputs

LOSS_SCALE = 1e4


class Penalties(NamedTuple):
    """Weights of the terms beside the likelihood, each (P,)."""

    kl_initial_condition: Tensor
    kl_inputs: Tensor
    l2_generator: Tensor
    l2_controller: Tensor


class Terms(NamedTuple):
    """The terms of the loss before weighting, each (P,)."""

    nll: Tensor  # mean over all elements, where only masked ones count
    kl_initial_condition: Tensor
    kl_inputs: Tensor
    l2: Tensor  # weighted already: the scales differ between generator and controller


def terms(model: LFADS, observation: Observation, batch: MaskedBatch, noise: Noise, penalties: Penalties) -> Terms:
    """Compute the terms of the loss on a batch.

    Parameters
    ----------
    model : LFADS
    observation : Observation
    batch : MaskedBatch
    noise : Noise
    penalties : Penalties

    Returns
    -------
    Terms
    """
    encoded = model.encode(model.input_transform(batch.input, batch.input_mask), noise)
    decoded = model.decode(encoded, noise)
    nll = (observation.nll(batch.target, decoded.readout) * batch.weight).mean((1, 2, 3))
    kl_ic = kl_initial_condition(encoded.ic_mean, encoded.ic_sd, model.ic_prior_mean)
    kl_co = kl_inputs(
        decoded.input_sample, decoded.input_mean, decoded.input_sd, model.input_log_tau, model.input_log_variance
    )
    return Terms(nll, kl_ic, kl_co, l2_penalty(model, penalties))


def l2_penalty(model: LFADS, penalties: Penalties) -> Tensor:
    """Sum of scale * 0.5 ||U||^2 over the recurrent weights, divided by their number; (P,)."""
    scales = (penalties.l2_generator, penalties.l2_controller)
    squares, count = torch.zeros_like(scales[0]), 0
    for scale, weights in zip(scales, model.recurrent_weights(), strict=True):
        for U in weights:
            squares = squares + scale * 0.5 * U.square().sum((1, 2))
            count += U[0].numel()
    return squares / count


def total(terms: Terms, penalties: Penalties, ramp: float) -> Tensor:
    """Weigh the terms; ``ramp`` in 0..1 brings the penalties in slowly. Returns (P,)."""
    kl = penalties.kl_initial_condition * terms.kl_initial_condition + penalties.kl_inputs * terms.kl_inputs
    return LOSS_SCALE * (terms.nll + ramp * (terms.l2 + kl))


@torch.no_grad()
def masked_nll(model: LFADS, observation: Observation, batch: MaskedBatch) -> Tensor:
    """Mean NLL of the masked elements only, at the posterior means; (P,). The score to select by."""
    P, T, B, _ = batch.input.shape
    noise = no_noise(model.sizes, T, B, batch.input, P)
    readout = model.decode(model.encode(model.input_transform(batch.input, batch.input_mask), noise), noise).readout
    nll = observation.nll(batch.target, readout)
    return (nll * batch.weight).sum((1, 2, 3)) / batch.weight.sum((1, 2, 3))
