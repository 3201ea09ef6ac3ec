"""The page says how to make its estimates again: its commands, run as they stand, give the same numbers."""

import json
import shlex
import shutil

import numpy as np
import pytest
import xarray as xr
from builders import file_with_2d_series, raw_emg

import nwb_autolfads as nal
from nwb_autolfads.cli import main
from nwb_autolfads.commands.workflow import how_to_make
from nwb_autolfads.config import RunSettings, read_settings


def call(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert not ended.value.code


def test_the_commands_make_the_same_estimate_again(tmp_path, monkeypatch):
    session = file_with_2d_series(tmp_path / "my walk.nwb", raw_emg(2000), comments="columns: TA, SOL, GM")
    settings = tmp_path / "settings.yaml"
    settings.write_text("preprocessing:\n  analysis_rate_hz: 250\nlowpass:\n  cutoff: 8.0\n")
    result = tmp_path / "my walk_activation.nwb"
    call("run", session, "--estimator", "lowpass", "--name", "Slow", "--config", settings)
    first = nal.read_activation(result)
    (command,), files = how_to_make({"Slow": first}, read_settings(settings), result)

    again = tmp_path / "again"
    again.mkdir()
    shutil.copy(session, again)
    for name, text in files.items():
        (again / name).write_text(text)
    monkeypatch.chdir(again)
    call(*shlex.split(command)[1:])
    second = nal.read_activation(again / result.name, "Slow")
    np.testing.assert_array_equal(second["activation"], first["activation"])
    for key in ("config", "preprocessing", "estimator"):
        assert second.attrs[key] == first.attrs[key]


def estimate(file, estimator="LowPass", seed=0, **config):
    origin = json.dumps({"file": file, "object_path": "acquisition/EMG"})
    return xr.Dataset(attrs={"origin": origin, "estimator": estimator, "seed": seed, "config": json.dumps(config)})


def test_estimates_beside_each_other_are_made_in_the_file_of_the_first(tmp_path):
    out = tmp_path / "out.nwb"
    estimates = {"Model": estimate("out.nwb", "AutoLFADS", seed=3, factors=7), "Filter": estimate("/data/walk.nwb")}
    commands, files = how_to_make(estimates, RunSettings(), out)
    assert commands == [
        "nwb-autolfads run walk.nwb --emg acquisition/EMG --estimator autolfads --seed 3 --name Model --preset quick "
        "--config Model.yaml --out out.nwb",
        "nwb-autolfads run out.nwb --emg acquisition/EMG --estimator lowpass --seed 0 --name Filter --in-place",
    ]
    assert files == {"Model.yaml": "autolfads:\n  factors: 7\n"}


def test_what_was_only_ever_made_in_place_is_made_in_place_again(tmp_path):
    commands, _ = how_to_make({"Filter": estimate("walk.nwb")}, RunSettings(), tmp_path / "walk.nwb")
    assert commands == [
        "nwb-autolfads run walk.nwb --emg acquisition/EMG --estimator lowpass --seed 0 --name Filter --in-place "
        "--overwrite"
    ]


def test_an_estimator_that_run_has_not_gets_no_command(tmp_path):
    estimates = {"Own": estimate("walk.nwb", "LowPassSubspace")}
    assert how_to_make(estimates, RunSettings(), tmp_path / "out.nwb") == ([], {})
