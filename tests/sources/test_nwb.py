"""EMG is found in every shape that files have, read in its unit, and refused with a message that helps."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from builders import (
    emg_series,
    file_with_2d_series,
    file_with_container,
    file_with_electrical_series,
    file_with_loose_series,
    new_nwbfile,
    raw_emg,
    save,
)
from hdmf.backends.hdf5.h5_utils import H5DataIO
from pynwb import TimeSeries
from pynwb.behavior import BehavioralTimeSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.contents import list_contents


def message_of(source, **options) -> str:
    with pytest.raises(SourceError) as caught:
        open_emg(source, **options)
    return str(caught.value)


# --- found, named and converted -------------------------------------------------------------------------------------


def test_a_2d_series_is_read_in_volts_with_the_muscles_of_its_comments(tmp_path):
    data = (raw_emg() * 500).astype(np.int16)
    path = file_with_2d_series(
        tmp_path / "a.nwb", data, conversion=1e-6, offset=2e-5, starting_time=3.5, comments="columns: TA, SOL, MG"
    )
    with open_emg(path) as recording:
        assert recording.muscles == ("TA", "SOL", "MG")
        assert (recording.rate, recording.unit, recording.rectified) == (1000.0, "V", False)
        assert recording.segments[0].start_time == 3.5
        assert recording.origin.object_path == "acquisition/EMG"
        np.testing.assert_allclose(recording.read(100, 200), data[100:200] * 1e-6 + 2e-5, rtol=1e-5, atol=1e-11)
        assert recording.assumptions == (
            "EMG is acquisition/EMG",
            "raw (negative values are present)",
            "1000 Hz (from the series' rate)",
            "starts at 3.5 s of the session",
            "volts (after conversion 1e-06)",
            "3 muscles, named by the series' comments",
        )


def test_an_electrical_series_takes_names_from_its_electrodes_and_converts_each_channel(tmp_path):
    data = (raw_emg(2000) * 1000).astype(np.int32)
    path = file_with_electrical_series(
        tmp_path / "a.nwb",
        data,
        locations=["TA", "SOL", "MG"],
        conversion=1e-6,
        channel_conversion=[1.0, 2.0, 0.5],
        offset=1e-3,
    )
    with open_emg(path) as recording:
        assert recording.muscles == ("TA", "SOL", "MG")
        np.testing.assert_allclose(recording.read(0, 50), data[:50] * 1e-6 * [1, 2, 0.5] + 1e-3, rtol=1e-6)
        assert "named by the electrodes' location" in recording.assumptions[-1]


def test_electrodes_in_one_place_are_told_apart_by_their_label(tmp_path):
    path = file_with_electrical_series(
        tmp_path / "a.nwb", raw_emg(2000), locations=["leg"] * 3, labels=["TA", "SOL", "MG"], container="EMG"
    )
    with open_emg(path) as recording:
        assert recording.muscles == ("TA", "SOL", "MG")
        assert recording.origin.object_path == "processing/ecephys/EMG/EMG"


def test_a_container_of_one_series_per_muscle_is_one_recording_and_its_mask_is_none_of_it(tmp_path):
    data = np.abs(raw_emg(400))
    timestamps = 2.0 + np.arange(400) * 0.02
    series = [
        emg_series(data[:, column], name=name, unit="mV", timestamps=timestamps)
        for column, name in enumerate(("FCR", "FCU", "FDI"))
    ]
    series.append(TimeSeries(name="eval_mask", data=np.ones(400, dtype=bool), unit="bool", timestamps=timestamps))
    with open_emg(file_with_container(tmp_path / "a.nwb", series)) as recording:
        assert recording.muscles == ("FCR", "FCU", "FDI")
        assert (recording.rate, recording.unit, recording.rectified) == (50.0, "mV", True)
        assert recording.segments[0].start_time == 2.0
        assert recording.origin.object_path == "acquisition/preprocessed_emg"
        assert "rectified already (no negative values)" in recording.assumptions
        np.testing.assert_allclose(recording.read(10, 20), data[10:20], rtol=1e-6)


@pytest.mark.parametrize("module", ["", "ecephys"])
def test_loose_series_are_gathered_by_their_names(tmp_path, module):
    data = raw_emg(2000)
    series = [emg_series(data[:, column], name=f"EMG_{name}") for column, name in enumerate(("TA", "TP", "SOL"))]
    series.append(TimeSeries(name="knee", data=data[:, 0], unit="degrees", rate=1000.0))
    path = file_with_loose_series(tmp_path / "a.nwb", series, module=module)
    with open_emg(path) as recording:
        assert set(recording.muscles) == {"TA", "TP", "SOL"}
        assert recording.origin.object_path.endswith("/EMG_*")
        column = recording.muscles.index("SOL")
        np.testing.assert_allclose(recording.read(0, 9)[:, column], data[:9, 2], rtol=1e-6)
        found = recording.origin.object_path
    with open_emg(path, path=found) as again:
        assert set(again.muscles) == {"TA", "TP", "SOL"}


def test_loose_series_named_by_muscle_alone_are_gathered_too(tmp_path):
    series = [emg_series(np.abs(raw_emg(900)[:, 0]), name=name, unit="a.u.") for name in ("biceps", "triceps")]
    path = file_with_loose_series(tmp_path / "a.nwb", series)
    with open_emg(path, path="acquisition/biceps,acquisition/triceps") as recording:
        assert recording.muscles == ("biceps", "triceps")
        assert recording.unit == "a.u."


def test_names_are_chosen_or_given_by_hand_or_numbered(tmp_path):
    data = raw_emg(2000)
    named = file_with_2d_series(tmp_path / "named.nwb", data, comments="muscles: TA, SOL, MG")
    bare = file_with_2d_series(tmp_path / "bare.nwb", data)
    with open_emg(named, muscles=["MG", "TA"]) as recording:
        np.testing.assert_allclose(recording.read(0, 5), data[:5, [2, 0]], rtol=1e-6)
        assert "chosen by hand" in recording.assumptions[-1]
    with open_emg(bare, muscles=["x", "y", "z"]) as recording:
        assert recording.muscles == ("x", "y", "z")
    with open_emg(bare) as recording:
        assert recording.muscles == ("muscle 1", "muscle 2", "muscle 3")
        assert "without names in the file: numbered" in recording.assumptions[-1]


def test_an_open_file_is_read_and_left_open():
    nwbfile = new_nwbfile()
    nwbfile.add_acquisition(emg_series(raw_emg(2000)))
    recording = open_emg(nwbfile)
    recording.close()
    assert recording.read(0, 3).shape == (3, 3)


def test_gaps_in_timestamps_part_segments_that_keep_their_clock(tmp_path):
    timestamps = np.concatenate([5 + np.arange(1000) / 1000, 8.25 + np.arange(500) / 1000, 9 + np.arange(700) / 1000])
    path = file_with_2d_series(tmp_path / "a.nwb", raw_emg(2200), timestamps=timestamps)
    with open_emg(path) as recording:
        parts = [(part.start_time, part.first_sample, part.n_samples) for part in recording.segments]
        assert parts == [(5.0, 0, 1000), (8.25, 1000, 500), (9.0, 1500, 700)]
        assert recording.rate == pytest.approx(1000.0, rel=1e-9)
        assert any("2 gaps, so 3 segments" in sentence for sentence in recording.assumptions)


def test_what_only_sits_on_an_offset_is_not_taken_for_rectified(tmp_path):
    path = file_with_2d_series(tmp_path / "a.nwb", (2048 + 100 * raw_emg(4000)).astype(np.uint16))
    with open_emg(path) as recording:
        assert not recording.rectified
        assert any("offset" in sentence for sentence in recording.assumptions)


def test_unnamed_columns_in_a_container_are_read_when_pointed_at(tmp_path):
    series = TimeSeries(name="signals", data=raw_emg(1000, 36), unit="unknown", rate=1000.0)
    path = file_with_container(tmp_path / "a.nwb", [series], name="recorded")
    assert "acquisition/recorded/signals (1000 x 36, a.u., 1000 Hz)" in message_of(path)
    for emg in ("acquisition/recorded", "acquisition/recorded/signals"):
        with open_emg(path, path=emg) as recording:
            assert recording.muscles[-1] == "muscle 36"
            assert recording.origin.object_path == "acquisition/recorded/signals"


def test_series_in_scratch_do_not_compete_with_the_recording(tmp_path):
    nwbfile = new_nwbfile()
    nwbfile.add_acquisition(emg_series(raw_emg(1000), comments="columns: TA, SOL, MG"))
    nwbfile.add_scratch(
        TimeSeries(name="activation", data=raw_emg(500), unit="a.u.", rate=500.0, comments="muscles: TA, SOL, MG")
    )
    path = save(nwbfile, tmp_path / "a.nwb")
    assert [each.likely for each in list_contents(path).emg] == [True, False]
    with open_emg(path) as recording:
        assert recording.origin.object_path == "acquisition/EMG"


# --- refused ---------------------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_or_not_nwb_is_refused(tmp_path):
    text, hdf5, cut = tmp_path / "notes.nwb", tmp_path / "other.nwb", tmp_path / "cut.nwb"
    text.write_text("hello")
    with h5py.File(hdf5, "w") as file:
        file["data"] = [1, 2]
    whole = file_with_2d_series(tmp_path / "whole.nwb").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    missing = tmp_path / "missing.nwb"
    assert message_of(missing) == f"{missing}: there is no such file. Check the path"
    assert "notes.nwb: is not an NWB file (no HDF5 in it)" in message_of(text)
    assert "other.nwb: is HDF5 but not an NWB file (it has no nwb_version)" in message_of(hdf5)
    assert "cut.nwb: is HDF5, but damaged" in message_of(cut)
    assert "is a folder" in message_of(tmp_path)


def test_no_emg_lists_what_the_file_holds_and_names_the_flag(tmp_path):
    series = [TimeSeries(name="wheel", data=raw_emg(100), unit="degrees", rate=100.0, description="angle")]
    message = message_of(file_with_loose_series(tmp_path / "a.nwb", series))
    assert "no EMG was found" in message
    assert "--emg PATH" in message
    assert "acquisition/wheel (TimeSeries, 100 x 3, degrees)" in message


def test_two_likely_series_are_both_listed_with_the_flag(tmp_path):
    series = [emg_series(raw_emg(1000), name="EMG_left"), emg_series(raw_emg(1000), name="EMG_right")]
    path = file_with_loose_series(tmp_path / "a.nwb", series)
    message = message_of(path)
    assert "2 series could be the EMG. Choose one with --emg PATH" in message
    assert "acquisition/EMG_left (1000 x 3, V, 1000 Hz)" in message
    assert "acquisition/EMG_right" in message
    with open_emg(path, path="/acquisition/EMG_right") as recording:
        assert recording.origin.object_path == "acquisition/EMG_right"


def test_a_path_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    message = message_of(file_with_2d_series(tmp_path / "a.nwb"), path="acquisition/emg")
    assert "acquisition/emg: there is no numeric series at this path" in message
    assert "acquisition/EMG (6000 x 3" in message


def test_muscle_names_must_be_as_many_as_columns_and_differ(tmp_path):
    path = file_with_2d_series(tmp_path / "a.nwb", comments="columns: TA, SOL")
    assert "acquisition/EMG: 2 muscle names given by the series' comments for 3 columns: TA, SOL" in message_of(path)
    assert "muscle names given by hand occur more than once: x" in message_of(path, muscles=["x", "x", "y"])
    assert "4 muscle names given by hand for 3 columns" in message_of(path, muscles=list("abcd"))


def test_series_sampled_at_two_rates_are_refused_with_the_pair(tmp_path):
    data = raw_emg(1000)
    series = [emg_series(data[:, 0], name="EMG_TA"), emg_series(data[:, 1], name="EMG_SOL", rate=2000.0)]
    message = message_of(file_with_loose_series(tmp_path / "a.nwb", series))
    assert "were not sampled together: two rates" in message
    assert "1000 Hz" in message
    assert "2000 Hz" in message


@pytest.mark.parametrize(
    ("timestamps", "problem"),
    [
        (np.concatenate([np.arange(500), np.arange(400, 900)]) / 1000, "go backwards, stand still or are missing"),
        (np.concatenate([np.arange(500), 500 + 1.3 * np.arange(500)]) / 1000, "has no steady rate"),
        (np.concatenate([np.arange(600), 600 + 2 * np.arange(400)]) / 1000, "1000 Hz at first, 500 Hz at the end"),
    ],
)
def test_timestamps_without_one_rate_are_refused(tmp_path, timestamps, problem):
    path = file_with_2d_series(tmp_path / "a.nwb", raw_emg(1000), timestamps=timestamps)
    assert problem in message_of(path)


def test_a_rate_of_zero_and_a_series_without_samples_are_refused(tmp_path):
    still = file_with_2d_series(tmp_path / "still.nwb")
    with h5py.File(still, "r+") as file:
        file["acquisition/EMG/starting_time"].attrs["rate"] = 0.0
    assert "acquisition/EMG: its rate is 0 Hz" in message_of(still)
    empty = file_with_2d_series(tmp_path / "empty.nwb", np.zeros((0, 3)))
    assert "acquisition/EMG: has no samples" in message_of(empty)


def test_a_probe_is_not_taken_for_muscles(tmp_path):
    path = file_with_2d_series(tmp_path / "a.nwb", np.zeros((600, 300), dtype=np.int16))
    assert "300 columns: looks like a probe" in message_of(path)
    assert "it looks like a probe" in message_of(path, path="acquisition/EMG")


def link_data_to(path, target) -> None:
    with h5py.File(path, "r+") as file:
        attributes = dict(file["acquisition/EMG/data"].attrs)
        del file["acquisition/EMG/data"]
        if not target.exists() and target.parent == path.parent:
            file["acquisition/EMG/data"] = h5py.ExternalLink(target.name, "/data")
            return
        with h5py.File(target, "w") as other:
            other["data"] = raw_emg(1000)
            other["data"].attrs.update(attributes)
        file["acquisition/EMG/data"] = h5py.ExternalLink(str(target), "/data")


def test_data_in_another_file_is_read_beside_the_file_only(tmp_path):
    folder = tmp_path / "session"
    folder.mkdir()
    outside, gone, beside = (file_with_2d_series(folder / f"{name}.nwb") for name in ("outside", "gone", "beside"))
    link_data_to(outside, tmp_path / "private.h5")
    link_data_to(gone, folder / "lost.h5")
    (folder / "data.h5").touch()
    link_data_to(beside, folder / "data.h5")
    assert "/acquisition/EMG/data: reads its data from" in message_of(outside)
    assert "private.h5, outside the folder of the file" in message_of(outside)
    assert "reads its data from lost.h5, which is not there" in message_of(gone)
    with open_emg(beside) as recording:
        assert recording.n_samples == 1000


def test_data_outside_the_folder_are_read_only_when_the_user_trusts_the_file(tmp_path):
    folder = tmp_path / "session"
    folder.mkdir()
    path = file_with_2d_series(folder / "a.nwb")
    link_data_to(path, tmp_path / "data.h5")
    assert "say so with --outside-links (in Python: outside_links=True)" in message_of(path)
    with open_emg(path, outside_links=True) as recording:
        np.testing.assert_allclose(recording.read(0, 9), raw_emg(1000)[:9], rtol=1e-6)


def test_links_to_nothing_and_in_a_circle_are_refused(tmp_path):
    gone, circle = (file_with_2d_series(tmp_path / f"{name}.nwb") for name in ("gone", "circle"))
    with h5py.File(gone, "r+") as file:
        file["acquisition/more"] = h5py.SoftLink("/processing/lost")
    with h5py.File(circle, "r+") as file:
        file["acquisition/EMG/again"] = file["acquisition"]
    assert "gone.nwb, /acquisition/more: links to /processing/lost, which is not in the file" in message_of(gone)
    assert "circle.nwb, /acquisition/EMG/again: is a link back to a group that it lies in" in message_of(circle)


def test_a_unit_that_is_none_of_emg_is_refused_until_it_is_given(tmp_path):
    path = file_with_2d_series(tmp_path / "a.nwb", unit="degrees")
    assert message_of(path, path="acquisition/EMG") == (
        f"{path}, acquisition/EMG: its unit is 'degrees', which is not one of EMG. "
        "If it is EMG, say its unit with --unit (in Python: unit=...): V, mV, uV, a.u."
    )
    with open_emg(path, path="acquisition/EMG", unit="millivolts") as recording:
        assert recording.unit == "mV"
        assert "millivolts, as given by hand (the file says 'degrees')" in recording.assumptions
    assert "the unit given by hand is 'N'" in message_of(path, path="acquisition/EMG", unit="N")


def test_series_of_several_units_of_voltage_are_read_in_one_and_others_refused(tmp_path):
    data = raw_emg(1000, 2)
    mixed = [emg_series(data[:, 0], name="EMG_SOL"), emg_series(1e3 * data[:, 1], name="EMG_TA", unit="mV")]
    with open_emg(file_with_loose_series(tmp_path / "a.nwb", mixed)) as recording:
        columns = [recording.muscles.index(name) for name in ("SOL", "TA")]
        np.testing.assert_allclose(recording.read(0, 9)[:, columns], data[:9] * _per_volt(recording.unit), rtol=1e-6)
    other = [emg_series(data[:, 0], name="EMG_SOL"), emg_series(data[:, 1], name="EMG_TA", unit="a.u.")]
    message = message_of(file_with_loose_series(tmp_path / "b.nwb", other))
    assert "EMG_SOL is in 'V' and EMG_TA in 'a.u.'. Choose series of one unit with --emg PATH" in message


def _per_volt(unit: str) -> float:
    return {"V": 1.0, "mV": 1e3}[unit]


def test_a_mask_of_another_clock_is_left_aside_and_said(tmp_path):
    nwbfile = new_nwbfile()
    nwbfile.add_acquisition(emg_series(raw_emg(1000)))
    nwbfile.add_acquisition(TimeSeries(name="good_mask", data=np.ones(1000, bool), unit="n/a", rate=1000.0))
    nwbfile.add_acquisition(TimeSeries(name="late_mask", data=np.ones(1000, bool), unit="n/a", rate=500.0))
    nwbfile.add_acquisition(TimeSeries(name="short_mask", data=np.ones(900, bool), unit="n/a", rate=1000.0))
    with open_emg(save(nwbfile, tmp_path / "a.nwb")) as recording:
        assert list(recording.masks) == ["good_mask"]
        said = " ".join(recording.assumptions)
    assert "acquisition/late_mask was left aside: it has not the clock of the EMG" in said
    assert "acquisition/short_mask was left aside: it has not one true or false for each sample" in said


def test_samples_that_are_damaged_are_said_with_their_place(tmp_path):
    path = tmp_path / "a.nwb"
    nwbfile = new_nwbfile()
    compressed = H5DataIO((raw_emg(20000) * 500).astype(np.int16), chunks=(1000, 3), compression="gzip")
    nwbfile.add_acquisition(TimeSeries(name="EMG", data=compressed, unit="volts", rate=1000.0))
    save(nwbfile, path)
    with h5py.File(path) as file:
        chunk = file["acquisition/EMG/data"].id.get_chunk_info(9)
    with path.open("r+b") as stream:
        stream.seek(chunk.byte_offset)
        stream.write(bytes(chunk.size))
    message = message_of(path)  # it looks at stretches of the signal when it opens
    assert "acquisition/EMG: samples " in message
    assert "cannot be read: the file is damaged or the connection was lost" in message


# --- listed ----------------------------------------------------------------------------------------------------------


def test_contents_list_candidates_behaviour_intervals_and_units(tmp_path):
    nwbfile = new_nwbfile()
    timestamps = np.r_[np.arange(1000), 3000 + np.arange(1000)] / 1000
    nwbfile.add_acquisition(emg_series(raw_emg(2000), timestamps=timestamps))
    angles = TimeSeries(name="joint_angles", data=np.zeros((50, 2)), unit="degrees", rate=100.0)
    nwbfile.create_processing_module("behavior", "kinematics").add(BehavioralTimeSeries(time_series=angles))
    nwbfile.add_trial(start_time=0.0, stop_time=1.0)
    for _ in range(3):
        nwbfile.add_unit(spike_times=[0.1, 0.2])
    contents = list_contents(save(nwbfile, tmp_path / "a.nwb"))
    assert [(each.candidate.path, each.likely, len(each.segments)) for each in contents.emg] == [
        ("acquisition/EMG", True, 2)
    ]
    assert "+4 named EMG" in contents.emg[0].candidate.reasons
    behavior = contents.behavior[0]
    assert behavior.path == "processing/behavior/BehavioralTimeSeries/joint_angles"
    assert (behavior.shape, behavior.rate, behavior.unit) == ((50, 2), 100.0, "degrees")
    assert [(table.path, table.n_rows) for table in contents.intervals] == [("intervals/trials", 1)]
    assert contents.n_units == 3


# --- real recordings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "shape", "muscles", "conversion"),
    [
        ("walk13/ID0012_TW_01.nwb", (7618, 13), "ME MA FL RF VM VL ST BF TA PL GM GL SO", 1e-6),
        ("knee4/4Amar.nwb", (56544, 4), "RF BF VM ST", 1e-3),
        ("gait14/test_small.nwb", (3370, 14), "RERS LERS RRF RVL RST RBF RTA RGAS LRF LVL LST LBF LTA LGAS", 1.0),
    ],
)
def test_real_recordings_are_read_as_their_description_says(shared_data, file, shape, muscles, conversion):
    with h5py.File(shared_data / file) as plain:
        stored = plain["acquisition/EMG/data"][:]
    with open_emg(shared_data / file) as recording:
        assert recording.muscles == tuple(muscles.split())
        assert (recording.rate, recording.unit, recording.rectified) == (1000.0, "V", False)
        assert (recording.n_samples, len(recording.muscles)) == shape
        np.testing.assert_allclose(recording.read(0, shape[0]), stored.astype(float) * conversion, rtol=1e-6)
