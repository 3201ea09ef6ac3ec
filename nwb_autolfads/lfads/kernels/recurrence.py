"""The time loops of LFADS with gradients by hand, and the choice between the paths that run them.

``compiled`` runs them in the kernel (`by_kernel`), ``torch`` in torch operations (`by_torch`), and ``plain`` leaves
gradients to torch: `gru.py` and `model.py` define what is computed, and the other paths must give the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import by_kernel, by_torch, compiled
from .decoder_inputs import DecoderInputs

Path = Literal["compiled", "torch", "plain"]
_wanted: Path = "compiled"


@contextmanager
def using(path: Path) -> Iterator[None]:
    """Within this context, take this path or, where it cannot run, the next slower one."""
    global _wanted
    before, _wanted = _wanted, path
    try:
        yield
    finally:
        _wanted = before


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Within this context, run on so many threads of the processor.

    They are the kernel's where it is used, and torch has one then: its others would wait for work on the cores that the
    kernel needs.
    """
    before = compiled.threads, torch.get_num_threads()
    compiled.threads = count
    torch.set_num_threads(1 if _wanted == "compiled" and compiled.load().functions else count)
    try:
        yield
    finally:
        compiled.threads = before[0]
        torch.set_num_threads(before[1])


def path_for(x: Tensor) -> Path:
    """Give the path that windows x (P, T, B, N) take; only ``plain`` has a gradient for x itself."""
    if _wanted == "plain" or x.requires_grad:
        return "plain"
    on_processor = x.device.type == "cpu" and x.dtype in compiled.SUFFIX
    return "compiled" if _wanted == "compiled" and on_processor and compiled.load().functions else "torch"


def encode(x: Tensor, h0: Tensor, W: Tensor, path: Path) -> tuple[Tensor, Tensor]:
    """Run a bidirectional GRU.

    Parameters
    ----------
    x : Tensor, (P, T, B, N)
    h0 : Tensor, (P, 2, B, H)
        State that each direction begins with.
    W : Tensor, (P, 2, N + H + 1, 3 H)
    path : str
        Not ``plain``.

    Returns
    -------
    last, before : Tensor, (P, B, 2 H), (P, T, B, 2 H)
        As `BidirectionalGRU.forward`.
    """
    if torch.is_grad_enabled():
        return _Encoder.apply(x, h0, W, path)
    return _run_by(path).encoder_forward(x, h0, W, keep=False)[:2]


def decode(inputs: DecoderInputs, path: Path) -> tuple[Tensor, Tensor, Tensor]:
    """Run controller and generator; ``path`` is not ``plain``.

    Returns
    -------
    factors, posterior, inputs : Tensor, (P, T, B, F), (P, T, B, 2 U), (P, T, B, U)
    """
    if torch.is_grad_enabled():
        return _Decoder.apply(path, *inputs)
    return _run_by(path).decoder_forward(inputs, keep=False)[:3]


def _run_by(path: Path) -> Any:
    return by_kernel if path == "compiled" else by_torch


class _Encoder(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, h0: Tensor, W: Tensor, path: Path) -> tuple[Tensor, Tensor]:
        last, before, kept = _run_by(path).encoder_forward(x, h0, W, keep=True)
        ctx.save_for_backward(x, h0, W, before)
        ctx.path, ctx.kept = path, kept
        ctx.set_materialize_grads(False)
        return last, before

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *d_out: Tensor | None) -> tuple[Tensor | None, ...]:
        gradients = _run_by(ctx.path).encoder_backward(*ctx.saved_tensors, ctx.kept, *d_out)
        ctx.kept = None  # the memory is needed for the next gradient
        return None, *gradients, None


class _Decoder(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, path: Path, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        *series, kept = _run_by(path).decoder_forward(DecoderInputs(*inputs), keep=True)
        ctx.save_for_backward(*inputs, *series)
        ctx.path, ctx.kept = path, kept
        return tuple(series)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *d_series: Tensor) -> tuple[Tensor | None, ...]:
        count = len(DecoderInputs._fields)
        inputs, series = DecoderInputs(*ctx.saved_tensors[:count]), ctx.saved_tensors[count:]
        gradients = _run_by(ctx.path).decoder_backward(inputs, *series, ctx.kept, *d_series)
        ctx.kept = None
        return None, *gradients, *[None] * (count - len(gradients))  # none for noise and dropout
