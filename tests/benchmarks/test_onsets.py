"""The benchmark of bursts counts and matches as it says."""

import numpy as np
import pytest
import xarray as xr


@pytest.fixture
def onsets():
    """The benchmark as a module."""
    import onsets

    return onsets


def test_each_burst_is_matched_once_with_the_nearest_and_none_that_is_far(onsets):
    true = np.array([[1.0, 1.5], [2.0, 2.5], [3.0, 3.5]])
    found = np.array([[1.02, 1.4], [1.05, 1.2], [2.9, 3.6], [5.0, 6.0]])
    scored = onsets.match(true, found)
    np.testing.assert_allclose(scored.onsets, [0.02, -0.1])
    np.testing.assert_allclose(scored.offsets, [-0.1, 0.1])
    assert (scored.n_true, scored.n_found, scored.n_matched) == (3, 4, 2)
    assert scored.f1 == pytest.approx(4 / 7)
    missed, extra = scored.cells()[4:6]
    assert (missed, extra) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert onsets.match(true, np.empty((0, 2))).cells()[4] == 1.0


def test_a_true_burst_is_where_activation_is_a_tenth_of_the_way_up_for_long_enough(onsets):
    values = np.zeros(2000)
    values[500:700] = 1.0
    values[1000:1020] = 1.0  # 20 ms: too short
    values[1500:1600] = 0.05  # too low
    truth = xr.DataArray(values, dims="time", coords={"time": np.arange(2000) / 1000})
    np.testing.assert_allclose(onsets.true_bursts(truth), [[0.5, 0.7]])


def test_onsets_at_the_same_phase_have_no_spread(onsets):
    starts = np.array([0.0, 1.0, 2.5, 3.5])
    regular = np.array([0.2, 1.3, 2.7])
    assert onsets._spread(regular, starts) == pytest.approx(0.0)
    assert onsets._spread(np.array([0.2, 1.6]), starts) == pytest.approx(0.2)
    assert np.isnan(onsets._spread(np.array([0.2]), starts))
