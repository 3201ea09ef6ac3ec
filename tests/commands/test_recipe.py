"""The page says how to make its estimates again: its commands, run as they stand, give the same numbers."""

import inspect
import json
from dataclasses import fields

import numpy as np
import pytest
import xarray as xr
from builders import file_with_2d_series, raw_emg
from messages import assert_refused
from recipes import call, follow

import nwb_autolfads as nal
from nwb_autolfads.cli import main
from nwb_autolfads.cli.run import run
from nwb_autolfads.commands.recipe import how_to_make
from nwb_autolfads.config import RunOptions, Source
from nwb_autolfads.errors import SourceError

SMALL_MODEL = """\
autolfads: {ic_encoder: 4, ci_encoder: 4, controller: 4, generator: 4, factors: 2, training: {members: 1, max_epochs: 1,
  burn_in_epochs: 0, ramp_epochs: 0, steps_per_epoch: 1, validation_draws: 1}}
"""


def again_in(folder, session, estimates, out, monkeypatch):
    """Run the recipe of estimates beside a copy of the session, and return the estimates that it makes."""
    follow(*how_to_make(estimates, out), folder, [session], monkeypatch)
    return {name: nal.read_activation(folder / out.name, name) for name in estimates}


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (
            ["--estimator", "lowpass", "--name", "Slow"],
            "preprocessing:\n  analysis_rate_hz: 250\nlowpass:\n  cutoff: 8.0\n",
        ),
        (["--estimator", "lowpass", "--muscles", "GM,TA", "--emg", "acquisition/EMG"], ""),
        (["--estimator", "lowpass", "--unit", "uV"], "preprocessing:\n  preset: rectified\n"),
        (["--estimator", "bayes", "--seed", "3"], "bayes:\n  smooth: false\n"),
        (["--estimator", "subspace", "--seed", "5"], "subspace:\n  method: nmf\n  components: 2\n"),
    ],
)
def test_the_commands_make_the_same_estimate_again(options, settings, tmp_path, monkeypatch):
    session = file_with_2d_series(tmp_path / "my walk.nwb", raw_emg(2000), comments="columns: TA, SOL, GM")
    (tmp_path / "settings.yaml").write_text(settings)
    result = tmp_path / "my walk_activation.nwb"
    call("run", session, *options, "--config", tmp_path / "settings.yaml")
    (name,) = nal.results.read.list_estimates(result)
    first = nal.read_activation(result)
    second = again_in(tmp_path / "again", session, {name: first}, result, monkeypatch)[name]
    np.testing.assert_array_equal(second["activation"], first["activation"])
    assert second["muscle"].values.tolist() == first["muscle"].values.tolist()
    assert json.loads(second.attrs["options"]) == json.loads(first.attrs["options"])
    for key in ("config", "preprocessing", "estimator", "unit"):
        assert second.attrs[key] == first.attrs[key]


def test_every_option_that_changes_an_estimate_is_kept():
    kept = {field.name for field in (*fields(Source), *fields(RunOptions))} - {"file"}
    about_the_result = {"out", "in_place", "link", "name", "overwrite", "as_json", "debug", "out_dir", "jobs"}
    kept_apart = {"config", "session_start", "subject", "species", "files", "together"}  # as settings and as files
    assert set(inspect.signature(run).parameters) - about_the_result - kept_apart == kept


def estimate(file, asked, **source):
    origin = json.dumps({"file": file, "object_path": "acquisition/EMG"})
    options = {"command": "run", "source": {"file": file, **source}, "options": {}, "settings": {}, **asked}
    return xr.Dataset(attrs={"origin": origin, "options": json.dumps(options)})


def test_estimates_beside_each_other_are_made_in_the_file_of_the_first(tmp_path):
    asked = {"options": {"estimator": "autolfads", "seed": 3}, "settings": {"autolfads": {"factors": 7}}}
    estimates = {
        "Model": estimate("out.nwb", asked),
        "Filter": estimate("walk.nwb", {"options": {"estimator": "lowpass"}}, unit="mV", outside_links=True),
    }
    commands, files = how_to_make(estimates, tmp_path / "out.nwb")
    assert commands == [
        "nwb-autolfads run walk.nwb --estimator autolfads --seed 3 --name Model --config Model.yaml --out out.nwb",
        "nwb-autolfads run out.nwb --emg acquisition/EMG --unit mV --outside-links --estimator lowpass --name Filter "
        "--in-place",
    ]
    assert files == {"Model.yaml": "autolfads:\n  factors: 7\n"}


def test_what_was_copied_from_another_format_is_read_from_the_copy_the_second_time(tmp_path):
    first = estimate("walk.edf", {}, emg="TA,SOL", io="EDFIO")
    copied = first.assign_attrs(origin=json.dumps({"file": "out.nwb", "object_path": "acquisition/EMG"}))
    commands, _ = how_to_make({"A": copied, "B": copied}, tmp_path / "out.nwb")
    assert commands == [
        "nwb-autolfads run walk.edf --emg TA,SOL --io EDFIO --name A --out out.nwb",
        "nwb-autolfads run out.nwb --emg acquisition/EMG --name B --in-place",
    ]


def test_what_was_only_ever_made_in_place_is_made_in_place_again(tmp_path):
    commands, _ = how_to_make({"Filter": estimate("walk.nwb", {})}, tmp_path / "walk.nwb")
    assert commands == ["nwb-autolfads run walk.nwb --emg acquisition/EMG --name Filter --in-place --overwrite"]


def test_a_model_that_was_applied_is_named(tmp_path):
    asked = {"command": "apply", "model": "m.safetensors", "options": {"trained_as": "Mine"}}
    commands, _ = how_to_make({"AutoLFADS": estimate("walk.nwb", asked)}, tmp_path / "out.nwb")
    assert commands == ["nwb-autolfads apply m.safetensors walk.nwb --trained-as Mine --name AutoLFADS --out out.nwb"]


def test_an_estimate_that_no_command_made_gets_no_command(tmp_path):
    assert how_to_make({"Own": xr.Dataset(attrs={"estimator": "LowPass"})}, tmp_path / "out.nwb") == ([], {})


@pytest.mark.parametrize("options", ["{", "[]", '{"command": "run"}', '{"command": "rm", "source": {}}', "null"])
def test_options_that_cannot_be_understood_are_refused(options, tmp_path):
    broken = estimate("walk.nwb", {}).assign_attrs(options=options)
    with assert_refused(
        SourceError,
        "walk.nwb, options: what was asked for cannot be understood",
        "Make the estimate again with `nwb-autolfads run`",
    ):
        how_to_make({"A": broken}, tmp_path / "out.nwb")


def test_whether_a_prediction_is_corrected_is_asked_for_at_run_and_apply_and_kept(tmp_path, monkeypatch):
    session = file_with_2d_series(tmp_path / "walk.nwb", raw_emg(4000), comments="columns: TA, SOL, GM")
    (tmp_path / "small.yaml").write_text(SMALL_MODEL)
    model, monday, tuesday = (tmp_path / name for name in ("m.safetensors", "a.nwb", "b.nwb"))
    train = ("run", session, "--config", tmp_path / "small.yaml", "--no-correct")
    call(*train, "--save-model", model, "--out", monday)
    plain = nal.read_activation(monday)
    call("apply", model, session, "--correct", "--out", tuesday)
    corrected = nal.read_activation(tuesday)
    assert not np.allclose(plain["activation"], corrected["activation"], equal_nan=True)
    trained = nal.AutoLFADS.load(model)
    emg = nal.preprocess(nal.open_emg(session))
    for found, correct in ((plain, False), (corrected, True)):
        expected = trained.estimate(emg, correct=correct)["activation"]
        np.testing.assert_allclose(found["activation"], expected, rtol=1e-5)
        assert json.loads(found.attrs["options"])["options"]["correct"] is correct
    assert "--no-correct" in how_to_make({"AutoLFADS": plain}, monday)[0][0]
    assert "--correct" in how_to_make({"AutoLFADS": corrected}, tuesday)[0][0]
    with pytest.raises(SystemExit) as ended:
        main(["run", str(session), "--estimator", "lowpass", "--correct", "--out", str(tmp_path / "c.nwb")])
    assert ended.value.code == 1
