"""Whatever is wrong with the input: one clear message, exit 1, no file left."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import emg_series, file_with_2d_series, new_nwbfile, raw_emg, save

from nwb_autolfads.cli import main

PROC = Path("/proc")


@pytest.fixture
def refusal(capsys, tmp_path):
    """Call the command line, require exit 1, one message, no traceback, no new file; return the message."""

    def refusal(*arguments):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        message = capsys.readouterr().err
        assert ended.value.code == 1, message
        assert message.startswith("nwb-autolfads: ")
        assert message.count("nwb-autolfads: ") == 1
        assert "Traceback" not in message
        assert sorted(tmp_path.rglob("*")) == before
        return message

    return refusal


@pytest.fixture
def session(tmp_path):
    return file_with_2d_series(tmp_path / "walk.nwb")


def test_a_missing_file_is_named(refusal, tmp_path):
    assert "no such file" in refusal("run", tmp_path / "missing.nwb")


def test_text_is_no_nwb_file(refusal, tmp_path):
    file = tmp_path / "notes.nwb"
    file.write_text("not HDF5")
    assert f"{file}: is not an NWB file" in refusal("run", file)
    assert "is not an NWB file" in refusal("inspect", file)
    assert "NWB" in refusal("report", file)


def test_hdf5_without_nwb_is_said_to_be_that(refusal, tmp_path):
    file = tmp_path / "plain.h5"
    with h5py.File(file, "w") as hdf5:
        hdf5["EMG"] = raw_emg()
    assert "is HDF5 but not an NWB file" in refusal("run", file)


def test_no_emg_lists_what_was_found(refusal, tmp_path):
    file = file_with_2d_series(tmp_path / "x.nwb", name="position", unit="degrees")
    message = refusal("run", file)
    assert "no EMG was found" in message
    assert "acquisition/position" in message
    assert "--emg" in message


def test_ambiguous_emg_lists_the_candidates_and_the_flag(refusal, tmp_path):
    nwbfile = new_nwbfile()
    for name in ("EMG_left", "EMG_right"):
        nwbfile.add_acquisition(emg_series(raw_emg(), name=name))
    message = refusal("run", save(nwbfile, tmp_path / "x.nwb"))
    for said in ("acquisition/EMG_left", "acquisition/EMG_right", "--emg"):
        assert said in message


@pytest.mark.parametrize("estimator", ["lowpass", "autolfads"])
def test_a_recording_shorter_than_a_window_is_refused(refusal, tmp_path, estimator):
    file = file_with_2d_series(tmp_path / "x.nwb", raw_emg(20))
    assert "short" in refusal("run", file, "--estimator", estimator)


def test_all_flat_channels_are_refused(refusal, tmp_path):
    assert "flat" in refusal("run", file_with_2d_series(tmp_path / "x.nwb", np.zeros((6000, 3))))


def test_emg_of_which_nearly_all_is_missing_is_named(refusal, tmp_path):
    data = raw_emg()
    data[100:] = np.nan
    message = refusal("run", file_with_2d_series(tmp_path / "x.nwb", data))
    assert "no muscle is usable: muscle 1 (98.3% of samples missing)" in message


def test_a_rate_too_low_for_the_filters_names_nyquist(refusal, tmp_path):
    message = refusal("run", file_with_2d_series(tmp_path / "x.nwb", rate=100.0))
    assert "Nyquist" in message
    assert "50 Hz" in message


def test_an_existing_output_is_refused_before_anything_is_computed(refusal, session, tmp_path):
    out = tmp_path / "out.nwb"
    out.write_text("precious")
    assert f"{out}: exists already" in refusal("run", session, "--out", out)
    assert out.read_text() == "precious"


def test_the_input_is_no_output(refusal, session):
    before = session.read_bytes()
    assert "is read by this command" in refusal("run", session, "--out", session, "--overwrite")
    assert session.read_bytes() == before


def test_a_missing_output_folder_is_named(refusal, session, tmp_path):
    message = refusal("run", session, "--out", tmp_path / "nowhere" / "out.nwb")
    assert str(tmp_path / "nowhere") in message
    assert "does not exist" in message


def test_a_folder_that_cannot_be_written_to_is_named(refusal, session, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    if os.access(locked, os.W_OK):  # root writes anywhere, but not there
        locked = PROC
    if not locked.is_dir():
        pytest.skip("this system has no folder that its administrator cannot write to")
    assert f"nothing can be written to the folder {locked}" in refusal("run", session, "--out", locked / "out.nwb")


def test_a_report_on_a_file_without_estimates_is_refused(refusal, session):
    assert "holds no estimate" in refusal("report", session)


def test_a_path_that_is_not_in_the_file_lists_those_that_are(refusal, session):
    assert "acquisition/EMG" in refusal("run", session, "--emg", "acquisition/XYZ")


def test_more_names_than_columns_are_refused(refusal, session):
    assert "4 muscle names" in refusal("run", session, "--muscles", "a,b,c,d")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("preprocessing:\n  highpass_hz: -1\n", "preprocessing.highpass_hz"),
        ("preprocesing: {}\n", "preprocesing"),
        ("lowpass:\n  magic: 1\n", "there is no setting lowpass.magic. Known are cutoff, order, block_ms, seed."),
        ("a: &a [1]\nb: *a\n", "aliases"),
        ("{", "is not YAML"),
        ("- 1\n", "all of it is [1], no settings"),
        ("!!python/object/apply:os.system ['true']\n", "is not YAML"),
        ("[" * 20_000, "nests deeper"),
        ("# " + "x" * 70_000, "larger than"),
    ],
    ids=["bound", "unknown part", "unknown setting", "alias", "no YAML", "list", "object", "deep", "large"],
)
def test_wrong_settings_are_named(refusal, session, tmp_path, text, said):
    settings = tmp_path / "settings.yaml"
    settings.write_text(text)
    assert said in refusal("run", session, "--estimator", "lowpass", "--config", settings)


def test_missing_settings_are_named(refusal, session, tmp_path):
    assert "missing.yaml: there is no such file" in refusal("run", session, "--config", tmp_path / "missing.yaml")


def test_wrong_training_settings_are_named(refusal, session, tmp_path):
    settings = tmp_path / "settings.yaml"
    for text, said in (
        ("autolfads: {training: {members: 0}}", "training.members"),
        ("autolfads: {training: 3}", "autolfads: training is 3, no settings"),
        ("autolfads: {nothing: 3}", "nothing"),
    ):
        settings.write_text(text)
        assert said in refusal("run", session, "--config", settings)


def test_only_autolfads_has_a_model_to_save(refusal, session, tmp_path):
    said = refusal("run", session, "--estimator", "lowpass", "--save-model", tmp_path / "m")
    assert "lowpass has no model that could be kept" in said


def test_a_model_that_is_none_is_refused(refusal, session, tmp_path):
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"\xff" * 100)
    assert str(model) in refusal("apply", model, session)


def test_debug_shows_where_an_error_comes_from(tmp_path):
    from nwb_autolfads.errors import SourceError

    with pytest.raises(SourceError):
        main(["run", str(tmp_path / "missing.nwb"), "--debug"])


def test_control_characters_of_a_file_do_not_reach_the_terminal(refusal, tmp_path):
    assert "\x1b" not in refusal("run", tmp_path / "\x1b[2Jmissing.nwb")


@pytest.mark.parametrize(
    ("estimator", "text", "said"),
    [
        ("lowpass", "lowpass: {cutoff: .nan}", "lowpass: cutoff=nan is out of range. Give a number from 0.01 up to"),
        ("bayes", "bayes: {grid: 1}", "bayes: grid=1 is out of range. Give a whole number from 3 up to 2,000"),
        (
            "autolfads",
            "autolfads: {training: {members: 0}}",
            "autolfads: training.members=0 is out of range. Give a whole number from 1 up to 1,024",
        ),
    ],
)
def test_wrong_settings_of_an_estimator_name_the_file_the_key_and_the_range(
    refusal, session, tmp_path, estimator, text, said
):
    settings = tmp_path / "settings.yaml"
    settings.write_text(text)
    assert f"{settings}, {said}" in refusal("run", session, "--estimator", estimator, "--config", settings)
