"""What each behaviour adds to the latent commands: steps, brief bursts, reaches, tonic contractions, free variation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from nwb_autolfads.simulate.config import SimulationConfig
from nwb_autolfads.simulate.processes import Floats, shaped_noise

RATE = 500.0
"""Samples per second (Hz) of commands, activation and limb; nothing in them reaches 100 Hz."""

FASTEST_HZ = 40.0
"""Where everything that fluctuates ends."""

FREE_MEAN, FREE_MOST = 0.3, 2.5
"""Of freely varying commands: about the mean, and the most; 1 is the peak of a usual burst."""


@dataclass(frozen=True)
class Bout:
    """A stretch of one behaviour: ``locomotion``, ``bursts``, ``reaching``, ``isometric`` or ``free``; times in s."""

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
class Reach:
    """A reach from its first burst to the end of its last; times in s."""

    start: float
    stop: float


def walk(rng: np.random.Generator, commands: Floats, bout: Bout, config: SimulationConfig) -> list[Step]:
    """Add one pulse per command and step cycle, at the command's own phase, and return the steps."""
    n_synergies: int = commands.shape[1]
    steps: list[Step] = []
    strike = bout.start
    while True:
        cycle = config.cycle_duration_s * max(0.5, 1 + config.cycle_duration_cv * rng.standard_normal())
        duty = rng.normal(0.6, 0.02)
        centres = phase_centres(n_synergies) + rng.normal(0, 0.02, n_synergies)
        widths = rng.uniform(0.15, 0.3, n_synergies) * config.pulse_width_scale
        heights = _spread(rng, config.burst_amplitude_cv, n_synergies)
        edges = rng.uniform(0.006, 0.015, n_synergies) * config.pulse_edge_scale
        if strike + cycle > bout.stop:
            return steps
        for k in range(n_synergies):
            middle, half = strike + centres[k] * cycle, widths[k] * cycle / 2
            _add_pulse(commands[:, k], middle - half, middle + half, edges[k], heights[k])
        steps.append(Step(strike, strike + duty * cycle, strike + cycle))
        strike += cycle


def burst(rng: np.random.Generator, commands: Floats, bout: Bout, config: SimulationConfig) -> None:
    """Add brief pulses at random times, each to one or two commands."""
    n_synergies: int = commands.shape[1]
    onset = bout.start + rng.exponential(1 / config.brief_burst_rate_hz)
    while onset < bout.stop:
        width = config.brief_burst_ms / 1000 * rng.uniform(0.5, 1.5)
        heights = _spread(rng, config.burst_amplitude_cv, n_synergies)
        for k in rng.permutation(n_synergies)[: rng.integers(1, 3)]:
            _add_pulse(commands[:, k], onset, onset + width, 0.006, heights[k])
        onset += width + rng.exponential(1 / config.brief_burst_rate_hz)


def reach(rng: np.random.Generator, commands: Floats, bout: Bout, config: SimulationConfig) -> list[Reach]:
    """Add reaches in random directions, each with a pause that holds the limb, and return them.

    Three bursts drive, brake and settle a rapid movement (Hallett, Shahani and Young 1975). Commands are tuned to
    direction like a cosine, cut at 0, their preferred directions evenly spread.
    """
    preferred = 2 * np.pi * phase_centres(commands.shape[1])
    reaches: list[Reach] = []
    start = bout.start + rng.uniform(0.1, 0.4)
    while True:
        length = config.reach_duration_s * rng.uniform(0.75, 1.25)
        pause = config.reach_duration_s * rng.uniform(0.5, 1.5)
        tuning = np.cos(preferred - rng.uniform(0, 2 * np.pi))
        heights = _spread(rng, config.burst_amplitude_cv, 3) * (1.0, 0.8, 0.4)
        edge = rng.uniform(0.006, 0.015) * config.pulse_edge_scale
        if start + length + pause > bout.stop:
            return reaches
        for k, tuned in enumerate(tuning):
            towards, against = max(0.0, tuned), max(0.0, -tuned)
            for first, last, height in (
                (0.0, 0.35, heights[0] * towards),
                (0.35, 0.65, heights[1] * against),
                (0.65, 1.0, heights[2] * towards),
            ):
                _add_pulse(commands[:, k], start + first * length, start + last * length, edge, height)
            _add_pulse(commands[:, k], start + length, start + length + pause, edge, 0.2 * towards)
        reaches.append(Reach(start, start + length))
        start += length + pause


def hold(rng: np.random.Generator, commands: Floats, bout: Bout, tremor: Floats, config: SimulationConfig) -> None:
    """Add a tonic level to two commands, both carrying the same tremor: a common drive."""
    for k in rng.permutation(commands.shape[1])[:2]:
        level = rng.uniform(0.2, 0.5)
        edge = 0.05 * config.pulse_edge_scale
        _add_pulse(commands[:, k], bout.start + 0.3, bout.stop - 0.3, edge, level * np.maximum(0.0, 1 + tremor))


def vary(rng: np.random.Generator, commands: Floats, bout: Bout, config: SimulationConfig) -> None:
    """Add to every command a process of its own, positive and smooth; its corner is within an octave of the level."""
    for k in range(commands.shape[1]):
        corner = config.free_hz * 2 ** rng.uniform(-1, 1)
        process = config.free_depth * _smooth(rng, len(commands), corner, config.free_slope)
        exponential = config.free_shape == "exponential"
        drive = np.exp(process - config.free_depth**2 / 2) if exponential else np.maximum(0.0, 1 + process)
        _add_pulse(commands[:, k], bout.start, bout.stop, 0.05, np.minimum(FREE_MEAN * drive, FREE_MOST))


def _smooth(rng: np.random.Generator, n_samples: int, corner: float, slope: float) -> Floats:
    return shaped_noise(rng, n_samples, RATE, lambda f: (f < FASTEST_HZ) / (1 + (f / corner) ** slope))


def tremble(rng: np.random.Generator, command: Floats, tremor: Floats) -> None:
    """Add stretches of about a second, half of the time, in which a command is only tremor, cut at 0."""
    end = len(command) / RATE
    drive = 0.5 * np.maximum(0.0, tremor)
    onset = rng.exponential(1.0)
    while onset < end:
        length = rng.uniform(0.5, 1.5)
        _add_pulse(command, onset, onset + length, 0.02, drive)
        onset += length + rng.exponential(1.0)


def phase_centres(n_synergies: int) -> Floats:
    """Return where in the step cycle, or in the circle of directions, each command has its middle (0 to 1)."""
    return (np.arange(n_synergies) + 0.5) / n_synergies


def _add_pulse(command: Floats, onset: float, offset: float, edge: float, height: float | Floats) -> None:
    """Add ``height`` between onset and offset (s), with sigmoid edges of time constant ``edge`` (s), in place."""
    first = max(0, int((onset - 8 * edge) * RATE))
    window = slice(first, max(first, int((offset + 8 * edge) * RATE)))
    time = (first + np.arange(len(command[window]))) / RATE
    shape = expit((time - onset) / edge) * expit((offset - time) / edge)
    command[window] += shape * (height[window] if isinstance(height, np.ndarray) else height)


def _spread(rng: np.random.Generator, variation: float, n: int) -> Floats:
    """Draw lognormal factors of mean 1 and the given coefficient of variation."""
    log_sd = np.sqrt(np.log1p(variation**2))
    return np.exp(log_sd * rng.standard_normal(n) - log_sd**2 / 2)
