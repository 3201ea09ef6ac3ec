"""The commands, called as a user calls them: what they print, write and leave."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from builders import file_with_2d_series, raw_emg

from nwb_autolfads import read_activation
from nwb_autolfads.cli import main
from nwb_autolfads.lfads.kernels import compiled
from nwb_autolfads.results.read import list_estimates


@dataclass
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Answer(ended.value.code or 0, captured.out, captured.err)

    return call


@pytest.fixture
def session(tmp_path):
    return file_with_2d_series(tmp_path / "walk.nwb", comments="columns: TA, SOL, GM")


def test_run_says_what_it_assumed_did_and_wrote(call, session, tmp_path):
    answer = call("run", session, "--estimator", "lowpass", "--out", tmp_path / "result.nwb")
    assert answer.code == 0, answer.err
    for said in (
        "3 muscles, 6.0 s",
        "assumed: EMG is acquisition/EMG",
        "assumed: raw",
        "1000 Hz",
        "Preprocessed to 500 Hz",
    ):
        assert said in answer.out
    assert f"Wrote LowPass to {tmp_path / 'result.nwb'}" in answer.out
    estimate = read_activation(tmp_path / "result.nwb")
    assert estimate.attrs["estimator"] == "LowPass"
    assert estimate["activation"].shape == (3000, 3)
    assert np.isfinite(estimate["activation"].values).all()


def test_run_writes_beside_the_input_and_leaves_it_untouched(call, session):
    before = session.read_bytes()
    assert call("run", session, "--estimator", "lowpass").code == 0
    assert session.read_bytes() == before
    assert sorted(path.name for path in session.parent.iterdir()) == ["walk.nwb", "walk_activation.nwb"]


def test_run_in_place_adds_a_second_estimate_under_its_name(call, session):
    assert call("run", session, "--estimator", "lowpass", "--in-place").code == 0
    assert call("run", session, "--estimator", "lowpass", "--in-place", "--name", "Slow").code == 0
    assert list_estimates(session) == ["LowPass", "Slow"]
    refused = call("run", session, "--estimator", "lowpass", "--in-place")
    assert refused.code == 1
    assert "LowPass is in the file already" in refused.err
    assert call("run", session, "--estimator", "lowpass", "--in-place", "--overwrite").code == 0


def test_run_answers_programs_in_json_alone(call, session, tmp_path):
    answer = call("run", session, "--estimator", "lowpass", "--json", "--muscles", "a,b,c")
    values = json.loads(answer.out)
    assert values["file"] == str(tmp_path / "walk_activation.nwb")
    assert values["estimates"] == ["LowPass"]
    assert values["muscles"] == ["a", "b", "c"]
    assert values["rate"] == 500.0


def test_a_flat_muscle_is_left_out_and_said(call, tmp_path):
    data = raw_emg()
    data[:, 1] = 0
    session = file_with_2d_series(tmp_path / "walk.nwb", data, comments="columns: TA, SOL, GM")
    answer = call("run", session, "--estimator", "lowpass")
    assert answer.code == 0, answer.err
    assert [line for line in answer.out.splitlines() if "SOL" in line and "flat" in line]
    activation = read_activation(tmp_path / "walk_activation.nwb")["activation"]
    assert np.isnan(activation.sel(muscle="SOL").values).all()
    assert np.isfinite(activation.sel(muscle="TA").values).all()


def test_settings_reach_the_preprocessing_and_the_estimator(call, session, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("preprocessing:\n  analysis_rate_hz: 250\nlowpass:\n  cutoff: 5\n")
    answer = call("run", session, "--estimator", "lowpass", "--config", settings)
    assert answer.code == 0, answer.err
    estimate = read_activation(tmp_path / "walk_activation.nwb")
    assert estimate.attrs["rate"] == 250
    assert json.loads(estimate.attrs["config"])["cutoff_hz"] == 5


def test_inspect_shows_candidates_assumptions_and_quality(call, session):
    answer = call("inspect", session)
    assert answer.code == 0
    for said in ("acquisition/EMG (6000 x 3", "assumed: raw", "TA", "usable"):
        assert said in answer.out


def test_inspect_answers_programs_in_json(call, session):
    values = json.loads(call("inspect", session, "--json").out)
    assert values["emg"][0]["path"] == "acquisition/EMG"
    assert [row["muscle"] for row in values["quality"]] == ["TA", "SOL", "GM"]
    assert values["problem"] == ""


def test_inspect_of_a_file_without_emg_still_lists_what_is_there(call, tmp_path):
    session = file_with_2d_series(tmp_path / "other.nwb", name="position", unit="degrees")
    answer = call("inspect", session)
    assert answer.code == 0
    assert "acquisition/position" in answer.out
    assert "No EMG would be read" in answer.out


def test_report_writes_a_page_with_the_emg_behind_the_estimate(call, session):
    assert call("run", session, "--estimator", "lowpass").code == 0
    result = session.with_name("walk_activation.nwb")
    answer = call("report", result)
    assert answer.code == 0, answer.err
    page = result.with_suffix(".html").read_text(encoding="utf-8")
    assert "not drawn" not in page
    assert "acquisition/EMG" in page
    assert call("report", result).code == 1  # exists already
    assert call("report", result, "--overwrite").code == 0


def test_report_draws_the_emg_as_it_was_preprocessed_unless_told_otherwise(call, session, tmp_path, undrawn):
    settings = tmp_path / "settings.yaml"
    settings.write_text("preprocessing:\n  analysis_rate_hz: 250\n")
    assert call("run", session, "--estimator", "lowpass", "--config", settings).code == 0
    result = session.with_name("walk_activation.nwb")
    call("report", result)
    assert "not drawn" not in result.with_suffix(".html").read_text(encoding="utf-8")
    settings.write_text("preprocessing:\n  analysis_rate_hz: 200\n")
    call("report", result, "--overwrite", "--config", settings)
    assert "not drawn" in result.with_suffix(".html").read_text(encoding="utf-8")


def test_simulate_writes_a_session_that_inspect_understands(call, tmp_path):
    session = tmp_path / "session.nwb"
    assert call("simulate", session, "--duration", 3, "--seed", 4).code == 0
    values = json.loads(call("inspect", session, "--json").out)
    assert values["problem"] == ""
    assert len(values["quality"]) == 12


def test_doctor_finds_what_is_installed_and_how_to_get_the_rest(call):
    answer = call("doctor", "--json")
    facts = {fact["subject"]: fact for fact in json.loads(answer.out)["facts"]}
    assert answer.code == 0
    assert facts["numpy"]["found"] == np.__version__
    assert all(fact["found"] or "pip install" in fact["advice"] for fact in facts.values())
    assert facts["compiled kernel"]["found"].endswith(compiled.load().status)
    assert facts["compiled kernel"]["found"].startswith("none") == (compiled.load().functions is None)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("run", "x.nwb", "--estimator", "magic"),
        ("run", "x.nwb", "--out", "y.nwb", "--in-place"),
        ("run", "x.nwb", "--estimator", "all", "--name", "n"),
        ("run", "x.nwb", "--seed", "-1"),
        ("no-such-command",),
    ],
)
def test_wrong_usage_exits_with_2(call, arguments):
    assert call(*arguments).code == 2


def test_real_walking_is_estimated_in_one_command(call, shared_data, tmp_path):
    answer = call(
        "run", shared_data / "walk13" / "ID0012_TW_01.nwb", "--estimator", "lowpass", "--out", tmp_path / "x.nwb"
    )
    assert answer.code == 0, answer.err
    for said in ("acquisition/EMG", "raw", "1000 Hz", "volts", "13 muscles, named by the series' comments"):
        assert said in answer.out
    assert read_activation(tmp_path / "x.nwb")["muscle"].values[0] == "ME"


@pytest.mark.slow
def test_run_kept_in_a_folder_is_not_trained_twice(call, tmp_path):
    session, settings, kept = tmp_path / "session.nwb", tmp_path / "short.yaml", tmp_path / "kept"
    assert call("simulate", session, "--duration", 3, "--seed", 4).code == 0
    settings.write_text(
        "autolfads: {posterior_samples: 1, training: {max_epochs: 1, steps_per_epoch: 1, validation_windows: 2}}"
    )
    options = ("--config", settings, "--resume", kept, "--overwrite")
    first = call("run", session, *options, "--out", tmp_path / "first.nwb")
    assert first.code == 0, first.err
    before = (kept / "state.safetensors").stat().st_mtime_ns
    second = call("run", session, *options, "--out", tmp_path / "second.nwb")
    assert second.code == 0, second.err
    assert (kept / "state.safetensors").stat().st_mtime_ns == before
    a, b = (read_activation(tmp_path / f"{name}.nwb")["activation"].values for name in ("first", "second"))
    np.testing.assert_array_equal(a, b)
    other = call("run", session, *options, "--seed", 1, "--out", tmp_path / "third.nwb")
    assert other.code == 1
    assert "another configuration, seed or recording" in other.err
