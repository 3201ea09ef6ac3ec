"""Levels that worlds need do what they say, and at their defaults leave sessions as they were without them."""

import h5py
import numpy as np
import pytest
from numpy.random import SeedSequence
from scipy import signal, stats

from nwb_autolfads.simulate import SimulationConfig, read_true_activation, simulate_session
from nwb_autolfads.simulate.body import MOMENT_ARMS
from nwb_autolfads.simulate.commands import MUSCLES, RATE, simulate_movement
from nwb_autolfads.simulate.emg import clean_emg
from nwb_autolfads.simulate.noise import electrode_signal

# Stored from the simulator as it was before these levels: seed 4, 8 s.
BEFORE = {
    "am": {
        "emg": [
            [-218, -123, 90, 4, 161, 45, 98, 145, -547, 310, 213, -178],
            [-347, 322, 33, -71, -288, -260, -1192, 528, 127, 907, 400, -35],
            [23, 141, 740, -601, 531, 268, 1591, 722, 1124, 747, 633, 408],
            [1103, 495, 2409, 610, 825, 4461, 902, 1180, 223, -121, 282, 1263],
        ],
        "sum": 118574736,
    },
    "motor_units": {
        "emg": [
            [17, -9, -31, -41, 30, -31, 0, -195, -256, -83, -31, -94],
            [-149, -161, -625, -180, -243, -46, -278, -470, -86, -292, 63, -126],
            [923, 114, 149, -15, 75, -32, -23, -200, -162, -54, 40, -243],
            [-320, 51, -262, -16, 53, -232, -27, -157, 123, -157, -60, 240],
        ],
        "sum": 87980711,
    },
}
TRUTH_BEFORE = [
    [0.48613, 0.15452, 1.341, 0.18603, 1.63553, 0.11927, 0.30023, 0.92889, 1.13166, 0.21645, 0.15286, 0.16543],
    [0.78558, 0.08962, 0.66003, 0.03572, 0.35612, 1.02135, 0.09934, 0.90464, 0.44623, 0.05188, 0.37017, 0.24227],
]


def movement(seed=0, duration=30.0, **levels):
    return simulate_movement(SeedSequence(seed), duration, SimulationConfig(**levels))


@pytest.mark.parametrize("generator", BEFORE)
def test_default_sessions_are_what_they_were(tmp_path, generator):
    path = simulate_session(tmp_path / "s.nwb", seed=4, duration=8, config=SimulationConfig(emg_generator=generator))
    with h5py.File(path) as file:
        emg = file["acquisition/EMG/data"][:].astype(int)
        # Another processor may round the last bit of a sine otherwise: one count of 16 bits.
        np.testing.assert_allclose(emg[1999::4000], BEFORE[generator]["emg"], atol=1)
        assert np.abs(emg).sum() == pytest.approx(BEFORE[generator]["sum"], abs=200)
        np.testing.assert_allclose(file["scratch/true_activation/data"][999::2000], TRUTH_BEFORE, atol=1e-5)
        angles = file["processing/behavior/BehavioralTimeSeries/joint_angles/data"][999]
        np.testing.assert_allclose(angles, [100.1781, 94.5519, 101.8993], atol=1e-3)
        assert len(file["units/spike_times"]) == 8536
        assert file["intervals/steps/start_time"][:].sum() == pytest.approx(86.327592, abs=1e-5)


@pytest.mark.parametrize("n_muscles", [4, 16])
def test_a_session_has_the_muscles_asked_for_and_its_limb_feels_them_only(tmp_path, n_muscles):
    path = simulate_session(tmp_path / "s.nwb", duration=4, config=SimulationConfig(n_muscles=n_muscles))
    truth = read_true_activation(path)
    assert tuple(truth["muscle"].values) == MUSCLES[:n_muscles]
    assert tuple(MOMENT_ARMS) == MUSCLES
    with h5py.File(path) as file:
        assert file["acquisition/EMG/data"].shape == (8000, n_muscles)
        assert np.ptp(file["processing/behavior/BehavioralTimeSeries/joint_angles/data"][:], axis=0).min() > 1


def test_reaches_burst_in_opposite_commands_in_turn(tmp_path):
    config = {
        "locomotion_bout_s": 0,
        "burst_bout_s": 0,
        "isometric_bout_s": 0,
        "reach_bout_s": 20,
        "reach_duration_s": 1.0,
        "n_synergies": 2,
        "command_modulation": 0,
    }
    made = movement(**config)
    assert len(made.reaches) > 8
    assert {bout.phase for bout in made.bouts} == {"reaching"}
    for reach in made.reaches:
        start, length = reach.start, reach.stop - reach.start
        drive, brake = (
            made.commands[round((start + part * length) * RATE)] for part in (0.17, 0.5)
        )  # the two commands pull in opposite directions
        assert drive.argmax() != brake.argmax()
        assert 0.75 <= length <= 1.25
    path = simulate_session(tmp_path / "s.nwb", duration=20, config=SimulationConfig(**config))
    with h5py.File(path) as file:
        assert len(file["intervals/reaches/start_time"]) > 4
        assert "steps" not in file["intervals"]


FREE = {"locomotion_bout_s": 0, "burst_bout_s": 0, "isometric_bout_s": 0, "free_bout_s": 60, "command_modulation": 0}


def test_free_commands_are_processes_of_the_corner_slope_and_depth_asked_for():
    made = movement(**FREE, free_hz=2.0, free_slope=6.0, free_depth=0.5, n_synergies=8, tone=0.001)
    assert {bout.phase for bout in made.bouts} == {"free"}
    inside = made.commands[(made.time > 1) & (made.time < made.bouts[0].stop - 0.5)] - 0.001
    assert inside.min() > 0
    logarithm = np.log(inside)
    assert np.std(logarithm, axis=0).mean() == pytest.approx(0.5, rel=0.15)
    frequency, density = signal.welch(logarithm, RATE, nperseg=2000, axis=0)
    share_below = density[frequency < 8].sum(axis=0) / density.sum(axis=0)  # the highest corner is 4 Hz
    assert share_below.min() > 0.95
    fall = np.log2(density[frequency == 16].mean() / density[frequency == 32].mean())
    assert fall == pytest.approx(6, abs=1)
    assert abs(np.corrcoef(logarithm.T) - np.eye(8)).max() < 0.6


def test_rectified_free_commands_rest_at_the_tone():
    made = movement(**FREE, free_shape="rectified", free_depth=2.0, tone=0.001)
    inside = made.commands[(made.time > 1) & (made.time < made.bouts[0].stop - 0.5)]
    # A Gaussian variable of mean 1 and standard deviation 2 is negative in 31 %.
    assert np.mean(inside < 0.00101) == pytest.approx(stats.norm.cdf(-0.5), abs=0.06)


def test_electrodes_over_one_muscle_have_one_activation_and_noise_of_their_own(tmp_path):
    config = SimulationConfig(electrodes_per_muscle=3, n_muscles=7, crosstalk=0, common_mode_uv=0)
    path = simulate_session(tmp_path / "s.nwb", duration=6, config=config)
    truth = read_true_activation(path).values
    same = np.array([[np.array_equal(a, b) for a in truth.T] for b in truth.T])
    muscle = np.array([0, 0, 0, 1, 1, 1, 2])
    np.testing.assert_array_equal(same, muscle[:, None] == muscle)
    with h5py.File(path) as file:
        emg = file["acquisition/EMG/data"][:].astype(float)
    assert abs(np.corrcoef(emg[:, :3].T) - np.eye(3)).max() < 0.2


def steps_only(**levels):
    return movement(burst_bout_s=0, isometric_bout_s=0, command_modulation=0, **levels).commands


def test_softer_pulses_make_slower_commands():
    def share_above_10_hz(commands):
        frequency, density = signal.welch(commands, RATE, nperseg=1000, axis=0)
        return density[frequency > 10].sum() / density[frequency > 1].sum()

    assert share_above_10_hz(steps_only(pulse_edge_scale=3)) < 0.2 * share_above_10_hz(steps_only())


def test_wider_pulses_last_longer():
    usual, wide = (np.mean(steps_only(pulse_width_scale=scale) > 0.5) for scale in (1, 2))
    assert wide / usual == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("part", ["command", "private"])
def test_modulation_is_as_slow_as_its_corner(part):
    def share_above_5_hz(corner):
        levels = {"command_modulation": 0, "private_modulation": 0} | {f"{part}_modulation": 0.5}
        made = movement(
            locomotion_bout_s=0, isometric_bout_s=60, burst_bout_s=0, tremor_depth=0, n_synergies=1,
            **levels, **{f"{part}_modulation_hz": corner},
        )  # fmt: skip
        frequency, density = signal.welch(made.activation[1000:14000, 0], RATE, nperseg=1000)
        return density[frequency > 5].sum() / density[frequency > 0.5].sum()

    assert share_above_5_hz(2) < 0.5 * share_above_5_hz(12)


def test_commands_of_bursts_and_of_tremor_come_after_those_of_behaviour_and_add_to_the_rank():
    levels = {"n_synergies": 4, "private_modulation": 0, "command_modulation": 0}
    levels |= {"tremor_low_hz": 23, "tremor_high_hz": 27}
    made, without = movement(**levels, n_burst_commands=1, n_tremor_commands=1), movement(**levels)
    assert np.linalg.matrix_rank(made.activation) == 6
    np.testing.assert_array_equal(made.commands[:, :4], without.commands)
    np.testing.assert_allclose(made.synergies.max(axis=1), 1)
    frequency, density = signal.welch(made.commands[:, 5], RATE, nperseg=500)
    fast = frequency > 10
    assert 22 <= frequency[fast][density[fast].argmax()] <= 28
    resting = made.commands[:, 5] < 1.5 * 0.02
    assert 0.3 < resting.mean() < 0.95  # it comes and goes
    above = made.commands[:, 4] > 0.5
    n_bursts = np.sum(above[1:] & ~above[:-1])
    assert n_bursts == pytest.approx(3 * 30, rel=0.4)


def test_a_band_carrier_is_flat_between_its_corners():
    config = SimulationConfig(carrier_shape="band", carrier_low_hz=100, carrier_high_hz=300, carrier_roughness=0)
    emg = clean_emg(SeedSequence(1), np.ones((10_000, 1)), 500.0, 20.0, config)[:, 0]
    frequency, density = signal.welch(emg, 2000.0, nperseg=500)
    inside = density[(frequency >= 130) & (frequency <= 230)]  # corners scatter by 20 %
    assert inside.max() < 1.6 * inside.min()
    assert density[frequency < 40].max() < 0.05 * inside.min()
    assert density[frequency > 600].max() < 0.05 * inside.min()


def test_amplitudes_scatter_over_muscles_as_configured():
    def spread(level):
        config = SimulationConfig(emg_amplitude_spread=level)
        return np.log(clean_emg(SeedSequence(2), np.ones((600, 16)), 500.0, 1.0, config).std(axis=0)).std()

    assert spread(0) < 0.1
    assert spread(1.0) > 0.6


def electrodes(strikes=(), **levels):
    off = {"crosstalk": 0, "mains_uv": 0, "movement_artifact_uv": 0, "common_mode_uv": 0, "white_noise_uv": 0}
    config = SimulationConfig(**off | levels)
    return electrode_signal(SeedSequence(5), np.zeros((40_000, 4), dtype=np.float32), strikes, config)


def test_mains_have_the_harmonics_asked_for():
    def lines(n):
        recorded = electrodes(mains_uv=100, mains_hz=50, mains_harmonics=n)[:, 0]
        frequency, density = signal.welch(recorded, 2000.0, nperseg=2000)
        return [k for k in range(1, 19) if density[frequency == 50 * k][0] > 1e-3]

    assert lines(3) == [1, 2, 3]
    assert lines(15) == list(range(1, 16))


def test_wires_swing_faster_where_asked():
    def median_hz(fastest):
        recorded = electrodes(np.arange(1, 18.0), movement_artifact_uv=300, movement_artifact_hz=fastest)[:, 0]
        frequency, density = signal.welch(recorded, 2000.0, nperseg=2000)
        return frequency[np.searchsorted(density.cumsum(), density.sum() / 2)]

    assert median_hz(12) < 12
    assert median_hz(60) > 20


def test_common_transients_are_of_one_height_unless_they_spread():
    def heights(spread):
        recorded = electrodes(common_mode_uv=300, common_mode_per_minute=300, common_mode_spread=spread)[:, 0]
        moving = np.abs(recorded) > 0
        first = np.flatnonzero(moving[1:] & ~moving[:-1])
        return np.log([recorded[at + 1 : at + 70].std() for at in first])

    assert heights(0.8).std() > 1.5 * heights(0.0).std()
