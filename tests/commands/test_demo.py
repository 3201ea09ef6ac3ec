"""The demo, with a training too short to be any good, so that it takes seconds."""

import json

import numpy as np
import pytest

from nwb_autolfads import read_activation
from nwb_autolfads.cli import main
from nwb_autolfads.commands import demo
from nwb_autolfads.evaluation.truth import score_against_truth
from nwb_autolfads.simulate import read_true_activation


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(demo, "DURATION_S", 4.0)
    training = {"max_epochs": 1, "steps_per_epoch": 2, "validation_windows": 2}
    monkeypatch.setattr(demo, "SHORT_TRAINING", {"posterior_samples": 2, "training": training})


def test_the_demo_leaves_a_file_a_report_and_scores_that_can_be_checked(short, validating, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--out", str(tmp_path / "demo"), "--seed", "1", "--json"])
    assert not ended.value.code
    printed = capsys.readouterr()
    values = json.loads(printed.out)
    assert list(values["r2"]) == ["LowPass", "WienerSmoother", "BayesianFilter", "AutoLFADS"]
    assert "worst muscle" in printed.err
    assert f"Report:   {values['report']}" in printed.err

    estimates = {name: read_activation(values["file"], name=name) for name in values["r2"]}
    scores = score_against_truth(estimates, read_true_activation(tmp_path / "demo" / "session.nwb"))
    for name, by_muscle in values["r2"].items():
        expected = scores["r2"].sel(estimator=name, muscle=list(by_muscle)).values
        np.testing.assert_allclose(list(by_muscle.values()), expected, rtol=1e-5)

    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    for heading in ("Agreement with the true activation", "Search history of AutoLFADS", "How to cite"):
        assert heading in page
    assert (tmp_path / "demo" / "activation.png").read_bytes().startswith(b"\x89PNG")

    with pytest.raises(SystemExit) as ended:
        main(["demo", "--out", str(tmp_path / "demo")])
    assert ended.value.code == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.slow
def test_a_trained_model_is_kept_and_applied_to_another_recording(short, tmp_path, capsys):
    settings = tmp_path / "tiny.yaml"
    settings.write_text(f"autolfads: {json.dumps(demo.SHORT_TRAINING)}\n")
    for seed, name in ((1, "one.nwb"), (2, "other.nwb")):
        demo.simulate_session(tmp_path / name, seed=seed, duration=4.0)
    model, out = tmp_path / "model.safetensors", tmp_path / "out.nwb"
    for arguments in (
        ("run", tmp_path / "one.nwb", "--config", settings, "--save-model", model),
        ("apply", model, tmp_path / "one.nwb", "--out", tmp_path / "again.nwb"),
        ("apply", model, tmp_path / "other.nwb", "--out", out),
    ):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        assert not ended.value.code, capsys.readouterr().err
    np.testing.assert_array_equal(
        read_activation(tmp_path / "again.nwb")["activation"].values,
        read_activation(tmp_path / "one_activation.nwb")["activation"].values,
    )
    assert read_activation(out).attrs["estimator"] == "AutoLFADS"
