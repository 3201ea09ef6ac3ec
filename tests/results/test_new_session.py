"""EMG that has no NWB file becomes one, with all that such a file needs, or what is missing is named."""

from __future__ import annotations

from datetime import UTC, datetime

import neo
import numpy as np
import pynwb
import pytest
import quantities as pq
from builders import emg_series, file_with_2d_series, file_with_container, raw_emg
from messages import assert_refused
from nwbinspector import Importance, inspect_nwbfile
from pynwb import TimeSeries
from range_server import serve

from nwb_autolfads import read_activation
from nwb_autolfads.cli import main
from nwb_autolfads.errors import OutputError
from nwb_autolfads.results.new_session import EMG_PATH, write_session
from nwb_autolfads.sources import open_emg

START = datetime(2024, 5, 1, 9, 30, tzinfo=UTC)
SUBJECT = {"subject_id": "s1", "species": "Homo sapiens", "age": "P30Y", "sex": "F"}
FLAGS = ["--session-start", "2024-05-01T09:30:00Z", "--subject", "s1", "--species", "Homo sapiens"]


def recorded(*, gap: bool = False) -> neo.Block:
    data = 0.3 * raw_emg(5000)
    block = neo.Block()
    for part, start in ((data[:3000], 2.0), (data[3000:], 9.5 if gap else 5.0)):
        segment = neo.Segment()
        names = np.array(["EMG TA", "EMG SOL", "EMG MG"])
        segment.analogsignals.append(
            neo.AnalogSignal(
                part, "mV", sampling_rate=1 * pq.kHz, t_start=start * pq.s, array_annotations={"channel_names": names}
            )
        )
        block.segments.append(segment)
    return block


def refusal(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert ended.value.code == 1
    return capsys.readouterr().err


def done(*arguments) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert not ended.value.code


@pytest.mark.parametrize("gap", [False, True])
def test_a_recording_reads_the_same_from_its_new_file(tmp_path, gap):
    source = open_emg(recorded(gap=gap))
    path = write_session(source, tmp_path / "new.nwb", start=START, subject=SUBJECT)
    with open_emg(path) as copy:
        assert copy.origin.object_path == EMG_PATH
        assert (copy.muscles, copy.rectified) == (source.muscles, source.rectified)
        assert copy.rate == pytest.approx(1000.0, rel=1e-9)
        assert [part.start_time for part in copy.segments] == ([2.0, 9.5] if gap else [2.0])
        millivolts = 1e3 if copy.unit == "V" else 1.0
        np.testing.assert_allclose(copy.read(0, 5000) * millivolts, source.read(0, 5000), rtol=1e-5)


def test_the_new_file_is_valid_and_good(tmp_path):
    path = write_session(open_emg(recorded()), tmp_path / "new.nwb", start=START, subject=SUBJECT)
    assert pynwb.validate(path=str(path)) in ([], ([], 0))
    severe = [
        each for each in inspect_nwbfile(nwbfile_path=path, importance_threshold=Importance.BEST_PRACTICE_VIOLATION)
    ]
    assert severe == []
    with pynwb.NWBHDF5IO(path, "r") as io:
        nwbfile = io.read()
        assert nwbfile.session_start_time == START
        assert (nwbfile.subject.subject_id, nwbfile.subject.species) == ("s1", "Homo sapiens")


def test_masks_go_along(tmp_path):
    data, mask = np.abs(raw_emg(400)), np.arange(400) % 3 == 0
    timestamps = 2.0 + np.arange(400) * 0.02
    series = [emg_series(data[:, 0], name=name, unit="mV", timestamps=timestamps) for name in ("FCR", "FCU")]
    series.append(TimeSeries(name="eval_mask", data=mask, unit="bool", timestamps=timestamps))
    with open_emg(file_with_container(tmp_path / "a.nwb", series)) as recording:
        path = write_session(recording, tmp_path / "b.nwb", start=START, subject=SUBJECT)
    with open_emg(path) as copy:
        np.testing.assert_array_equal(copy.masks["eval_mask"](0, 400), mask)


def test_all_that_is_missing_is_named_at_once(tmp_path):
    data = neo.AnalogSignal(raw_emg(500), "mV", sampling_rate=1 * pq.kHz)
    with pytest.raises(OutputError) as caught:
        write_session(open_emg(data, path="channel*"), tmp_path / "a.nwb", start=None, subject={})
    said = str(caught.value)
    for missing in ("when the session started", "the subject's id", "its species"):
        assert missing in said
    assert "Give --session-start, --subject, --species and --muscles" in said
    with assert_refused(
        OutputError, "a.nwb: the session start 2024-01-01T00:00:00 has no time zone", "Add it, such as +02:00 or Z"
    ):
        write_session(open_emg(recorded()), tmp_path / "a.nwb", start=datetime(2024, 1, 1), subject=SUBJECT)
    assert not list(tmp_path.iterdir())


def test_muscles_that_nothing_names_must_be_named(tmp_path):
    unnamed = file_with_2d_series(tmp_path / "a.nwb")
    missing = "a new NWB file needs the names of the muscles"
    with open_emg(unnamed) as recording, pytest.raises(OutputError, match=missing):
        write_session(recording, tmp_path / "b.nwb", start=START, subject=SUBJECT)


def test_run_makes_an_nwb_file_of_a_spike2_recording(shared_data, tmp_path, capsys):
    source, out = shared_data / "spike2" / "biomech0deg.smr", tmp_path / "out.nwb"
    assert "Name a new NWB file with --out OUT.nwb" in refusal(capsys, "run", source, "--estimator", "lowpass")
    said = refusal(capsys, "run", source, "--estimator", "lowpass", "--out", out)
    assert "a new NWB file needs when the session started" in said
    assert not list(tmp_path.iterdir())
    done("run", source, "--estimator", "lowpass", "--out", out, *FLAGS)
    estimate = read_activation(out)
    assert estimate["muscle"].values.tolist() == ["prox_EMG", "dist_EMG"]
    with open_emg(out) as copy, open_emg(source) as original:
        np.testing.assert_allclose(copy.read(500, 600), original.read(500, 600), rtol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["out.nwb"]


def test_the_session_can_be_told_by_the_settings_file(shared_data, tmp_path, capsys):
    settings = tmp_path / "session.yaml"
    settings.write_text(
        "session: {start: 2024-05-01T09:30:00Z, subject_id: s1, species: Homo sapiens, age: P30Y, muscles: [MG, SOL]}"
    )
    source = shared_data / "spike2" / "biomech0deg.smr"
    done("run", source, "--estimator", "lowpass", "--out", tmp_path / "out.nwb", "--config", settings)
    assert read_activation(tmp_path / "out.nwb")["muscle"].values.tolist() == ["MG", "SOL"]
    settings.write_text("session: {start: 2024-05-01T09:30:00}")
    assert "session.start" in refusal(capsys, "run", source, "--out", tmp_path / "b.nwb", "--config", settings)


def test_run_on_an_address_takes_session_and_subject_from_the_file(tmp_path):
    pytest.importorskip("remfile", reason="reading over the network needs the extra streaming")
    (tmp_path / "served").mkdir()
    file_with_2d_series(tmp_path / "served" / "a.nwb", comments="columns: TA, SOL, MG")
    out = tmp_path / "out.nwb"
    with serve(tmp_path / "served") as server:
        done("run", server.address("a.nwb"), "--estimator", "lowpass", "--out", out)
    with pynwb.NWBHDF5IO(out, "r") as io:
        nwbfile = io.read()
        assert nwbfile.subject.species == "Rattus norvegicus"
        assert "EMG" in nwbfile.acquisition
    assert np.isfinite(read_activation(out)["activation"].values).all()
