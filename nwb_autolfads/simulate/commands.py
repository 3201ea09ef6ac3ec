"""What the nervous system does: behaviour, latent commands, and the true activation of each muscle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nwb_autolfads.simulate.behaviours import (
    FASTEST_HZ,
    RATE,
    Bout,
    Reach,
    Step,
    burst,
    hold,
    phase_centres,
    reach,
    tremble,
    vary,
    walk,
)
from nwb_autolfads.simulate.config import SimulationConfig
from nwb_autolfads.simulate.processes import Floats, shaped_noise

MARGIN = 0.5
"""Time (s) simulated beyond the session's end, which cortex, leading the muscles, already sees."""

FIRST_BOUT_S = 0.4
"""When the first bout starts (s): early enough for the shortest session."""

MUSCLE_PHASES = {
    "BFpR": 0.55,
    "GA": 0.20,
    "GRr": 0.65,
    "GS": 0.10,
    "IL": 0.75,
    "RF": 0.40,
    "SM": 0.05,
    "ST": 0.60,
    "TA": 0.70,
    "VI": 0.15,
    "VL": 0.25,
    "VM": 0.30,
    "AM": 0.95,
    "EDL": 0.80,
    "PL": 0.22,
    "SOL": 0.12,
}
"""Muscles of the rat hindlimb, and where in the step cycle (0 = foot strike) each is most active (chosen).

The first twelve are those of the rats of Wimalasena et al. 2022; a session of n muscles has the first n.
"""

MUSCLES = tuple(MUSCLE_PHASES)


@dataclass(frozen=True)
class Movement:
    """What happens in a session.

    Attributes
    ----------
    time : ndarray, shape (n_samples,)
        Times (s) at `RATE`, reaching `MARGIN` beyond the session.
    muscles : tuple of str
        Their names.
    commands : ndarray, shape (n_samples, n_commands)
        Latent commands, positive; 1 is the peak of a usual burst. Those of behaviour come first, then those of brief
        bursts only, then those of tremor only.
    synergies : ndarray, shape (n_muscles, n_commands)
        Weight of each command in each muscle; the largest of a muscle is 1.
    activation : ndarray, shape (n_samples, n_muscles)
        ``commands @ synergies.T``, times each muscle's own fluctuation: the truth.
    bouts, steps, reaches : tuple
        Behaviour, in time order.
    """

    time: Floats
    muscles: tuple[str, ...]
    commands: Floats
    synergies: Floats
    activation: Floats
    bouts: tuple[Bout, ...]
    steps: tuple[Step, ...]
    reaches: tuple[Reach, ...]

    def recorded(self, muscles: Sequence[str]) -> Movement:
        """Return the same movement with some of its muscles only, in this order."""
        rows = [self.muscles.index(muscle) for muscle in muscles]
        return replace(
            self, muscles=tuple(muscles), synergies=self.synergies[rows], activation=self.activation[:, rows]
        )


def simulate_movement(
    seeds: np.random.SeedSequence, duration: float, config: SimulationConfig, body: int | None = None
) -> Movement:
    """Draw behaviour, commands and activation.

    Parameters
    ----------
    seeds : SeedSequence
        One child is taken for each part.
    duration : float
        Length of the session (s).
    config : SimulationConfig
        Levels.
    body : int, optional
        Seed of the synergies, which sessions of one body have in common; unset, they follow from ``seeds`` as all else.

    Returns
    -------
    Movement
    """
    streams = map(np.random.default_rng, seeds.spawn(12))
    schedule, walking, bursting, holding, tremor, modulation, weights, private, reaching, *others = streams
    apart, apart_weights, free = others
    if body is not None:
        weights, apart_weights = map(np.random.default_rng, np.random.SeedSequence(body).spawn(2))
    time = np.arange(round((duration + MARGIN) * RATE)) / RATE
    bouts = _schedule(schedule, time[-1], config)
    commands = np.full((len(time), config.n_synergies), config.tone)
    tremor_noise = _tremor(tremor, len(time), config)
    steps: list[Step] = []
    reaches: list[Reach] = []
    for bout in bouts:
        if bout.phase == "locomotion":
            steps += walk(walking, commands, bout, config)
        elif bout.phase == "bursts":
            burst(bursting, commands, bout, config)
        elif bout.phase == "reaching":
            reaches += reach(reaching, commands, bout, config)
        elif bout.phase == "free":
            vary(free, commands, bout, config)
        else:
            hold(holding, commands, bout, config.tremor_depth * tremor_noise, config)
    commands = np.column_stack((commands, _commands_apart(apart, len(time), config)))
    for k in range(commands.shape[1]):
        commands[:, k] *= _fluctuation(modulation, len(time), config.command_modulation, config.command_modulation_hz)

    muscles = MUSCLES[: config.n_muscles]
    synergies = _synergies(weights, apart_weights, muscles, config)
    activation = commands @ synergies.T
    for m in range(len(muscles)):
        activation[:, m] *= _fluctuation(private, len(time), config.private_modulation, config.private_modulation_hz)
    below = np.arange(len(muscles)) // config.electrodes_per_muscle * config.electrodes_per_muscle
    synergies, activation = synergies[below], activation[:, below]
    return Movement(time, muscles, commands, synergies, activation, bouts, tuple(steps), tuple(reaches))


def _schedule(rng: np.random.Generator, end: float, config: SimulationConfig) -> tuple[Bout, ...]:
    lengths = {
        "locomotion": config.locomotion_bout_s,
        "bursts": config.burst_bout_s,
        "isometric": config.isometric_bout_s,
        "reaching": config.reach_bout_s,
        "free": config.free_bout_s,
    }
    present = [phase for phase, length in lengths.items() if length > 0]
    bouts: list[Bout] = []
    now = FIRST_BOUT_S
    while now < end:
        phase = present[len(bouts) % len(present)]
        stop = now + lengths[phase] * rng.uniform(0.8, 1.2)
        bouts.append(Bout(phase, now, min(stop, end)))
        now = stop + config.rest_s * rng.uniform(0.8, 1.2)
    return tuple(bouts)


def _tremor(rng: np.random.Generator, n_samples: int, config: SimulationConfig) -> Floats:
    low, high = config.tremor_low_hz, config.tremor_high_hz
    return shaped_noise(rng, n_samples, RATE, lambda f: ((f >= low) & (f <= high)).astype(float))


def _commands_apart(rng: np.random.Generator, n_samples: int, config: SimulationConfig) -> Floats:
    """Make the commands that go on beside all behaviour: some of brief bursts, some of tremor that comes and goes."""
    commands = np.full((n_samples, config.n_burst_commands + config.n_tremor_commands), config.tone)
    always = Bout("bursts", 0.0, n_samples / RATE)
    for k in range(config.n_burst_commands):
        burst(rng, commands[:, k : k + 1], always, config)
    for k in range(config.n_burst_commands, commands.shape[1]):
        tremble(rng, commands[:, k], _tremor(rng, n_samples, config))
    return commands


def _fluctuation(rng: np.random.Generator, n_samples: int, depth: float, corner: float) -> Floats:
    """Draw a factor around 1, not negative, that fluctuates below `FASTEST_HZ` and mostly below its corner (Hz)."""
    noise = shaped_noise(rng, n_samples, RATE, lambda f: (f < FASTEST_HZ) / (1 + (f / corner) ** 2))
    return np.maximum(0.0, 1 + depth * noise)


def _synergies(
    rng: np.random.Generator, apart: np.random.Generator, muscles: tuple[str, ...], config: SimulationConfig
) -> Floats:
    """Weights of behaviour fall with the distance in phase between muscle and command, and scatter; others scatter."""
    phases = np.array([MUSCLE_PHASES[muscle] for muscle in muscles])
    distance = phases[:, None] - phase_centres(config.n_synergies)
    weights = np.exp(2 * (np.cos(2 * np.pi * distance) - 1)) * rng.lognormal(0, 0.4, distance.shape)
    others = apart.lognormal(-1.0, 1.0, (len(muscles), config.n_burst_commands + config.n_tremor_commands))
    weights = np.column_stack((weights, others))
    return weights / weights.max(axis=1, keepdims=True)
