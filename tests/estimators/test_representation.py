"""What an estimator says of itself: what it was made with, and whether it is fitted."""

import pickle

import numpy as np
import pytest
from emg_examples import rectified_emg

import nwb_autolfads as nal
from nwb_autolfads.estimators import registry
from nwb_autolfads.estimators.base import Making


def test_arguments_are_shown_as_they_were_given():
    assert repr(nal.LowPass(10.0, order=2)) == "<LowPass(cutoff=10.0, order=2): fitted>"  # there is nothing to fit
    assert repr(nal.LowPass(cutoff="auto")) == "<LowPass(cutoff='auto'): not fitted>"
    assert repr(nal.AutoLFADS(preset="paper", seed=3)) == "<AutoLFADS(preset='paper', seed=3): not fitted>"
    assert len(repr(nal.AutoLFADS(run_directory="x" * 1000))) < 250


@pytest.mark.parametrize(
    "entry", [entry for entry in registry.entries() if not entry.can.trains], ids=lambda entry: entry.key
)
def test_it_says_when_it_is_fitted(entry):
    emg = rectified_emg(np.random.default_rng(0).gamma(2.0, 0.5, (1500, 2)))
    estimator = entry.make({}, Making())
    ready = estimator.is_fitted
    assert repr(estimator).endswith("fitted>")
    assert repr(estimator.fit(emg)).endswith(": fitted>")
    assert repr(pickle.loads(pickle.dumps(estimator))) == repr(estimator)
    if not ready:
        with pytest.raises(nal.ConfigError):
            entry.make({}, Making()).estimate(emg)
