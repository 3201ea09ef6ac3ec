"""What an LFADS model is built of: numbers of units, and what its encoders are given of the data."""

from __future__ import annotations

from dataclasses import dataclass

from .networks.input_transform import Kind


@dataclass(frozen=True)
class Sizes:
    """Numbers of units; all members of a population share them.

    Attributes
    ----------
    channels : int
        N, channels of the data; of the first session, where there are several.
    ic_encoder, ci_encoder : int
        Units of each direction of the encoder of the initial condition and of the controller input.
    initial_condition : int
        Dimensions of the initial condition's posterior.
    controller : int
        Units of the controller.
    inputs : int
        Inferred inputs; 0 means no controller: the generator runs on its own.
    generator, factors : int
        Units of the generator; latent factors read from it.
    input_transform : {"linear", "logarithmic"}
        What the encoders are given of the data; see `InputTransform`.
    others : tuple of int
        Channels of each session after the first.
    components : int
        Channels that the encoders are given of every session, after its read-in; 0: those of the first session as they
        are, and of the others as many.
    """

    channels: int
    ic_encoder: int = 64
    ci_encoder: int = 64
    initial_condition: int = 30
    controller: int = 64
    inputs: int = 3
    generator: int = 64
    factors: int = 10
    input_transform: Kind = "linear"
    others: tuple[int, ...] = ()
    components: int = 0

    @property
    def encoded(self) -> int:
        """Channels that the encoders are given, each of them once or twice; see `InputTransform.width`."""
        return self.components or self.channels
