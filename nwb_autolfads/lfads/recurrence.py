"""The time loops of LFADS with gradients by hand: loops over bins in the compiled kernel, everything else in torch.

The kernel runs what must run bin after bin. Gradients of weights are sums over bins and windows and are made here, one
product each. `gru.py` and `model.py` define what is computed; these functions must give the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from . import compiled

_switched_off = False


@contextmanager
def plain() -> Iterator[None]:
    """Within this context, use the plain PyTorch path whatever the machine has."""
    global _switched_off
    before, _switched_off = _switched_off, True
    try:
        yield
    finally:
        _switched_off = before


def usable(x: Tensor) -> bool:
    """Whether the kernel can run on such a tensor here."""
    return not _switched_off and x.device.type == "cpu" and x.dtype in compiled.SUFFIX and bool(compiled.load().library)


class GRU(torch.autograd.Function):
    """The recurrent part of G GRUs; see `GRUWeights.forward`."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, h0: Tensor, U_zr: Tensor, U_n: Tensor) -> Tensor:
        """Run over time: projected (G, T, B, 3 H), h0 (G, B, H) -> states (G, T, B, H)."""
        G, T, B, H3 = projected.shape
        H = H3 // 3
        states = _states(h0, T)
        gates = torch.empty_like(projected, memory_format=torch.contiguous_format)
        U_zr, U_n = U_zr.contiguous(), U_n.contiguous()
        compiled.load().call("gru_forward", (G, T, B, H), (projected.contiguous(), U_zr, U_n, states, gates))
        ctx.save_for_backward(U_zr, U_n, states, gates)
        return states[:, 1:]

    @staticmethod
    def backward(ctx: Any, d_states: Tensor) -> tuple[Tensor, ...]:
        """Give the gradients of what `forward` took."""
        U_zr, U_n, states, gates = ctx.saved_tensors
        G, T, B, H = d_states.shape
        d_projected, d_start = torch.empty_like(gates), torch.empty_like(states[:, 0])
        tensors = (U_zr, U_n, states, gates, d_states.contiguous(), d_projected, d_start)
        compiled.load().call("gru_backward", (G, T, B, H), tensors)
        return d_projected, d_start, *_recurrent_gradients(states, gates, d_projected)


class DecoderInputs(NamedTuple):
    """What `Decoder` takes, in order."""

    encoded_side: Tensor  # (P, T, B, 3 Hc), input side of the controller, bias included, but for the factors
    c0: Tensor  # (P, B, Hc)
    g0: Tensor  # (P, B, Hg)
    W_f: Tensor  # (P, F, 3 Hc), factors to controller
    Uc_zr: Tensor
    Uc_n: Tensor
    W_u: Tensor  # (P, Hc, 2 U), controller to posterior of the inputs
    b_u: Tensor  # (P, 1, 2 U)
    W_g: Tensor  # (P, U, 3 Hg), inputs to generator
    b_g: Tensor  # (P, 1, 3 Hg)
    Ug_zr: Tensor
    Ug_n: Tensor
    W_n: Tensor  # (P, Hg, F), generator to factors
    noise: Tensor  # (P, T, B, U)
    keep_f: Tensor | None  # (P, T, B, F), dropout of the factors fed back
    keep_g: Tensor | None  # (P, T + 1, B, Hg), dropout of the generator before the factors


class Decoder(torch.autograd.Function):
    """Controller, generator and factors over time; see `LFADS.decode`."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give factors (P, T, B, F), posterior of the inputs (mean and log variance: P, T, B, 2 U), inputs."""
        x = DecoderInputs(*(None if t is None else t.contiguous() for t in inputs))
        P, T, B, Hc3 = x.encoded_side.shape
        U, (F, Hg) = x.noise.shape[-1], (x.W_n.shape[2], x.W_n.shape[1])
        sizes = (P, T, B, Hc3 // 3, U, Hg, F)
        new = x.g0.new_empty
        series = (
            *(_states(x.c0, T), new(P, T, B, Hc3)),
            *(new(P, T, B, 2 * U), new(P, T, B, U)),
            *(_states(x.g0, T), new(P, T, B, 3 * Hg)),
            new(P, T + 1, B, F),
        )
        compiled.load().call("decoder_forward", sizes, (*_weights(x), *_draws(x), x.encoded_side, *series))
        ctx.save_for_backward(*x, *series)
        ctx.sizes = sizes
        return series[-1][:, 1:], series[2], series[3]

    @staticmethod
    def backward(ctx: Any, d_factors: Tensor, d_posterior: Tensor, d_u: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of what `forward` took; there are none for noise and dropout."""
        saved, count = ctx.saved_tensors, len(DecoderInputs._fields)
        x, series = DecoderInputs(*saved[:count]), saved[count:]
        c, c_gates, posterior, u, g, g_gates, f = series
        d_c_side, d_g_side = torch.empty_like(c_gates), torch.empty_like(g_gates)
        d_post, d_f = torch.empty_like(posterior), torch.empty_like(f)
        d_c0, d_g0 = torch.empty_like(c[:, 0]), torch.empty_like(g[:, 0])
        incoming = (d_factors.contiguous(), d_posterior.contiguous(), d_u.contiguous())
        gradients = (*incoming, d_c_side, d_post, d_g_side, d_f, d_c0, d_g0)
        compiled.load().call("decoder_backward", ctx.sizes, (*_weights(x), *_draws(x), *series, *gradients))
        fed_back = f[:, :-1] if x.keep_f is None else f[:, :-1] * x.keep_f
        read = g if x.keep_g is None else g * x.keep_g
        return DecoderInputs(
            encoded_side=d_c_side,
            c0=d_c0,
            g0=d_g0,
            W_f=_summed(fed_back, d_c_side),
            **dict(zip(("Uc_zr", "Uc_n"), _recurrent_gradients(c, c_gates, d_c_side), strict=True)),
            W_u=_summed(c[:, 1:], d_post),
            b_u=d_post.sum((1, 2)).unsqueeze(1),
            W_g=_summed(u, d_g_side),
            b_g=d_g_side.sum((1, 2)).unsqueeze(1),
            **dict(zip(("Ug_zr", "Ug_n"), _recurrent_gradients(g, g_gates, d_g_side), strict=True)),
            W_n=_summed(read, d_f),
            noise=None,  # type: ignore[arg-type]
            keep_f=None,
            keep_g=None,
        )


def _states(start: Tensor, T: int) -> Tensor:
    """Room for T + 1 states (G, T + 1, B, H), the first of them filled."""
    G, B, H = start.shape
    states = start.new_empty(G, T + 1, B, H)
    states[:, 0] = start
    return states


def _weights(x: DecoderInputs) -> tuple[Tensor, ...]:
    return x.W_f, x.Uc_zr, x.Uc_n, x.W_u, x.b_u, x.W_g, x.b_g, x.Ug_zr, x.Ug_n, x.W_n


def _draws(x: DecoderInputs) -> tuple[Tensor | None, ...]:
    return x.noise, x.keep_f, x.keep_g


def _summed(a: Tensor, d: Tensor) -> Tensor:
    """Gradient of a weight: sum over bins and windows of a^T d; (P, T, B, m), (P, T, B, n) -> (P, m, n)."""
    return torch.bmm(a.flatten(1, 2).transpose(1, 2), d.flatten(1, 2))


def _recurrent_gradients(states: Tensor, gates: Tensor, d_projected: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of U_zr and U_n from states (G, T + 1, B, H), gates and gradients of the input side."""
    H = states.shape[-1]
    before = states[:, :-1]
    reset = gates[..., H : 2 * H] * before
    return _summed(before, d_projected[..., : 2 * H]), _summed(reset, d_projected[..., 2 * H :])
