"""The second step against a loop over bins, its expected error against simulated data; the length of noise."""

import numpy as np
import pytest
from nwb_autolfads.estimators.autolfads.correction import Correction

from nwb_autolfads.estimators.noise_length import noise_length
from nwb_autolfads.segments import Segments

RATE = 500.0


def corrected_by_loop(x, predicted, width, weight, seen):
    """The posterior mean of the factor, bin by bin."""
    expected = np.empty_like(x)
    for t in range(len(x)):
        near = [j for j in range(len(x)) if abs(j - t) <= round(4 * width) and seen[j]]
        w = np.exp(-0.5 * ((np.array(near) - t) / width) ** 2)[:, None]
        total = (w * np.minimum(x[near] / predicted[near], 20)).sum(axis=0)
        expected[t] = predicted[t] * (weight + total) / (weight + w.sum())
    return expected


@pytest.fixture
def example():
    random = np.random.default_rng(0)
    predicted = random.uniform(0.5, 2, (300, 2))
    return random.gamma(1.0, predicted), predicted


def test_correction_is_the_posterior_mean_of_a_locally_constant_factor(example):
    x, predicted = example
    x[100, 0] = 1e4  # an artefact
    corrected = Correction(6.0, 9.0).apply(x, predicted, Segments.of_lengths([140, 160], RATE))
    seen = np.ones(160, bool)
    np.testing.assert_allclose(corrected[:140], corrected_by_loop(x[:140], predicted[:140], 6.0, 9.0, seen[:140]))
    np.testing.assert_allclose(corrected[140:], corrected_by_loop(x[140:], predicted[140:], 6.0, 9.0, seen))


def test_hidden_bins_add_nothing(example):
    x, predicted = example
    hidden = np.zeros(300, bool)
    hidden[200:212] = hidden[30:35] = True
    correction = Correction(6.0, 9.0)
    whole = Segments.of_lengths([300], RATE)
    corrected = correction.apply(x, predicted, whole, hidden)
    changed = np.where(hidden[:, None], 7 * x, x)
    np.testing.assert_array_equal(
        corrected, correction.apply(changed, predicted, Segments.of_lengths([300], RATE), hidden)
    )
    np.testing.assert_allclose(corrected, corrected_by_loop(x, predicted, 6.0, 9.0, ~hidden))


def test_bins_outside_segments_are_nan(example):
    corrected = Correction(6.0, 9.0).apply(*example, Segments.of_lengths([250], RATE))
    assert np.isnan(corrected[250:]).all()
    assert (corrected[:250] > 0).all()


def test_expected_error_is_that_of_factors_that_vary_and_noise_that_lasts():
    # blocks of constant factor, longer than the weights reach; the noise is shared by two bins
    random = np.random.default_rng(1)
    width, weight, variance, concentration = 8.0, 15.0, 0.7, 2.0
    blocks, length = 400, 2 * round(4 * width) + 1
    factor = random.gamma(1 / variance, variance, (blocks, 1))
    noise = np.repeat(random.gamma(concentration, 1 / concentration, (blocks, length // 2 + 1)), 2, axis=1)[:, :length]
    x, predicted = (factor * noise).reshape(-1, 1), np.ones((blocks * length, 1))
    segments = Segments.of_lengths([length] * blocks, 1.0)
    correction = Correction(width, weight)
    middle = correction.apply(x, predicted, segments)[length // 2 :: length]
    found = np.sqrt(np.mean((middle - factor) ** 2))
    assert correction.relative_error(x, predicted, segments, 2)[0] == pytest.approx(found, rel=0.1)


@pytest.mark.parametrize("bins", [1, 3, 6])
def test_noise_is_as_long_as_it_was_made(bins):
    random = np.random.default_rng(3)
    n = 40_000
    kernel = np.ones(bins) / np.sqrt(bins)  # correlation falls linearly, 0 at a lag of `bins`
    gauss = np.stack([np.convolve(random.standard_normal(n + bins - 1), kernel, "valid") for _ in range(3)], axis=1)
    mean = np.exp(np.sin(2 * np.pi * np.arange(n) / RATE))[:, None]
    x = mean * np.exp(0.7 * gauss)
    segments = Segments.of_lengths([15_000, n - 15_000], RATE)
    assert noise_length(x, segments, RATE) == pytest.approx(1000 * bins / RATE, abs=2.1)


def test_where_data_are_missing_the_expected_error_is_that_of_the_factors_that_vary_alone():
    random = np.random.default_rng(2)
    width, weight = 8.0, 15.0
    x, predicted = random.gamma(2.0, 0.5, (4000, 2)), np.ones((4000, 2))
    x[1000:1200, 1] = np.nan
    segments, correction = Segments.of_lengths([4000], 1.0), Correction(width, weight)
    error = correction.relative_error(x, predicted, segments, 2)
    far = np.r_[:900, 1300:4000]
    np.testing.assert_allclose(error[far], np.broadcast_to(error[0], (len(far), 2)), rtol=1e-12)
    # With no data near, the factor has its prior's variance; with half of them, the weights of that half.
    w = np.exp(-0.5 * (np.arange(-32, 33) / width) ** 2)
    full, half = w.sum(), w[:32].sum()
    variance, noise = np.linalg.solve(
        [
            [(weight / (weight + full)) ** 2, (w**2).sum() / (weight + full) ** 2],
            [1.0, 0.0],
        ],
        [error[0, 1] ** 2, error[1100, 1] ** 2],
    )
    expected = (weight / (weight + half)) ** 2 * variance + (w[:32] ** 2).sum() / (weight + half) ** 2 * noise
    assert error[1000, 1] == pytest.approx(np.sqrt(expected), rel=1e-6)
    assert error[1100, 1] > error[1000, 1] > error[0, 1]
    assert np.ptp(error[:, 0]) == 0
