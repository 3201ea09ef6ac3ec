"""Worlds are drawn from their ranges, the same for the same seed, and fill the ranges; their settings are pinned."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from messages import assert_refused
from numpy.random import SeedSequence

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.simulate import SimulationConfig, worlds
from nwb_autolfads.simulate.commands import simulate_movement
from nwb_autolfads.simulate.worlds import (
    BEHAVIOURS,
    FURTHER_BEHAVIOURS,
    FURTHER_RANGES,
    RANGES,
    Choice,
    Range,
    World,
    draw_worlds,
)

SETS = {"development": worlds.development_worlds, "test": worlds.test_worlds, "further": worlds.further_worlds}
PINNED = Path(__file__).with_name("worlds.json")
OF_LIMB_AND_CORTEX = {
    "muscle_twitch_ms",
    "limb_natural_hz",
    "limb_damping_ratio",
    "angle_noise_deg",
    "force_noise_n",
    "n_cortical_units",
    "cortical_rate_hz",
    "cortical_gain",
    "cortical_lead_ms",
    "cortical_lead_spread_ms",
}
MEASURED_OUTSIDE = {
    "locomotion_bout_s": 20,
    "burst_bout_s": 0,
    "isometric_bout_s": 0,
    "n_synergies": 4,
    "n_burst_commands": 1,
    "n_tremor_commands": 1,
    "tremor_low_hz": 22,
    "tremor_high_hz": 28,
    "command_modulation": 0,
    "private_modulation": 0,
    "carrier_shape": "band",
    "carrier_low_hz": 60,
    "carrier_high_hz": 350,
    "motor_units_per_muscle": 60,
    "interspike_interval_cv": 0.5,
    "crosstalk": 0.08,
    "common_mode_uv": 1000,
    "common_mode_per_minute": 48,
    "common_mode_spread": 0.3,
}
"""Exact low rank, brief bursts, gated tremor near 25 Hz, 60 units with gamma intervals of order 4, common transients of
two to six times the EMG: where defaults chosen in the simulator's own world lost."""


@pytest.mark.parametrize("which", SETS)
def test_the_settings_of_all_sets_are_those_on_record(which):
    assert [world.model_dump(mode="json") for world in SETS[which]()] == json.loads(PINNED.read_text())[which]


def test_settings_come_back_from_their_json():
    for world in draw_worlds(3, 5):
        assert World.model_validate_json(world.model_dump_json()) == world


def test_the_same_seed_draws_the_same_worlds_and_another_seed_others():
    assert draw_worlds(7, 4) == draw_worlds(7, 4)
    first, other = draw_worlds(7, 4), draw_worlds(8, 4)
    assert all(a.levels != b.levels and a.seed != b.seed for a, b in zip(first, other, strict=True))


def test_no_session_is_in_two_sets():
    seeds = [world.seed for draw in SETS.values() for world in draw()]
    assert len(set(seeds)) == len(seeds) == 36


def test_every_level_is_drawn_or_is_of_limb_and_cortex():
    every = [*RANGES, *FURTHER_RANGES, *OF_LIMB_AND_CORTEX]
    assert sorted(every) == sorted(SimulationConfig.model_fields)


@pytest.mark.parametrize(
    ("further", "behaviours", "ranges"),
    [(False, BEHAVIOURS, RANGES), (True, FURTHER_BEHAVIOURS, RANGES | FURTHER_RANGES)],
)
def test_every_world_keeps_to_the_ranges(further, behaviours, ranges):
    for seed in range(40):
        for world in draw_worlds(seed, further=further):
            levels = world.levels.model_dump()
            for level, drawn_from in ranges.items():
                off = level.endswith("bout_s") and level not in behaviours[world.behaviour]
                few = level == "n_synergies" and levels[level] == levels["n_muscles"] - 1
                # Three digits are kept, so that an end of a range may be passed by half a part in a hundred.
                near = [levels[level] * factor for factor in (0.995, 1, 1.005)] if isinstance(drawn_from, Range) else []
                held = drawn_from.holds(levels[level], levels) or any(drawn_from.holds(x, levels) for x in near)
                assert held or few or (off and levels[level] == 0), (world.name, level, levels[level])
            assert 30 <= world.duration_s <= 600


def test_what_only_further_worlds_draw_is_as_by_default_in_others():
    default = SimulationConfig()
    for level in FURTHER_RANGES:
        assert {getattr(world.levels, level) for world in draw_worlds(3)} == {getattr(default, level)}
        assert len({getattr(world.levels, level) for world in draw_worlds(3, further=True)}) > 1


def test_each_part_of_a_range_has_its_world():
    drawn = draw_worlds(5, 12)
    crosstalk = [world.levels.private_modulation_hz for world in drawn]
    parts = np.floor(12 * np.log(np.array(crosstalk) / 1.5) / np.log(20 / 1.5))
    assert sorted(parts) == list(range(12))
    generators = [world.levels.emg_generator for world in drawn]
    assert generators.count("am") == generators.count("motor_units") == 6
    assert sorted(world.behaviour for world in drawn) == sorted(3 * list(BEHAVIOURS))
    exact_rank = [world for world in drawn if world.levels.private_modulation == 0]
    assert len(exact_rank) == 6


@pytest.mark.parametrize("levels", [{}, {"emg_generator": "motor_units"}, MEASURED_OUTSIDE])
def test_worlds_known_from_elsewhere_lie_in_the_ranges(levels):
    known = SimulationConfig(**levels).model_dump()
    phases = tuple(bout for bout in ("locomotion_bout_s", "burst_bout_s", "isometric_bout_s") if known[bout])
    assert phases in BEHAVIOURS.values()
    for level, drawn_from in RANGES.items():
        assert drawn_from.holds(known[level], known) or (level.endswith("bout_s") and level not in phases), level


def test_a_range_is_even_or_even_in_its_logarithm_and_may_be_off():
    assert Range(2, 4).at(0.5, {}) == 3
    assert Range(1, 100, log=True).at(0.5, {}) == 10
    assert [Range(2, 4, off=0.5).at(q, {}) for q in (0.49, 0.5, 0.75)] == [0, 2, 3]
    assert [Range(2, 4, whole=True).at(q, {}) for q in (0.0, 0.34, 0.999)] == [2, 3, 4]
    assert Range(2, 4, times="other").at(0.5, {"other": 10.0}) == 30
    assert str(Choice((1, 2, 1))) == "1 (2 of 3) or 2"
    assert [Choice(("a", "b")).at(q, {}) for q in (0.0, 0.49, 0.5, 0.999)] == ["a", "a", "b", "b"]


def test_a_shortened_world_is_the_same_but_for_its_length():
    for full, short in zip(worlds.development_worlds(), worlds.development_worlds(20), strict=True):
        assert short.model_copy(update={"duration_s": full.duration_s}) == full
        assert short.duration_s == 20 or (short.trial_ms > 0 and short.duration_s <= full.duration_s)


@pytest.mark.parametrize("which", ["development", "test"])
def test_trials_are_many_enough_even_in_shortened_sessions(which):
    drawn = [world for world in SETS[which](2) if world.trial_ms]
    assert len(drawn) >= 2
    for world in drawn:
        movement = simulate_movement(SeedSequence(world.seed).spawn(1)[0], world.duration_s, world.levels)
        starts = np.array([item.strike for item in movement.steps] or [item.start for item in movement.reaches])
        assert world.trial_table == ("steps" if movement.steps else "reaches")
        inside = starts[starts < world.duration_s - 2]
        assert np.sum(np.diff(inside) > world.trial_ms / 1000) >= 10


def test_a_world_writes_its_session_and_each_repeat_another(tmp_path):
    (world,) = (world for world in worlds.development_worlds(3) if world.name == "development 1")
    data = []
    for name, repeat in (("a", 0), ("b", 0), ("c", 1)):
        with h5py.File(world.simulate(tmp_path / f"{name}.nwb", repeat=repeat)) as file:
            data.append(file["acquisition/EMG/data"][:])
            assert SimulationConfig(**json.loads(file["scratch/simulation_config"][()])) == world.levels
    assert data[0].shape == (world.duration_s * world.levels.emg_rate_hz, world.levels.n_muscles)
    np.testing.assert_array_equal(data[0], data[1])
    assert not np.array_equal(data[0], data[2])


@pytest.mark.parametrize("seconds", [1, 0, -5, float("nan")])
def test_a_length_too_short_to_simulate_is_refused(seconds):
    with assert_refused(ConfigError, f"seconds: {seconds} s asked", "Give 2 s or more"):
        worlds.development_worlds(seconds)


@pytest.mark.parametrize(("seed", "n"), [(-1, 12), (0, 0), (0, 1001)])
def test_a_seed_or_number_out_of_range_is_refused(seed, n):
    with assert_refused(ConfigError, f"draw_worlds: seed {seed}, {n} worlds", "Give a seed of 0 or more, 1 to 1000"):
        draw_worlds(seed, n)


def test_the_documentation_lists_every_range_as_it_is():
    rows = (Path(__file__).resolve().parents[2] / "docs" / "worlds.md").read_text(encoding="utf-8").splitlines()
    for level, drawn_from in (RANGES | FURTHER_RANGES).items():
        (row,) = [row for row in rows if row.startswith(f"| `{level}` |")]
        assert row == f"| `{level}` | {drawn_from} |"
