"""The LFADS network: encoders, controller, generator, factors, read-out.

::

    g0 ~ N(ic encoder(x));  generator start = W g0 + b
    ci_t = [fwd_(t-1); bwd_(t+1)]                          the controller never sees bin t itself
    c_t = GRU(dropout[ci_t; f_(t-1)], c_(t-1)),  u_t ~ N(linear(c_t))
    g_t = GRU(u_t, g_(t-1)),  f_t = Wn dropout(g_t)        rows of Wn of unit norm
    read-out_t = A f_t + a
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .gru import BidirectionalGRU, GRUWeights
from .layers import Linear, beside, initial_weight, multiply
from .noise import Noise
from .sizes import Sizes

POSTERIOR_VARIANCE_FLOOR = 1e-4
PRIOR_TAU_BINS = 10.0
PRIOR_INPUT_VARIANCE = 0.1


class Encoded(NamedTuple):
    """What the encoders make of a batch: the posterior of the initial condition, the controller's input."""

    ic_mean: Tensor  # (P, B, initial_condition)
    ic_sd: Tensor  # (P, B, initial_condition)
    controller_input: Tensor  # (P, T, B, 2 * ci_encoder), empty in its last axis without a controller


class Decoded(NamedTuple):
    """What the generator makes of it, along time."""

    readout: Tensor  # (P, T, B, observation parameters * N)
    factors: Tensor  # (P, T, B, factors)
    input_mean: Tensor  # (P, T, B, inputs)
    input_sd: Tensor  # (P, T, B, inputs)
    input_sample: Tensor  # (P, T, B, inputs), what drove the generator


class LFADS(nn.Module):
    """P LFADS models of the same sizes.

    Parameters
    ----------
    sizes : Sizes
    members : int
        P.
    readouts : int
        Parameters of the observation model per channel.
    random : torch.Generator or None
        Source of the initial weights; None: torch's global one.
    """

    def __init__(self, sizes: Sizes, members: int, readouts: int, random: torch.Generator | None) -> None:
        super().__init__()
        self.sizes, self.members = sizes, members
        s, P = sizes, members
        self.ic_encoder = BidirectionalGRU(P, s.channels, s.ic_encoder, random)
        self.ic_posterior = Linear(P, 2 * s.ic_encoder, 2 * s.initial_condition, random)
        self.ic_prior_mean = nn.Parameter(torch.zeros(P, 1, s.initial_condition))
        self.ic_to_generator = Linear(P, s.initial_condition, s.generator, random)
        if s.inputs:
            self.ci_encoder = BidirectionalGRU(P, s.channels, s.ci_encoder, random)
            inputs = 2 * s.ci_encoder + s.factors
            self.controller = GRUWeights((P,), inputs, s.controller, (inputs, s.controller), random)
            self.controller_start = nn.Parameter(torch.zeros(P, 1, s.controller))
            self.input_posterior = Linear(P, s.controller, 2 * s.inputs, random)
            self.input_log_tau = nn.Parameter(torch.full((P, 1, s.inputs), math.log(PRIOR_TAU_BINS)))
            self.input_log_variance = nn.Parameter(torch.full((P, 1, s.inputs), math.log(PRIOR_INPUT_VARIANCE)))
        self.generator = GRUWeights((P,), s.inputs, s.generator, (s.inputs, s.generator), random)
        self.factors = initial_weight((P, s.factors, s.generator), s.generator, random)
        self.readout = Linear(P, s.factors, readouts * s.channels, random)

    def encode(self, x: Tensor, noise: Noise) -> Encoded:
        """Run the encoders over windows, once, whatever the number of posterior samples to come.

        Parameters
        ----------
        x : Tensor, (P, T, B, N)
        noise : Noise
            Only its dropout masks are used here.

        Returns
        -------
        Encoded
        """
        forwards, backwards = self.ic_encoder(x)
        state = torch.cat([forwards[:, -1], backwards[:, 0]], dim=-1)
        if noise.dropout is not None:
            state = state * noise.dropout.ic_state
        ic_mean, ic_log_variance = self.ic_posterior(state).chunk(2, dim=-1)
        ic_sd = torch.sqrt(ic_log_variance.exp() + POSTERIOR_VARIANCE_FLOOR)
        if not self.sizes.inputs:
            return Encoded(ic_mean, ic_sd, x.new_zeros(*x.shape[:3], 0))
        forwards, backwards = self.ci_encoder(x)
        nothing = torch.zeros_like(forwards[:, :1])
        before, after = torch.cat([nothing, forwards[:, :-1]], 1), torch.cat([backwards[:, 1:], nothing], 1)
        controller_input = torch.cat([before, after], dim=-1)
        if noise.dropout is not None:
            controller_input = controller_input * noise.dropout.controller_input
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
        (P, T, B, E), dropout = encoded.controller_input.shape, noise.dropout
        to_factors = nn.functional.normalize(self.factors, dim=-1).transpose(1, 2)  # (P, generator, factors)

        def read_factors(g: Tensor, t: int) -> Tensor:
            return torch.bmm(g if dropout is None else g * dropout.generator[:, t], to_factors)

        if self.sizes.inputs:
            W, b = self.controller.W, self.controller.b
            encoded_side = (multiply(encoded.controller_input, W[:, :E]) + beside(b, encoded.controller_input)).unbind(
                1
            )
            c = self.controller_start.expand(P, B, -1)
        u_mean = u_sd = u = encoded.controller_input.new_zeros(P, B, 0)
        g = self.ic_to_generator(encoded.ic_mean + encoded.ic_sd * noise.initial_condition)
        f = read_factors(g, 0)
        steps = []
        for t in range(T):
            if self.sizes.inputs:
                fed_back = f if dropout is None else f * dropout.factors[:, t]
                c = self.controller.step(torch.baddbmm(encoded_side[t], fed_back, W[:, E:]), c)
                u_mean, u_log_variance = self.input_posterior(c).chunk(2, dim=-1)
                u_sd = (0.5 * u_log_variance).exp()
                u = u_mean + u_sd * noise.inputs[:, t]
            g = self.generator.step(self.generator.project(u), g)
            f = read_factors(g, t + 1)
            steps.append((f, u_mean, u_sd, u))
        factors, input_mean, input_sd, input_sample = (torch.stack(series, 1) for series in zip(*steps, strict=True))
        return Decoded(self.readout(factors), factors, input_mean, input_sd, input_sample)

    def recurrent_weights(self) -> list[tuple[Tensor, ...]]:
        """Recurrent weights that the L2 penalty applies to: those of the generator, then those of the controller."""
        weights: list[tuple[Tensor, ...]] = [(self.generator.U_zr, self.generator.U_n)]
        if self.sizes.inputs:
            weights.append((self.controller.U_zr, self.controller.U_n))
        return weights
