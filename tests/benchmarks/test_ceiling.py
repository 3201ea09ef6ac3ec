"""The filter that the truth taught, beside the best one of a process that is known."""

import numpy as np
import pytest
import xarray as xr
from emg_examples import rectified_emg
from scipy.ndimage import gaussian_filter1d


def test_a_filter_that_the_truth_taught_learns_no_chance_and_is_as_good_as_the_best_filter():
    import ceiling

    random, n = np.random.default_rng(0), 30_000
    slow = gaussian_filter1d(random.standard_normal((n, 1)), 25, axis=0)
    truth = 5 + slow / slow.std() * [1.0, 0.7]
    emg = rectified_emg(truth + 2.0 * random.standard_normal((n, 2)))
    true = xr.DataArray(truth, dims=("time", "muscle"), coords={name: emg[name] for name in ("time", "muscle")})
    # A Gaussian process and white noise, both muscles the same: the best filter is known at each frequency.
    power = np.abs(np.fft.rfft(truth[:, 0] - 5)) ** 2
    smooth = gaussian_filter1d(power, 30) * (1 + 0.7**2)
    left = (gaussian_filter1d(power, 30) * 4 * n / (smooth + 4 * n)).sum() / power.sum()
    assert ceiling.ceiling(emg, true) == pytest.approx(1 - left, abs=0.03)
    unrelated = true.copy(data=5 + gaussian_filter1d(random.standard_normal((n, 2)), 25, axis=0))
    assert ceiling.ceiling(emg, unrelated) < 0.02
