"""How long the noise of rectified EMG lasts, against noise of a known length."""

import numpy as np
import pytest

from nwb_autolfads.estimators.noise_length import noise_length
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
