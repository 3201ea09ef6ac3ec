"""SpikeInterface recordings are EMG, its sortings are spikes, and estimates go back to it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr
from builders import new_nwbfile, raw_emg, save
from messages import assert_refused
from spikeinterface import NumpyRecording, NumpySorting

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.spikeinterface import activation_as_recording
from nwb_autolfads.sources.spikes.trains import read_spikes


def test_a_recording_with_gains_is_read_in_microvolts_by_channel_name():
    counts = (raw_emg(3000) * 500).astype(np.int16)
    source = NumpyRecording([counts[:2000], counts[2000:]], 1000.0, t_starts=[2.0, 30.5], channel_ids=["a", "b", "c"])
    source.set_channel_gains(0.195)
    source.set_channel_offsets(10.0)
    source.set_property("channel_name", ["TA", "SOL", "MG"])
    recording = open_emg(source)
    assert (recording.muscles, recording.rate, recording.unit) == (("TA", "SOL", "MG"), 1000.0, "uV")
    parts = [(part.start_time, part.first_sample, part.n_samples) for part in recording.segments]
    assert parts == [(2.0, 0, 2000), (30.5, 2000, 1000)]
    np.testing.assert_allclose(recording.read(1990, 2010), counts[1990:2010] * 0.195 + 10.0, rtol=1e-5)
    chosen = open_emg(source, path="MG,T*")
    np.testing.assert_allclose(chosen.read(0, 5), counts[:5, [2, 0]] * 0.195 + 10.0, rtol=1e-5)


def test_a_recording_without_gains_is_in_arbitrary_units_until_told():
    source = NumpyRecording([raw_emg(1000)], 1000.0)
    assert open_emg(source).unit == "a.u."
    assert open_emg(source, unit="mV").unit == "mV"


def test_recordings_without_a_clock_or_with_other_channels_are_refused():
    data = raw_emg(1000)
    with assert_refused(
        SourceError,
        "NumpyRecording: 0,1,2: segment 1 starts at 0 s, before the one before it has ended: they share no clock",
        "Choose one, such as --emg 'segment 0' (in Python: path='segment 0')",
    ):
        open_emg(NumpyRecording([data, data], 1000.0))
    with assert_refused(SourceError, "NumpyRecording: no channel is called TA", "Choose from 0, 1, 2"):
        open_emg(NumpyRecording([data], 1000.0), path="TA")
    with assert_refused(
        SourceError,
        "NumpyRecording: 300 channels: it looks like a probe, not like muscles",
        "Name the channels of muscles with path=...",
    ):
        open_emg(NumpyRecording([np.zeros((400, 300))], 1000.0))
    jumping = NumpyRecording([data], 1000.0)
    jumping.set_times(np.r_[np.arange(500), 700 + np.arange(500)] / 1000)
    with assert_refused(
        SourceError,
        "NumpyRecording: 0,1,2: the times of segment 0 leave its rate by 0.2 s",
        "Split it where it has gaps, one segment each",
    ):
        open_emg(jumping)


def fails(*_, **__):
    raise IndexError("index 7 is out of bounds")


def test_a_recording_or_sorting_that_fails_is_one_error(monkeypatch):
    source = NumpyRecording([raw_emg(1000)], 1000.0)
    recording = open_emg(source)
    monkeypatch.setattr(NumpyRecording, "get_traces", fails)
    said = r"NumpyRecording: 0,1,2: samples 0 to 9 cannot be read: .* \(IndexError: index 7 is out of bounds\)\. Try"
    with pytest.raises(SourceError, match=said):
        recording.read(0, 9)
    with assert_refused(
        SourceError,
        (
            "NumpyRecording: 0,1,2: samples 0 to 1000 cannot be read: the file is damaged or the connection "
            "was lost (IndexError: index 7 is out of bounds)"
        ),
        "Try again; if it stays, copy or download the file again",
    ):
        open_emg(source)
    monkeypatch.setattr(NumpyRecording, "get_num_segments", fails)
    with assert_refused(
        SourceError,
        "NumpyRecording: SpikeInterface does not give what it has (IndexError: index 7 is out of bounds)",
        "Give a recording whose files are there and whole",
    ):
        open_emg(source)
    sorting = NumpySorting.from_unit_dict([{"a": np.array([1, 2])}], 1000.0)
    monkeypatch.setattr(NumpySorting, "get_unit_spike_train", fails)
    with assert_refused(
        SourceError,
        "NumpySorting: SpikeInterface does not give what it has (IndexError: index 7 is out of bounds)",
        "Give a sorting whose files are there and whole",
    ):
        read_spikes(sorting)


def test_what_spikeinterface_warns_of_is_an_assumption(monkeypatch, capfd):
    def warns(self):
        warnings.warn("no probe", UserWarning, stacklevel=1)
        print("no probe")
        return 1

    monkeypatch.setattr(NumpyRecording, "get_num_segments", warns)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recording = open_emg(NumpyRecording([raw_emg(1000)], 1000.0))
    assert recording.assumptions[-1] == "the reader of the file warns: no probe"
    assert capfd.readouterr() == ("", "")


def test_an_estimate_becomes_a_recording_of_named_channels_on_the_same_clock():
    time = np.r_[1.0 + np.arange(50) / 500, 9.0 + np.arange(30) / 500]
    values = np.random.default_rng(0).random((80, 3)).astype(np.float32)
    values[:, 1] = np.nan
    estimate = xr.Dataset(
        {"activation": (("time", "muscle"), values)},
        coords={
            "time": time,
            "muscle": ["TA", "SOL", "MG"],
            "segment": ("time", np.repeat([0, 1], [50, 30])),
            "scale": ("muscle", [1e-3, 1.0, 2e-3]),
        },
        attrs={"rate": 500.0, "unit": "V"},
    )
    recording = activation_as_recording(estimate)
    assert recording.channel_ids.tolist() == ["TA", "MG"]
    np.testing.assert_array_equal(recording.get_traces(segment_index=1), values[50:, [0, 2]])
    np.testing.assert_allclose(recording.get_times(segment_index=1), time[50:])
    assert recording.get_property("scale").tolist() == [1e-3, 2e-3]


def test_spikes_of_a_file_and_of_a_sorting_are_the_same_trains(tmp_path):
    trains = [np.array([0.1, 0.25, 1.5]), np.array([0.3, 0.9])]
    nwbfile = new_nwbfile()
    for train in trains:
        nwbfile.add_unit(spike_times=train, obs_intervals=[[0.0, 2.0]])
    in_file = read_spikes(save(nwbfile, tmp_path / "a.nwb"))
    sorting = NumpySorting.from_unit_dict(
        [{name: np.rint(train * 1000).astype(int) for name, train in zip("ab", trains, strict=True)}], 1000.0
    )
    sorted_out = read_spikes(sorting)
    for spikes in (in_file, sorted_out):
        for times, train in zip(spikes.times, trains, strict=True):
            np.testing.assert_allclose(times, train)
        np.testing.assert_array_equal(spikes.counts(np.array([0.0, 0.25, 1.0, 2.0])), [[1, 0], [1, 2], [1, 0]])
    assert (in_file.units, sorted_out.units) == (("0", "1"), ("a", "b"))
    assert in_file.observed[0].tolist() == [[0.0, 2.0]]
    assert in_file.file_identifier == "session-1"


def test_a_file_without_units_is_refused(tmp_path):
    with assert_refused(SourceError, "a.nwb: holds no spike times of sorted units", "Choose a file with a units table"):
        read_spikes(save(new_nwbfile(), tmp_path / "a.nwb"))
