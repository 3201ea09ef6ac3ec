"""The verdict of a run: made from EMG that no model was trained on, printed, in the file, and for programs."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from builders import file_with_2d_series, raw_emg
from trial_sessions import session_of_trials

import nwb_autolfads as nal
from nwb_autolfads.cli import main
from nwb_autolfads.estimators import registry
from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS
from nwb_autolfads.evaluation.truth import score_against_truth
from nwb_autolfads.evaluation.unseen import HELD_OUT
from nwb_autolfads.results.read import list_estimates
from nwb_autolfads.simulate import read_true_activation

PAGE = Path(__file__).resolve().parents[2] / "docs" / "verdict.md"
TINY = """
autolfads:
  generator: 8
  controller: 8
  ic_encoder: 8
  ci_encoder: 8
  factors: 3
  training: {members: 1, max_epochs: 1, ramp_epochs: 1, decay_epochs: 1, steps_per_epoch: 2, budget_s: null}
"""


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert not ended.value.code, err
    return out


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verdict")
    (folder / "tiny.yaml").write_text(TINY)
    return file_with_2d_series(folder / "walk.nwb", raw_emg(12_000), comments="columns: TA, SOL, GM")


def test_a_run_judges_where_its_model_was_not_trained(session, tmp_path, capsys, monkeypatch):
    taught: list[xr.DataArray] = []
    fit = AutoLFADS.fit

    def watched(self, emg):
        taught.append(emg)
        return fit(self, emg)

    monkeypatch.setattr(AutoLFADS, "fit", watched)
    options = ["--config", session.with_name("tiny.yaml"), "--json"]
    out = tmp_path / "out.nwb"
    printed = json.loads(call(capsys, "run", session, "--estimator", "all", "--out", out, *options))
    estimate = nal.read_activation(out, "AutoLFADS")
    config = json.loads(estimate.attrs["config"])
    blocks = np.array(config[HELD_OUT])
    assert len(blocks) == 4
    time = taught[0]["time"].values
    inside = np.logical_or.reduce([(time > start) & (time < stop) for start, stop in blocks])
    assert 0.09 < inside.mean() < 0.11
    assert np.isnan(taught[0].values[inside]).all()
    assert np.isfinite(taught[0].values[~inside]).all()
    assert np.isfinite(estimate["activation"].values[inside]).all()
    assert printed["verdict"] == config["verdict"]
    assert printed["verdict"]["subject"] == "AutoLFADS"
    assert "in EMG that no model was trained on" in printed["verdict"]["findings"][0]["text"]
    assert "over 4 blocks" in printed["verdict"]["findings"][0]["text"]
    told = call(capsys, "compare", out)
    assert "EMG that no model was trained on" in told
    # The Python of the page on the verdict, as it stands there.
    shutil.copy(session, tmp_path / "session.nwb")
    out.rename(tmp_path / "session_activation.nwb")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0], names)
    assert names["scores"].attrs["n_blocks"] == 4


def test_a_model_is_judged_on_another_recording_and_not_on_its_own(session, tmp_path, capsys):
    model = tmp_path / "model.safetensors"
    tiny = session.with_name("tiny.yaml")
    call(capsys, "run", session, "--config", tiny, "--save-model", model, "--out", tmp_path / "run.nwb")
    other = file_with_2d_series(tmp_path / "other.nwb", raw_emg(12_000, seed=1), comments="columns: TA, SOL, GM")
    with h5py.File(other, "r+") as file:
        del file["identifier"]
        file["identifier"] = "another day"
    for recording, blocks in ((other, 4), (session, 0)):
        out = tmp_path / f"{recording.stem}_applied.nwb"
        printed = json.loads(call(capsys, "apply", model, recording, "--out", out, "--json"))
        config = json.loads(nal.read_activation(out).attrs["config"])
        assert len(config.get(HELD_OUT, [])) == blocks
        assert config["verdict"] == printed["verdict"]
        assert printed["verdict"]["subject"] == "AutoLFADS"


def test_what_is_added_to_a_file_is_judged_beside_what_is_there(session, tmp_path, capsys):
    out = tmp_path / "out.nwb"
    call(capsys, "run", session, "--estimator", "lowpass", "--out", out)
    said = call(capsys, "run", out, "--estimator", "bayes", "--in-place")
    assert "Nothing was trained on this recording" in said
    assert "BayesianFilter" in said.splitlines()[-2]
    assert "LowPass" in said.splitlines()[-2]


def test_what_is_broken_in_a_file_does_not_cost_what_is_added(session, tmp_path, capsys):
    out = tmp_path / "out.nwb"
    call(capsys, "run", session, "--estimator", "lowpass", "--out", out)
    with h5py.File(out, "r+") as file:
        file["processing/behavior/LowPass"].attrs["configuration"] = "{"
    with pytest.raises(nal.SourceError):
        nal.read_activation(out, "LowPass")
    said = call(capsys, "run", out, "--estimator", "wiener", "--in-place")
    assert "Wrote WienerSmoother" in said
    assert np.isfinite(nal.read_activation(out, "WienerSmoother")["activation"]).any()


def test_all_leaves_out_what_asks_for_more_of_a_recording_and_says_so(tmp_path, capsys, monkeypatch):
    short = file_with_2d_series(tmp_path / "short.nwb", raw_emg(1_500), comments="columns: TA, SOL, GM")
    filters = tuple(map(registry.entry_of, ("LowPass", "WienerSmoother")))
    monkeypatch.setattr(registry, "chosen", lambda _: filters)
    said = call(capsys, "run", short, "--estimator", "all")
    assert "Left out WienerSmoother: 1.5 s of EMG are " in said
    assert "Wrote LowPass to" in said
    assert list_estimates(tmp_path / "short_activation.nwb") == ["LowPass"]
    monkeypatch.setattr(registry, "chosen", lambda _: filters[1:])  # asked for alone, it says no
    with pytest.raises(SystemExit):
        main(["run", str(short), "--estimator", "wiener", "--overwrite"])
    assert "1.5 s of EMG are " in capsys.readouterr().err


def test_where_the_truth_is_known_it_decides_also_for_trials(tmp_path, capsys):
    session = session_of_trials(tmp_path / "trials.nwb", 60)
    (tmp_path / "tiny.yaml").write_text(TINY)
    out = tmp_path / "out.nwb"
    options = ["--estimator", "all", "--out", out, "--config", tmp_path / "tiny.yaml", "--json"]
    verdict = json.loads(call(capsys, "run", session, *options))["verdict"]
    estimates = {name: nal.read_activation(out, name) for name in ("AutoLFADS", "LowPass", "BayesianFilter")}
    r2 = score_against_truth(estimates, read_true_activation(session))["r2"].mean("muscle")
    nearest = str(r2["estimator"].values[int(r2.argmax())])
    assert verdict["headline"].startswith("The truth is known: ")
    assert nearest in verdict["headline"].split("(")[0].split(" nearer ")[0].split(" nearest ")[0]
    assert len(json.loads(estimates["AutoLFADS"].attrs["config"])[HELD_OUT]) == 6
    assert not any("no model was trained on" in finding["text"] for finding in verdict["findings"])


def test_a_recording_at_a_low_rate_is_not_judged_and_says_why(session, tmp_path, capsys):
    settings = tmp_path / "slow.yaml"
    settings.write_text(TINY + "  window_ms: 1000\n  window_overlap_ms: 300\npreprocessing:\n  analysis_rate_hz: 50\n")
    out = tmp_path / "out.nwb"
    printed = json.loads(call(capsys, "run", session, "--out", out, "--config", settings, "--json"))
    first = printed["verdict"]["findings"][0]
    assert first["good"] is None
    assert "at 50 Hz noise cannot be told from activation" in first["text"]
    assert "nan" not in json.dumps(printed["verdict"]).lower()
