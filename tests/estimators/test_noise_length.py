"""How long the noise of rectified EMG lasts, against noise of a known length."""

import numpy as np
import pytest

from nwb_autolfads.estimators.noise_length import LARGEST_RATIO, SLOW_MS, noise_length, over_slow_average
from nwb_autolfads.segments import Segments


@pytest.mark.parametrize(("bins", "rate"), [(1, 500.0), (3, 500.0), (6, 500.0), (2, 300.0)])
def test_noise_is_as_long_as_it_was_made(bins, rate):
    random = np.random.default_rng(3)
    n = 40_000
    kernel = np.ones(bins) / np.sqrt(bins)  # correlation falls linearly, 0 at a lag of `bins`
    gauss = np.stack([np.convolve(random.standard_normal(n + bins - 1), kernel, "valid") for _ in range(3)], axis=1)
    mean = np.exp(np.sin(2 * np.pi * np.arange(n) / rate))[:, None]
    x = mean * np.exp(0.7 * gauss)
    found = noise_length(x, Segments.of_lengths([15_000, n - 15_000], rate), rate)
    assert found == pytest.approx(1000 * bins / rate, abs=1050 / rate)  # one bin
    assert found * rate / 1000 == pytest.approx(round(found * rate / 1000))  # of a number of bins, never cut to ms


def test_emg_over_its_slow_average_is_that_of_a_plain_sum_over_what_is_known_and_one_elsewhere():
    x = np.random.default_rng(5).gamma(2.0, 0.5, (300, 1))
    x[200] = 1e6
    known = np.ones(x.shape, bool)
    known[100:130] = False
    bins = np.arange(300)
    found = over_slow_average(np.where(known, x, np.nan), known, 500.0)
    for at in (95, 131, 150):  # far from both ends and from the outlier
        weights = np.exp(-0.5 * ((bins - at) / (SLOW_MS / 2)) ** 2) * known[:, 0] * (np.abs(bins - at) <= 40)
        assert found[at, 0] == pytest.approx(x[at, 0] / np.average(x[:, 0], weights=weights))
    assert (found[100:130] == 1).all()
    assert found[200, 0] == LARGEST_RATIO
