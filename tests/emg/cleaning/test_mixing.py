"""Cross-talk that was put in is found; where there is none, or it cannot be told, nothing is."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from nwb_autolfads.emg.cleaning.mixing import find_mixing

RATE = 1000.0


def muscles(rng, n_muscles, seconds=30.0, depth=1.5, width=60.0):
    """Independent noise whose logarithm of size changes over some 60 ms."""
    n = int(seconds * RATE)
    size = gaussian_filter1d(rng.standard_normal((n, n_muscles)), width, axis=0)
    return rng.standard_normal((n, n_muscles)) * np.exp(depth * size / size.std(axis=0))


def test_planted_crosstalk_is_found_whatever_the_gains_of_the_electrodes():
    rng = np.random.default_rng(0)
    A = np.array([[1, 0.3, 0.1, 0], [0.25, 1, 0.3, 0], [0.1, 0.2, 1, 0.15], [0, 0, -0.3, 1]])
    gains = np.array([1.0, 30.0, 0.2, 5.0])
    found = find_mixing([muscles(rng, 4) @ A.T * gains], RATE)
    np.testing.assert_allclose(found / gains[:, None] * gains, A, atol=0.03)
    assert (np.diag(found) == 1).all()


@pytest.mark.parametrize("depth", [1.5, 0.0], ids=["bursts", "as loud throughout"])
def test_independent_muscles_are_left_as_they_are(depth):
    for seed in range(5):
        found = find_mixing([muscles(np.random.default_rng(seed), 6, depth=depth)], RATE)
        assert (found == np.eye(6)).all()


def test_muscles_that_burst_together_are_not_taken_for_crosstalk():
    rng = np.random.default_rng(2)
    together = np.exp(1.5 * gaussian_filter1d(rng.standard_normal(30000), 60) * 14)[:, None]
    assert (find_mixing([rng.standard_normal((30000, 4)) * together], RATE) == np.eye(4)).all()


def test_electrodes_on_one_muscle_are_left_alone_and_the_others_are_not():
    rng = np.random.default_rng(3)
    one, second, third, fourth = muscles(rng, 4).T
    electrodes = np.stack([one + 0.05 * second, one + 0.1 * second, third + 0.8 * fourth, fourth], axis=1)
    found = find_mixing([electrodes], RATE)
    assert (found[:2] == np.eye(4)[:2]).all()
    assert found[2, 3] == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(("seconds", "n_muscles"), [(9.0, 3), (30.0, 33), (30.0, 1)])
def test_too_short_too_many_or_one(seconds, n_muscles):
    rng = np.random.default_rng(4)
    emg = muscles(rng, n_muscles, seconds)
    emg = emg + 0.3 * np.roll(emg, 1, axis=1) * (n_muscles > 1)
    assert (find_mixing([emg], RATE) == np.eye(n_muscles)).all()


def test_a_few_loud_artifacts_do_not_change_what_is_found():
    rng = np.random.default_rng(5)
    A = np.array([[1, 0.3, 0], [0, 1, 0.3], [0, 0, 1]])
    emg = muscles(rng, 3) @ A.T
    for start in range(500, 30000, 3000):
        emg[start : start + 30] += 20 * rng.standard_normal((30, 1))
    np.testing.assert_allclose(find_mixing([emg], RATE), A, atol=0.05)
