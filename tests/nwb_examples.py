"""NWB files and estimates that the tests of the `nwb` room write and read."""

from __future__ import annotations

import hashlib
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from hdmf.backends.hdf5 import H5DataIO
from hdmf.build import BuildManager
from pynwb import NWBHDF5IO, NWBFile, TimeSeries, get_type_map
from pynwb.base import Images
from pynwb.ecephys import ElectricalSeries
from pynwb.file import Subject
from pynwb.image import GrayscaleImage
from pynwb.spec import NWBAttributeSpec, NWBDatasetSpec, NWBGroupSpec, NWBNamespaceBuilder

from nwb_autolfads.estimators.base import estimate_dataset
from nwb_autolfads.labels import labelled

IDENTIFIER = "a-session"
RATE = 500.0


def write_session(path: Path, identifier: str = IDENTIFIER, n_samples: int = 3000) -> Path:
    """Write a session with electrodes, units, trials that refer to series, images, links and compressed data."""
    rng = np.random.default_rng(0)
    nwbfile = NWBFile(
        session_description="Walking.",
        identifier=identifier,
        session_start_time=datetime(2026, 1, 1, tzinfo=UTC),
        experimenter=["Doe, Jane"],
        institution="A university",
        keywords=["EMG", "walking"],
        experiment_description="Walking on a treadmill.",
        subject=Subject(subject_id="01", species="Homo sapiens", sex="F", age="P30Y"),
    )
    device = nwbfile.create_device(name="amplifier", description="An amplifier.")
    group = nwbfile.create_electrode_group("cortex", description="Array.", location="M1", device=device)
    for _ in range(4):
        nwbfile.add_electrode(location="M1", group=group)
    region = nwbfile.create_electrode_table_region([0, 1, 2, 3], "all electrodes")
    emg = TimeSeries(
        name="EMG",
        data=H5DataIO(rng.normal(size=(n_samples, 3)).astype("f4"), compression="gzip", chunks=(500, 3), shuffle=True),
        unit="volts",
        rate=1000.0,
        description="Raw EMG.",
    )
    nwbfile.add_acquisition(emg)
    nwbfile.add_acquisition(
        ElectricalSeries(
            name="LFP",
            data=H5DataIO(rng.normal(size=(500, 4)), fletcher32=True, chunks=(100, 4), maxshape=(None, 4)),
            electrodes=region,
            rate=1000.0,
            description="Field potentials.",
        )
    )
    nwbfile.add_acquisition(
        TimeSeries(
            name="linked", data=emg, unit="volts", timestamps=np.arange(n_samples) ** 1.01, description="A link."
        )
    )
    nwbfile.add_unit_column("depth", "Depth of the unit (m).")
    for unit in range(3):
        nwbfile.add_unit(spike_times=np.sort(rng.uniform(0, 3, 20)), depth=0.001 * unit, electrodes=[unit])
    for trial in range(4):
        nwbfile.add_trial(start_time=0.5 * trial, stop_time=0.5 * trial + 0.4, timeseries=[emg], tags=["a", "b"])
    image = GrayscaleImage(name="setup", data=rng.integers(0, 255, (20, 30)).astype("u1"), description="The room.")
    nwbfile.add_acquisition(Images(name="pictures", images=[image], description="Pictures."))
    behavior = nwbfile.create_processing_module("behavior", "Behavior.")
    behavior.add(TimeSeries(name="speed", data=rng.normal(size=300), unit="m/s", rate=100.0, description="Speed."))
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    return path


def write_session_of_unknown_extension(path: Path, identifier: str = IDENTIFIER) -> Path:
    """Write a session with types of an extension that this process forgets at once."""
    builder = NWBNamespaceBuilder(doc="Pressure under the foot.", name="ndx-insole", version="0.3.0", author="A lab")
    builder.include_namespace("core")
    insole = NWBGroupSpec(
        neurodata_type_def="InsoleSeries",
        neurodata_type_inc="TimeSeries",
        doc="Pressure.",
        attributes=[NWBAttributeSpec(name="sensors", doc="Number of sensors.", dtype="int")],
        datasets=[NWBDatasetSpec(name="layout", doc="Place of each sensor (m).", dtype="float64", shape=(None, 2))],
    )
    with tempfile.TemporaryDirectory() as folder:
        builder.add_spec("insole.yaml", insole)
        builder.export("insole.namespace.yaml", outdir=folder)
        types = get_type_map()  # a copy
        types.load_namespaces(f"{folder}/insole.namespace.yaml")
    series = types.get_dt_container_cls("InsoleSeries", "ndx-insole")
    nwbfile = NWBFile("Walking.", identifier, datetime(2026, 1, 1, tzinfo=UTC))
    values = np.random.default_rng(5).normal(size=(200, 2))
    data = H5DataIO(values, compression="gzip", compression_opts=9, chunks=(50, 1))
    made = series(name="insole", data=data, unit="Pa", rate=100.0, sensors=2, layout=np.ones((2, 2)), description="L.")
    nwbfile.add_acquisition(made)
    with NWBHDF5IO(path, "w", manager=BuildManager(types)) as io:
        io.write(nwbfile)
    return path


def add_what_the_schema_does_not_know(path: Path) -> None:
    """Add what laboratories put into files by hand: own data, attributes, hard links, a region, a scratch group."""
    with h5py.File(path, "r+") as file:
        notes = file.create_group("laboratory", track_order=True)
        notes.create_dataset("z_first", data=np.arange(12).reshape(3, 4), compression="lzf", chunks=(1, 4))
        notes.create_dataset("a_second", data=np.array(["é", "b"], dtype=h5py.string_dtype()))
        notes.create_dataset("fixed", data=np.array([b"abc", b"de"]))
        notes["the_same"] = notes["z_first"]
        notes["soft"] = h5py.SoftLink("/acquisition/EMG")
        notes["nowhere"] = h5py.ExternalLink("absent.h5", "/there")
        notes.attrs["who"] = "Jane"
        notes.attrs["empty"] = h5py.Empty("f4")
        notes.attrs["points_to"] = file["acquisition/EMG"].ref
        file.attrs["room"] = 12
        file["acquisition/EMG/data"].attrs["gain"] = np.array([1.5, 2.5])


def add_references(path: Path) -> None:
    """Add references of all kinds; pynwb does not open a file with a single reference to a group."""
    with h5py.File(path, "r+") as file:
        notes = file["laboratory"]
        notes.create_dataset("reference", data=file["units"].ref, dtype=h5py.ref_dtype)
        notes.create_dataset("region", data=notes["z_first"].regionref[1:3, :2], dtype=h5py.regionref_dtype)
        notes.create_dataset("empty_reference", shape=(2,), dtype=h5py.ref_dtype)


def tree(path: Path, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return everything that can be seen in an HDF5 file: values, attributes, links, types, storage, references."""
    with h5py.File(path, "r") as file:
        found: dict[str, Any] = {"/": ("group", _attributes(file, file))}
        _walk(file, "", found, leave_out, {}, file)
        return found


def _walk(group: Any, place: str, found: dict[str, Any], leave_out: tuple[str, ...], seen: dict, file: Any) -> None:
    for name in group:
        path = f"{place}/{name}"
        if path in leave_out:
            continue
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            found[path] = (type(link).__name__, link.path, getattr(link, "filename", None))
            continue
        item = group[name]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            found[path] = ("the same as", seen[address])
            continue
        seen[address] = path
        if isinstance(item, h5py.Group):
            order = list(item) if item.id.get_create_plist().get_link_creation_order() else None
            found[path] = ("group", order, _attributes(item, file))
            _walk(item, path, found, leave_out, seen, file)
        else:
            storage = (item.chunks, item.compression, item.compression_opts, item.shuffle, item.fletcher32)
            kind = (item.shape, item.maxshape, item.dtype.str, item.id.get_type().get_class(), str(item.fillvalue))
            values = _plain(item[()], file)
            digest = hashlib.sha256(values if isinstance(values, bytes) else repr(values).encode()).hexdigest()
            found[path] = ("dataset", kind, storage, digest, _attributes(item, file))


def _attributes(item: Any, file: Any) -> dict[str, Any]:
    found = {}
    for name in item.attrs:
        attribute = item.attrs.get_id(name)
        found[name] = (attribute.dtype.str, attribute.shape, _plain(item.attrs[name], file))
    return found


def _plain(value: Any, file: Any) -> Any:
    if isinstance(value, h5py.RegionReference):
        return ("region", file[value].name, file[value][value].tolist())
    if isinstance(value, h5py.Reference):
        return ("reference", file[value].name if value else None)
    if isinstance(value, h5py.Empty | str | bytes):
        return repr(value)
    if isinstance(value, np.void):
        return tuple(_plain(field, file) for field in value)
    if isinstance(value, np.ndarray) and (value.dtype.kind == "O" or value.dtype.names):
        return [_plain(element, file) for element in value.ravel()]
    return np.asarray(value).tobytes()


def make_emg(
    muscles: tuple[str, ...] = ("TA", "SOL", "VL"),
    n_bins: int = 1200,
    *,
    gap: bool = False,
    identifier: str = IDENTIFIER,
    seed: int = 0,
) -> xr.DataArray:
    """Return rectified EMG as `preprocess` would, at 500 Hz; the second muscle is unusable."""
    rng = np.random.default_rng(seed)
    time, segment = 2.0 + np.arange(n_bins) / RATE, np.zeros(n_bins, dtype=np.int64)
    if gap:
        time[n_bins // 2 :] += 1.234
        segment[n_bins // 2 :] = 1
    origin = {"file": "s.nwb", "file_identifier": identifier, "object_path": "acquisition/EMG", "object_id": "an-id"}
    return xr.DataArray(
        rng.gamma(2.0, 0.5, (n_bins, len(muscles))).astype(np.float32),
        dims=("time", "muscle"),
        name="emg",
        coords={
            "time": time,
            "muscle": list(muscles),
            "segment": ("time", segment),
            "scale": ("muscle", rng.uniform(1e-5, 1e-4, len(muscles))),
            "usable": ("muscle", np.arange(len(muscles)) != 1),
        },
        attrs={
            "rate": RATE,
            "unit": "volts",
            "origin": json.dumps(origin),
            "preprocessing": json.dumps([{"step": "rectify"}]),
        },
    )


def make_estimate(emg: xr.DataArray, *, seed: int = 0, everything: bool = True, **attrs: Any) -> xr.Dataset:
    """Return an estimate with all that AutoLFADS has, or with activation alone."""
    rng = np.random.default_rng(seed + 100)
    n_bins = emg.sizes["time"]
    activation = np.where(emg["usable"].values, rng.gamma(2.0, 0.5, emg.shape), np.nan).astype(np.float32)
    variables: dict[str, Any] = {"activation": activation}
    if everything:
        variables |= {
            "activation_std": activation * 0.1,
            "concentration": activation * 2,
            "rate_parameter": np.full_like(activation, 2.0),
            "factors": (("time", "factor"), rng.normal(size=(n_bins, 5)).astype(np.float32)),
            "inputs": (("time", "input"), rng.normal(size=(n_bins, 2)).astype(np.float32)),
            "inputs_std": (("time", "input"), rng.uniform(size=(n_bins, 2)).astype(np.float32)),
            "initial_condition": (("window", "ic"), rng.normal(size=(9, 7)).astype(np.float32)),
            "search_epoch": ("search_row", np.array([5, 5, 5, 10, 10, 10])),
            "search_member": ("search_row", np.array([0, 1, 2, 0, 1, 2])),
            "search_valid_nll": ("search_row", rng.normal(size=6)),
        }
    arguments = {"estimator": "AutoLFADS", "config": {"factors": 5, "note": "µ"}} | attrs
    estimate = estimate_dataset(emg, variables, seed=seed, **arguments)
    return labelled(estimate.assign_coords(window_start=("window", np.arange(9) * 0.15))) if everything else estimate
