"""Observation models: from read-out to likelihood."""

from __future__ import annotations

from typing import Literal

from .base import Observation
from .gamma import Gamma
from .lognormal import LogNormal
from .poisson import Poisson
from .zero_inflated_gamma import ZeroInflatedGamma

Name = Literal["gamma", "zero_inflated_gamma", "lognormal", "poisson"]
OBSERVATIONS: dict[Name, type[Observation]] = {
    "gamma": Gamma,
    "zero_inflated_gamma": ZeroInflatedGamma,
    "lognormal": LogNormal,
    "poisson": Poisson,
}
"""Observation models by the name that a configuration gives them."""

__all__ = ["OBSERVATIONS", "Gamma", "LogNormal", "Name", "Observation", "Poisson", "ZeroInflatedGamma"]
