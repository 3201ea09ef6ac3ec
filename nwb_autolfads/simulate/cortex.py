"""Motor cortex: units whose rates follow the latent commands, ahead of the muscles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nwb_autolfads.simulate.config import SimulationConfig
from nwb_autolfads.simulate.processes import Floats, renewal_times

INTERVAL_CV = 0.7
"""Of cortical intervals at constant rate: close to Poisson (1), but with a dead time after each spike (chosen)."""

FASTEST_HZ = 150.0


@dataclass(frozen=True)
class CorticalUnit:
    """One unit: its spikes (s) and how much earlier than the muscles (s) it sees the commands."""

    spike_times: Floats
    lead: float
    weights: Floats


def cortical_units(
    seeds: np.random.SeedSequence, commands: Floats, rate: float, duration: float, config: SimulationConfig
) -> list[CorticalUnit]:
    """Draw units whose log rate at time t is linear in the commands at ``t + lead``.

    Parameters
    ----------
    seeds : SeedSequence
        One child is taken for each unit.
    commands : ndarray, shape (n_samples, n_synergies)
        Latent commands from 0 s on, reaching beyond the session by the longest lead.
    rate : float
        Their sampling rate (Hz).
    duration : float
        Length of the session (s).
    config : SimulationConfig
        Number of units, leads, gains.

    Returns
    -------
    list of CorticalUnit
        Their spikes lie in ``[0, duration)``.
    """
    n_commands: int = commands.shape[1]
    time = np.arange(len(commands)) / rate
    units = []
    for seed in seeds.spawn(config.n_cortical_units):
        rng = np.random.default_rng(seed)
        spread = config.cortical_lead_spread_ms * np.clip(rng.standard_normal(), -3, 3)
        lead = max(0.0, config.cortical_lead_ms + spread) / 1000
        resting = config.cortical_rate_hz * rng.lognormal(0, 0.5)
        weights = config.cortical_gain * rng.standard_normal(n_commands)
        rates = np.minimum(FASTEST_HZ, resting * np.exp(commands @ weights))
        seen = np.interp(time + lead, time, rates)
        spikes = renewal_times(rng, seen, rate, INTERVAL_CV)
        units.append(CorticalUnit(spikes[spikes < duration], lead, weights))
    return units
