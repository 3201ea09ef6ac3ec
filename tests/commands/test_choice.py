"""How the settings of a run become estimators."""

import json

import pytest
import xarray as xr

from nwb_autolfads.commands.choice import Choice, choice_of, make_estimators
from nwb_autolfads.config import RunSettings
from nwb_autolfads.errors import ConfigError
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig


def test_settings_change_the_preset_only_where_they_say_something():
    settings = RunSettings(autolfads={"factors": 7, "training": {"space": {"dropout": {"start": 0.2}}}})
    (estimator,) = make_estimators(Choice("autolfads", "paper"), settings)
    changed, preset = estimator.settings.model_dump(), AutoLFADSConfig.preset("paper").model_dump()
    assert changed["factors"] == 7
    assert changed["training"]["space"]["dropout"]["start"] == 0.2
    changed["factors"] = preset["factors"]
    changed["training"]["space"]["dropout"]["start"] = preset["training"]["space"]["dropout"]["start"]
    assert changed == preset


@pytest.mark.parametrize("option", ["save_model", "resume"])
def test_option_of_training_is_refused_for_an_estimator_without(option, tmp_path):
    choice = Choice("lowpass", **{option: tmp_path / "x"})
    with pytest.raises(ConfigError, match=f"lowpass has no training.*--{option.replace('_', '-')}"):
        make_estimators(choice, RunSettings())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"factor": 7}, "factor"),
        ({"training": {"space": {"dropout": {"start": 2}}}}, "start 2.0 must lie in 0.0..0.6"),
        ({"training": {"burn_in_epochs": 1}}, "must reach the end of the ramp"),
    ],
)
def test_setting_that_cannot_be_is_named(given, message):
    with pytest.raises(ConfigError, match=message):
        make_estimators(Choice("autolfads"), RunSettings(autolfads=given))


@pytest.mark.parametrize(
    ("choice", "settings"),
    [
        (Choice("lowpass"), {}),
        (Choice("lowpass", seed=4), {"cutoff": "auto", "order": 2, "block_ms": 12.0}),
        (Choice("bayes"), {}),
        (Choice("bayes"), {"smooth": False, "observation": "gauss", "diffusion": 0.5}),
        (Choice("autolfads"), {}),
        (Choice("autolfads", "paper", seed=7), {"factors": 7, "training": {"space": {"dropout": {"start": 0.2}}}}),
    ],
)
def test_choice_and_settings_of_an_estimate_make_its_estimator_again(choice, settings):
    (estimator,) = make_estimators(choice, RunSettings(**{choice.estimator: settings}))
    # What a fit adds to the configuration is no setting.
    config = estimator.config | {"fitted_diffusion_and_jump": {}, "muscles": ["TA"], "validation_nll": -0.9}
    attrs = {"estimator": estimator.name, "config": json.dumps(config), "seed": choice.seed}
    found, changes = choice_of(xr.Dataset(attrs=attrs))
    assert (found, changes) == (choice, settings)
    (again,) = make_estimators(found, RunSettings(**{found.estimator: changes}))
    assert again.config == estimator.config


def test_an_estimator_that_run_has_not_has_no_choice():
    assert choice_of(xr.Dataset(attrs={"estimator": "LowPassSubspace", "config": "{}", "seed": 0})) is None
