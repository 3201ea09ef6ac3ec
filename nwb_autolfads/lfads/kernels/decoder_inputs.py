"""What the decoder is given: the tensors between the model and the paths that run its time loops."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

HIDDEN_CLIP = 5.0  # of all states


class DecoderInputs(NamedTuple):
    """What the decoder is given. Weights of GRUs are (K, 3 units): rows meet [input, state, 1], columns are z, r, n."""

    W_c: Tensor  # (P, E + F + C + 1, 3 C), controller; its input is [encoded, factors before]
    W_u: Tensor  # (P, C + 1, 2 U), [controller, 1] to posterior of the inputs
    W_g: Tensor  # (P, U + G + 1, 3 G), generator
    W_f: Tensor  # (P, G, F), generator to factors
    encoded: Tensor  # (P, T, B, E)
    c0: Tensor  # (P, B, C)
    g0: Tensor  # (P, B, G)
    noise: Tensor  # (P, T, B, U)
    keep_encoded: Tensor | None = None  # (P, T, B, E), dropout of what was encoded
    keep_f: Tensor | None = None  # (P, T, B, F), dropout of the factors fed back
    keep_g: Tensor | None = None  # (P, T + 1, B, G), dropout of the generator before the factors

    def contiguous(self) -> DecoderInputs:
        """Lay all tensors out in their own order."""
        return DecoderInputs(*(None if tensor is None else tensor.contiguous() for tensor in self))  # type: ignore[arg-type]
