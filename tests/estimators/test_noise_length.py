"""How long the noise of rectified EMG lasts, against noise of a known length."""

import numpy as np
import pytest

from nwb_autolfads.estimators.noise_length import noise_length
from nwb_autolfads.segments import Segments

RATE = 500.0


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
