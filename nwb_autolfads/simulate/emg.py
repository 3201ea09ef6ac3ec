"""Clean EMG from activation: amplitude-modulated noise, or motor units; both have RMS proportional to activation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from nwb_autolfads.simulate.config import SimulationConfig
from nwb_autolfads.simulate.processes import Floats, renewal_times, shaped_noise

FULL_ACTIVATION = 3.0
"""Activation at which a pool of motor units gives all it has; a usual burst peaks at 1."""

ONSET_WIDTH = 0.05
"""Part of its threshold over which a unit's rate climbs from 0 to the slowest: synaptic noise blurs the threshold.

Without it the EMG's RMS would jump at each recruitment, and no excitation would give the RMS in between.
"""

ROUGHNESS_HZ = 100.0
"""Corner of the fluctuation of the carrier's local size: about one over the length of an action potential."""


def clean_emg(
    seeds: np.random.SeedSequence, activation: Floats, activation_rate: float, duration: float, config: SimulationConfig
) -> NDArray[np.float32]:
    """Make each muscle's own EMG, without anything else that electrodes pick up.

    Parameters
    ----------
    seeds : SeedSequence
        One child is taken for each muscle, and one for their amplitudes.
    activation : ndarray, shape (n_activation_samples, n_muscles)
        True activation; its first sample is at 0 s.
    activation_rate : float
        Its sampling rate (Hz).
    duration : float
        Length of the EMG (s).
    config : SimulationConfig
        Levels.

    Returns
    -------
    ndarray of float32, shape (n_samples, n_muscles)
        Microvolts at ``config.emg_rate_hz``.
    """
    n_muscles: int = activation.shape[1]
    amplitude_seed, *muscle_seeds = seeds.spawn(1 + n_muscles)
    spread = np.random.default_rng(amplitude_seed).lognormal(0, config.emg_amplitude_spread, n_muscles)
    amplitude = config.emg_amplitude_uv * spread
    generate = _modulated_noise if config.emg_generator == "am" else _motor_unit_emg
    emg = np.empty((round(duration * config.emg_rate_hz), n_muscles), dtype=np.float32)
    for m, seed in enumerate(muscle_seeds):
        rng = np.random.default_rng(seed)
        emg[:, m] = amplitude[m] * generate(rng, activation[:, m], activation_rate, len(emg), config)
    return emg


def carrier_spectrum(frequency: Floats, low: float, high: float) -> Floats:
    """Power density of the EMG model of Shwedyk, Balasubramanian and Scott 1977.

    Parameters
    ----------
    frequency : ndarray
        Hz.
    low, high : float
        Corner frequencies (Hz).

    Returns
    -------
    ndarray
        ``high^4 f^2 / ((f^2 + low^2) (f^2 + high^2)^2)``.
    """
    square = frequency**2
    return high**4 * square / ((square + low**2) * (square + high**2) ** 2)


def flat_band(frequency: Floats, low: float, high: float) -> Floats:
    """Power density of white noise between two corner frequencies (Hz), with Butterworth edges of order 4."""
    frequency = np.maximum(frequency, 1e-3 * low)
    return 1 / ((1 + (low / frequency) ** 8) * (1 + (frequency / high) ** 8))


def _modulated_noise(
    rng: np.random.Generator, activation: Floats, activation_rate: float, n_samples: int, config: SimulationConfig
) -> Floats:
    low, high = config.carrier_low_hz * rng.uniform(0.8, 1.2), config.carrier_high_hz * rng.uniform(0.8, 1.2)
    rate = config.emg_rate_hz
    band = carrier_spectrum if config.carrier_shape == "shwedyk" else flat_band
    carrier = shaped_noise(rng, n_samples, rate, lambda f: band(f, low, high))
    # Single large action potentials make real EMG more peaked than Gaussian noise; the factor's mean square is 1.
    roughness = shaped_noise(rng, n_samples, rate, lambda f: 1 / (1 + (f / ROUGHNESS_HZ) ** 4))
    carrier *= np.exp(config.carrier_roughness * roughness - config.carrier_roughness**2)
    return carrier * np.interp(np.arange(n_samples) / rate, np.arange(len(activation)) / activation_rate, activation)


@dataclass(frozen=True)
class MotorUnitPool:
    """Motor units of one muscle, smallest first, recruited by size (Fuglevand, Winter and Patla 1993).

    Attributes
    ----------
    thresholds : ndarray, shape (n_units,)
        Excitation (1 = maximal) above which a unit fires.
    slope, slowest, fastest : float
        Discharge rate ``min(fastest, slowest + slope (excitation - threshold))`` (Hz), the same for all units, but
        just above its threshold a unit fires less: see `ONSET_WIDTH`.
    shapes : ndarray, shape (n_units, n_basis)
        Each action potential in terms of `basis`.
    basis : ndarray, shape (n_basis, n_taps)
        Wave forms at the EMG's rate.
    """

    thresholds: Floats
    slope: float
    slowest: float
    fastest: float
    shapes: Floats
    basis: Floats

    @classmethod
    def draw(cls, rng: np.random.Generator, config: SimulationConfig) -> MotorUnitPool:
        """Draw a pool: thresholds and amplitudes rise exponentially from the first unit to the last."""
        rank = np.linspace(0, 1, config.motor_units_per_muscle)
        thresholds = config.full_recruitment * config.recruitment_range ** (rank - 1)
        slope = (config.discharge_max_hz - config.discharge_min_hz) / (1 - config.full_recruitment)
        basis = _wave_forms(config.action_potential_ms / 1000, config.emg_rate_hz)
        shapes = rng.standard_normal((len(rank), len(basis)))
        energy = np.sum((shapes @ basis) ** 2, axis=1, keepdims=True)
        amplitude = config.motor_unit_amplitude_range**rank
        amplitude *= rng.lognormal(0, config.motor_unit_distance_spread, len(rank))
        shapes *= amplitude[:, None] / np.sqrt(energy)
        return cls(thresholds, slope, config.discharge_min_hz, config.discharge_max_hz, shapes, basis)

    def discharge_rates(self, unit: int, excitation: Floats) -> Floats:
        """Return the discharge rate (Hz) of one unit at each excitation, 0 below its threshold."""
        threshold = self.thresholds[unit]
        above = np.maximum(0.0, excitation - threshold)
        onset = np.minimum(1.0, above / (ONSET_WIDTH * threshold))
        return onset * np.minimum(self.fastest, self.slowest + self.slope * above)

    def excitation_for(self, activation: Floats) -> tuple[Floats, float]:
        """Return the excitation that makes the EMG's RMS proportional to activation, and the RMS at activation 1.

        Campbell's theorem: the mean square of a sum of independent trains is the sum over units of rate times energy.
        """
        grid = np.linspace(0, 1, 20_001)
        energy = np.sum((self.shapes @ self.basis) ** 2, axis=1)
        power = sum(energy[unit] * self.discharge_rates(unit, grid) for unit in range(len(energy)))
        rms = np.sqrt(power)
        return np.interp(activation * rms[-1] / FULL_ACTIVATION, rms, grid), rms[-1] / FULL_ACTIVATION


def _wave_forms(width: float, rate: float) -> Floats:
    """First to third derivative of a Gaussian, narrow and wide: two, three and four phases."""
    taps = np.arange(-round(8 * width * rate), round(8 * width * rate) + 1) / rate
    forms = []
    for sd in (0.75 * width, 1.25 * width):
        x = taps / sd
        forms += [hermite * np.exp(-(x**2) / 2) for hermite in (x, x**2 - 1, x**3 - 3 * x)]
    basis = np.array(forms)
    return basis / np.linalg.norm(basis, axis=1, keepdims=True)


def _motor_unit_emg(
    rng: np.random.Generator, activation: Floats, activation_rate: float, n_samples: int, config: SimulationConfig
) -> Floats:
    pool = MotorUnitPool.draw(rng, config)
    excitation, rms = pool.excitation_for(activation)
    samples, units = [], []
    for unit in range(len(pool.thresholds)):
        rates = pool.discharge_rates(unit, excitation)
        times = renewal_times(rng, rates, activation_rate, config.interspike_interval_cv)
        at = np.rint(times * config.emg_rate_hz).astype(np.intp)
        samples.append(at[at < n_samples])
        units.append(np.full(len(samples[-1]), unit))
    sample, unit_of_spike = np.concatenate(samples), np.concatenate(units)
    emg = np.zeros(n_samples)
    # One impulse train per wave form of the basis instead of one per unit: few convolutions instead of many.
    for form, weights in zip(pool.basis, pool.shapes.T, strict=True):
        train = np.bincount(sample, weights[unit_of_spike], n_samples)
        emg += signal.oaconvolve(train, form, mode="same")
    # Energy per sample, not per second, is what the sampled wave forms are normalised to.
    return emg / (rms / np.sqrt(config.emg_rate_hz))
