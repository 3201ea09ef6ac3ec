"""`run --together` and `apply --adapt`: one model of several files, results that name it, and what is refused."""

import json
import os
import shutil

import h5py
import numpy as np
import pytest
import yaml
from builders import file_with_2d_series, raw_emg
from recipes import call as well

from nwb_autolfads import AutoLFADS, read_activation
from nwb_autolfads.cli import main
from nwb_autolfads.commands.recipe import how_to_make
from nwb_autolfads.results.read import list_estimates

TINY = {
    "autolfads": {
        **dict.fromkeys(("ic_encoder", "ci_encoder", "controller", "generator"), 8),
        "factors": 3,
        "inference_passes": 1,
        "training": {"members": 2, "batch_windows": 8, "max_epochs": 2, "steps_per_epoch": 3, "ramp_epochs": 1},
    }
}

DAYS = {"monday": "TA,SOL,GM,VL", "tuesday": "SOL,TA,RF", "friday": "RF,TA,SOL,GM"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three days, and settings for a small model."""
    made = tmp_path_factory.mktemp("days")
    for seed, (day, muscles) in enumerate(DAYS.items()):
        data = raw_emg(6000 + 500 * seed, muscles.count(",") + 1) * (1 + seed)
        data[seed:] += 1e-3 * np.random.default_rng(seed).standard_normal(data[seed:].shape) * data.std()
        file_with_2d_series(made / f"{day}.nwb", data, comments=f"columns: {muscles.replace(',', ', ')}")
        with h5py.File(made / f"{day}.nwb", "r+") as file:
            file["identifier"][()] = day
    (made / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    return made


@pytest.fixture
def days(folder, tmp_path):
    """Copies of them, in which commands may write."""
    for file in folder.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path


@pytest.fixture
def refused(capsys):
    """Run a command that must end with exit 1 (or another code), and return the message."""

    def refused(*arguments, code=1):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        assert ended.value.code == code
        return capsys.readouterr().err.strip().splitlines()[-1].removeprefix("nwb-autolfads: ")

    return refused


def together(folder, *names):
    return ["run", *(folder / f"{name}.nwb" for name in names), "--together", "--config", folder / "tiny.yaml"]


def test_each_file_gets_a_result_that_names_the_one_model_and_its_sessions(days, capsys):
    into = days / "results"
    keep = ("--save-model", days / "model.safetensors", "--weights")
    well(*together(days, "monday", "tuesday"), *keep, "--out-dir", into, "--json")
    said = json.loads(capsys.readouterr().out)
    model = AutoLFADS.load(days / "model.safetensors")
    for name, muscles in (("monday", DAYS["monday"]), ("tuesday", DAYS["tuesday"])):
        result = into / f"{name}_activation.nwb"
        assert said["sessions"][name]["file"] == str(result)
        estimate = read_activation(result)
        assert ",".join(estimate["muscle"].values) == muscles
        assert np.isfinite(estimate["activation"].values).mean() > 0.9
        config = json.loads(estimate.attrs["config"])
        assert config["model_id"] == said["model_id"] == model.config["model_id"]
        assert config["sessions"] == ["monday", "tuesday"]
        assert config["session"] == name
        (command,), _ = how_to_make({"AutoLFADS": estimate}, result)
        assert command.startswith("nwb-autolfads run monday.nwb tuesday.nwb --together")
    assert [session.name for session in model.card.sessions] == ["monday", "tuesday"]
    assert json.loads(model.card.made_by)["together"] == ["monday.nwb", "tuesday.nwb"]


def test_a_run_that_is_kept_goes_on_and_ends_with_the_same_model(days, capsys):
    for _ in range(2):
        well(*together(days, "monday", "tuesday"), "--resume", days / "kept", "--overwrite", "--json")
    first, second = (json.loads(line) for line in capsys.readouterr().out.replace("}\n{", "}\x00{").split("\x00"))
    assert first["model_id"] == second["model_id"]


def test_a_file_that_cannot_be_read_is_named_before_anything_is_trained(days, refused):
    (days / "friday.nwb").write_bytes(b"no HDF5")
    said = refused(*together(days, "monday", "tuesday", "friday"), "--save-model", days / "model.safetensors")
    assert said == f"{days / 'friday.nwb'}: is not an NWB file (no HDF5 in it). Give the path of an NWB file"
    assert sorted(file.name for file in days.iterdir()) == ["friday.nwb", "monday.nwb", "tiny.yaml", "tuesday.nwb"]


def test_a_result_that_cannot_be_written_at_the_end_costs_no_other_and_not_the_model(days, refused, monkeypatch):
    from nwb_autolfads.commands import together as module
    from nwb_autolfads.errors import OutputError

    write = module.write_activations

    def full(estimates, file, **place):
        if file.name == "monday.nwb":
            raise OutputError("the disk is full", file=str(place["target"]), way_out="Make room")
        return write(estimates, file, **place)

    monkeypatch.setattr(module, "write_activations", full)
    said = refused(*together(days, "monday", "tuesday"), "--save-model", days / "model.safetensors")
    assert said == (
        f"1 of 2 results could not be written: {days / 'monday_activation.nwb'}: the disk is full. Make room. "
        "The others were, and name the same model"
    )
    assert list_estimates(days / "tuesday_activation.nwb") == ["AutoLFADS"]
    assert AutoLFADS.load(days / "model.safetensors").card.names == ("monday", "tuesday")


def test_what_is_no_several_sessions_is_refused(days, refused):
    assert refused(*together(days, "monday", "monday")) == (
        f"{days / 'monday.nwb'}: is given twice. Give each recording once"
    )
    os.link(days / "monday.nwb", days / "again.nwb")
    assert refused(*together(days, "monday", "again")) == (
        f"{days / 'again.nwb'}: is given twice, as {days / 'monday.nwb'} too. Give each recording once"
    )
    (days / "other").mkdir()
    shutil.copy(days / "tuesday.nwb", days / "other" / "monday.nwb")
    assert refused("run", days / "monday.nwb", days / "other" / "monday.nwb", "--together") == (
        f"{days / 'other' / 'monday.nwb'}: the session 'monday' has the name of another, {days / 'monday.nwb'}. "
        "Give each file a name of its own"
    )
    assert refused("run", days / "monday.nwb", "--together") == (
        "--together with one recording. Give several, or leave out --together"
    )
    assert refused(*together(days, "monday", "tuesday"), "--estimator", "lowpass") == (
        "--together is for one model of several recordings, which lowpass does not make. Leave out --together, or use "
        "--estimator autolfads"
    )


def test_sessions_of_different_rates_are_named_and_taken_once_one_rate_is_asked_for(days, refused):
    file_with_2d_series(days / "slow.nwb", raw_emg(4000, 3), comments="columns: TA, SOL, GM", rate=400.0)
    said = refused(*together(days, "monday", "slow"))
    assert said == (
        "the sessions have different rates: monday 500 Hz, slow 400 Hz. Preprocess all of them to one, with "
        "preprocessing: {analysis_rate_hz: 400} in the settings file (--config)"
    )
    (days / "tiny.yaml").write_text(yaml.safe_dump(TINY | {"preprocessing": {"analysis_rate_hz": 400}}))
    well(*together(days, "monday", "slow"))
    assert read_activation(days / "monday_activation.nwb").attrs["rate"] == 400


def test_sessions_without_a_muscle_in_common_are_taken_and_that_is_said(days, capsys):
    file_with_2d_series(days / "arm.nwb", raw_emg(6000, 2) * 1.5, comments="columns: BIC, TRI")
    well(*together(days, "monday", "arm"))
    assert "no muscle of arm is in another session: only the dynamics are common" in capsys.readouterr().out


@pytest.fixture(scope="module")
def model(folder, tmp_path_factory):
    made = tmp_path_factory.mktemp("model")
    keep = ("--save-model", made / "model.safetensors", "--out-dir", made)
    well(*together(folder, "monday", "tuesday"), *keep)
    return made / "model.safetensors"


@pytest.mark.slow
def test_a_known_session_is_recognised_and_an_unknown_one_is_sent_to_adapt(model, days, refused, capsys):
    well("apply", model, days / "tuesday.nwb")
    assert json.loads(read_activation(days / "tuesday_activation.nwb").attrs["config"])["session"] == "tuesday"
    assert refused("apply", model, days / "friday.nwb") == (
        f"{days / 'friday.nwb'}: the model does not know this session; it knows monday, tuesday. Let it learn this one "
        "with --adapt, or say with --session which of those the recording is of"
    )
    kept = days / "three.safetensors"
    well("apply", model, days / "friday.nwb", "--adapt", "--save-model", kept)
    assert AutoLFADS.load(kept).card.names == ("monday", "tuesday", "friday")
    adapted = read_activation(days / "friday_activation.nwb")
    assert ",".join(adapted["muscle"].values) == DAYS["friday"]
    well("apply", kept, days / "friday.nwb", "--out", days / "again.nwb")
    again = read_activation(days / "again.nwb")
    np.testing.assert_array_equal(again["factors"], adapted["factors"])
    assert refused("apply", model, days / "friday.nwb", "--save-model", kept, "--overwrite") == (
        "--save-model without --adapt. Leave it out: the model stays as it is"
    )


@pytest.mark.slow
def test_emg_that_would_be_preprocessed_in_another_way_is_refused_and_reprocessed_when_asked(model, days, refused):
    settings = days / "other.yaml"
    settings.write_text("preprocessing: {highpass_hz: 20}\n")
    command = ["apply", model, days / "monday.nwb", "--config", settings]
    assert refused(*command) == (
        f"{days / 'monday.nwb'}, acquisition/EMG: the EMG was preprocessed in another way than that which the model "
        "was trained on: high-pass at 65 Hz, order 4 (the model), at 20 Hz, order 4 (here) (the model is "
        f"{model}). Preprocess it as that was (`apply --reprocess`), or train on this one"
    )
    well(*command, "--reprocess", "--out", days / "one.nwb")
    well("apply", model, days / "monday.nwb", "--out", days / "other.nwb")
    one, other = (read_activation(days / name)["activation"] for name in ("one.nwb", "other.nwb"))
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_muscles_that_a_file_lacks_are_inferred_when_asked_and_marked(days, capsys):
    well(*together(days, "monday", "tuesday"), "--infer-missing", "--save-model", days / "model.safetensors")
    for name, inferred in (("monday", ["RF"]), ("tuesday", ["GM", "VL"])):
        estimate = read_activation(days / f"{name}_activation.nwb")
        assert estimate["muscle"].values[estimate["inferred"].values].tolist() == inferred
        assert estimate["muscle"].values[~estimate["inferred"].values].tolist() == DAYS[name].split(",")
        assert np.isfinite(estimate["activation"].values).mean() > 0.9
        (command,), _ = how_to_make({"AutoLFADS": estimate}, days / f"{name}_activation.nwb")
        assert "--infer-missing" in command
    well("apply", days / "model.safetensors", days / "tuesday.nwb", "--infer-missing", "--out", days / "again.nwb")
    again, first = (read_activation(days / name) for name in ("again.nwb", "tuesday_activation.nwb"))
    np.testing.assert_array_equal(again["activation"], first["activation"])
