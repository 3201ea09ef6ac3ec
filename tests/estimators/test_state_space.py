"""The state-space smoother against scipy's optimiser, dense matrices, and data drawn from the model itself."""

import json

import numpy as np
import pytest
from emg_examples import RATE, rectified_emg
from messages import assert_refused
from scipy.optimize import minimize
from scipy.stats import gamma, multivariate_normal

import nwb_autolfads as nal
from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.estimators.noise_density import UNKNOWN, noise_density
from nwb_autolfads.estimators.state_space.smoothing import Process, choose, path, smooth
from nwb_autolfads.segments import Segments


def covariance_of(n, variance, phi):
    """Of n bins of the process, from its definition."""
    return variance * phi ** np.abs(np.arange(n) - np.arange(n)[:, None])


def drawn(n, variance, rate, concentration, seed):
    """Draw the process and gamma observations around exp of it; both (n,)."""
    random = np.random.default_rng(seed)
    phi, d = np.exp(-rate / (2 * variance * RATE)), np.empty(n)
    d[0] = np.sqrt(variance) * random.standard_normal()
    for t in range(1, n):
        d[t] = phi * d[t - 1] + np.sqrt(variance * (1 - phi**2)) * random.standard_normal()
    return d, random.gamma(concentration, np.exp(d) / concentration)


def test_path_is_the_mode_and_curvature_of_the_posterior_by_dense_matrices():
    _, ratio = drawn(40, 0.4, 8.0, 1.5, 0)
    ratio[[3, 20, 21]] = np.nan
    seen, phi = np.isfinite(ratio), 0.9
    precision = np.linalg.inv(covariance_of(40, 0.4, phi))

    def minus_log(d):
        return -gamma.logpdf(ratio[seen], 1.5, scale=np.exp(d[seen]) / 1.5).sum() + 0.5 * d @ precision @ d

    best = minimize(minus_log, np.zeros(40), method="BFGS", options={"gtol": 1e-8}).x
    found = path(ratio, 1.5, 0.4, phi)
    np.testing.assert_allclose(found.mode, best, atol=1e-4)
    curvature = np.diag(np.where(seen, 1.5 * np.nan_to_num(ratio) * np.exp(-best), 0))
    np.testing.assert_allclose(found.variance, np.diag(np.linalg.inv(precision + curvature)), rtol=1e-4)


def test_evidence_is_that_of_the_integral_over_all_paths():
    ratio = np.array([0.3, 1.4, 2.2])
    random = np.random.default_rng(1)

    def by_sampling(variance, phi):
        d = random.multivariate_normal(np.zeros(3), covariance_of(3, variance, phi), 400_000)
        return np.log(np.exp(gamma.logpdf(ratio, 6.0, scale=np.exp(d) / 6.0).sum(axis=1)).mean())

    ways = [(0.1, 0.5), (0.6, 0.5), (0.6, 0.95)]
    sampled = np.array([by_sampling(*way) for way in ways])
    found = np.array([path(ratio, 6.0, *way).evidence for way in ways])
    np.testing.assert_allclose(found - found[0], sampled - sampled[0], atol=0.06)


def test_one_bin_is_known_in_closed_form():
    found = path(np.array([np.nan]), 2.0, 0.3, 0.8)
    assert found.mode[0] == 0
    assert found.variance[0] == pytest.approx(0.3)


def test_choice_finds_the_process_that_the_data_were_drawn_with_and_intervals_hold_it():
    d, ratio = drawn(15_000, 0.3, 4.0, 1.0, 2)
    segments = Segments.of_lengths([9000, 6000], RATE)
    level = np.full(15_000, 2.0)
    process = choose(2 * ratio, level, segments, 1.0)
    assert 0.1 <= process.variance <= 1.0
    assert 2.0 <= process.rate <= 8.0
    mean, std = smooth(2 * ratio, level, segments, process)
    truth = 2 * np.exp(d)
    assert np.mean(np.abs(mean - truth) < 1.645 * std) == pytest.approx(0.9, abs=0.05)
    raw = np.corrcoef(np.convolve(ratio, np.full(25, 1 / 25), "same"), truth)[0, 1]
    assert np.corrcoef(mean, truth)[0, 1] > raw


def test_small_and_slow_changes_of_a_muscle_that_is_mostly_noise_are_found():
    random, n = np.random.default_rng(5), 30_000
    true = 1 + 0.1 * np.sin(2 * np.pi * np.arange(n) / RATE / 4)
    x = random.exponential(true)
    segments, level = Segments.of_lengths([n], RATE), np.ones(n)
    chosen = choose(x, level, segments, 1.0)
    larger = Process(chosen.gain, 0.03, 0.5, 1.0, 0.0)  # a process that follows the noise
    found, followed = (smooth(x, level, segments, process)[0] for process in (chosen, larger))
    assert np.corrcoef(found, true)[0, 1] > 0.6
    assert np.mean((found - true) ** 2) < 0.6 * np.mean((followed - true) ** 2)


def test_what_is_expected_is_kept_where_it_is_right_and_left_where_it_tells_nothing():
    random = np.random.default_rng(3)
    truth = np.exp(np.sin(np.arange(12_000) / 30))
    x = truth * random.gamma(1.0, 1.0, 12_000)
    segments = Segments.of_lengths([12_000], RATE)
    told, untold = choose(x, truth, segments, 1.0), choose(x, np.ones(12_000), segments, 1.0)
    assert told.variance * 3 < untold.variance
    error = [
        np.mean((smooth(x, expected, segments, process)[0] - truth) ** 2)
        for expected, process in ((truth, told), (np.ones(12_000), untold))
    ]
    assert error[0] < 0.5 * error[1]


def test_segments_are_apart_and_missing_bins_tell_nothing():
    _, x = drawn(2000, 0.3, 4.0, 1.0, 4)
    process = Process(1.0, 0.3, 4.0, 1.0, 0.0)
    level, segments = np.ones(2000), Segments.of_lengths([1200, 800], RATE)
    before = smooth(x, level, segments, process)[0]
    other = x.copy()
    other[1200:] *= 9
    np.testing.assert_array_equal(smooth(other, level, segments, process)[0][:1200], before[:1200])
    x[500:520] = np.nan
    gone = smooth(x, level, segments, process)
    assert np.isfinite(gone[0]).all()
    assert gone[1][510] / gone[0][510] > 1.3 * np.median(gone[1] / gone[0])


@pytest.mark.parametrize("lasts", [1, 2, 3])
def test_density_of_noise_grows_with_how_long_it_lasts(lasts):
    random = np.random.default_rng(5)
    noise = random.gamma(2.0, 0.5, (30_000 // lasts, 2)).repeat(lasts, axis=0)
    found = noise_density(noise, np.ones(noise.shape, bool), Segments.of_lengths([len(noise)], RATE), RATE)
    band = np.linspace(25, 50, 101)
    of_steps = np.abs(np.exp(2j * np.pi * np.outer(band, np.arange(lasts)) / RATE).sum(axis=1)) ** 2 / lasts
    np.testing.assert_allclose(found, 0.5 * of_steps.mean(), rtol=0.12)


def test_density_does_not_depend_on_gain_and_is_unknown_for_short_segments():
    random = np.random.default_rng(6)
    noise = random.gamma(1.0, 1.0, (4000, 1))
    seen = np.ones(noise.shape, bool)
    segments = Segments.of_lengths([4000], RATE)
    found = noise_density(noise, seen, segments, RATE)
    np.testing.assert_allclose(noise_density(300 * noise, seen, segments, RATE), found)
    short = Segments.of_lengths([20] * 200, RATE)
    assert noise_density(noise, seen, short, RATE) == UNKNOWN


def test_smoother_of_a_recording_sets_itself_and_says_how():
    random = np.random.default_rng(7)
    truth = np.exp(np.cumsum(0.06 * random.standard_normal((6000, 2)), axis=0) * [1, 0.5])
    x = truth * random.gamma(1.5, 1 / 1.5, truth.shape)
    emg = rectified_emg(x)
    estimator = nal.StateSpaceSmoother()
    with assert_refused(ConfigError, "StateSpaceSmoother: nothing has been chosen yet", "Call fit(emg) first"):
        estimator.estimate(emg)
    estimate = estimator.fit(emg).estimate(emg)
    for j in range(2):
        assert np.corrcoef(estimate["activation"].values[:, j], truth[:, j])[0, 1] ** 2 > 0.85
    fitted = json.loads(estimate.attrs["config"])["fitted"]["muscle 1"]
    assert fitted["rate"] > 0
    hidden = np.zeros(6000, bool)
    hidden[1000:1010] = True
    changed = emg.copy(data=np.where(hidden[:, None], 50 * emg.values, emg.values))
    np.testing.assert_array_equal(estimator.predict_hidden(emg, hidden), estimator.predict_hidden(changed, hidden))
    with assert_refused(
        SignalError, "StateSpaceSmoother was fitted on muscle 0, muscle 1, not on other", "Call fit(emg) again"
    ):
        estimator.estimate(emg.assign_coords(muscle=["muscle 0", "other"]))


def test_a_gaussian_limit_is_the_linear_smoother():
    random = np.random.default_rng(8)
    covariance = covariance_of(60, 1e-4, 0.97)
    d = multivariate_normal(np.zeros(60), covariance).rvs(random_state=random)
    k = 1e5  # a gamma distribution of this concentration is a normal one of variance 1 / k
    ratio = np.exp(d) * (1 + random.standard_normal(60) / np.sqrt(k))
    expected = covariance @ np.linalg.solve(covariance + np.eye(60) / k, np.log(ratio))
    np.testing.assert_allclose(path(ratio, k, 1e-4, 0.97).mode, expected, atol=2e-4)
