"""Estimators obey get_params, set_params and clone, as scikit-learn asks of what its pipelines hold."""

import copy
import pickle

import numpy as np
import pytest
from emg_examples import rectified_emg
from messages import assert_refused
from sklearn.base import clone

import nwb_autolfads as nal
from nwb_autolfads.errors import ConfigError
from nwb_autolfads.estimators import registry
from nwb_autolfads.estimators.base import Estimator


@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_a_clone_has_the_arguments_of_the_original_and_is_another(entry):
    original = entry.load()()
    made = clone(original)
    assert made is not original
    assert made.get_params() == original.get_params()
    assert made.config == original.config


def test_a_clone_keeps_arguments_given_by_position_by_name_and_as_an_object():
    settings = nal.AutoLFADS().settings.model_copy(update={"factors": 7})
    assert clone(nal.AutoLFADS("paper", 5, config=settings)).settings.factors == 7
    assert clone(nal.AutoLFADS("paper", 5)).seed == 5
    assert clone(nal.BayesianFilter("gauss", grid=30)).config == nal.BayesianFilter("gauss", grid=30).config


def test_a_clone_is_not_fitted():
    emg = rectified_emg(np.random.default_rng(0).gamma(2.0, 1.0, (3000, 2)))
    fitted = nal.LowPass("auto").fit(emg)
    assert fitted.config["cutoff_hz"] is not None
    assert clone(fitted).config["cutoff_hz"] is None


def test_parameters_that_are_set_count_and_forget_what_was_fitted():
    emg = rectified_emg(np.random.default_rng(0).gamma(2.0, 1.0, (3000, 2)))
    estimator = nal.LowPass("auto", order=2).fit(emg)
    assert estimator.set_params(cutoff=11.0) is estimator
    assert estimator.config == nal.LowPass(11.0, order=2).config
    assert estimator.set_params(cutoff="auto").config["cutoff_hz"] is None


def test_a_parameter_that_there_is_not_or_out_of_its_range_changes_nothing():
    estimator = nal.LowPass(11.0)
    with assert_refused(
        ConfigError,
        "LowPass: there is no setting cutof",
        "Did you mean cutoff? docs/settings.md lists all",
    ):
        estimator.set_params(cutof=3.0)
    with pytest.raises(ConfigError, match=r"^order=99 is out of range\. "):
        estimator.set_params(cutoff=3.0, order=99)
    assert estimator.get_params()["cutoff"] == 11.0
    assert estimator.config["cutoff_hz"] == 11.0


@pytest.mark.parametrize("through", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_copies_keep_their_arguments(through):
    class_of_ours = through(nal.WienerSmoother(window_ms=300.0))
    assert class_of_ours.get_params() == {"window_ms": 300.0, "highest_hz": 45.0, "noise": 1.15}


class Scaled(Estimator):
    """An estimator whose argument has no default."""

    name = "Scaled"

    def __init__(self, factor):
        self.factor = factor

    @property
    def config(self):
        return {"factor": self.factor}

    def fit(self, emg):
        return self

    def estimate(self, emg):
        return self._dataset(emg, {"activation": self.factor * emg.values})


def test_an_estimator_of_somebody_else_can_be_cloned_and_copied():
    assert clone(Scaled(3)).factor == 3
    assert copy.deepcopy(Scaled(3)).factor == 3
    with pytest.raises(TypeError, match="factor"):
        Scaled()
