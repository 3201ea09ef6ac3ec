"""Joint diagonalization: covariances that one matrix makes diagonal, exactly, and what the measure says of others."""

import numpy as np

from nwb_autolfads.emg.cleaning.joint import deviation, joint_diagonalizer


def test_a_matrix_that_diagonalizes_all_is_found_up_to_order_and_size():
    rng = np.random.default_rng(0)
    A = np.eye(5) + 0.4 * rng.standard_normal((5, 5))
    powers = np.exp(rng.standard_normal((40, 5)))
    covariances = np.einsum("ij,kj,lj->kil", A, powers, A)
    V = joint_diagonalizer(covariances, np.ones(40))
    product = V @ A
    one_each = np.abs(product) / np.abs(product).max(axis=1, keepdims=True)
    assert sorted(one_each.argmax(axis=1)) == list(range(5))
    assert np.sort(one_each, axis=1)[:, :-1].max() < 1e-4


def test_a_covariance_without_weight_counts_for_nothing():
    rng = np.random.default_rng(1)
    A = np.array([[1.0, 0.3], [0.2, 1.0]])
    covariances = np.einsum("ij,kj,lj->kil", A, np.exp(rng.standard_normal((30, 2))), A)
    spoilt = np.concatenate([covariances, [[[1.0, 0.95], [0.95, 1.0]]]])
    V = joint_diagonalizer(spoilt, np.append(np.ones(30), 0.0))
    unmixed = V @ covariances @ V.T
    assert np.abs(unmixed[:, 0, 1] / np.sqrt(unmixed[:, 0, 0] * unmixed[:, 1, 1])).max() < 1e-4


def test_deviation_is_the_information_that_channels_share():
    correlation = 0.6
    covariances = np.array([[[4.0, 2 * correlation], [2 * correlation, 1.0]], [[2.0, 0.0], [0.0, 3.0]]])
    np.testing.assert_allclose(deviation(covariances), [-np.log(1 - correlation**2), 0.0], atol=1e-12)
