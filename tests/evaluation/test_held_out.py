"""Held-out likelihood against scipy.stats, and the blocks it hides."""

import numpy as np
import pytest
from emg_examples import rectified_emg
from messages import assert_refused
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import gamma

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.estimators.bayes.estimator import BayesianFilter
from nwb_autolfads.estimators.lowpass import LowPass
from nwb_autolfads.estimators.observed import FLOOR
from nwb_autolfads.evaluation.held_out import fit_concentration, fit_map, gamma_nll, hidden_blocks, score_held_out


class Fixed:
    """Predicts a mean that is given, and records what it was asked for."""

    def __init__(self, mean):
        self.mean, self.asked = mean, []

    def predict_hidden(self, emg, hidden):
        self.asked.append(hidden)
        return self.mean


def gamma_emg(n_bins=4000, concentration=(0.8, 3.0), seed=0):
    random = np.random.default_rng(seed)
    mean = np.exp(np.sin(np.arange(n_bins) / 80.0))[:, None] * [0.5, 1.0]
    return random.gamma(concentration, mean / np.array(concentration)), mean


def concentration_by_scipy(x, mean):
    """Return the concentration of largest likelihood, by direct search."""
    found = minimize_scalar(
        lambda log_k: -gamma.logpdf(x, np.exp(log_k), scale=mean / np.exp(log_k)).sum(),
        bounds=(-4, 9),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return np.exp(found.x)


def test_density_is_that_of_scipy():
    x, mean = np.array([0.01, 0.5, 3.0]), np.array([0.2, 1.0, 2.0])
    expected = -gamma.logpdf(x, 1.7, scale=mean / 1.7)
    np.testing.assert_allclose(gamma_nll(x, mean, np.array(1.7)), expected, rtol=1e-12)


@pytest.mark.parametrize("concentration", [0.3, 1.0, 8.0, 400.0])
def test_concentration_is_the_maximum_of_the_likelihood(concentration):
    random = np.random.default_rng(1)
    mean = random.uniform(0.1, 2, (3000, 1))
    x = random.gamma(concentration, mean / concentration)
    assert fit_concentration(x, mean)[0] == pytest.approx(concentration_by_scipy(x, mean), rel=1e-4)


def test_map_is_the_line_of_largest_likelihood_with_an_offset_that_is_not_negative():
    rng = np.random.default_rng(4)
    prediction = rng.gamma(2.0, 0.5, size=(4000, 3))
    mean = np.array([0.5, 0.0, -0.05]) + np.array([0.7, 2.0, 1.5]) * prediction
    x = rng.gamma(1.3, np.maximum(mean, 1e-3) / 1.3) + 1e-6
    offset, slope = fit_map(x, prediction)
    for muscle in range(3):
        found = minimize(
            lambda p, j=muscle: -gamma.logpdf(x[:, j], 1.3, scale=(p[0] + p[1] * prediction[:, j]) / 1.3).mean(),
            [0.1, 1.0],
            bounds=[(0, None), (1e-6, None)],
        )
        np.testing.assert_allclose([offset[muscle], slope[muscle]], found.x, atol=2e-3)
    assert offset[2] == 0


def test_score_does_not_depend_on_the_scale_of_a_prediction():
    x, mean = gamma_emg(3000)
    score = score_held_out({"as it is": Fixed(mean), "larger": Fixed(7 * mean)}, rectified_emg(x))["nll"]
    np.testing.assert_allclose(score.sel(estimator="larger"), score.sel(estimator="as it is"), rtol=1e-6)
    constant = score_held_out({"constant": Fixed(np.ones_like(mean))}, rectified_emg(x))["nll"]
    assert np.isfinite(constant).all()


def test_every_bin_is_hidden_once_in_blocks_that_no_gap_cuts_and_that_only_the_seed_decides():
    emg = rectified_emg(np.ones((1000, 1)), segment=np.repeat([0, 1], [407, 593]))
    starts, fold = hidden_blocks(emg, block_ms=24, folds=5, seed=3)
    assert 407 in starts
    assert np.diff([*starts, 1000]).max() == 12
    ends = np.array([*starts[1:], 1000])
    assert all(len(set(fold[a:b])) == 1 for a, b in zip(starts, ends, strict=True))
    assert set(fold) == set(range(5))
    other = rectified_emg(np.full((1000, 1), 7.0), segment=np.repeat([0, 1], [407, 593]))
    np.testing.assert_array_equal(fold, hidden_blocks(other, block_ms=24, folds=5, seed=3)[1])
    assert (fold != hidden_blocks(emg, block_ms=24, folds=5, seed=4)[1]).any()


def test_score_of_the_true_mean_is_the_entropy_of_the_noise_within_its_standard_error():
    x, mean = gamma_emg(20_000)
    score = score_held_out({"truth": Fixed(mean)}, rectified_emg(x)).sel(estimator="truth")
    k = np.array([0.8, 3.0])
    expected = gamma(k, scale=1 / k).entropy() + np.log(mean).mean(axis=0)
    np.testing.assert_array_less(np.abs(score["nll"] - expected), 4 * score["standard_error"])
    np.testing.assert_allclose(score["concentration"], k, rtol=0.05)


def test_map_and_concentration_are_fitted_without_the_blocks_that_they_score():
    x, mean = gamma_emg(1500)
    emg = rectified_emg(x)
    prediction = mean * np.random.default_rng(1).uniform(0.7, 1.4, mean.shape)
    score = score_held_out({"one": Fixed(prediction)}, emg, block_ms=50, seed=3).sel(estimator="one")
    starts, fold_of_bin = hidden_blocks(emg, block_ms=50, seed=3)
    nll, concentrations = np.empty_like(x), []
    observed = np.maximum(emg.values.astype(np.float64), FLOOR)
    for fold in range(5):
        hidden = fold_of_bin == fold
        offset, slope = fit_map(observed[~hidden], prediction[~hidden])
        mapped = offset + slope * prediction
        k = fit_concentration(observed[~hidden], mapped[~hidden])
        nll[hidden] = -gamma.logpdf(observed[hidden], k, scale=mapped[hidden] / k)
        concentrations.append(k)
    np.testing.assert_allclose(score["nll"], nll.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(score["concentration"], np.mean(concentrations, axis=0), rtol=1e-6)
    blocks = [nll[a:b].mean(axis=0) for a, b in zip(starts, [*starts[1:], len(x)], strict=True)]
    np.testing.assert_allclose(score["block_nll"], blocks, rtol=1e-5)
    np.testing.assert_allclose(
        score["standard_error"], np.std(blocks, axis=0, ddof=1) / np.sqrt(len(blocks)), rtol=1e-5
    )


def test_all_estimators_are_asked_the_same_blocks_and_the_truth_wins():
    x, mean = gamma_emg()
    truth, blurred = Fixed(mean), Fixed(np.broadcast_to(mean.mean(axis=0), mean.shape))
    score = score_held_out({"truth": truth, "mean": blurred}, rectified_emg(x))
    np.testing.assert_array_equal(truth.asked, blurred.asked)
    np.testing.assert_array_equal(np.sum(truth.asked, axis=0), 1)
    assert (score["nll"].sel(estimator="truth") < score["nll"].sel(estimator="mean")).all()
    block_mean = score["block_nll"].mean("block")
    np.testing.assert_allclose(block_mean, score["nll"], atol=0.02)


def test_classical_estimators_take_the_same_test_and_unusable_muscles_stay_nan():
    x, _ = gamma_emg(3000)
    emg = rectified_emg(x, usable=np.array([True, False]))
    estimators = {
        "slow": LowPass(4.0),
        "fast": LowPass(60.0),
        "bayes": BayesianFilter("laplace", 0.1, 0.1, smooth=True),
    }
    nll = score_held_out(estimators, emg)["nll"]
    assert np.isnan(nll.sel(muscle="muscle 1")).all()
    one = nll.sel(muscle="muscle 0")
    assert float(one.sel(estimator="slow")) < float(one.sel(estimator="fast"))
    assert float(one.sel(estimator="bayes")) < float(one.sel(estimator="fast"))


def test_too_few_blocks_and_settings_out_of_range_are_refused():
    emg = rectified_emg(np.random.default_rng(2).uniform(0.1, 1, (40, 1)))
    with assert_refused(
        SignalError,
        "40 bins are 8 blocks of 10 ms, too few for 5 folds",
        "Take a longer recording, shorter blocks or fewer folds",
    ):
        hidden_blocks(emg, block_ms=10)
    with assert_refused(ConfigError, "block_ms=0.1 is out of range", "Give a number between 2 and 10000 ms"):
        hidden_blocks(emg, block_ms=0.1)
    with assert_refused(ConfigError, "folds=1 is out of range", "Give a number between 2 and 100"):
        hidden_blocks(emg, block_ms=10, folds=1)
