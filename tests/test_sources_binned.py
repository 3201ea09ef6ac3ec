"""Spike counts in bins, as files hold them: the same counts at the same times as the spikes they were made from."""

import numpy as np
import pytest
from builders import new_nwbfile, save
from pynwb import TimeSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.binned import aligned_counts, read_binned_spikes


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
