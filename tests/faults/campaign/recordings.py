"""Good files that the cases of the campaign break: a recording, its results and a trained model, made once."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from faults.campaign.commands import ForkServer, Place
from hdmf_zarr import NWBZarrIO
from numpy.typing import NDArray
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.behavior import Position, SpatialSeries
from pynwb.ecephys import ElectricalSeries
from pynwb.file import Subject

RATE_HZ = 1000.0
SECONDS = 16
MUSCLES = ("TA", "SOL", "VL")
TINY_MODEL = """\
autolfads:
  ic_encoder: 4
  ci_encoder: 4
  initial_condition: 3
  controller: 4
  inputs: 1
  generator: 4
  factors: 2
  posterior_samples: 1
  inference_folds: 2
  inference_passes: 1
  training: {members: 1, max_epochs: 1, burn_in_epochs: 0, ramp_epochs: 0, steps_per_epoch: 1, validation_draws: 1}
"""


def raw_emg(seconds: float = SECONDS, rate: float = RATE_HZ, n_muscles: int = len(MUSCLES)) -> NDArray[np.float32]:
    """Return EMG of bursts and rest (V), (samples, muscles), 50 uV where it is strongest."""
    random = np.random.default_rng(0)
    time = np.arange(round(seconds * rate))[:, None] / rate
    envelope = 5e-6 + 45e-6 * np.sin(np.pi * time * (0.7 + 0.2 * np.arange(n_muscles))) ** 2
    return (envelope * random.standard_normal((len(time), n_muscles))).astype(np.float32)


def new_file() -> NWBFile:
    """Return an NWB file without signals."""
    return NWBFile(
        session_description="Walking on a treadmill.",
        identifier="a-session",
        session_start_time=datetime(2026, 1, 1, tzinfo=UTC),
        experimenter=["Doe, Jane"],
        institution="A university",
        experiment_description="Walking.",
        keywords=["EMG"],
        subject=Subject(subject_id="01", species="Homo sapiens", sex="F", age="P30Y"),
    )


def save(nwbfile: NWBFile, path: Path) -> Path:
    """Write a file."""
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    return path


def write_recording(path: Path) -> Path:
    """Write a session as laboratories have it: EMG with electrodes, units, trials and a movement."""
    random = np.random.default_rng(1)
    nwbfile = new_file()
    group = nwbfile.create_electrode_group("leg", "Surface electrodes.", "leg", nwbfile.create_device("amplifier"))
    nwbfile.add_electrode_column("label", "Muscle.")
    for muscle in MUSCLES:
        nwbfile.add_electrode(group=group, location=muscle, label=muscle)
    region = nwbfile.create_electrode_table_region(list(range(len(MUSCLES))), "all electrodes")
    emg = ElectricalSeries(
        name="EMG", data=raw_emg(), electrodes=region, rate=RATE_HZ, starting_time=0.0, description="Raw EMG."
    )
    nwbfile.add_acquisition(emg)
    for _ in range(4):
        nwbfile.add_unit(spike_times=np.sort(random.uniform(0, SECONDS, 20 * SECONDS)))
    for start in np.arange(0.5, SECONDS - 1):
        nwbfile.add_trial(start_time=start, stop_time=start + 0.8)
    ankle = np.cumsum(random.normal(size=(100 * SECONDS, 2)), axis=0)
    movement = SpatialSeries(name="ankle", data=ankle, rate=100.0, reference_frame="treadmill", unit="m")
    nwbfile.create_processing_module("behavior", "Movement.").add(Position(spatial_series=[movement]))
    return save(nwbfile, path)


def write_series(path: Path, data: NDArray | None = None, *, rate: float | None = RATE_HZ, **fields: object) -> Path:
    """Write a session of one plain series called EMG, in volts unless said otherwise."""
    nwbfile = new_file()
    values = raw_emg() if data is None else data
    nwbfile.add_acquisition(TimeSeries(**{"name": "EMG", "data": values, "unit": "volts", "rate": rate, **fields}))
    return save(nwbfile, path)


def write_zarr(source: Path, target: Path) -> None:
    """Write a session again in Zarr."""
    with NWBHDF5IO(source, "r") as read, NWBZarrIO(str(target), "w") as write:
        write.export(src_io=read, write_args={"link_data": False})


def make_templates(folder: Path, server: ForkServer) -> Path:
    """Make what cases copy: recording, result and weights (NWB), recording.zarr, model.safetensors and others."""
    place = Place(folder / "making", folder)
    recording = write_recording(place.work / "recording.nwb")
    settings = place.work / "tiny.yaml"
    settings.write_text(TINY_MODEL)
    model = ("--config", settings.name, "--weights", "--save-model", "model.safetensors", "--out", "weights.nwb")
    for arguments in (
        ("run", recording.name, "--estimator", "lowpass", "--out", "result.nwb"),
        ("run", recording.name, *model),
        ("simulate", "simulated.nwb", "--duration", "12"),
    ):
        done = server.run(place, arguments, seconds=300.0)
        if done.code or done.hung:
            raise RuntimeError(f"{arguments}: {done}")
    write_zarr(recording, folder / "recording.zarr")
    for file in place.work.iterdir():
        shutil.copy(file, folder / file.name)
    return folder
