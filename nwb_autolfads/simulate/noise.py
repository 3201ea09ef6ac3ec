"""What electrodes pick up besides their own muscle: each part from a seed of its own, each with its level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.simulate.config import SimulationConfig

Microvolts = NDArray[np.float32]


def electrode_signal(
    seeds: np.random.SeedSequence, emg: Microvolts, strikes: Sequence[float], config: SimulationConfig
) -> Microvolts:
    """Mix the muscles' EMG and add noise and artefacts.

    Parameters
    ----------
    seeds : SeedSequence
        One child is taken for each part, whether it is on or off.
    emg : ndarray of float32, shape (n_samples, n_muscles)
        Clean EMG (microvolts) at ``config.emg_rate_hz``.
    strikes : sequence of float
        Times (s) of foot strikes and reaches, where wires move.
    config : SimulationConfig
        Levels.

    Returns
    -------
    ndarray of float32, shape (n_samples, n_muscles)
        Microvolts.
    """
    mains, movement, common, white, heights = map(np.random.default_rng, seeds.spawn(5))
    mixed = emg @ crosstalk_matrix(emg.shape[1], config.crosstalk).astype(np.float32).T
    if config.mains_uv:
        _add_mains(mains, mixed, config)
    if config.movement_artifact_uv:
        _add_movement_artifacts(movement, mixed, strikes, config)
    if config.common_mode_uv:
        _add_common_transients(common, heights, mixed, config)
    if config.white_noise_uv:
        for channel in mixed.T:
            channel += config.white_noise_uv * white.standard_normal(len(channel), dtype=np.float32)
    return mixed


def crosstalk_matrix(n_muscles: int, gain: float) -> NDArray[np.float64]:
    """Return how much of each muscle each electrode sees, ``(electrode, muscle)``.

    The own muscle is seen with gain 1, a neighbour with ``gain``, others with a factor e less per muscle further on.
    """
    order = np.arange(n_muscles)
    distance = np.abs(order[:, None] - order)
    return np.where(distance == 0, 1.0, gain * np.exp(1.0 - distance))


def _add_mains(rng: np.random.Generator, emg: Microvolts, config: SimulationConfig) -> None:
    n_muscles: int = emg.shape[1]
    time = np.arange(len(emg)) / config.emg_rate_hz
    for harmonic in range(1, config.mains_harmonics + 1):
        gains = rng.lognormal(0, 0.4, n_muscles) * config.mains_uv / harmonic
        phases = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.3, n_muscles)
        frequency = harmonic * config.mains_hz
        if frequency >= config.emg_rate_hz / 2:  # the amplifier's own filter stops what would alias
            continue
        sine, cosine = np.sin(2 * np.pi * frequency * time), np.cos(2 * np.pi * frequency * time)
        for channel, gain, phase in zip(emg.T, gains, phases, strict=True):
            channel += gain * (np.cos(phase) * sine + np.sin(phase) * cosine)


def _add_movement_artifacts(
    rng: np.random.Generator, emg: Microvolts, strikes: Sequence[float], config: SimulationConfig
) -> None:
    """Add a decaying swing of the wires at each foot strike and reach."""
    n_muscles: int = emg.shape[1]
    channel_gain = rng.lognormal(0, 0.5, n_muscles)
    time = np.arange(round(0.4 * config.emg_rate_hz)) / config.emg_rate_hz
    for strike in strikes:
        swing = np.exp(-time / 0.06) * np.sin(2 * np.pi * rng.uniform(4, config.movement_artifact_hz) * time)
        gain = config.movement_artifact_uv * channel_gain * rng.normal(0, 1, n_muscles)
        first = round(strike * config.emg_rate_hz)
        part = emg[first : first + len(time)]
        part += swing[: len(part), None] * gain


def _add_common_transients(
    rng: np.random.Generator, heights: np.random.Generator, emg: Microvolts, config: SimulationConfig
) -> None:
    """Add short bursts of broadband noise, the same on all channels up to a gain near 1."""
    n_samples, n_muscles = emg.shape
    duration = n_samples / config.emg_rate_hz
    channel_gain = rng.lognormal(0, 0.2, n_muscles)
    n_transients = rng.poisson(config.common_mode_per_minute * duration / 60)
    for start in np.sort(rng.uniform(0, duration, n_transients)):
        n_transient = max(2, round(rng.uniform(0.005, 0.03) * config.emg_rate_hz))
        height = config.common_mode_uv * np.exp(config.common_mode_spread * heights.standard_normal())
        transient = height * rng.standard_normal(n_transient) * np.hanning(n_transient)
        first = int(start * config.emg_rate_hz)
        part = emg[first : first + n_transient]
        part += transient[: len(part), None] * channel_gain
