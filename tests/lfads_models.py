"""LFADS models in which every parameter counts, and batches for them, for the tests of the model and its kernels."""

import torch

from nwb_autolfads.lfads.loss import Penalties, terms, total
from nwb_autolfads.lfads.masking import CoordinatedDropout, TemporalShift
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.noise import draw_noise
from nwb_autolfads.lfads.observations import Gamma
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.lfads.streams import Streams

ODD = Sizes(channels=3, ic_encoder=5, ci_encoder=4, initial_condition=6, controller=7, inputs=2, generator=9, factors=4)
NO_CONTROLLER = Sizes(channels=2, ic_encoder=3, ci_encoder=3, initial_condition=2, inputs=0, generator=4, factors=3)


def scrambled(sizes, members, seed=0):
    """A float64 model in which no parameter is zero, so that none can be left out unnoticed."""
    random = torch.Generator().manual_seed(seed)
    model = LFADS(sizes, members, Gamma.parameters, Streams.of(range(members), seed)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=random)
    return model


def batch(sizes, members, bins=8, windows=3, seed=1):
    random = torch.Generator().manual_seed(seed)
    streams = Streams.of(range(members), seed)
    x = torch.rand(bins + 4, windows, sizes.channels, generator=random, dtype=torch.float64) + 0.05
    masked = CoordinatedDropout(TemporalShift(1.0, 2)).draw(
        x, torch.linspace(0.3, 0.6, members, dtype=torch.float64), streams
    )
    rates = torch.linspace(0.1, 0.4, members, dtype=torch.float64)
    return masked, draw_noise(sizes, bins, windows, rates, streams, dropout=True)


def loss_and_gradients(model, masked, noise):
    """Loss of each member, and the gradient of every parameter by its name."""
    members = model.members
    dtype = model.readout.bias.dtype
    penalties = Penalties(*(torch.linspace(a, 2 * a, members, dtype=dtype) for a in (1e-3, 2e-3, 0.1, 0.2)))
    model.zero_grad()
    losses = total(terms(model, Gamma(), masked, noise, penalties), penalties, ramp=0.7)
    losses.sum().backward()
    return losses.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.numel()}
