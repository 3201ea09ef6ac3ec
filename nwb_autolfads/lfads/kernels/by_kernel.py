"""The time loops of LFADS in the compiled kernel; see `recurrence` for what goes in and comes out."""

from __future__ import annotations

import torch
from torch import Tensor

from . import compiled
from .decoder_inputs import DecoderInputs

Kept = tuple[Tensor | None, ...]  # states at each bin and after the last, factors before the first, gates
ROWS = 128  # windows in a batch: with the weights of its network they stay in the cache
_passes_without_keeping = 0
_shelf: dict[tuple[object, ...], list[Tensor]] = {}  # what passes kept, by type and shape, for the passes to come


def encoder_forward(x: Tensor, h0: Tensor, W: Tensor, *, keep: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    """Give the last states (P, B, 2 H), those before each bin (P, T, B, 2 H), and the gates if they are to be kept."""
    x, h0, W = x.contiguous(), h0.contiguous(), W.contiguous()
    P, T, B, _ = x.shape
    H = h0.shape[-1]
    last, before = x.new_empty(P, B, 2 * H), x.new_empty(P, T, B, 2 * H)
    gates = _take(x, P, 2, T, B, 3 * H) if keep else None
    compiled.load().call("encoder_forward", _encoder_sizes(x, h0), (x, h0, W, last, before, gates))
    return last, before, gates


def encoder_backward(
    x: Tensor, h0: Tensor, W: Tensor, before: Tensor, gates: Tensor, d_last: Tensor | None, d_before: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Give the gradients of ``h0`` and ``W``."""
    x, h0, W = x.contiguous(), h0.contiguous(), W.contiguous()
    sizes = _encoder_sizes(x, h0)
    d_h0, d_W = torch.empty_like(h0), W.new_empty(*W.shape[:2], _batches(x.shape[2], sizes[5]), *W.shape[2:])
    incoming = tuple(None if d is None else d.contiguous() for d in (d_last, d_before))
    compiled.load().call("encoder_backward", sizes, (x, h0, W, before, gates, *incoming, d_h0, d_W))
    _put_back(gates)
    return d_h0, d_W.sum(2)


def decoder_forward(inputs: DecoderInputs, *, keep: bool) -> tuple[Tensor, Tensor, Tensor, Kept]:
    """Run controller and generator over time; give factors, posterior and sample of the inputs, and what is kept."""
    _count_pass(keep)
    inputs = inputs.contiguous()
    P, T, B, U = inputs.noise.shape
    C, G, F = inputs.c0.shape[-1], inputs.g0.shape[-1], inputs.W_f.shape[-1]
    new = inputs.g0.new_empty
    f, posterior, u, f0 = new(P, T, B, F), new(P, T, B, 2 * U), new(P, T, B, U), new(P, B, F)
    states = tuple(_take(f, P, T + 1, B, units) for units in (C, G)) if keep else (None, None)
    gates = tuple(_take(f, P, T, B, 3 * units) for units in (C, G)) if keep else (None, None)
    kept = (*states, f0, *gates)
    compiled.load().call("decoder_forward", _decoder_sizes(inputs), (*inputs, f, posterior, u, *kept))
    return f, posterior, u, kept


def decoder_backward(
    inputs: DecoderInputs,
    f: Tensor,
    posterior: Tensor,
    u: Tensor,
    kept: Kept,
    d_f: Tensor,
    d_posterior: Tensor,
    d_u: Tensor,
) -> tuple[Tensor, ...]:
    """Give the gradients of what the decoder is given, up to the noise; there are none for noise and dropout."""
    inputs = inputs.contiguous()
    sizes = _decoder_sizes(inputs)
    batches = _batches(sizes[2], sizes[8])
    weights = [W.new_empty(len(W), batches, *W.shape[1:]) for W in (inputs.W_c, inputs.W_u, inputs.W_g, inputs.W_f)]
    outgoing = (torch.empty_like(inputs.encoded), torch.empty_like(inputs.c0), torch.empty_like(inputs.g0))
    incoming = (d_f.contiguous(), d_posterior.contiguous(), d_u.contiguous())
    tensors = (*inputs, f, posterior, u, *kept, *incoming, *outgoing, *weights)
    compiled.load().call("decoder_backward", sizes, tensors)
    states, gates = kept[:2], kept[3:]
    _put_back(*states, *gates)
    return *(W.sum(1) for W in weights), *outgoing


def _take(like: Tensor, *shape: int) -> Tensor:
    """Give room for what a pass keeps, that of an earlier one if it fits: the system would clear all memory again."""
    try:
        return _shelf[like.dtype, shape].pop()
    except (KeyError, IndexError):
        _shelf.clear()  # of other sizes, then
        return like.new_empty(shape)


def _count_pass(keep: bool) -> None:
    """Let the memory go at the second pass in a row that keeps nothing: one is a validation, more are inference."""
    global _passes_without_keeping
    _passes_without_keeping = 0 if keep else _passes_without_keeping + 1
    if _passes_without_keeping > 1:
        _shelf.clear()


def _put_back(*kept: Tensor | None) -> None:
    for tensor in kept:
        if tensor is not None:
            _shelf.setdefault((tensor.dtype, tuple(tensor.shape)), []).append(tensor)


def _encoder_sizes(x: Tensor, h0: Tensor) -> tuple[int, ...]:
    P, T, B, N = x.shape
    return P, T, B, N, h0.shape[-1], *_rows_and_threads(2 * P, B)


def _decoder_sizes(inputs: DecoderInputs) -> tuple[int, ...]:
    P, T, B, U = inputs.noise.shape
    units = (inputs.encoded.shape[-1], inputs.c0.shape[-1], U, inputs.g0.shape[-1], inputs.W_f.shape[-1])
    return P, T, B, *units, *_rows_and_threads(P, B)


def _rows_and_threads(networks: int, B: int) -> tuple[int, int]:
    """Windows in a batch: several threads get batches to spare, so that a disturbed one leaves some to others."""
    threads, batches = compiled.thread_count(), _batches(B, ROWS)
    while threads > 1 and networks * batches < 4 * threads and B // (batches + 1) >= 16:
        batches += 1
    return -(-B // batches), threads


def _batches(B: int, rows: int) -> int:
    return -(-B // rows)
