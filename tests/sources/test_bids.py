"""EMG-BIDS: an EDF or BDF with a table of channels beside it, and what the table decides and tells."""

import json

import numpy as np
import pytest
from builders import raw_emg
from messages import assert_refused

from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.contents import list_contents
from nwb_autolfads.sources.neo.bids.files import LARGEST

pyedflib = pytest.importorskip("pyedflib", reason="writing EDF and BDF needs pyedflib (extra test)")

COLUMNS = ["name", "type", "units", "signal_electrode", "reference", "target_muscle", "placement", "status"]
ROWS = [
    ["c1", "EMG", "uV", "E1", "E2", "left tibialis anterior", "belly", "good"],
    ["c2", "EMG", "uV", "E3", "E4", "left soleus", "n/a", "bad"],
    ["trigger", "TRIG", "V", "n/a", "n/a", "n/a", "n/a", "n/a"],
]
DATA = 400 * raw_emg(4000)
STEP = {"edf": 6400 / 2**16, "bdf": 6400 / 2**24}  # of the numbers that the format holds


def write(path, names=("c1", "c2", "trigger")):
    kind, largest = {".edf": (pyedflib.FILETYPE_EDFPLUS, 2**15), ".bdf": (pyedflib.FILETYPE_BDFPLUS, 2**23)}[
        path.suffix
    ]
    with pyedflib.EdfWriter(str(path), len(names), file_type=kind) as writer:
        for index, name in enumerate(names):
            header = {"label": name, "dimension": "uV", "sample_frequency": 1000, "transducer": "", "prefilter": ""}
            header |= {"physical_min": -3200.0, "physical_max": 3200.0}
            writer.setSignalHeader(index, header | {"digital_min": -largest, "digital_max": largest - 1})
        writer.writeSamples([np.ascontiguousarray(column) for column in DATA.T])
    return path


def table(path, rows=None, columns=COLUMNS):
    path.write_text("\n".join("\t".join(row) for row in [columns, *(rows or ROWS)]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "data" / "sub-01" / "emg"
    made.mkdir(parents=True)
    (tmp_path / "data" / "dataset_description.json").write_text("{}")
    return made


@pytest.mark.parametrize("kind", ["edf", "bdf"])
def test_the_table_says_which_channels_are_emg_and_of_which_muscles(folder, kind):
    path = write(folder / f"sub-01_task-walk_emg.{kind}")
    table(folder / "sub-01_task-walk_channels.tsv")
    with open_emg(path) as recording:
        assert recording.muscles == ("left tibialis anterior", "left soleus")
        assert (recording.unit, recording.rate) == ("uV", 1000.0)
        np.testing.assert_allclose(recording.read(100, 3000), DATA[100:3000, :2], atol=2 * STEP[kind])
        said = recording.assumptions
        emg = preprocess(recording)
    assert "EMG channels are those of type EMG in sub-01_task-walk_channels.tsv" in said
    assert "recorded against the reference E2, E4; nothing was subtracted" in said
    assert "sub-01_task-walk_channels.tsv says that these are bad: c2" in said
    assert "2 muscles, named by the table of channels" in said
    assert emg["source_channel"].values.tolist() == ["c1", "c2"]
    assert emg["placement"].values.tolist() == ["belly", ""]
    assert emg["side"].values.tolist() == ["left", "left"]


def test_channels_of_one_muscle_keep_their_own_names(folder):
    path = write(folder / "sub-01_task-walk_emg.edf")
    rows = [[*row[:5], "soleus", *row[6:]] for row in ROWS[:2]]
    table(folder / "sub-01_task-walk_channels.tsv", rows)
    with open_emg(path) as recording:
        assert recording.muscles == ("c1", "c2")
        assert recording.about["full_name"] == ("soleus", "soleus")


def test_a_table_further_up_holds_for_all_recordings_below_it_unless_one_is_nearer(folder):
    path = write(folder / "sub-01_task-walk_emg.edf")
    data = folder.parents[1]
    table(data / "task-walk_channels.tsv")
    table(data / "task-run_channels.tsv", [["c1", "TRIG", *ROWS[0][2:]]])
    table(data.parent / "task-walk_channels.tsv", [["c1", "TRIG", *ROWS[0][2:]]])  # outside the data set
    with open_emg(path) as recording:
        assert recording.muscles == ("left tibialis anterior", "left soleus")
    table(folder / "sub-01_channels.tsv", [ROWS[1]])
    with open_emg(path) as recording:
        assert recording.muscles == ("left soleus",)


def test_another_unit_in_the_table_is_said_and_that_of_the_recording_taken(folder):
    path = write(folder / "sub-01_emg.edf")
    table(folder / "sub-01_channels.tsv", [["c1", "EMG", "mV", *ROWS[0][3:]]])
    with open_emg(path) as recording:
        assert "c1: sub-01_channels.tsv says mV; uV, as the recording itself says, was taken" in recording.assumptions
        assert recording.unit == "uV"


def test_a_line_that_ends_early_says_nothing_of_its_channel(folder):
    path = write(folder / "sub-01_emg.edf")
    table(folder / "sub-01_channels.tsv", [["EMG", "c1"], ["TRIG"]], ["type", "name", "target_muscle"])
    with open_emg(path) as recording:
        assert recording.muscles == ("c1",)


def test_inspect_shows_the_muscles_of_the_table(folder):
    path = write(folder / "sub-01_emg.bdf")
    table(folder / "sub-01_channels.tsv")
    found = list_contents(path)
    assert [each.candidate.muscles for each in found.emg] == [("left tibialis anterior",), ("left soleus",)]
    assert [each.path for each in found.other] == ["trigger"]
    assert found.note.startswith("read by pyedflib; EMG channels are those of type EMG")


def test_without_a_table_channels_are_taken_by_their_names(folder):
    with open_emg(write(folder / "sub-01_emg.edf", ["EMG TA", "EMG SOL", "ECG"])) as recording:
        assert recording.muscles == ("EMG TA", "EMG SOL")


ELECTRODES = [
    ["E1", "10", "20", "n/a", "shank"],
    ["E2", "30", "20", "n/a", "shank"],
    ["E3", "n/a", "n/a", "n/a", "thigh"],
    ["c2", "5", "6", "7", "thigh"],
]
PLACES = ["name", "x", "y", "z", "coordinate_system"]
SIDECAR = {
    "EMGPlacementScheme": "ChannelSpecific",
    "EMGPlacementSchemeDescription": "midway between knee and ankle",
    "EMGReference": "left patella",
    "SamplingFrequency": 2000,
    "PowerLineFrequency": 60,
    "SoftwareFilters": {"Notch": {"Frequency (Hz)": 60}},
    "HardwareFilters": "n/a",
    "RecordingType": "epoched",
}


def test_places_of_electrodes_are_read_with_their_units_and_coordinate_systems(folder):
    path = write(folder / "sub-01_task-walk_emg.edf")
    table(folder / "sub-01_task-walk_channels.tsv")
    table(folder / "sub-01_electrodes.tsv", ELECTRODES, PLACES)
    (folder / "sub-01_space-shank_coordsystem.json").write_text('{"EMGCoordinateUnits": "mm"}')
    (folder / "sub-01_coordsystem.json").write_text('{"thigh": {"EMGCoordinateUnits": "percent"}}')
    with open_emg(path) as recording:
        assert recording.about["placement"] == (
            "belly; E1 at x=10 y=20 mm (shank), E2 at x=30 y=20 mm (shank)",
            "c2 at x=5 y=6 z=7 percent (thigh)",  # its electrodes have no place, but the device has
        )
        assert "places of electrodes are those in sub-01_electrodes.tsv, in the coordinates that it names" in (
            recording.assumptions
        )


def test_electrodes_of_one_name_are_told_apart_by_their_group(folder):
    path = write(folder / "sub-01_emg.edf")
    columns = ["name", "type", "signal_electrode", "group"]
    table(folder / "sub-01_channels.tsv", [["c1", "EMG", "1", "grid1"], ["c2", "EMG", "1", "grid2"]], columns)
    rows = [["1", "0", "0", "grid1"], ["1", "9", "9", "grid2"]]
    table(folder / "sub-01_electrodes.tsv", rows, ["name", "x", "y", "group"])
    with open_emg(path) as recording:
        assert recording.about["placement"] == ("1 at x=0 y=0", "1 at x=9 y=9")


def test_the_sidecar_says_reference_filters_mains_and_breaks(folder):
    path = write(folder / "sub-01_task-walk_emg.edf")
    table(folder / "sub-01_task-walk_channels.tsv", [[*row[:4], "n/a", *row[5:]] for row in ROWS])
    (folder / "sub-01_task-walk_emg.json").write_text(json.dumps(SIDECAR))
    with open_emg(path) as recording:
        said = recording.assumptions
        assert recording.about["placement"] == ("belly", "midway between knee and ankle")
        assert recording.rate == 1000.0
    name = "sub-01_task-walk_emg.json"
    assert "recorded against the reference left patella; nothing was subtracted" in said
    assert f"{name} says 2000 Hz; 1000 Hz, as the recording itself says, was taken" in said
    assert f"{name} says mains of 60 Hz; what is removed is found in the spectrum (or mains_hz)" in said
    assert f'{name} says that it is filtered (SoftwareFilters): {{"Notch": {{"Frequency (Hz)": 60}}}}' in said
    assert f"{name} says that it is epoched, but not where its parts meet: it is read as one segment" in said
    assert not any("HardwareFilters" in each for each in said)


def test_a_field_of_the_sidecar_counts_that_is_nearest(folder):
    path = write(folder / "sub-01_task-walk_emg.edf", ["EMG TA", "EMG SOL", "ECG"])
    (folder.parents[1] / "emg.json").write_text('{"EMGReference": "sacrum", "PowerLineFrequency": 50}')
    (folder / "sub-01_emg.json").write_text('{"EMGReference": "patella"}')
    (folder / "sub-01_task-run_emg.json").write_text('{"EMGReference": "ankle"}')  # of another recording
    with open_emg(path) as recording:
        said = [each for each in recording.assumptions if "reference" in each or "mains" in each]
    assert [each.partition(";")[0] for each in said] == [
        "recorded against the reference patella",
        "sub-01_emg.json says mains of 50 Hz",
    ]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("sub-01_emg.json", "{", "the sidecar of the recording cannot be read (Expecting property name"),
        ("sub-01_emg.json", "[]", "the sidecar of the recording cannot be read (a list, not an object)"),
        ("sub-01_electrodes.tsv", "x\ty\n1\t2\n", "the table of electrodes cannot be read (no column name)"),
        ("sub-01_emg.json", " " * (LARGEST + 1), f"cannot be read ({LARGEST + 1} bytes)"),
    ],
)
def test_files_that_cannot_be_read_are_refused_by_their_names(folder, name, content, problem):
    path = write(folder / "sub-01_emg.edf")
    (folder / name).write_text(content)
    with pytest.raises(SourceError) as refused:
        open_emg(path)
    assert f"{name}: " in str(refused.value)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no columns name and type"),
        (b"name\tunits\nc1\tuV\n", "no columns name and type"),
        (b"name\ttype\n\xff\tEMG\n", "'utf-8' codec can't decode byte 0xff in position 10: invalid start byte"),
        (b"x" * (LARGEST + 1), f"{LARGEST + 1} bytes"),
    ],
    ids=["empty", "without_types", "no_text", "large"],
)
def test_a_table_that_cannot_be_read_is_refused_by_its_name(folder, content, reason):
    path = write(folder / "sub-01_emg.edf")
    (folder / "sub-01_channels.tsv").write_bytes(content)
    with assert_refused(
        SourceError,
        f"sub-01_channels.tsv: the table of channels cannot be read ({reason})",
        "Mend it, or move it away: the channels are then taken by their names",
    ):
        open_emg(path)
