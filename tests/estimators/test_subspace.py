"""Low-pass and projection against numpy's singular value decomposition."""

import json

import numpy as np
import pytest
from emg_examples import RATE, rectified_emg
from messages import assert_refused
from scipy.signal import butter, sosfiltfilt

from nwb_autolfads.errors import ConfigError, NwbAutolfadsWarning, SignalError
from nwb_autolfads.estimators.lowpass import LowPass
from nwb_autolfads.estimators.subspace import LowPassSubspace


def synergies(n_bins=5000, n_muscles=8, rank=2, seed=0):
    """Exponential noise around a mean of known rank."""
    random = np.random.default_rng(seed)
    slow = sosfiltfilt(butter(4, 4.0, fs=RATE, output="sos"), random.standard_normal((n_bins, rank)), axis=0)
    mean = np.abs(slow / slow.std()) @ random.uniform(0.1, 1, (rank, n_muscles)) + 0.05
    return random.exponential(mean), mean


def test_projection_is_the_truncated_singular_value_decomposition_of_the_low_pass():
    x, _ = synergies()
    emg = rectified_emg(x + 1)  # far from the floor
    thin = slice(None, None, int(RATE / (4 * 20)))
    smooth = LowPass(20.0).estimate(emg)["activation"].values.astype(float)
    centre = smooth[thin].mean(axis=0)
    axes = np.linalg.svd(smooth[thin] - centre, full_matrices=False)[2][:3]
    found = LowPassSubspace(20.0, 3).fit(emg).estimate(emg)
    np.testing.assert_allclose(found["activation"], (smooth - centre) @ axes.T @ axes + centre, atol=1e-3)
    assert found["factors"].dims == ("time", "factor")
    assert found.sizes["factor"] == 3


def test_nmf_gives_non_negative_factors_and_nearly_the_low_pass_at_the_true_rank():
    x, mean = synergies()
    emg = rectified_emg(x)
    found = LowPassSubspace(8.0, 2, method="nmf").fit(emg).estimate(emg)
    plain = LowPass(8.0).estimate(emg)
    assert found["factors"].values.min() >= 0
    error = [np.mean((e["activation"].values - mean) ** 2) for e in (found, plain)]
    assert error[0] < error[1]


def test_automatic_choice_finds_few_dimensions_and_beats_the_low_pass_alone():
    x, mean = synergies(3000, n_muscles=6)
    emg = rectified_emg(x)
    found = LowPassSubspace("auto", "auto").fit(emg).estimate(emg)
    config = json.loads(found.attrs["config"])
    assert 1 <= config["n_components"] <= 4
    plain = LowPass("auto").fit(emg).estimate(emg)
    error = [np.mean((e["activation"].values - mean) ** 2) for e in (found, plain)]
    assert error[0] < error[1]


def test_all_dimensions_are_kept_of_muscles_that_have_nothing_in_common():
    alone = np.column_stack([synergies(5000, n_muscles=1, rank=1, seed=seed)[0] for seed in range(4)])
    assert LowPassSubspace("auto", "auto").fit(rectified_emg(alone)).components_ == 4
    emg = rectified_emg(synergies(5000, n_muscles=4)[0])
    given = LowPassSubspace("auto", 2).fit(emg)
    assert given.components_ == 2
    assert 4 <= given.cutoff_ <= 20  # activation goes to 4 Hz, and somewhat above


def test_the_length_of_hidden_blocks_is_taken_and_said_not_to_be_used():
    with pytest.warns(NwbAutolfadsWarning, match="`block_ms` of LowPassSubspace is not used any more"):
        LowPassSubspace(block_ms=20.0)


def test_hidden_bins_do_not_influence_their_own_prediction():
    x, _ = synergies(1500)
    hidden = np.zeros(1500, bool)
    hidden[700:712] = True
    changed = x.copy()
    changed[hidden] = 40.0
    estimator = LowPassSubspace(10.0, 2)
    before, after = (estimator.predict_hidden(rectified_emg(values), hidden)[hidden] for values in (x, changed))
    np.testing.assert_array_equal(before, after)
    assert np.isfinite(before).all()


def test_unusable_muscles_come_back_as_nan_and_count_for_nothing():
    x, _ = synergies(1500, 3)
    emg = rectified_emg(x, usable=np.array([True, False, True]))
    activation = LowPassSubspace(10.0, 2).estimate(emg)["activation"]
    assert np.isnan(activation.values[:, 1]).all()
    with assert_refused(
        SignalError, "components=3 of 2 usable muscles cannot be kept", "Take components of at most 2, or LowPass"
    ):
        LowPassSubspace(10.0, 3).fit(emg)


@pytest.mark.parametrize(
    ("arguments", "problem", "way_out"),
    [
        ({"components": 0}, "components=0 is out of range", "Give a whole number from 1 up to 4,096 or 'auto'"),
        ({"method": "ica"}, "method='ica' does not exist", "Give 'pca' or 'nmf'"),
        ({"cutoff": -1}, "cutoff=-1 is out of range", "Give a number from 0.01 up to 100,000 (Hz) or 'auto'"),
    ],
)
def test_settings_out_of_range_are_named_with_their_value(arguments, problem, way_out):
    with assert_refused(ConfigError, problem, way_out):
        LowPassSubspace(**arguments)


def test_estimating_before_the_automatic_choice_says_to_fit_first():
    x, _ = synergies(1500, 3)
    with assert_refused(ConfigError, "cutoff or components='auto' has not been chosen yet", "Call fit(emg) first"):
        LowPassSubspace().estimate(rectified_emg(x))
