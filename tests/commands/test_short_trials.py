"""A session that was recorded in short trials, typed through as a new user would: inspect, run, compare, report."""

import json
import re
import shlex

import numpy as np
import pytest
import yaml
from commands.test_printed_recipes import TINY, call
from trial_sessions import TRIAL_S, session_of_trials

import nwb_autolfads as nal
from nwb_autolfads.errors import SignalError

N_TRIALS = 30


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trials")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    return session_of_trials(folder / "steps.nwb", N_TRIALS)


@pytest.fixture(scope="module")
def result(session):
    out = session.with_name("out.nwb")
    settings = ["--config", session.with_name("tiny.yaml"), "--out", out]
    call(
        "run",
        session,
        "--emg",
        "acquisition/EMG",
        "--trials",
        "trials",
        "--trial-from",
        0,
        "--trial-to",
        200,
        *settings,
    )
    call("run", out, "--estimator", "lowpass", "--in-place")
    return out


def test_inspect_finds_the_trials_and_what_it_proposes_can_be_typed(session, capsys):
    call("inspect", session)
    said = capsys.readouterr().out
    assert f"  {N_TRIALS - 1} gaps between {N_TRIALS} stretches of 0.22 s" in said
    assert "\nevents: " not in said  # a series of samples with timestamps is none
    options = re.search(rf"^trials: {N_TRIALS} trials of 220 ms: (.*)$", said, re.MULTILINE)[1]
    out = session.with_name("proposed.nwb")
    call("run", session, *shlex.split(options), "--config", session.with_name("tiny.yaml"), "--out", out)
    assert f"Cut {N_TRIALS} trials of 220 ms" in capsys.readouterr().out
    call("inspect", session, "--json")
    assert json.loads(capsys.readouterr().out)["trials"][0]["options"] == options


def test_stretches_shorter_than_a_window_are_windows(session, capsys):
    out = session.with_name("short.nwb")
    call("run", session, "--config", session.with_name("tiny.yaml"), "--out", out)
    assert (
        "Windows are what was recorded between gaps, up to 220 ms, whatever window_ms says" in capsys.readouterr().err
    )
    estimate = nal.read_activation(out)
    assert np.isfinite(estimate["activation"].values).all()
    assert estimate.sizes["window"] == N_TRIALS
    assert json.loads(estimate.attrs["config"])["window_ms"] == 1000 * TRIAL_S


def test_too_few_of_them_are_refused_with_what_to_type(session):
    emg = nal.preprocess(nal.open_emg(session, path="acquisition/EMG"))
    with pytest.raises(SignalError) as refused:
        nal.AutoLFADS("quick").fit(emg.isel(time=emg["segment"] < 9))
    assert "0.220 s, shorter than one window of 0.300 s" in str(refused.value)
    assert "train with autolfads: {window_ms: 220, window_overlap_ms: 110} in a settings file (--config)" in str(
        refused.value
    )


def test_compare_tells_of_everything_in_the_file(result, capsys):
    call("compare", result, "--folds", 5, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["missing"] == {}
    config = found["behavior"]["config"]
    assert config["events"] == "trials:start_time"
    np.testing.assert_allclose(config["around_s"], [0, 0.198])
    assert max(abs(lag) for lag in config["lags_s"]) <= 0.1
    assert found["response"]["config"]["window_s"] == pytest.approx(0.2)
    assert {row["estimator"] for row in found["cortex"]["scores"] if "estimator" in row} == {"AutoLFADS", "LowPass"}


@pytest.mark.usefixtures("undrawn")
def test_the_page_shows_trials_as_trials(result):
    page = result.with_suffix(".html")
    call("report", result, "--out", page)
    text = page.read_text(encoding="utf-8")
    assert "Not drawn" not in text
    assert "The EMG is not drawn" not in text
    assert "other settings" not in text


@pytest.mark.slow
@pytest.mark.parametrize("cut", [True, False], ids=["recorded in trials", "recorded as a whole"])
@pytest.mark.usefixtures("undrawn")
def test_a_session_of_150_trials_works_as_typed(cut, tmp_path, monkeypatch, capsys):
    session = session_of_trials(tmp_path / "steps.nwb", 150, cut=cut)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    call("inspect", session.name)
    options = re.search(r"^trials: 150 trials of 220 ms: (.*)$", capsys.readouterr().out, re.MULTILINE)[1]
    call("run", session.name, "--estimator", "all", *shlex.split(options), "--config", "tiny.yaml", "--out", "out.nwb")
    call("compare", "out.nwb", "--json")
    printed = capsys.readouterr().out
    found = json.loads(printed[printed.index("{") :])
    assert found["missing"].keys() <= {"unseen"}
    assert {row["estimator"] for row in found["behavior"]["scores"] if "estimator" in row} == {
        "AutoLFADS",
        "BayesianFilter",
        "LowPass",
        "WienerSmoother",
    }
    call("report", "out.nwb")
    text = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert not [said for said in ("No muscle was estimated", "Not drawn", "The EMG is not drawn") if said in text]
