"""The second step: its filter against covariance matrices, its numbers against those that made the data."""

import numpy as np
import pytest

from nwb_autolfads.estimators.correction import Correction
from nwb_autolfads.estimators.noise_length import noise_length

RATE = 500.0


def lasting(variance, rho, shape, random):
    """A stationary process with covariance variance * rho^|lag|."""
    values = np.empty(shape)
    values[0] = random.standard_normal(shape[1:]) * np.sqrt(variance)
    for t in range(1, shape[0]):
        values[t] = rho * values[t - 1] + random.standard_normal(shape[1:]) * np.sqrt(variance * (1 - rho**2))
    return values


def best_linear(q, seen, variance, rho, noise):
    """E[d | q where seen] for every bin, by the covariance matrices of d and of white noise."""
    signal = variance * rho ** np.abs(np.subtract.outer(np.arange(len(q)), np.arange(len(q))))
    at = np.flatnonzero(seen)
    return signal[:, at] @ np.linalg.solve(signal[np.ix_(at, at)] + noise * np.eye(len(at)), q[at])


@pytest.fixture
def example():
    random = np.random.default_rng(0)
    predicted = random.uniform(0.5, 2, (600, 1))
    q = lasting(0.04, 0.9, (600, 1), random) + 0.3 * random.standard_normal((600, 1))
    return predicted * (1 + q), predicted, q[:, 0]


def test_correction_is_the_best_linear_estimate_of_the_relative_error(example):
    x, predicted, q = example
    correction = Correction(np.array([0.04]), np.array([0.9]), np.array([0.09]))
    corrected = correction.apply(x, predicted, [slice(0, 600)])
    expected = best_linear(q, np.ones(600, bool), 0.04, 0.9, 0.09)
    inner = slice(60, 540)  # the filter knows no ends
    np.testing.assert_allclose((corrected / predicted)[inner, 0] - 1, expected[inner], atol=1e-4)


def test_hidden_bins_add_nothing_and_are_estimated_from_the_others(example):
    x, predicted, q = example
    hidden = np.zeros(600, bool)
    hidden[200:212] = hidden[300:305] = True
    correction = Correction(np.array([0.04]), np.array([0.9]), np.array([0.09]))
    corrected = correction.apply(x, predicted, [slice(0, 600)], hidden)
    changed = np.where(hidden[:, None], 7 * x, x)
    np.testing.assert_array_equal(corrected, correction.apply(changed, predicted, [slice(0, 600)], hidden))
    expected = best_linear(q, ~hidden, 0.04, 0.9, 0.09)
    np.testing.assert_allclose((corrected / predicted)[150:400, 0] - 1, expected[150:400], atol=1e-4)


def test_expected_error_is_that_of_the_wiener_filter_and_of_simulated_data():
    correction = Correction(np.array([0.04]), np.array([0.9]), np.array([0.09]))
    frequency = np.linspace(-np.pi, np.pi, 20_001)[:-1]
    spectrum = 0.04 * (1 - 0.81) / (1 - 1.8 * np.cos(frequency) + 0.81)
    left = np.mean(spectrum * 0.09 / (spectrum + 0.09))
    np.testing.assert_allclose(correction.relative_sd() ** 2, left, rtol=1e-6)


def test_fit_finds_what_made_the_data_although_its_noise_lasts_two_bins():
    random = np.random.default_rng(1)
    bins, pieces = 60_000, [slice(0, 25_000), slice(25_000, 60_000)]
    variance, rho = np.array([0.04, 0.1]), np.exp(-1 / np.array([10.0, 25.0]))
    white = 0.5 * random.standard_normal((bins + 1, 2))
    noise = (white[1:] + white[:-1]) / np.sqrt(2)  # correlated by 1/2 at lag 1, by 0 from lag 2 on
    predicted = np.exp(0.5 * np.sin(np.arange(bins) / 90.0))[:, None] * np.ones(2)
    q = lasting(variance, rho, (bins, 2), random) + noise
    fitted = Correction.fit(predicted * (1 + q), predicted, pieces, rate=RATE, noise_ms=4)
    np.testing.assert_allclose(fitted.variance, variance, rtol=0.2)
    np.testing.assert_allclose(-1 / np.log(fitted.rho), [10, 25], rtol=0.35)
    np.testing.assert_allclose(fitted.noise, 2 * 0.25, rtol=0.2)


def test_a_perfect_prediction_is_left_alone_and_bins_outside_segments_are_nan():
    random = np.random.default_rng(2)
    predicted = np.ones((4000, 1))
    x = random.gamma(1.0, predicted)
    fitted = Correction.fit(x, predicted, [slice(0, 4000)], rate=RATE, noise_ms=4)
    corrected = fitted.apply(x, predicted, [slice(0, 3000)])
    assert np.abs(corrected[:3000] - 1).max() < 0.2  # the noise itself has a standard deviation of 1
    assert np.isnan(corrected[3000:]).all()
    assert (corrected[:3000] > 0).all()


@pytest.mark.parametrize("bins", [1, 3, 6])
def test_noise_is_as_long_as_it_was_made(bins):
    random = np.random.default_rng(3)
    n = 40_000
    kernel = np.ones(bins) / np.sqrt(bins)  # correlation falls linearly, 0 at a lag of `bins`
    gauss = np.stack([np.convolve(random.standard_normal(n + bins - 1), kernel, "valid") for _ in range(3)], axis=1)
    mean = np.exp(np.sin(2 * np.pi * np.arange(n) / RATE))[:, None]
    x = mean * np.exp(0.7 * gauss)
    assert noise_length(x, [slice(0, 15_000), slice(15_000, n)], RATE) == pytest.approx(1000 * bins / RATE, abs=2.1)
