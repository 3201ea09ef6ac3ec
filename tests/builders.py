"""Small NWB files of every shape, built with plain pynwb, for the tests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.behavior import BehavioralTimeSeries
from pynwb.ecephys import LFP, ElectricalSeries
from pynwb.file import Subject


def new_nwbfile(identifier: str = "session-1") -> NWBFile:
    """An NWB file without any data, complete enough for inspector and archive."""
    nwbfile = NWBFile(
        session_description="A session made up for a test",
        identifier=identifier,
        session_start_time=datetime(2024, 1, 1, tzinfo=UTC),
        experimenter=["Doe, Jane"],
        institution="Nowhere",
        experiment_description="Test",
        keywords=["EMG"],
    )
    nwbfile.subject = Subject(subject_id="s1", species="Rattus norvegicus", age="P90D", sex="F")
    return nwbfile


def raw_emg(n_samples: int = 6000, n_muscles: int = 3, seed: int = 0) -> NDArray[np.float64]:
    """Noise modulated in slow bursts, (samples, muscles), about 1 in size."""
    generator = np.random.default_rng(seed)
    time = np.arange(n_samples)[:, None] / 1000
    envelope = 0.2 + np.sin(np.pi * time * (1 + 0.2 * np.arange(n_muscles))) ** 2
    return envelope * generator.standard_normal((n_samples, n_muscles))


def save(nwbfile: NWBFile, path: Path) -> Path:
    """Write a file and return its path."""
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    return path


def emg_series(
    data: NDArray, *, name: str = "EMG", unit: str = "volts", rate: float | None = 1000.0, **fields
) -> TimeSeries:
    """A TimeSeries of EMG; timing and texts can be set, and are plain where they are not."""
    timing = {} if "timestamps" in fields else {"rate": rate}
    return TimeSeries(name=name, data=data, unit=unit, **timing, **fields)


def file_with_2d_series(path: Path, data: NDArray | None = None, **fields) -> Path:
    """One 2-D TimeSeries in acquisition."""
    nwbfile = new_nwbfile()
    nwbfile.add_acquisition(emg_series(raw_emg() if data is None else data, **fields))
    return save(nwbfile, path)


def file_with_electrical_series(
    path: Path, data: NDArray, *, locations: list[str], labels: list[str] | None = None, container: str = "", **fields
) -> Path:
    """An ElectricalSeries with an electrodes table; in an LFP container in processing where one is named."""
    nwbfile = new_nwbfile()
    group = nwbfile.create_electrode_group("array", "electrodes", "leg", nwbfile.create_device("amplifier"))
    if labels:
        nwbfile.add_electrode_column("label", "name of the electrode")
    for index, location in enumerate(locations):
        extra = {"label": labels[index]} if labels else {}
        nwbfile.add_electrode(group=group, location=location, **extra)
    region = nwbfile.create_electrode_table_region(list(range(len(locations))), "all electrodes")
    fields = {"name": "EMG", "rate": 1000.0, **fields}
    series = ElectricalSeries(data=data, electrodes=region, **fields)
    if container:
        module = nwbfile.create_processing_module("ecephys", "processed signals")
        module.add(LFP(electrical_series=series, name=container))
    else:
        nwbfile.add_acquisition(series)
    return save(nwbfile, path)


def file_with_container(path: Path, series: list[TimeSeries], *, name: str = "preprocessed_emg") -> Path:
    """A BehavioralTimeSeries in acquisition which holds the series given."""
    nwbfile = new_nwbfile()
    nwbfile.add_acquisition(BehavioralTimeSeries(time_series=series, name=name))
    return save(nwbfile, path)


def file_with_loose_series(path: Path, series: list[TimeSeries], *, module: str = "") -> Path:
    """Series side by side in acquisition, or in a processing module where one is named."""
    nwbfile = new_nwbfile()
    if module:
        nwbfile.create_processing_module(module, "signals")
    for each in series:
        nwbfile.processing[module].add(each) if module else nwbfile.add_acquisition(each)
    return save(nwbfile, path)
