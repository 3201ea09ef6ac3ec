"""What was asked for travels with the estimate, and what a file says of it is looked at before it is used."""

import json
from pathlib import Path

import pytest
import xarray as xr
from messages import assert_refused

from nwb_autolfads.config import RunOptions, RunSettings, Source
from nwb_autolfads.errors import SourceError
from nwb_autolfads.results.asked import Asked, settings_of, source_of

SETTINGS = {"preprocessing": {"mains_hz": 60}, "lowpass": {"cutoff": 7.0}, "bayes": {"grid": 50}}


def estimate(asked=None, origin=None):
    attrs = {} if asked is None else {"options": asked if isinstance(asked, str) else json.dumps(asked)}
    return xr.Dataset(attrs=attrs | ({} if origin is None else {"origin": json.dumps(origin)}))


def as_read(**changes):
    return {"command": "run", "source": {"file": "walk.nwb"}, "options": {}, "settings": {}, "model": ""} | changes


def test_what_run_was_asked_for_comes_back():
    source = Source(Path("data/walk.nwb"), emg="acquisition/emg", muscles=("TA", "SOL"), unit="mV")
    options = RunOptions(estimator="all", seed=3, save_model=Path("model"), weights=True)
    asked = Asked.of_run(source, options, RunSettings.model_validate(SETTINGS), "lowpass")
    found = Asked.of(estimate(asked.to_json()))
    assert (found.command, found.model) == ("run", "")
    assert found.source == {
        "file": "walk.nwb",  # without the folder of somebody's machine
        "emg": "acquisition/emg",
        "muscles": ["TA", "SOL"],
        "unit": "mV",
    }
    assert found.options == {"seed": 3, "estimator": "lowpass"}  # not what was kept where
    assert found.settings == {"preprocessing": {"mains_hz": 60}, "lowpass": {"cutoff": 7.0}}  # its own only
    assert settings_of(estimate(asked.to_json())).preprocessing.mains_hz == 60


def test_what_apply_was_asked_for_comes_back():
    asked = Asked.of_apply(Path("models/leg.safetensors"), "monday", Source("https://host/walk.nwb"), RunSettings())
    found = Asked.of(estimate(asked.to_json()))
    assert (found.command, found.model, found.options) == ("apply", "leg.safetensors", {"trained_as": "monday"})
    assert found.source == {"file": "https://host/walk.nwb"}
    assert Asked.of_apply(Path("m"), None, Source("walk.nwb"), RunSettings()).options == {}


def test_an_estimate_that_says_nothing_has_the_defaults_and_the_origin():
    said_nothing = estimate(origin={"object_path": "acquisition/emg"})
    assert Asked.of(said_nothing) is None
    assert settings_of(said_nothing) == RunSettings()
    assert source_of("walk.nwb", said_nothing) == Source("walk.nwb", emg="acquisition/emg")


def test_emg_is_read_again_as_it_was_where_the_result_holds_the_recording():
    asked = as_read(source={"file": "walk.nwb", "muscles": ["TA"], "unit": "mV", "outside_links": True})
    origin = {"file": "somewhere/walk.nwb", "object_path": "acquisition/emg"}
    again = source_of("walk_activation.nwb", estimate(asked, origin))
    # Whether it is trusted to read from outside its folder is said by who reads it, never by the file.
    assert again == Source("walk_activation.nwb", emg="acquisition/emg", muscles=("TA",), unit="mV")
    without = source_of("walk_activation.nwb", estimate(as_read(source={"file": "walk.nwb", "emg": "a/b"})))
    assert without == Source("walk_activation.nwb", emg="a/b")


def test_emg_copied_from_another_format_has_its_names_and_unit_with_it():
    asked = as_read(source={"file": "walk.edf", "muscles": ["TA"], "unit": "mV", "io": "EDFIO"})
    origin = {"file": "results/walk_activation.nwb", "object_path": "acquisition/EMG"}
    assert source_of("results/walk_activation.nwb", estimate(asked, origin)) == Source(
        "results/walk_activation.nwb", emg="acquisition/EMG"
    )


@pytest.mark.parametrize(
    "options",
    [
        "no JSON",
        "[" * 100_000,
        "[1]",
        as_read(command="delete"),
        as_read(model=3),
        as_read(source={"file": 3}),
        as_read(source={}),
        as_read(source={"file": "walk.nwb", "no_such": 1}),
        as_read(options=["seed"]),
        as_read(settings={"preprocessing": {"no_such": 1}}),
        {"command": "run"},
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_recording(options):
    with assert_refused(
        SourceError,
        "walk.nwb, options: what was asked for cannot be understood",
        "Make the estimate again with `nwb-autolfads run`",
    ):
        Asked.of(estimate(options, origin={"file": "walk.nwb"}))
