"""The time loops of LFADS in torch operations, with gradients by hand; see `recurrence` for what goes in and comes out.

Faster than leaving gradients to torch: everything is written once, to where it is needed, and the gradients of weights
are single products over all bins and windows. After the first bin a state lies within +-5 by itself, so that it is
clipped only there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .decoder_inputs import HIDDEN_CLIP, DecoderInputs


class _GRU:
    """G GRUs with room for what they do over T bins.

    ``seen`` (G, T + 1, B, K) holds [input, state, 1] at each bin, ``reset`` the same with r * state.
    """

    def __init__(self, W: Tensor, T: int, B: int) -> None:
        G, K, H3 = W.shape
        self.H, self.inputs = H3 // 3, K - H3 // 3 - 1
        self.W_zr, self.W_n = W[..., : 2 * self.H].contiguous(), 2 * W[..., 2 * self.H :]  # tanh a = 2 sigmoid 2a - 1
        self.seen, self.reset = W.new_ones(G, T + 1, B, K), W.new_ones(G, T, B, K)
        self.gates = W.new_empty(G, T, B, H3)
        self.product_zr, self.product_n = W.new_empty(G, B, 2 * self.H), W.new_empty(G, B, self.H)
        self.minus_one = W.new_full((), -1.0)
        self.seen_at, self.reset_at = self.seen.unbind(1), self.reset.unbind(1)
        self.h = self.seen[..., self.inputs : -1].unbind(1)
        self.reset_h = self.reset[..., self.inputs : -1].unbind(1)
        self.zr_at = self.gates[..., : 2 * self.H].unbind(1)
        self.z, self.r, self.n = (part.unbind(1) for part in self.gates.chunk(3, -1))

    def step(self, t: int) -> None:
        """From the input and the state of bin t to the state of bin t + 1."""
        torch.bmm(self.seen_at[t], self.W_zr, out=self.product_zr)
        torch.sigmoid(self.product_zr, out=self.zr_at[t])
        torch.mul(self.r[t], self.h[t], out=self.reset_h[t])
        torch.bmm(self.reset_at[t], self.W_n, out=self.product_n)
        torch.add(self.minus_one, self.product_n.sigmoid_(), alpha=2, out=self.n[t])
        torch.lerp(self.n[t], self.h[t], self.z[t], out=self.h[t + 1])
        if t == 0:
            self.h[1].clamp_(-HIDDEN_CLIP, HIDDEN_CLIP)


class _Gradient:
    """Gradients of G GRUs; ``first``: inputs that `backward` gives no gradient for."""

    def __init__(self, gru: _GRU, W: Tensor, first: int) -> None:
        self.gru = gru
        H = gru.H
        into = W[:, first:-1].transpose(1, 2).contiguous()
        self.W_zr, self.W_n = into[:, : 2 * H], into[:, 2 * H :]
        self.d_gates = torch.empty_like(gru.gates)
        self.d_zr = self.d_gates[..., : 2 * H].unbind(1)
        self.d_z, self.d_r, self.d_n = (part.unbind(1) for part in self.d_gates.chunk(3, -1))
        self.d = gru.product_n.new_zeros(*gru.product_n.shape[:2], into.shape[2])
        self.d_input, self.d_h = self.d[..., : gru.inputs - first], self.d[..., gru.inputs - first :]
        self.through, self.free = torch.empty_like(gru.product_n), torch.empty_like(gru.product_n)

    def backward(self, t: int) -> None:
        """From the gradient of the state of bin t + 1, in ``d_h``, to those of input and state of bin t."""
        gru, through, free = self.gru, self.through, self.free
        h, z, r, n, d_z, d_r, d_n = gru.h[t], gru.z[t], gru.r[t], gru.n[t], self.d_z[t], self.d_r[t], self.d_n[t]
        if t == 0:
            self.d_h.mul_(torch.lerp(n, h, z).abs() <= HIDDEN_CLIP)
        torch.mul(self.d_h, z, out=through)
        torch.sub(self.d_h, through, out=free)
        torch.sub(h, n, out=d_z)
        d_z.mul_(through)
        torch.addcmul(d_z, d_z, z, value=-1, out=d_z)
        torch.mul(n, n, out=d_n)
        torch.addcmul(free, free, d_n, value=-1, out=d_n)
        torch.bmm(d_n, self.W_n, out=self.d)
        torch.mul(self.d_h, gru.reset_h[t], out=d_r)
        torch.addcmul(d_r, d_r, r, value=-1, out=d_r)
        torch.addcmul(through, self.d_h, r, out=self.d_h)
        self.d.baddbmm_(self.d_zr[t], self.W_zr)

    def of_weights(self) -> Tensor:
        """Sum over bins and windows, (G, K, 3 H)."""
        T, H = self.gru.gates.shape[1], self.gru.H
        sums = (
            summed(self.gru.seen[:, :T], self.d_gates[..., : 2 * H]),
            summed(self.gru.reset, self.d_gates[..., 2 * H :]),
        )
        return torch.cat(sums, -1)


def encoder_forward(x: Tensor, h0: Tensor, W: Tensor, *, keep: bool) -> tuple[Tensor, Tensor, _GRU | None]:
    """Give the last states (P, B, 2 H), those before each bin (P, T, B, 2 H), and what the gradients need."""
    P, T, B, N = x.shape
    gru = _GRU(W.flatten(0, 1), T, B)
    both = torch.stack([x, x.flip(1)], 1).flatten(0, 1)
    gru.seen[:, :T, :, :N], gru.reset[..., :N] = both, both
    gru.h[0].copy_(h0.flatten(0, 1))
    for t in range(T):
        gru.step(t)
    states = gru.seen[..., N:-1].unflatten(0, (P, 2))
    before = torch.cat([states[:, 0, :T], states[:, 1, :T].flip(1)], -1)
    before[:, 0, :, : gru.H] = 0
    before[:, -1, :, gru.H :] = 0
    return torch.cat([states[:, 0, T], states[:, 1, T]], -1), before, gru if keep else None


def encoder_backward(
    x: Tensor, h0: Tensor, W: Tensor, before: Tensor, gru: _GRU, d_last: Tensor | None, d_before: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Give the gradients of ``h0`` and ``W``."""
    P, T, B, _ = x.shape
    gradient = _Gradient(gru, W.flatten(0, 1), gru.inputs)
    if d_last is not None:
        gradient.d_h.copy_(torch.stack(d_last.chunk(2, -1), 1).flatten(0, 1))
    incoming = None
    if d_before is not None:
        forwards, backwards = d_before.chunk(2, -1)
        incoming = torch.stack([forwards, backwards.flip(1)], 1).flatten(0, 1).unbind(1)
    for t in reversed(range(T)):
        gradient.backward(t)
        if t and incoming is not None:
            gradient.d_h.add_(incoming[t])
    return gradient.d_h.view(P, 2, B, gru.H), gradient.of_weights().unflatten(0, (P, 2))


def decoder_forward(
    inputs: DecoderInputs, *, keep: bool
) -> tuple[Tensor, Tensor, Tensor, tuple[_GRU, _GRU, Tensor] | None]:
    """Run controller and generator over time; give factors, posterior and sample of the inputs, and what is kept."""
    P, T, B, U = inputs.noise.shape
    E, F = inputs.encoded.shape[-1], inputs.W_f.shape[-1]
    controller, generator = _GRU(inputs.W_c, T, B), _GRU(inputs.W_g, T, B)
    controller.h[0].copy_(inputs.c0)
    generator.h[0].copy_(inputs.g0)
    controller.seen[:, :T, :, :E] = (
        inputs.encoded if inputs.keep_encoded is None else inputs.encoded * inputs.keep_encoded
    )
    controller.reset[..., :E] = controller.seen[:, :T, :, :E]
    new = inputs.g0.new_empty
    # the product that comes before the first bin has a place of its own
    f, posterior, spread, sample = new(P, T + 1, B, F), new(P, T, B, 2 * U), new(P, T, B, U), new(P, T, B, U)
    kept, product, product_u = torch.empty_like(inputs.g0), new(P, B, F), new(P, B, 2 * U)
    fed, fed_again = (part[..., E : E + F].unbind(1) for part in (controller.seen, controller.reset))
    u, u_again = (part[..., :U].unbind(1) for part in (generator.seen, generator.reset))
    states = controller.seen[..., E + F :].unbind(1)  # with the 1 that meets the bias
    series = zip(f.unbind(1)[1:], posterior.unbind(1), spread.unbind(1), inputs.noise.unbind(1), strict=True)
    _read(generator.h[0], inputs, 0, kept, product)
    f[:, 0] = product
    for t, (f_t, posterior_t, spread_t, noise_t) in enumerate(series):
        if U:
            if inputs.keep_f is None:
                fed[t].copy_(product)
            else:
                torch.mul(product, inputs.keep_f[:, t], out=fed[t])
            fed_again[t].copy_(fed[t])
            controller.step(t)
            posterior_t.copy_(torch.bmm(states[t + 1], inputs.W_u, out=product_u))
            torch.mul(product_u[..., U:], 0.5, out=spread_t).exp_().mul_(noise_t)
            torch.add(product_u[..., :U], spread_t, out=u[t])
            u_again[t].copy_(u[t])
        generator.step(t)
        _read(generator.h[t + 1], inputs, t + 1, kept, product)
        f_t.copy_(product)
    sample.copy_(generator.reset[..., :U])
    return f[:, 1:].contiguous(), posterior, sample, (controller, generator, spread) if keep else None


def _read(g: Tensor, inputs: DecoderInputs, t: int, kept: Tensor, product: Tensor) -> None:
    if inputs.keep_g is None:
        kept.copy_(g)
    else:
        torch.mul(g, inputs.keep_g[:, t], out=kept)
    torch.bmm(kept, inputs.W_f, out=product)


def decoder_backward(
    inputs: DecoderInputs,
    f: Tensor,
    posterior: Tensor,
    u: Tensor,
    kept: tuple[_GRU, _GRU, Tensor],
    d_f: Tensor,
    d_posterior: Tensor,
    d_u: Tensor,
) -> tuple[Tensor, ...]:
    """Give the gradients of what the decoder is given, up to the noise; there are none for noise and dropout."""
    gru_c, gru_g, spread = kept
    P, T, B, U = inputs.noise.shape
    E, F = inputs.encoded.shape[-1], inputs.W_f.shape[-1]
    controller, generator = _Gradient(gru_c, inputs.W_c, E), _Gradient(gru_g, inputs.W_g, 0)
    d_f_all, d_posterior = f.new_zeros(P, T + 1, B, F), d_posterior.clone()
    d_f_all[:, 1:] = d_f
    W_f, W_u = inputs.W_f.transpose(1, 2).contiguous(), inputs.W_u[:, :-1].transpose(1, 2).contiguous()
    d_f_at, d_posterior_at, spread_at, d_u_at = (s.unbind(1) for s in (d_f_all, d_posterior, spread, d_u))
    d_kept = torch.empty_like(inputs.g0)

    def through_factors(t: int) -> None:
        torch.bmm(d_f_at[t], W_f, out=d_kept)
        if inputs.keep_g is not None:
            d_kept.mul_(inputs.keep_g[:, t])
        generator.d_h.add_(d_kept)

    for t in reversed(range(T)):
        through_factors(t + 1)
        generator.backward(t)
        if U:
            d_sample = generator.d_input.add_(d_u_at[t])
            d_posterior_at[t][..., :U].add_(d_sample)
            d_posterior_at[t][..., U:].addcmul_(d_sample, spread_at[t], value=0.5)
            controller.d_h.baddbmm_(d_posterior_at[t], W_u)
            controller.backward(t)
            d_fed = controller.d_input if inputs.keep_f is None else controller.d_input * inputs.keep_f[:, t]
            d_f_at[t].add_(d_fed)
    through_factors(0)
    read = gru_g.seen[..., U:-1]
    read = read if inputs.keep_g is None else read * inputs.keep_g
    d_encoded = torch.bmm(controller.d_gates.flatten(1, 2), inputs.W_c[:, :E].transpose(1, 2)).view_as(inputs.encoded)
    return (
        controller.of_weights(),
        summed(gru_c.seen[:, 1:, :, E + F :], d_posterior),
        generator.of_weights(),
        summed(read, d_f_all),
        d_encoded if inputs.keep_encoded is None else d_encoded * inputs.keep_encoded,
        controller.d_h,
        generator.d_h,
    )


def summed(a: Tensor, d: Tensor) -> Tensor:
    """Gradient of a weight: sum over bins and windows of a^T d; (G, T, B, m), (G, T, B, n) -> (G, m, n)."""
    return torch.bmm(a.flatten(1, 2).transpose(1, 2), d.flatten(1, 2))
