"""What the nervous system does: behaviour, latent commands, and the true activation of each muscle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from nwb_autolfads.simulate.config import SimulationConfig
from nwb_autolfads.simulate.processes import Floats, shaped_noise

RATE = 500.0
"""Samples per second (Hz) of commands, activation and limb; nothing in them reaches 100 Hz."""

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
}
"""Muscles of the rat hindlimb, and where in the step cycle (0 = foot strike) each is most active (chosen)."""

MUSCLES = tuple(MUSCLE_PHASES)


@dataclass(frozen=True)
class Bout:
    """A stretch of one behaviour: ``locomotion``, ``bursts`` or ``isometric``; times in s."""

    phase: str
    start: float
    stop: float


@dataclass(frozen=True)
class Step:
    """A step cycle from foot strike to the next foot strike; times in s."""

    strike: float
    foot_off: float
    stop: float


@dataclass(frozen=True)
class Movement:
    """What happens in a session.

    Attributes
    ----------
    time : ndarray, shape (n_samples,)
        Times (s) at `RATE`, reaching `MARGIN` beyond the session.
    commands : ndarray, shape (n_samples, n_synergies)
        Latent commands, positive; 1 is the peak of a usual burst.
    synergies : ndarray, shape (n_muscles, n_synergies)
        Weight of each command in each muscle; the largest of a muscle is 1.
    activation : ndarray, shape (n_samples, n_muscles)
        ``commands @ synergies.T``, times each muscle's own fluctuation: the truth.
    bouts, steps : tuple
        Behaviour, in time order.
    """

    time: Floats
    commands: Floats
    synergies: Floats
    activation: Floats
    bouts: tuple[Bout, ...]
    steps: tuple[Step, ...]


def simulate_movement(seeds: np.random.SeedSequence, duration: float, config: SimulationConfig) -> Movement:
    """Draw behaviour, commands and activation.

    Parameters
    ----------
    seeds : SeedSequence
        One child is taken for each part.
    duration : float
        Length of the session (s).
    config : SimulationConfig
        Levels.

    Returns
    -------
    Movement
    """
    schedule, walking, bursting, holding, tremor, modulation, weights, private = map(
        np.random.default_rng, seeds.spawn(8)
    )
    time = np.arange(round((duration + MARGIN) * RATE)) / RATE
    bouts = _schedule(schedule, time[-1], config)
    commands = np.full((len(time), config.n_synergies), config.tone)
    tremor_noise = shaped_noise(
        tremor, len(time), RATE, lambda f: ((f >= config.tremor_low_hz) & (f <= config.tremor_high_hz)).astype(float)
    )
    steps: list[Step] = []
    for bout in bouts:
        if bout.phase == "locomotion":
            steps += _walk(walking, commands, bout, config)
        elif bout.phase == "bursts":
            _burst(bursting, commands, bout, config)
        else:
            _hold(holding, commands, bout, config.tremor_depth * tremor_noise)
    for k in range(config.n_synergies):
        commands[:, k] *= _fluctuation(modulation, len(time), config.command_modulation)

    synergies = _synergies(weights, config.n_synergies)
    activation = commands @ synergies.T
    for m in range(len(MUSCLES)):
        activation[:, m] *= _fluctuation(private, len(time), config.private_modulation)
    return Movement(time, commands, synergies, activation, bouts, tuple(steps))


def _schedule(rng: np.random.Generator, end: float, config: SimulationConfig) -> tuple[Bout, ...]:
    lengths = {
        "locomotion": config.locomotion_bout_s,
        "bursts": config.burst_bout_s,
        "isometric": config.isometric_bout_s,
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


def _add_pulse(command: Floats, onset: float, offset: float, edge: float, height: float | Floats) -> None:
    """Add ``height`` between onset and offset (s), with sigmoid edges of time constant ``edge`` (s), in place."""
    first = max(0, int((onset - 8 * edge) * RATE))
    window = slice(first, max(first, int((offset + 8 * edge) * RATE)))
    time = (first + np.arange(len(command[window]))) / RATE
    shape = expit((time - onset) / edge) * expit((offset - time) / edge)
    command[window] += shape * (height[window] if isinstance(height, np.ndarray) else height)


def _walk(rng: np.random.Generator, commands: Floats, bout: Bout, config: SimulationConfig) -> list[Step]:
    """Add one pulse per command and step cycle, at the command's own phase, and return the steps."""
    n_synergies: int = commands.shape[1]
    steps: list[Step] = []
    strike = bout.start
    while True:
        cycle = config.cycle_duration_s * max(0.5, 1 + config.cycle_duration_cv * rng.standard_normal())
        duty = rng.normal(0.6, 0.02)
        centres = _centres(n_synergies) + rng.normal(0, 0.02, n_synergies)
        widths = rng.uniform(0.15, 0.3, n_synergies)
        heights = _spread(rng, config.burst_amplitude_cv, n_synergies)
        edges = rng.uniform(0.006, 0.015, n_synergies)
        if strike + cycle > bout.stop:
            return steps
        for k in range(n_synergies):
            middle, half = strike + centres[k] * cycle, widths[k] * cycle / 2
            _add_pulse(commands[:, k], middle - half, middle + half, edges[k], heights[k])
        steps.append(Step(strike, strike + duty * cycle, strike + cycle))
        strike += cycle


def _burst(rng: np.random.Generator, commands: Floats, bout: Bout, config: SimulationConfig) -> None:
    """Add brief pulses at random times, each to one or two commands."""
    n_synergies: int = commands.shape[1]
    onset = bout.start + rng.exponential(1 / config.brief_burst_rate_hz)
    while onset < bout.stop:
        width = config.brief_burst_ms / 1000 * rng.uniform(0.5, 1.5)
        heights = _spread(rng, config.burst_amplitude_cv, n_synergies)
        for k in rng.permutation(n_synergies)[: rng.integers(1, 3)]:
            _add_pulse(commands[:, k], onset, onset + width, 0.006, heights[k])
        onset += width + rng.exponential(1 / config.brief_burst_rate_hz)


def _hold(rng: np.random.Generator, commands: Floats, bout: Bout, tremor: Floats) -> None:
    """Add a tonic level to two commands, both carrying the same tremor: a common drive."""
    for k in rng.permutation(commands.shape[1])[:2]:
        level = rng.uniform(0.2, 0.5)
        _add_pulse(commands[:, k], bout.start + 0.3, bout.stop - 0.3, 0.05, level * np.maximum(0.0, 1 + tremor))


def _spread(rng: np.random.Generator, variation: float, n: int) -> Floats:
    """Draw lognormal factors of mean 1 and the given coefficient of variation."""
    log_sd = np.sqrt(np.log1p(variation**2))
    return np.exp(log_sd * rng.standard_normal(n) - log_sd**2 / 2)


def _fluctuation(rng: np.random.Generator, n_samples: int, depth: float) -> Floats:
    """Draw a factor around 1, not negative, that fluctuates at corner frequency 12 Hz and at no more than 40 Hz."""
    noise = shaped_noise(rng, n_samples, RATE, lambda f: (f < 40) / (1 + (f / 12) ** 2))
    return np.maximum(0.0, 1 + depth * noise)


def _centres(n_synergies: int) -> Floats:
    return (np.arange(n_synergies) + 0.5) / n_synergies


def _synergies(rng: np.random.Generator, n_synergies: int) -> Floats:
    """Weights fall with the distance in phase between muscle and command, and scatter."""
    phases = np.array(list(MUSCLE_PHASES.values()))
    distance = phases[:, None] - _centres(n_synergies)
    weights = np.exp(2 * (np.cos(2 * np.pi * distance) - 1)) * rng.lognormal(0, 0.4, distance.shape)
    return weights / weights.max(axis=1, keepdims=True)
