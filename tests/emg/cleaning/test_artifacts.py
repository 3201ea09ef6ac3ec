"""Artifacts that all electrodes see: found where they were put in, taken off, and nothing else touched."""

import numpy as np
import pytest

from nwb_autolfads.emg.cleaning.artifacts import CommonArtifacts, find_artifacts

RATE = 1000.0
GAINS = np.array([1.0, -0.5, 0.8, 0.6, 0.4])
STARTS = range(1000, 39000, 1900)


def muscles(seed, n_muscles=5):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((40000, n_muscles)) * (
        1 + np.sin(np.arange(40000)[:, None] / 700 + np.arange(n_muscles))
    )


def with_artifacts(emg, size=6.0):
    rng = np.random.default_rng(99)
    there = np.zeros(len(emg), bool)
    emg = emg.copy()
    for start in STARTS:
        emg[start : start + 25] += size * rng.standard_normal((25, 1)) * GAINS[: emg.shape[1]]
        there[start : start + 25] = True
    return emg, there


def test_they_are_found_with_their_gains_and_taken_off():
    clean = muscles(0)
    emg, there = with_artifacts(clean)
    artifacts, share = find_artifacts([emg.copy()], RATE)
    np.testing.assert_allclose(artifacts.gains, GAINS, atol=0.1)
    cleaned = emg.copy()
    where = artifacts.remove(cleaned, RATE)
    assert where[there].mean() > 0.95
    assert share == pytest.approx(where.mean(), abs=0.01)
    assert (cleaned[~where] == emg[~where]).all()
    before, after = (np.mean((x - clean)[there] ** 2) for x in (emg, cleaned))
    assert after < 0.12 * before


def test_there_are_none_among_independent_muscles():
    for seed in range(5):
        assert find_artifacts([muscles(seed)], RATE) is None


def test_two_muscles_or_what_is_common_throughout_are_left():
    assert find_artifacts([with_artifacts(muscles(1, 2))[0]], RATE) is None
    common = muscles(2) + 3 * np.random.default_rng(3).standard_normal((40000, 1))
    assert find_artifacts([common], RATE) is None


def test_part_of_a_recording_comes_out_as_in_the_whole():
    emg = with_artifacts(muscles(4))[0]
    artifacts = find_artifacts([emg.copy()], RATE)[0]
    whole, reach = emg.copy(), int(np.ceil(CommonArtifacts.reach_s() * RATE))
    artifacts.remove(whole, RATE)
    part = emg[8000 - reach : 12000 + reach].copy()
    artifacts.remove(part, RATE)
    np.testing.assert_allclose(part[reach:-reach], whole[8000:12000], rtol=1e-9, atol=1e-9)
