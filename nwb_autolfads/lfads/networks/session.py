"""What of the model belongs to one session: between its channels and what all sessions share."""

from __future__ import annotations

from torch import nn

from ..sizes import Sizes
from ..streams import Streams
from .input_transform import InputTransform
from .layers import Linear

OF_A_SESSION = ("input_transform.", "read_in.", "readout.")
"""Beginnings of the names of its tensors."""


class SessionMaps(nn.Module):
    """Input transform, read-in and read-out of one session.

    Parameters
    ----------
    members : int
        P.
    sizes : Sizes
    number : int
        Of the session, from 0.
    readouts : int
        Parameters of the observation model per channel.
    random : Streams or None
        Source of the initial weights; None: they are left empty, to be loaded.

    Attributes
    ----------
    read_in : Linear or None
        From the transformed channels to what the encoders are given; None where these are the channels themselves.
    """

    def __init__(self, members: int, sizes: Sizes, number: int, readouts: int, random: Streams | None) -> None:
        super().__init__()
        channels, kind = (sizes.channels, *sizes.others)[number], sizes.input_transform
        self.input_transform = InputTransform(members, channels, kind)
        self.read_in: Linear | None
        self.register_module("read_in", None)
        if number or sizes.components:
            given = InputTransform.width(channels, kind)
            self.read_in = Linear(members, given, InputTransform.width(sizes.encoded, kind), random)
        self.readout = Linear(members, sizes.factors, readouts * channels, random)
