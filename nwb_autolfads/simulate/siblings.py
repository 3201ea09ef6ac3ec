"""Sessions of one body: synergies and kind of behaviour are the same; electrodes, gains, noise and muscles are not.

What a laboratory records of one animal on several days, with the true activation of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from nwb_autolfads.simulate.commands import MUSCLES
from nwb_autolfads.simulate.config import SimulationConfig
from nwb_autolfads.simulate.session import simulate_session

FEWEST_MUSCLES = 0.6
"""Of the body's muscles, that a session records at least."""
ELECTRODES = ("emg_amplitude_uv", "emg_amplitude_spread", "white_noise_uv", "crosstalk", "carrier_low_hz")
"""Levels that each session draws for itself."""


@dataclass(frozen=True)
class Sibling:
    """One session of a body.

    Attributes
    ----------
    name : str
    seed : int
        Of all that is not the body's.
    body : int
        Seed of the synergies.
    muscles : tuple of str
        Recorded, in an order of its own.
    levels : SimulationConfig
    """

    name: str
    seed: int
    body: int
    muscles: tuple[str, ...]
    levels: SimulationConfig

    def simulate(self, path: str | PathLike[str], duration: float, *, overwrite: bool = False) -> Path:
        """Write it as an NWB file; see `simulate_session`."""
        return simulate_session(
            path,
            seed=self.seed,
            duration=duration,
            config=self.levels,
            overwrite=overwrite,
            body=self.body,
            muscles=self.muscles,
        )


def draw_siblings(body: int, n: int, config: SimulationConfig | None = None) -> list[Sibling]:
    """Draw sessions of one body.

    Parameters
    ----------
    body : int
        Decides all of them.
    n : int
        How many.
    config : SimulationConfig, optional
        Levels of body and behaviour, and what those of the electrodes vary around.

    Returns
    -------
    list of Sibling
        Each records some of the muscles in an order of its own, the first of them all.
    """
    config = SimulationConfig() if config is None else config
    every = MUSCLES[: config.n_muscles]
    siblings = []
    for number, random in enumerate(map(np.random.default_rng, np.random.SeedSequence(body).spawn(n))):
        fewest = len(every) if number == 0 else round(FEWEST_MUSCLES * len(every))
        count = int(random.integers(fewest, len(every) + 1))
        muscles = tuple(str(muscle) for muscle in random.permutation(every)[:count])
        factors = dict(zip(ELECTRODES, 2 ** random.uniform(-1, 1, len(ELECTRODES)), strict=True))
        levels = config.model_dump() | {level: getattr(config, level) * factor for level, factor in factors.items()}
        levels["carrier_low_hz"] = min(levels["carrier_low_hz"], 0.9 * config.carrier_high_hz)
        siblings.append(
            Sibling(f"session {number + 1}", 1000 * body + number, body, muscles, SimulationConfig(**levels))
        )
    return siblings
