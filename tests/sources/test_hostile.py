"""Files that claim what is not there, or hold what no recording has: one error that names file, object and value."""

import warnings

import h5py
import numpy as np
import pytest
from builders import file_with_2d_series, file_with_electrical_series, raw_emg
from messages import assert_refused

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.border import border, one_line
from nwb_autolfads.sources.contents import list_contents
from nwb_autolfads.sources.nwb import emg as nwb_emg
from nwb_autolfads.sources.nwb.behavior import read_behavior

EMG = "acquisition/EMG"


@pytest.fixture
def recording(tmp_path):
    return file_with_2d_series(tmp_path / "a.nwb")


def message_of(path) -> str:
    with pytest.raises(SourceError) as caught:
        open_emg(path, path=EMG)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    return str(caught.value)


def replace(path, place, **how):
    with h5py.File(path, "r+") as file:
        attributes = dict(file[place].attrs)
        del file[place]
        file.create_dataset(place, **how).attrs.update(attributes)


def with_timestamps(path, timestamps=None, **how):
    with h5py.File(path, "r+") as file:
        del file[f"{EMG}/starting_time"]
        made = file[EMG].create_dataset("timestamps", data=timestamps, **how)
        made.attrs.update({"interval": np.int32(1), "unit": "seconds"})


@pytest.mark.parametrize(("n_samples", "claimed"), [(4 * 10**8, "9600 MB"), (2 * 10**15, "48000000000 MB")])
def test_samples_that_are_claimed_and_not_stored_are_refused(recording, n_samples, claimed):
    replace(recording, f"{EMG}/data", shape=(n_samples, 3), dtype="f8", chunks=(10_000, 3), fillvalue=1e-3)
    said = f"{EMG}/data: {claimed} are claimed, of which 0.000 MB are stored"
    assert said in message_of(recording)
    assert [each.problem for each in list_contents(recording).emg] == [said.partition(": ")[2]]


def test_timestamps_that_are_claimed_and_not_stored_are_refused(recording):
    replace(recording, f"{EMG}/data", shape=(9 * 10**8, 3), dtype="f8", chunks=(10_000, 3))
    with_timestamps(recording, shape=(9 * 10**8,), dtype="f8", chunks=(10_000,))
    assert "MB are claimed, of which 0.000 MB are stored" in message_of(recording)


def test_more_samples_than_any_recording_has_are_refused(recording, monkeypatch):
    monkeypatch.setattr(nwb_emg, "MAX_EMG_VALUES", 2999)
    replace(recording, f"{EMG}/data", data=raw_emg(1000))
    assert "has 1000 x 3 samples, more than 2999" in message_of(recording)


def test_behaviour_that_is_claimed_and_not_stored_is_refused(recording):
    replace(recording, f"{EMG}/data", shape=(15 * 10**7,), dtype="f8", chunks=(10_000,))
    with assert_refused(
        SourceError,
        "a.nwb, acquisition/EMG: 1200 MB are claimed, of which 0.000 MB are stored",
        "Get a complete copy of the file, or choose another object",
    ):
        read_behavior(recording, [EMG])


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (1e308, "its rate is 1e+308 Hz, not within 1 to 1e+06 Hz"),
        (1e9, "its rate is 1e+09 Hz, not within 1 to 1e+06 Hz"),
        (0.001, "its rate is 0.001 Hz, not within"),
        (5e-324, "its rate is 4.94066e-324 Hz, not within"),
        (0.0, "its rate is 0 Hz, not within"),
        (-1000.0, "its rate is -1000 Hz, not within"),
        (np.nan, "its rate is nan Hz, not within"),
        (np.inf, "its rate is inf Hz, not within"),
    ],
)
def test_rates_that_no_recording_has_are_refused(recording, rate, said):
    with h5py.File(recording, "r+") as file:
        file[f"{EMG}/starting_time"].attrs["rate"] = rate
    assert f"{EMG}: {said}" in message_of(recording)
    list_contents(recording)


@pytest.mark.parametrize(("start", "said"), [(np.nan, "nan"), (np.inf, "inf"), (1e300, "1e+300")])
def test_starts_that_are_no_time_are_refused(recording, start, said):
    with h5py.File(recording, "r+") as file:
        file[f"{EMG}/starting_time"][()] = start
    assert f"{EMG}: it starts at {said} s of the session. Set the true starting_time" in message_of(recording)


def test_a_recording_of_more_than_a_week_is_refused(recording):
    with h5py.File(recording, "r+") as file:
        file[f"{EMG}/starting_time"].attrs["rate"] = 1.0
    replace(recording, f"{EMG}/data", shape=(604_801, 3), dtype="i1", data=np.ones((604_801, 3), "i1"))
    assert "it lasts 604801 s at 1 Hz, longer than 604800 s" in message_of(recording)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda clock: np.append(clock[:-1], np.inf), "at sample 5999 (inf s after 5.998 s)"),
        (lambda clock: np.append(clock[:-1], np.nan), "at sample 5999 (nan s after 5.998 s)"),
        (lambda clock: clock[::-1], "its timestamps go backwards"),
        (lambda clock: np.full(6000, np.nan), "its timestamps go backwards, stand still or are missing"),
        (lambda clock: clock.astype("S"), "holds no numbers"),
        (lambda clock: clock.astype(complex), "holds no numbers"),
    ],
)
def test_timestamps_that_are_no_clock_are_refused(recording, change, said):
    with_timestamps(recording, change(np.arange(6000) / 1000))
    assert said in message_of(recording)
    list_contents(recording)


def electrical(path, **fields):
    return file_with_electrical_series(path, raw_emg(), locations=["TA", "SOL", "VL"], **fields)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.ones(2), "has 2 conversions for 3 columns"),
        (np.ones(0), "has 0 conversions for 3 columns"),
        (np.full(3, np.nan), "its conversion is nan"),
        (np.zeros(3), "its conversion is 0"),
        (np.array([b"a", b"b", b"c"]), "holds no numbers"),
    ],
)
def test_conversions_of_channels_that_cannot_be_are_refused(tmp_path, values, said):
    path = electrical(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        file[EMG].create_dataset("channel_conversion", data=values).attrs["axis"] = np.int32(1)
    assert said in message_of(path)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([0, 1, 99], "names electrode 99, and the table of electrodes has 3 rows"),
        ([0, 1, -1], "names electrode -1, and the table of electrodes has 3 rows"),
        ([0, 1, 2, 2], "names 4 electrodes for 3 columns"),
    ],
)
def test_electrodes_that_are_not_in_the_table_are_refused(tmp_path, rows, said):
    path = electrical(tmp_path / "a.nwb")
    replace(path, f"{EMG}/electrodes", data=np.array(rows))
    assert f"{EMG}/electrodes: {said}" in message_of(path)
    list_contents(path)


def test_an_offset_that_is_no_number_is_refused(recording):
    with h5py.File(recording, "r+") as file:
        file[f"{EMG}/data"].attrs["offset"] = np.nan
    assert f"{EMG}: its offset is nan. Set the true offset" in message_of(recording)


def test_samples_that_are_no_numbers_are_refused(recording):
    with h5py.File(recording, "r+") as file:
        references = np.array([file["acquisition"].ref] * 10, dtype=h5py.ref_dtype)
    compound = np.zeros(10, dtype=[("a", "f4"), ("b", "f4")])
    for values in (compound, references):
        replace(recording, f"{EMG}/data", data=values, dtype=values.dtype)
        assert "there is no numeric series at this path" in str(error_of(recording))
        list_contents(recording)


def error_of(path):
    with pytest.raises(SourceError) as caught:
        open_emg(path, path=EMG)
    return caught.value


@pytest.mark.parametrize("kind", ["gone", "no JSON", "cyclic"])
def test_kept_specifications_that_are_broken_give_way_to_those_installed(recording, kind):
    with h5py.File(recording, "r+") as file:
        core = file["specifications/core"]
        version = next(iter(core))
        if kind == "gone":
            for name in list(core[version]):
                del core[version][name]
        else:
            text = "{" if kind == "no JSON" else '{"namespaces": [{"name": "core", "schema": [{"namespace": "core"}]}]}'
            del core[version]["namespace"]
            core[version]["namespace"] = text
    with open_emg(recording) as opened:
        assert opened.n_samples == 6000
        assert not any("\n" in each for each in opened.assumptions)


def test_what_readers_raise_and_warn_of_is_one_line():
    class Builder:
        path = "root/acquisition/EMG"

    dump = RuntimeError(Builder(), "the reason\nand more")
    assert one_line(dump) == "RuntimeError at root/acquisition/EMG: the reason"
    assert len(one_line(ValueError("x" * 10_000))) < 250
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with border("a.nwb") as notes:
            warnings.warn("your data may be transposed\nsee there", UserWarning, stacklevel=1)
    assert (shown, notes) == ([], ["the reader of the file warns: your data may be transposed"])
    with (
        assert_refused(
            SourceError,
            "a.nwb, EMG: cannot be read (KeyError: gone)",
            "Run pynwb-validate on it to see what is wrong with it, or get a complete copy",
        ),
        border("a.nwb", "EMG"),
    ):
        raise KeyError("gone")
