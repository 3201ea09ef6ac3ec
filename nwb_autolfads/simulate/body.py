"""Muscles and joints: force and angles that follow the true activation through second-order dynamics."""

from __future__ import annotations

import numpy as np
from scipy import signal

from nwb_autolfads.simulate.config import SimulationConfig
from nwb_autolfads.simulate.processes import Floats

JOINTS = ("hip", "knee", "ankle")

MOMENT_ARMS = {
    "BFpR": (0.3, -0.8, 0.0),
    "GA": (0.0, -0.3, 1.0),
    "GRr": (0.2, -0.5, 0.0),
    "GS": (0.6, 0.0, 0.0),
    "IL": (-1.0, 0.0, 0.0),
    "RF": (-0.4, 0.7, 0.0),
    "SM": (0.8, -0.3, 0.0),
    "ST": (0.5, -0.8, 0.0),
    "TA": (0.0, 0.0, -1.0),
    "VI": (0.0, 0.5, 0.0),
    "VL": (0.0, 0.9, 0.0),
    "VM": (0.0, 0.6, 0.0),
    "AM": (0.5, 0.0, 0.0),
    "EDL": (0.0, 0.0, -0.5),
    "PL": (0.0, -0.1, 0.7),
    "SOL": (0.0, 0.0, 0.6),
}
"""Torque at each of `JOINTS` per unit of muscle force, extension positive: signs from anatomy, sizes chosen."""

REST_ANGLES_DEG = (100.0, 95.0, 105.0)
DEGREES_PER_TORQUE = 15.0
"""Steady deflection of a joint per unit of torque: the inverse of its stiffness (chosen)."""

NEWTONS_PER_TORQUE = 0.4
"""Force on the ground per unit of extensor torque (chosen)."""


def muscle_forces(activation: Floats, rate: float, config: SimulationConfig) -> Floats:
    """Return muscle forces: ``T^2 F'' + 2 T F' + F = activation``, ``T`` the time to the peak of a twitch.

    Parameters
    ----------
    activation : ndarray, shape (n_samples, n_muscles)
        True activation.
    rate : float
        Its sampling rate (Hz).
    config : SimulationConfig
        Levels.

    Returns
    -------
    ndarray, shape (n_samples, n_muscles)
        1 is the steady force at activation 1; at equilibrium with the first sample at the start.
    """
    twitch = config.muscle_twitch_ms / 1000
    return _respond([1.0], [twitch**2, 2 * twitch, 1.0], activation, rate)


def joint_angles(forces: Floats, rate: float, config: SimulationConfig) -> Floats:
    """Return joint angles: ``q'' + 2 z w q' + w^2 (q - rest) = w^2 (deflection at rest under the torque)``.

    Parameters
    ----------
    forces : ndarray, shape (n_samples, n_muscles)
        From `muscle_forces`.
    rate : float
        Their sampling rate (Hz).
    config : SimulationConfig
        Natural frequency ``w / 2 pi`` and damping ratio ``z``.

    Returns
    -------
    ndarray, shape (n_samples, 3)
        Degrees, in the order of `JOINTS`; at equilibrium at the start. The joints do not act on each other.
    """
    w = 2 * np.pi * config.limb_natural_hz
    torques = forces @ np.array(list(MOMENT_ARMS.values()))[: forces.shape[1]]
    deflections = _respond([w**2], [1.0, 2 * config.limb_damping_ratio * w, w**2], DEGREES_PER_TORQUE * torques, rate)
    return np.array(REST_ANGLES_DEG) + deflections


def ground_force(forces: Floats) -> Floats:
    """Return the force (N), shape (n_samples,), with which knee and ankle extensors push on the ground."""
    arms = np.array(list(MOMENT_ARMS.values()))[: forces.shape[1], 1:]
    return NEWTONS_PER_TORQUE * forces @ np.maximum(arms, 0).sum(axis=1)


def _respond(numerator: list[float], denominator: list[float], drive: Floats, rate: float) -> Floats:
    """Filter a drive that runs straight between samples: the exact solution of the differential equation."""
    b, a, _ = signal.cont2discrete((numerator, denominator), 1 / rate, method="foh")
    b = b.ravel()
    at_equilibrium = signal.lfilter_zi(b, a)[:, None] * drive[:1]
    return signal.lfilter(b, a, drive, axis=0, zi=at_equilibrium)[0]
