"""Sessions of one body have its synergies in common, and nothing that electrodes decide."""

import numpy as np
import pytest
from messages import assert_refused

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.simulate import SimulationConfig, read_true_activation, simulate_session
from nwb_autolfads.simulate.commands import MUSCLES, simulate_movement
from nwb_autolfads.simulate.siblings import draw_siblings

BURSTS = SimulationConfig(locomotion_bout_s=0, isometric_bout_s=0, n_muscles=6)


def test_one_body_has_one_set_of_synergies_whatever_the_session_and_another_has_others():
    movements = [simulate_movement(np.random.SeedSequence(seed), 5, BURSTS, body=3) for seed in (1, 2)]
    np.testing.assert_array_equal(movements[0].synergies, movements[1].synergies)
    assert not np.array_equal(movements[0].commands, movements[1].commands)
    other = simulate_movement(np.random.SeedSequence(1), 5, BURSTS, body=4)
    assert not np.allclose(other.synergies, movements[0].synergies)
    np.testing.assert_array_equal(other.commands, movements[0].commands)


def test_muscles_that_are_recorded_are_as_they_are_beside_the_others(tmp_path):
    whole = simulate_session(tmp_path / "whole.nwb", seed=1, duration=5, config=BURSTS, body=3)
    some = simulate_session(tmp_path / "some.nwb", seed=1, duration=5, config=BURSTS, body=3, muscles=("RF", "GA"))
    truth, less = read_true_activation(whole), read_true_activation(some)
    assert less["muscle"].values.tolist() == ["RF", "GA"]
    np.testing.assert_array_equal(less.values, truth.sel(muscle=["RF", "GA"]).values)


def test_siblings_differ_in_muscles_and_electrodes_and_the_first_records_all():
    siblings = draw_siblings(5, 4, BURSTS)
    assert set(siblings[0].muscles) == set(MUSCLES[:6])
    assert len({sibling.muscles for sibling in siblings}) == 4
    assert all(4 <= len(sibling.muscles) <= 6 for sibling in siblings)
    for level in ("emg_amplitude_uv", "white_noise_uv"):
        drawn = [getattr(sibling.levels, level) for sibling in siblings]
        assert len(set(drawn)) == 4
        assert all(getattr(BURSTS, level) / 2 <= each <= 2 * getattr(BURSTS, level) for each in drawn)
    assert {sibling.levels.n_synergies for sibling in siblings} == {BURSTS.n_synergies}
    assert draw_siblings(5, 4, BURSTS) == siblings


@pytest.mark.parametrize("muscles", [["SOL"], ["TA", "none"]])
def test_a_muscle_that_the_body_has_not_is_refused(tmp_path, muscles):
    strange = next(muscle for muscle in muscles if muscle not in MUSCLES[:6])
    with assert_refused(ConfigError, f"muscles: there is no muscle {strange!r}", "Take of BFpR, GA, GRr, GS, IL, RF"):
        simulate_session(tmp_path / "session.nwb", config=BURSTS, muscles=muscles)
