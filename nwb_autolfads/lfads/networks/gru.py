"""The GRU of LFADS, for many networks at once.

::

    [z r] = sigmoid(W_zr x + U_zr h + b_zr)
    n     = tanh(W_n x + U_n (r * h) + b_n)
    h'    = clip(z * h + (1 - z) * n, -5, 5)

The reset gate acts before the recurrent product and there is no bias on the recurrent side, so `torch.nn.GRU` is a
different function. G networks run side by side: tensors are (G, T, B, features), weights lead with G.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..kernels import recurrence
from ..kernels.decoder_inputs import HIDDEN_CLIP
from ..streams import Streams
from .layers import Linear, beside, initial_weight, multiply


class GRUWeights(nn.Module):
    """Weights of G GRUs with the same sizes, ``lead`` their leading axes (their product is G).

    Parameters
    ----------
    lead : tuple of int
        Leading axes, ``(P,)`` or ``(P, 2)`` for the two directions of an encoder.
    inputs, hidden : int
        Sizes of input and state.
    fan_in : tuple of int
        Initial weights are N(0, 1 / fan_in), for the input side and for the recurrent side.
    random : Streams or None
        Source of the initial weights; None: they are left empty, to be loaded.
    """

    def __init__(
        self, lead: tuple[int, ...], inputs: int, hidden: int, fan_in: tuple[int, int], random: Streams | None
    ) -> None:
        super().__init__()
        self.inputs, self.hidden = inputs, hidden
        self.W = initial_weight((*lead, inputs, 3 * hidden), fan_in[0], random)
        self.U_zr = initial_weight((*lead, hidden, 2 * hidden), fan_in[1], random)
        self.U_n = initial_weight((*lead, hidden, hidden), fan_in[1], random)
        bias = torch.cat([torch.ones(2 * hidden), torch.zeros(hidden)])  # the gates start open: the state persists
        self.b = nn.Parameter(bias.repeat(*lead, 1, 1))

    def project(self, x: Tensor) -> Tensor:
        """Input side of gates and candidate: (G, ..., inputs) -> (G, ..., 3 * hidden), for all bins at once."""
        return multiply(x, self.W.flatten(0, -3)) + beside(self.b.flatten(0, -3), x)

    def step(self, projected: Tensor, h: Tensor) -> Tensor:
        """Advance the state by one bin.

        Parameters
        ----------
        projected : Tensor, (G, B, 3 * hidden)
            The input side, from `project`.
        h : Tensor, (G, B, hidden)

        Returns
        -------
        Tensor, (G, B, hidden)
        """
        zr, n = projected.split([2 * self.hidden, self.hidden], dim=-1)
        z, r = torch.baddbmm(zr, h, self.U_zr.flatten(0, -3)).sigmoid().chunk(2, dim=-1)
        n = torch.baddbmm(n, r * h, self.U_n.flatten(0, -3)).tanh()
        return torch.lerp(n, h, z).clamp(-HIDDEN_CLIP, HIDDEN_CLIP)

    def forward(self, x: Tensor, h0: Tensor) -> Tensor:
        """Run over time.

        Parameters
        ----------
        x : Tensor, (G, T, B, inputs)
        h0 : Tensor, (G, B, hidden)
            State before the first bin.

        Returns
        -------
        Tensor, (G, T, B, hidden)
            The state after each bin.
        """
        h, states = h0, []
        # unbind once: the gradient of x[:, t] would fill all of x at every t
        for projected in self.project(x).unbind(1):
            h = self.step(projected, h)
            states.append(h)
        return torch.stack(states, dim=1)

    def stacked(self, read_in: Linear | None = None) -> Tensor:
        """All weights in one (*lead, inputs + hidden + 1, 3 * hidden): rows meet [input, state, 1].

        With a read-in, the rows of the input meet what that is given: the two linear maps are multiplied.
        """
        W, b = self.W, self.b
        if read_in is not None:
            between = [1] * (W.dim() - 3)  # its axes are (P, in, out), those here (P, ..., in, out)
            W, b = (
                read_in.weight.unflatten(0, (-1, *between)) @ W,
                read_in.bias.unflatten(0, (-1, *between)) @ W + b,
            )
        return torch.cat([W, torch.cat([self.U_zr, self.U_n], -1), b], -2)


class BidirectionalGRU(nn.Module):
    """A GRU forwards and one backwards over each window, with learned initial states.

    Parameters
    ----------
    members : int
        P.
    inputs, hidden : int
        Sizes of input and of the state of each direction.
    random : Streams or None
        Source of the initial weights; None: they are left empty, to be loaded.
    """

    def __init__(self, members: int, inputs: int, hidden: int, random: Streams | None) -> None:
        super().__init__()
        self.hidden = hidden
        self.gru = GRUWeights((members, 2), inputs, hidden, (inputs + hidden, inputs + hidden), random)
        self.h0 = nn.Parameter(torch.zeros(members, 2, 1, hidden))

    def forward(self, x: Tensor, read_in: Linear | None = None) -> tuple[Tensor, Tensor]:
        """Encode windows.

        Parameters
        ----------
        x : Tensor, (P, T, B, inputs)
        read_in : Linear, optional
            What makes the inputs of x, (P, T, B, ...).

        Returns
        -------
        last : Tensor, (P, B, 2 * hidden)
            States when forwards and backwards have seen the whole window.
        before : Tensor, (P, T, B, 2 * hidden)
            States when forwards have seen all bins before t, and backwards all bins after t; 0 where there are none.
        """
        P, T, B, _ = x.shape
        h0 = self.h0.expand(P, 2, B, self.hidden)
        path = recurrence.path_for(x)
        if path != "plain":
            return recurrence.encode(x, h0, self.gru.stacked(read_in), path)
        x = x if read_in is None else read_in(x)
        both = torch.stack([x, x.flip(1)], dim=1).flatten(0, 1)  # (P * 2, T, B, inputs)
        states = self.gru(both, h0.flatten(0, 1)).view(P, 2, T, B, self.hidden)
        forwards, backwards = states[:, 0], states[:, 1].flip(1)
        nothing = torch.zeros_like(forwards[:, :1])
        before, after = torch.cat([nothing, forwards[:, :-1]], 1), torch.cat([backwards[:, 1:], nothing], 1)
        return torch.cat([forwards[:, -1], backwards[:, 0]], -1), torch.cat([before, after], -1)
