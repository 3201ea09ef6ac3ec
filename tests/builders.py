"""Small NWB files of every shape, built with plain pynwb, for the tests."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import h5py
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


# --- one builder for each way in which archives and laboratories store EMG ------------------------------------------
#
# Each takes a function from times (s) to raw EMG, (samples, muscles), and returns the file and what `--emg` needs.

FALCON_MUSCLES = [
    *("APL", "BCPs", "DLTa", "DLTp", "ECRB", "ECU", "EDC", "FCR"),
    *("FCU", "FDI", "FDPr", "FDPu", "Hypoth", "PECmaj", "TCPlat", "Thenar"),
]
Emg = Callable[[NDArray], NDArray]


def clock(rate: float, *stretches: tuple[float, int]) -> NDArray[np.float64]:
    """Times (s) of stretches given as start and number of samples."""
    return np.concatenate([start + np.arange(count) / rate for start, count in stretches])


def dandi_000941(path: Path, emg: Emg) -> tuple[Path, None]:
    """FALCON M1: 16 rectified 1-D series of 20 ms in a container, with a mask, units and trials."""
    time = clock(50.0, (12.34, 1500))
    signals = emg(time)
    nwbfile = new_nwbfile()
    nwbfile.add_acquisition(
        BehavioralTimeSeries(
            name="preprocessed_emg",
            time_series=[
                TimeSeries(name=name, data=np.abs(signals[:, at % signals.shape[1]]) + at, unit="mV", timestamps=time)
                for at, name in enumerate(FALCON_MUSCLES)
            ],
        )
    )
    nwbfile.add_acquisition(TimeSeries(name="eval_mask", data=time > 20, unit="bool", timestamps=time))
    nwbfile.add_unit(spike_times=[13.0, 14.0])
    nwbfile.add_trial(start_time=13.0, stop_time=15.0)
    return save(nwbfile, path), None


def dandi_001070(path: Path, emg: Emg) -> tuple[Path, None]:
    """One ElectricalSeries of several muscles with an electrodes table, starting late, in microvolts as integers."""
    counts = np.rint(emg(clock(2000.0, (12.34, 60000))) * 1000).astype(np.int16)
    locations = ["TA", "SOL"]
    return file_with_electrical_series(
        path, counts, locations=locations, rate=2000.0, starting_time=12.34, conversion=1e-6
    ), None


def dandi_000718(path: Path, emg: Emg) -> tuple[Path, None]:
    """``acquisition/EMGSignal``, a TimeSeries of one channel with timestamps."""
    time = clock(2000.0, (12.34, 60000))
    return file_with_2d_series(path, emg(time)[:, 0], name="EMGSignal", timestamps=time), None


def dandi_000473(path: Path, emg: Emg) -> tuple[Path, None]:
    """``processing/ecephys/EMG``, an LFP container that holds an ElectricalSeries."""
    time = clock(1000.0, (12.34, 30000))
    return file_with_electrical_series(
        path, emg(time), locations=["TA", "SOL"], container="EMG", name="ElectricalSeries", starting_time=12.34
    ), None


def dandi_000939(path: Path, emg: Emg) -> tuple[Path, None]:
    """``processing/ecephys/pseudoEMG``, a TimeSeries of one channel, computed from a probe."""
    time = clock(1250.0, (12.34, 37500))
    series = emg_series(emg(time)[:, 0], name="pseudoEMG", unit="a.u.", rate=1250.0, starting_time=12.34)
    return file_with_loose_series(path, [series], module="ecephys"), None


def dandi_000540(path: Path, emg: Emg) -> tuple[Path, str]:
    """36 columns without names in a BehavioralTimeSeries."""
    time = clock(2000.0, (12.34, 60000))
    signals = np.tile(emg(time), 18) * np.linspace(1, 2, 36)
    series = TimeSeries(name="signals", data=signals.astype(np.float32), unit="unknown", timestamps=time)
    return file_with_container(path, [series], name="recorded"), "acquisition/recorded/signals"


def turner_lab(path: Path, emg: Emg) -> tuple[Path, None]:
    """One rectified TimeSeries for each muscle, in arbitrary units, with a gap between trials."""
    time = clock(1000.0, (12.34, 8000), (21.5, 11000), (33.7771, 9000))
    signals = np.abs(emg(time))
    series = [
        emg_series(signals[:, at], name=name, unit="a.u.", timestamps=time)
        for at, name in enumerate(("biceps", "triceps"))
    ]
    return file_with_loose_series(path, series), None


def analog_channels(path: Path, emg: Emg) -> tuple[Path, None]:
    """Analog channels as NeuroConv writes those of a SpikeGLX board: named in the description, EMG among others."""
    signals = emg(clock(2000.0, (12.34, 60000)))
    counts = np.rint(np.stack([signals[:, 0], np.ones(60000), signals[:, 1]], axis=1) * 1000).astype(np.int16)
    channels = np.array(["EMG_TA", "lever", "EMG_SOL"])
    return file_with_2d_series(
        path,
        counts,
        name="TimeSeriesNIDQ",
        unit="V",
        conversion=1e-6,
        rate=2000.0,
        starting_time=12.34,
        description=f"Analog data from the NIDQ board. Channels are {channels} in that order.",
    ), None


def bipolar_pairs(path: Path, emg: Emg) -> tuple[Path, None]:
    """Two electrodes for each muscle against one reference: what they share is on both, the muscle on one."""
    signals = emg(clock(2000.0, (12.34, 60000)))
    shared = np.random.default_rng(0).standard_normal((60000, 1))
    data = np.stack([signals[:, 0], 0 * signals[:, 0], 0 * signals[:, 1], signals[:, 1]], axis=1) + shared
    labels = ["TA+", "TA-", "SOL-", "SOL+"]
    locations = ["tibialis anterior"] * 2 + ["soleus"] * 2
    return file_with_electrical_series(
        path, data, locations=locations, labels=labels, rate=2000.0, starting_time=12.34
    ), None


def emg_array_among_probes(path: Path, counts: NDArray[np.int16]) -> Path:
    """EMG electrodes, last in the table, in a group of their own, recorded with a probe in one ElectricalSeries.

    ``counts`` ``(samples, 4 + muscles)`` at 30 kHz, the first four of the probe; beside it the probe's field potential.
    """
    nwbfile = new_nwbfile()
    device = nwbfile.create_device("acquisition board")
    probe = nwbfile.create_electrode_group("Probe0", "A probe.", "M1", device)
    array = nwbfile.create_electrode_group("EMGArray", "Wires in the right forearm.", "right forearm", device)
    nwbfile.add_electrode_column("label", "name of the channel")
    n_muscles = counts.shape[1] - 4
    for at in range(4):
        nwbfile.add_electrode(group=probe, location="M1", label=f"AP{at}")
    for at in range(n_muscles):
        nwbfile.add_electrode(group=array, location="right forearm", label=FALCON_MUSCLES[at])
    timing = {"starting_time": 2814.0, "rate": 30000.0, "conversion": 1.95e-7}
    everything = nwbfile.create_electrode_table_region(list(range(4 + n_muscles)), "all channels")
    cortex = nwbfile.create_electrode_table_region([0, 1, 2, 3], "the probe")
    nwbfile.add_acquisition(ElectricalSeries(name="ElectricalSeries", data=counts, electrodes=everything, **timing))
    nwbfile.add_acquisition(ElectricalSeries(name="Probe", data=counts[:, :4], electrodes=cortex, **timing))
    return save(nwbfile, path)


ARCHIVES = [
    dandi_000941,
    dandi_001070,
    dandi_000718,
    dandi_000473,
    dandi_000939,
    dandi_000540,
    turner_lab,
    analog_channels,
    bipolar_pairs,
]


def add_of_extension(path: Path, place: str, kind: dict, *, namespace: str, version: str, fields: dict) -> Path:
    """Put an object of an extension's type into a file, with its specification beside it, without the extension.

    ``kind`` is the type's specification; ``fields`` holds what is to stand in its attributes and data sets by name,
    ``(values, attributes)`` for a data set with attributes.
    """
    source = f"{namespace}.extensions"
    described = {"name": namespace, "version": version, "doc": "d", "author": "a", "contact": "c"}
    described["schema"] = [{"namespace": "core"}, {"source": source}]
    with h5py.File(path, "r+") as file:
        cached = file.require_group(f"specifications/{namespace}/{version}")
        cached["namespace"] = json.dumps({"namespaces": [described]})
        cached[source] = json.dumps({"groups": [kind]})
        group = file.create_group(place)
        group.attrs["namespace"], group.attrs["neurodata_type"] = namespace, kind["neurodata_type_def"]
        group.attrs["object_id"] = str(uuid.uuid4())
        for each in kind.get("attributes", []):
            group.attrs[each["name"]] = fields[each["name"]]
        for each in kind.get("datasets", []):
            values, attributes = fields[each["name"]] if each.get("attributes") else (fields[each["name"]], {})
            group[each["name"]] = values
            group[each["name"]].attrs.update(attributes)
    return path
