"""A simulated session as an NWB file: what a lab would have recorded, and in ``scratch`` what made it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from hdmf.backends.hdf5.h5_utils import H5DataIO
from hdmf.common import VectorData
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.behavior import BehavioralTimeSeries
from pynwb.epoch import TimeIntervals
from pynwb.file import Subject
from pynwb.misc import Units

from nwb_autolfads.errors import ConfigError, OutputError
from nwb_autolfads.files.atomic import new_version
from nwb_autolfads.files.hdf5 import OVERHEAD_BYTES, new_hdf5
from nwb_autolfads.files.places import Output, check_outputs
from nwb_autolfads.given import number, path_of
from nwb_autolfads.simulate import body as body_of
from nwb_autolfads.simulate.behaviours import RATE
from nwb_autolfads.simulate.commands import MARGIN, MUSCLES, Movement, simulate_movement
from nwb_autolfads.simulate.config import SimulationConfig
from nwb_autolfads.simulate.cortex import CorticalUnit, cortical_units
from nwb_autolfads.simulate.emg import clean_emg
from nwb_autolfads.simulate.noise import electrode_signal
from nwb_autolfads.simulate.truth import COLUMNS, TRUE_ACTIVATION

SHORTEST_S, LONGEST_S = 2.0, 3600.0
MICROVOLTS_PER_BIT = 0.195
"""Resolution of a common 16-bit amplifier (Intan RHD2000): plus and minus 6.4 mV."""

SPIKE_CLOCK_HZ = 30000.0
"""Spike times are whole samples of an amplifier of this rate."""

ANGLE_STRIDE = 2
"""Joint angles are filmed at half the rate of the simulation, 250 Hz."""


def simulate_session(
    path: str | PathLike[str],
    *,
    seed: int = 0,
    duration: float = 120.0,
    config: SimulationConfig | None = None,
    overwrite: bool = False,
    body: int | None = None,
    muscles: Sequence[str] | None = None,
) -> Path:
    """Write a session of a rat's hindlimb whose true muscle activation is known.

    The file holds raw EMG, joint angles, a force, units of motor cortex, trials and steps. The truth
    is in ``scratch``, where no tool takes it for a result; `read_true_activation` reads it.

    Parameters
    ----------
    path : str or path
        File to write.
    seed : int
        Decides everything random: the same seed, duration and levels give the same data, byte by byte. (NWB's own
        object ids are new in each file.)
    duration : float
        Length (s), 2 to 3600.
    config : SimulationConfig, optional
        Levels of everything.
    overwrite : bool
        Whether an existing file is replaced.
    body : int, optional
        Seed of the synergies: sessions of one body share them, whatever their own seeds. Unset, the session has its
        own.
    muscles : sequence of str, optional
        Those that are recorded, of the first ``n_muscles`` of the simulator, in this order; unset, all of these.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ConfigError
        If the seed is negative, the duration out of its range, or there is no muscle of a name.
    OutputError
        If the file exists, or cannot be written there.
    """
    path, duration = path_of(path, OutputError), number(duration, "duration", "simulate_session")
    config = SimulationConfig() if config is None else config
    if seed < 0:
        raise ConfigError(f"{seed} is negative", way_out="Give a seed of 0 or more", obj="seed")
    if not SHORTEST_S <= duration <= LONGEST_S:
        raise ConfigError(f"{duration:g} s asked", way_out=f"Give {SHORTEST_S:g} to {LONGEST_S:g} s", obj="duration")
    known = MUSCLES[: config.n_muscles]
    if muscles is not None and (strange := [muscle for muscle in muscles if muscle not in known]):
        raise ConfigError(f"there is no muscle {strange[0]!r}", way_out=f"Take of {', '.join(known)}", obj="muscles")
    check_outputs([Output(path, overwrite)])

    movement_seed, emg_seed, electrode_seed, cortex_seed, body_seed = np.random.SeedSequence(seed).spawn(5)
    movement = simulate_movement(movement_seed, duration, config, body)
    n_samples = len(movement.time) - round(MARGIN * RATE)
    forces = body_of.muscle_forces(movement.activation[:n_samples], RATE, config)
    movement = movement if muscles is None else movement.recorded(muscles)
    emg = clean_emg(emg_seed, movement.activation, RATE, duration, config)
    strikes = [step.strike for step in movement.steps] + [reach.start for reach in movement.reaches]
    recorded = electrode_signal(electrode_seed, emg, strikes, config)
    units = cortical_units(cortex_seed, movement.commands, RATE, duration, config)

    others = {} if body is None and muscles is None else {"body": body, "muscles": muscles and list(muscles)}
    nwbfile = _nwbfile(seed, duration, config, others)
    nwbfile.add_acquisition(
        _series(
            "EMG",
            np.clip(np.rint(recorded / MICROVOLTS_PER_BIT), -32768, 32767).astype(np.int16),
            config.emg_rate_hz,
            "volts",
            movement.muscles,
            "Raw intramuscular EMG of the right hindlimb (simulated).",
            conversion=MICROVOLTS_PER_BIT * 1e-6,
        )
    )
    _add_behavior(nwbfile, forces, np.random.default_rng(body_seed), config)
    _add_events(nwbfile, movement, duration)
    _add_units(nwbfile, units, duration)
    _add_truth(nwbfile, movement, n_samples, seed, config)
    _write(nwbfile, path, overwrite=overwrite)
    return path


def _nwbfile(seed: int, duration: float, config: SimulationConfig, others: dict[str, Any]) -> NWBFile:
    clock = np.random.default_rng(seed)
    start = datetime(2024, 1, 1, 9, tzinfo=UTC) + timedelta(
        days=int(clock.integers(365)), minutes=int(clock.integers(480))
    )
    recipe = f"seed {seed}, duration {duration!r} s, {config.model_dump_json()}{others or ''}"
    return NWBFile(
        session_description="Simulated session: a rat walks, makes brief movements, and holds tonic contractions.",
        identifier=str(uuid.uuid5(uuid.NAMESPACE_URL, recipe)),
        session_start_time=start,
        file_create_date=[start],
        session_id=f"simulated-{seed}",
        experimenter=["Simulator, Session"],
        experiment_description="Hindlimb EMG with known activation, to compare estimators of muscle activation.",
        institution="None (simulated)",
        lab="nwb-autolfads",
        keywords=["EMG", "simulation", "locomotion", "motor cortex"],
        notes="Nothing in this file was recorded from an animal.",
        subject=Subject(
            subject_id=f"simulated-rat-{seed}",
            description="A simulated animal.",
            species="Rattus norvegicus",
            sex="U",
            age="P20W",
        ),
    )


def _series(
    name: str,
    data: np.ndarray,
    rate: float,
    unit: str,
    columns: Sequence[str],
    description: str,
    conversion: float = 1.0,
) -> TimeSeries:
    chunk = (min(len(data), 16384), *data.shape[1:])
    return TimeSeries(
        name=name,
        data=H5DataIO(data, compression="gzip", shuffle=True, chunks=chunk),
        rate=float(rate),
        starting_time=0.0,
        unit=unit,
        conversion=conversion,
        description=description,
        comments=COLUMNS + ", ".join(columns),
    )


def _add_behavior(nwbfile: NWBFile, forces: np.ndarray, rng: np.random.Generator, config: SimulationConfig) -> None:
    angles = body_of.joint_angles(forces, RATE, config)[::ANGLE_STRIDE]
    angles = angles + config.angle_noise_deg * rng.standard_normal(angles.shape)
    force = body_of.ground_force(forces)
    force = force + config.force_noise_n * rng.standard_normal(force.shape)
    joint_angles = _series(
        "joint_angles",
        angles.astype(np.float32),
        RATE / ANGLE_STRIDE,
        "degrees",
        body_of.JOINTS,
        "Angles of the right hindlimb's joints, extension positive (simulated).",
    )
    ground_force = _series(
        "ground_force", force.astype(np.float32), RATE, "newtons", ["force"], "Force of the right hindpaw (simulated)."
    )
    module = nwbfile.create_processing_module("behavior", "Joint angles and force of the right hindlimb.")
    module.add(BehavioralTimeSeries(time_series=[joint_angles, ground_force]))


def _add_events(nwbfile: NWBFile, movement: Movement, duration: float) -> None:
    nwbfile.add_trial_column("phase", "What the animal does: locomotion, bursts, reaching, isometric or free.")
    for bout in movement.bouts:
        if bout.start < duration:
            nwbfile.add_trial(start_time=bout.start, stop_time=min(bout.stop, duration), phase=bout.phase)
    steps = [step for step in movement.steps if step.stop <= duration]
    if steps:
        table = TimeIntervals(name="steps", description="Step cycles, from a foot strike to the next.")
        table.add_column("foot_off_time", "When the foot leaves the ground (s).")
        for step in steps:
            table.add_row(start_time=step.strike, stop_time=step.stop, foot_off_time=step.foot_off)
        nwbfile.add_time_intervals(table)
    reaches = [reach for reach in movement.reaches if reach.stop <= duration]
    if reaches:
        table = TimeIntervals(name="reaches", description="Reaches, from their first burst to the end of the last.")
        for reach in reaches:
            table.add_row(start_time=reach.start, stop_time=reach.stop)
        nwbfile.add_time_intervals(table)


def _add_units(nwbfile: NWBFile, units: list[CorticalUnit], duration: float) -> None:
    if not units:
        return
    table = Units(
        name="units",
        description="Sorted units of the left primary motor cortex (simulated).",
        resolution=1 / SPIKE_CLOCK_HZ,
    )
    table.add_column("location", "Brain area of the unit.")
    for unit in units:
        spike_times = np.floor(unit.spike_times * SPIKE_CLOCK_HZ) / SPIKE_CLOCK_HZ
        table.add_unit(spike_times=spike_times, obs_intervals=[[0.0, duration]], location="M1")
    nwbfile.units = table


def _add_truth(nwbfile: NWBFile, movement: Movement, n_samples: int, seed: int, config: SimulationConfig) -> None:
    commands = movement.commands[:n_samples]
    nwbfile.add_scratch(
        _series(
            TRUE_ACTIVATION,
            movement.activation[:n_samples].astype(np.float32),
            RATE,
            "a.u.",
            movement.muscles,
            "The simulator's truth, not an estimate: activation that the EMG's RMS is proportional to.",
        )
    )
    nwbfile.add_scratch(
        _series(
            "true_commands",
            commands.astype(np.float32),
            RATE,
            "a.u.",
            [f"command {k}" for k in range(commands.shape[1])],
            "The simulator's truth, not an estimate: latent commands behind the activation and the cortical units.",
        )
    )
    nwbfile.add_scratch(
        config.model_dump_json(),
        name="simulation_config",
        description=f"Levels of the simulation, JSON; its seed was {seed}.",
    )


def _write(nwbfile: NWBFile, path: Path, *, overwrite: bool) -> None:
    with (
        new_version(path, may_exist=overwrite) as partial,
        new_hdf5(partial, _n_bytes(nwbfile)) as file,
        NWBHDF5IO(file=file, mode="w") as io,
    ):
        io.write(nwbfile)


def _n_bytes(nwbfile: NWBFile) -> int:
    """Return how large the file gets at most, should nothing in it be compressible."""
    series = [each.data.data for each in nwbfile.objects.values() if isinstance(each, TimeSeries)]
    columns = [each.data for each in nwbfile.objects.values() if isinstance(each, VectorData)]
    return sum(np.asarray(values).nbytes for values in (*series, *columns)) * 11 // 10 + OVERHEAD_BYTES
