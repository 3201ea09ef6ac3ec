"""A trained model travels in the result file: `run --weights`, `apply RESULT.nwb OTHER.nwb`; and `--link`."""

import json
import os
import re
import shutil

import h5py
import numpy as np
import pytest
import safetensors.numpy
import xarray as xr
from builders import file_with_2d_series, raw_emg

from nwb_autolfads import LowPass, read_activation
from nwb_autolfads.cli import main
from nwb_autolfads.errors import OutputError
from nwb_autolfads.results.read import list_estimates, read_weights
from nwb_autolfads.results.write import write_activation

TINY = "autolfads: {posterior_samples: 2, training: {max_epochs: 1, steps_per_epoch: 2, validation_windows: 2}}"
ESTIMATE = "processing/behavior/AutoLFADS"


def call(*arguments, code=0):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert (ended.value.code or 0) == code, arguments


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a session, its result with the model in it, the same model in a file, and another session."""
    folder = tmp_path_factory.mktemp("trained")
    file_with_2d_series(folder / "walk.nwb", comments="columns: TA, SOL, GM")
    file_with_2d_series(folder / "other.nwb", raw_emg()[::-1].copy(), comments="columns: TA, SOL, GM")
    (folder / "tiny.yaml").write_text(TINY)
    options = ["--weights", "--link", "--save-model", folder / "model", "--config", folder / "tiny.yaml"]
    call("run", folder / "walk.nwb", "--out", folder / "result.nwb", *options)
    return folder


@pytest.fixture
def result(trained, tmp_path):
    return shutil.copy(trained / "result.nwb", tmp_path / "result.nwb")


def test_the_model_in_the_file_is_the_one_that_was_trained(trained):
    kept, saved = read_weights(trained / "result.nwb"), (trained / "model").read_bytes()
    tensors, expected = safetensors.numpy.load(kept), safetensors.numpy.load(saved)
    assert tensors.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(tensors[name], values, err_msg=name)


def test_link_leaves_the_recording_out(trained):
    with h5py.File(trained / "result.nwb") as file:
        assert list(file["acquisition"]) == []
    assert list_estimates(trained / "result.nwb") == ["AutoLFADS"]


def test_a_result_file_serves_as_model_for_another_recording(trained, tmp_path):
    other = trained / "other.nwb"
    call("apply", trained / "result.nwb", other, "--out", tmp_path / "from_result.nwb")
    call("apply", trained / "model", other, "--out", tmp_path / "from_model.nwb", "--link")
    from_result, from_model = (read_activation(tmp_path / f"from_{name}.nwb") for name in ("result", "model"))
    assert json.loads(from_result.attrs.pop("options"))["model"] == "result.nwb"
    assert json.loads(from_model.attrs.pop("options"))["model"] == "model"
    xr.testing.assert_identical(from_result, from_model)
    assert np.isfinite(from_result["activation"]).all()
    assert not np.array_equal(from_result["activation"], read_activation(trained / "result.nwb")["activation"])


def test_which_model_is_meant_must_be_clear(trained, result, tmp_path, capsys):
    later = read_activation(result)
    write_activation(later, result, in_place=True, name="Later", weights=read_weights(result))
    call("apply", result, trained / "other.nwb", "--out", tmp_path / "out.nwb", code=1)
    assert "Give a name: there are AutoLFADS, Later" in capsys.readouterr().err
    call("apply", result, trained / "other.nwb", "--out", tmp_path / "out.nwb", "--trained-as", "Later")


def tampered(model):
    """Return weights that each lie in another way, with what they are refused for."""
    header_bytes = int.from_bytes(model[:8], "little")
    header = model[8 : 8 + header_bytes]
    wide = re.sub(rb'(\\"factors\\":)(\d+)', rb"\g<1>1\g<2>", header)  # 12 factors become 112
    assert wide != header
    return {
        "header_larger_than_the_file": ((1 << 62).to_bytes(8, "little") + model[8:], "not a safetensors file"),
        "cut_off": (model[: len(model) // 2], "not a safetensors file"),
        "pickle": (b"cos\nsystem\n(S'true'\ntR.", "not a safetensors file"),
        "deep_json": ((100_000).to_bytes(8, "little") + b"[" * 100_000 + model, "not a safetensors file"),
        "other_card": (len(wide).to_bytes(8, "little") + wide + model[8 + header_bytes :], "expected"),
    }


@pytest.mark.parametrize("lie", ["header_larger_than_the_file", "cut_off", "pickle", "deep_json", "other_card"])
def test_weights_that_lie_are_refused_with_their_file_named(trained, result, tmp_path, capsys, lie):
    weights, reason = tampered((trained / "model").read_bytes())[lie]
    with h5py.File(result, "r+") as file:
        del file[f"{ESTIMATE}/model/weights"]
        file[f"{ESTIMATE}/model/weights"] = np.frombuffer(weights, dtype=np.uint8)
    call("apply", result, trained / "other.nwb", "--out", tmp_path / "out.nwb", code=1)
    said = capsys.readouterr().err
    assert reason in said
    assert "result.nwb" in " ".join(said.split())
    assert os.listdir(tmp_path) == ["result.nwb"]


def test_a_file_without_a_model_says_how_to_get_one(trained, tmp_path, capsys):
    call("run", trained / "walk.nwb", "--estimator", "lowpass", "--out", tmp_path / "low.nwb")
    call("apply", tmp_path / "low.nwb", trained / "other.nwb", code=1)
    assert "written without the weights of its model" in " ".join(capsys.readouterr().err.split())


def test_a_source_that_changes_during_training_is_refused_and_nothing_is_left(trained, tmp_path, monkeypatch, capsys):
    session = shutil.copy(trained / "walk.nwb", tmp_path / "walk.nwb")
    fit = LowPass.fit

    def fit_while_another_program_writes(self, emg):
        with h5py.File(session, "r+") as file:
            file["acquisition/EMG/data"][0] = 0
        return fit(self, emg)

    monkeypatch.setattr(LowPass, "fit", fit_while_another_program_writes)
    call("run", session, "--estimator", "lowpass", code=1)
    assert "was changed by another program after the EMG was read" in " ".join(capsys.readouterr().err.split())
    assert os.listdir(tmp_path) == ["walk.nwb"]


def test_link_and_in_place_are_wrong_usage(trained):
    before = sorted(os.listdir(trained))
    call("run", trained / "walk.nwb", "--link", "--in-place", code=2)
    assert sorted(os.listdir(trained)) == before


def test_a_model_that_cannot_be_written_costs_no_estimate(trained, tmp_path, monkeypatch, capsys):
    def full(file, *_, **__):
        raise OutputError("the disk is full", way_out="Make room", file=str(file))

    monkeypatch.setattr("nwb_autolfads.commands.run.write_bytes", full)
    session = shutil.copy(trained / "walk.nwb", tmp_path)
    call("run", session, "--config", trained / "tiny.yaml", "--save-model", tmp_path / "model", code=1)
    assert "model: the disk is full" in capsys.readouterr().err
    assert list_estimates(tmp_path / "walk_activation.nwb") == ["AutoLFADS"]
