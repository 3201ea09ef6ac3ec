"""Spike counts in bins, as files hold them: the same counts at the same times as the spikes they were made from."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import add_of_extension, new_nwbfile, save
from messages import assert_refused
from pynwb import TimeSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.spikes.binned import aligned_counts, read_binned_spikes


def test_counts_around_events_are_laid_out_in_time():
    events, width, first = np.array([5.0, 1.0, 1.1]), 0.02, -0.1
    counts = np.arange(2 * 3 * 10).reshape(2, 3, 10)
    found = aligned_counts(counts, events, width=width, first=first)
    laid = {}
    for event in (1, 2, 0):  # in the order of time; the third begins while the second lasts
        for bin_ in range(10):
            start = round(events[event] + first + bin_ * width, 6)
            if not laid or start > max(laid) + 0.5 * width:
                laid[start] = counts[:, event, bin_]
    np.testing.assert_allclose(found["time"], np.array(list(laid)) + width / 2)
    np.testing.assert_array_equal(found.values, np.array(list(laid.values())))


def test_a_series_of_counts_is_read_on_the_session_clock(tmp_path):
    nwbfile = new_nwbfile()
    counts = np.random.default_rng(0).poisson(1.0, size=(50, 3))
    series = TimeSeries(name="counts", data=counts, rate=100.0, starting_time=2.0, unit="spikes")
    flat = TimeSeries(name="flat", data=counts[:, 0], rate=100.0, unit="spikes")
    module = nwbfile.create_processing_module("ecephys", "spikes")
    module.add([series, flat])
    path = save(nwbfile, tmp_path / "binned.nwb")
    found = read_binned_spikes(path, "processing/ecephys/counts")
    np.testing.assert_allclose(found["time"], 2.005 + np.arange(50) / 100)
    np.testing.assert_array_equal(found.values, counts)
    for wrong, why in (("flat", "holds no spike counts"), ("nothing", "there is nothing of this name")):
        with pytest.raises(SourceError, match=why):
            read_binned_spikes(path, f"processing/ecephys/{wrong}")


WRITE = """
import sys
from pathlib import Path

import numpy as np
from hdmf.common import DynamicTableRegion
from ndx_binned_spikes import BinnedAlignedSpikes, BinnedSpikes

sys.path.insert(0, sys.argv[1])
from builders import add_of_extension, new_nwbfile, save

nwbfile = new_nwbfile()
for unit in range(4):
    nwbfile.add_unit(spike_times=[1.0, 2.0], id=10 + unit)
region = {"data": [3, 1], "table": nwbfile.units, "description": "two of them", "name": "units_region"}
aligned = BinnedAlignedSpikes(
    data=np.arange(2 * 3 * 4).reshape(2, 3, 4),
    event_timestamps=np.array([1.0, 3.0, 5.0]),
    bin_width_in_ms=20.0,
    event_to_bin_offset_in_ms=-50.0,
    name="around_events",
    units_region=DynamicTableRegion(**region),
)
whole = BinnedSpikes(data=np.arange(2 * 5).reshape(2, 5), bin_width_in_ms=10.0, start_time_in_ms=2000.0)
nwbfile.create_processing_module("ecephys", "spikes").add([aligned, whole])
save(nwbfile, Path(sys.argv[2]))
"""


@pytest.mark.skipif(not importlib.util.find_spec("ndx_binned_spikes"), reason="ndx-binned-spikes is in 'interop'")
def test_files_of_ndx_binned_spikes_are_read_without_it(tmp_path):
    path = tmp_path / "binned.nwb"
    # In a process of its own: here the types must come from the file.
    subprocess.run([sys.executable, "-c", WRITE, Path(__file__).parents[1], path], check=True)
    found = read_binned_spikes(path, "processing/ecephys/around_events")
    assert found["unit"].values.tolist() == ["13", "11"]
    np.testing.assert_allclose(found["time"], np.add.outer([0.95, 2.95, 4.95], 0.01 + 0.02 * np.arange(4)).ravel())
    np.testing.assert_array_equal(found.values, np.arange(24).reshape(2, 12).T)
    found = read_binned_spikes(path, "processing/ecephys/BinnedSpikes")
    assert found["unit"].values.tolist() == ["0", "1"]
    np.testing.assert_allclose(found["time"], 2.005 + 0.01 * np.arange(5))
    np.testing.assert_array_equal(found.values, np.arange(10).reshape(2, 5).T)


@pytest.mark.parametrize(
    ("version", "width", "offset"),
    [
        ("0.2.0", "bin_width_in_milliseconds", "milliseconds_from_event_to_first_bin"),
        ("0.3.1", "bin_width_in_ms", "event_to_bin_offset_in_ms"),
    ],
)
def test_aligned_counts_are_read_as_every_published_version_names_them(tmp_path, version, width, offset):
    counts = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    aligned = {
        "neurodata_type_def": "BinnedAlignedSpikes",
        "neurodata_type_inc": "NWBDataInterface",
        "doc": "Counts around events.",
        "attributes": [{"name": name, "dtype": "float64", "doc": "ms"} for name in (width, offset)],
        "datasets": [
            {"name": "data", "dtype": "numeric", "shape": [None, None, None], "doc": "Counts (unit, event, bin)."},
            {"name": "event_timestamps", "dtype": "float64", "shape": [None], "doc": "Times (s)."},
        ],
    }
    nwbfile = new_nwbfile()
    nwbfile.create_processing_module("ecephys", "spikes")
    path = add_of_extension(
        save(nwbfile, tmp_path / "aligned.nwb"),
        "processing/ecephys/counts",
        aligned,
        namespace="ndx-binned-spikes",
        version=version,
        fields={width: 20.0, offset: -50.0, "data": counts, "event_timestamps": [1.0, 3.0, 5.0]},
    )
    found = read_binned_spikes(path, "processing/ecephys/counts")
    np.testing.assert_allclose(found["time"], np.add.outer([0.95, 2.95, 4.95], 0.01 + 0.02 * np.arange(4)).ravel())
    np.testing.assert_array_equal(found.values, counts.reshape(2, 12).T)
    with h5py.File(path, "r+") as file:
        file["processing/ecephys/counts"].attrs[width] = 0.0
    with assert_refused(
        SourceError,
        (
            "aligned.nwb, processing/ecephys/counts: counts (2, 3, 4) in bins of 0 ms around 3 events do not "
            "fit together"
        ),
        "Write them again; counts are (unit, event, bin) or (unit, bin)",
    ):
        read_binned_spikes(path, "processing/ecephys/counts")
