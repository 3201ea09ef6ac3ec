"""The LFADS network: encoders, controller, generator, factors, read-out.

What belongs to one session, its input transform, read-in and read-out, is a module of its own for each
(`networks.session`); all else is shared.

::

    g0 ~ N(ic encoder(x));  generator start = W g0 + b
    ci_t = [fwd_(t-1); bwd_(t+1)]                          the controller never sees bin t itself
    c_t = GRU(dropout[ci_t; f_(t-1)], c_(t-1)),  u_t ~ N(linear(c_t))
    g_t = GRU(u_t, g_(t-1)),  f_t = Wn dropout(g_t)        rows of Wn of unit norm
    read-out_t = A f_t + a
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .kernels import recurrence
from .kernels.decoder_inputs import DecoderInputs
from .networks.gru import BidirectionalGRU, GRUWeights
from .networks.input_transform import InputTransform
from .networks.layers import Linear, initial_weight, multiply
from .networks.session import SessionMaps
from .noise import Noise
from .sizes import Sizes
from .streams import Streams

POSTERIOR_VARIANCE_FLOOR = 1e-4
PRIOR_TAU_BINS = 10.0
PRIOR_INPUT_VARIANCE = 0.1


class Encoded(NamedTuple):
    """What the encoders make of a batch: the posterior of the initial condition, the controller's input."""

    ic_mean: Tensor  # (P, B, initial_condition)
    ic_sd: Tensor  # (P, B, initial_condition)
    controller_input: Tensor  # (P, T, B, 2 * ci_encoder), without inputs its last axis is empty


class Decoded(NamedTuple):
    """What the generator makes of it, along time."""

    readout: Tensor  # (P, T, B, observation parameters * N)
    factors: Tensor  # (P, T, B, factors)
    input_mean: Tensor  # (P, T, B, inputs)
    input_sd: Tensor  # (P, T, B, inputs)
    input_sample: Tensor  # (P, T, B, inputs), what drove the generator


class LFADS(nn.Module):
    """P LFADS models of the same sizes, seen from their first session; see `of_session`.

    Parameters
    ----------
    sizes : Sizes
    members : int
        P.
    readouts : int
        Parameters of the observation model per channel.
    random : Streams or None
        Source of the initial weights; None: they are left empty, to be loaded.
    """

    def __init__(self, sizes: Sizes, members: int, readouts: int, random: Streams | None) -> None:
        super().__init__()
        self.sizes, self.members = sizes, members
        s, P = sizes, members
        read = InputTransform.width(s.encoded, s.input_transform)
        self.ic_encoder = BidirectionalGRU(P, read, s.ic_encoder, random)
        self.ic_posterior = Linear(P, 2 * s.ic_encoder, 2 * s.initial_condition, random)
        self.ic_prior_mean = nn.Parameter(torch.zeros(P, 1, s.initial_condition))
        self.ic_to_generator = Linear(P, s.initial_condition, s.generator, random)
        # without inputs the controller and its encoder have no units, and everything below still holds
        ci, co = (s.ci_encoder, s.controller) if s.inputs else (0, 0)
        self.ci_encoder = BidirectionalGRU(P, read, ci, random)
        self.controller = GRUWeights((P,), 2 * ci + s.factors, co, (2 * ci + s.factors, co), random)
        self.controller_start = nn.Parameter(torch.zeros(P, 1, co))
        self.input_posterior = Linear(P, co, 2 * s.inputs, random)
        self.input_log_tau = nn.Parameter(torch.full((P, 1, s.inputs), math.log(PRIOR_TAU_BINS)))
        self.input_log_variance = nn.Parameter(torch.full((P, 1, s.inputs), math.log(PRIOR_INPUT_VARIANCE)))
        self.generator = GRUWeights((P,), s.inputs, s.generator, (s.inputs, s.generator), random)
        self.factors = initial_weight((P, s.factors, s.generator), s.generator, random)
        first, *others = (SessionMaps(P, s, number, readouts, random) for number in range(1 + len(s.others)))
        self.input_transform, self.readout = first.input_transform, first.readout
        self.read_in: Linear | None
        self.register_module("read_in", first.read_in)
        self.others = nn.ModuleList(others)

    def of_session(self, number: int) -> LFADS:
        """Return the same models, weights shared, with the input transform, read-in and read-out of one session."""
        if number == 0:
            return self
        maps, one = self.others[number - 1], copy.copy(self)
        one.sizes = replace(
            self.sizes, channels=self.sizes.others[number - 1], others=(), components=self.sizes.encoded
        )
        one._modules = self._modules | maps._modules
        return one

    def rows_of(self, channel: int) -> Tensor:
        """Return how the encoders are given a channel, (P, 1 or 2, encoded): by the read-in, or as it is."""
        channels = self.sizes.channels
        if self.read_in is not None:
            return self.read_in.weight[:, channel::channels]
        as_it_is = torch.eye(InputTransform.width(channels, self.input_transform.kind))
        return as_it_is.expand(self.members, -1, -1)[:, channel::channels]

    def encode(self, x: Tensor, noise: Noise) -> Encoded:
        """Run the encoders over windows, once, whatever the number of posterior samples to come.

        Parameters
        ----------
        x : Tensor, (P, T, B, transformed channels)
            What `input_transform` makes of the data; the read-in is part of what the encoders do.
        noise : Noise
            Only its dropout masks are used here.

        Returns
        -------
        Encoded
        """
        state, _ = self.ic_encoder(x, self.read_in)
        if noise.dropout is not None:
            state = state * noise.dropout.ic_state
        ic_mean, ic_log_variance = self.ic_posterior(state).chunk(2, dim=-1)
        ic_sd = torch.sqrt(ic_log_variance.exp() + POSTERIOR_VARIANCE_FLOOR)
        _, controller_input = self.ci_encoder(x, self.read_in)
        return Encoded(ic_mean, ic_sd, controller_input)

    def decode(self, encoded: Encoded, noise: Noise) -> Decoded:
        """Draw from the posteriors and run controller and generator over time.

        Parameters
        ----------
        encoded : Encoded
        noise : Noise

        Returns
        -------
        Decoded
        """
        P, _, B, _ = encoded.controller_input.shape
        dropout, path = noise.dropout, recurrence.path_for(encoded.controller_input.detach())
        inputs = DecoderInputs(
            W_c=self.controller.stacked(),
            W_u=torch.cat([self.input_posterior.weight, self.input_posterior.bias], 1),
            W_g=self.generator.stacked(),
            W_f=nn.functional.normalize(self.factors, dim=-1).transpose(1, 2),
            encoded=encoded.controller_input,
            c0=self.controller_start.expand(P, B, -1),
            g0=self.ic_to_generator(encoded.ic_mean + encoded.ic_sd * noise.initial_condition),
            noise=noise.inputs,
            keep_encoded=None if dropout is None else dropout.controller_input,
            keep_f=None if dropout is None else dropout.factors,
            keep_g=None if dropout is None else dropout.generator,
        )
        factors, posterior, sample = self._run(inputs) if path == "plain" else recurrence.decode(inputs, path)
        input_mean, input_log_variance = posterior.chunk(2, dim=-1)
        return Decoded(self.readout(factors), factors, input_mean, (0.5 * input_log_variance).exp(), sample)

    def _run(self, x: DecoderInputs) -> tuple[Tensor, Tensor, Tensor]:
        """Run controller and generator bin by bin: the definition, which a faster path must equal."""
        E, W = x.encoded.shape[-1], self.controller.W
        encoded = x.encoded if x.keep_encoded is None else x.encoded * x.keep_encoded
        encoded_side = multiply(encoded, W[:, :E]) + self.controller.b.unsqueeze(1)
        c, g = x.c0, x.g0
        f = torch.bmm(g if x.keep_g is None else g * x.keep_g[:, 0], x.W_f)
        steps = []
        for t, side in enumerate(encoded_side.unbind(1)):
            fed_back = f if x.keep_f is None else f * x.keep_f[:, t]
            c = self.controller.step(torch.baddbmm(side, fed_back, W[:, E:]), c)
            posterior = torch.baddbmm(self.input_posterior.bias, c, self.input_posterior.weight)
            u_mean, u_log_variance = posterior.chunk(2, dim=-1)
            u = u_mean + (0.5 * u_log_variance).exp() * x.noise[:, t]
            g = self.generator.step(torch.baddbmm(self.generator.b, u, self.generator.W), g)
            f = torch.bmm(g if x.keep_g is None else g * x.keep_g[:, t + 1], x.W_f)
            steps.append((f, posterior, u))
        factors, posteriors, samples = (torch.stack(series, 1) for series in zip(*steps, strict=True))
        return factors, posteriors, samples

    def recurrent_weights(self) -> list[tuple[Tensor, ...]]:
        """Recurrent weights that the L2 penalty applies to: those of the generator, then those of the controller."""
        return [(gru.U_zr, gru.U_n) for gru in (self.generator, self.controller)]
