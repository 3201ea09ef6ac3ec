"""The simulator's parts do what their equations say, and leave each other alone."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from messages import assert_refused
from numpy.random import SeedSequence, default_rng
from scipy import signal

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.simulate import SimulationConfig
from nwb_autolfads.simulate.commands import RATE, simulate_movement
from nwb_autolfads.simulate.cortex import cortical_units
from nwb_autolfads.simulate.emg import MotorUnitPool, clean_emg
from nwb_autolfads.simulate.noise import crosstalk_matrix, electrode_signal
from nwb_autolfads.simulate.processes import renewal_times, shaped_noise

EVERYTHING_OFF = {
    "crosstalk": 0,
    "mains_uv": 0,
    "movement_artifact_uv": 0,
    "common_mode_uv": 0,
    "white_noise_uv": 0,
}


def electrodes(emg=None, strikes=(0.5, 1.1), seed=5, **levels):
    emg = np.zeros((8000, 3), dtype=np.float32) if emg is None else emg
    return electrode_signal(SeedSequence(seed), emg, strikes, SimulationConfig(**EVERYTHING_OFF | levels))


def interval_cv(times):
    intervals = np.diff(times)
    return intervals.std() / intervals.mean()


# Random processes


def test_shaped_noise_has_unit_variance_and_the_spectrum_asked_for():
    noise = shaped_noise(default_rng(0), 400_000, 1000.0, lambda f: 1 / (1 + (f / 50) ** 2))
    frequency, density = signal.welch(noise, 1000.0, nperseg=500)
    expected = 1 / (1 + (frequency / 50) ** 2)
    expected /= np.trapezoid(expected, frequency)
    inside = slice(2, -2)
    assert noise.var() == pytest.approx(1, rel=0.03)
    np.testing.assert_allclose(density[inside], expected[inside], rtol=0.2)


@pytest.mark.parametrize("cv", [0.1, 0.3, 0.7])
def test_a_renewal_train_has_the_rate_and_the_interval_variation_asked_for(cv):
    times = renewal_times(default_rng(1), np.full(200_001, 40.0), 500.0, cv)
    assert len(times) == pytest.approx(40 * 400, rel=0.03)
    assert interval_cv(times) == pytest.approx(cv, rel=0.05)


def test_a_renewal_train_is_silent_where_its_intensity_is_zero():
    intensity = np.repeat([30.0, 0.0, 30.0], 5000)
    times = renewal_times(default_rng(2), intensity, 500.0, 0.2)
    assert not np.any((times > 10.002) & (times < 19.998))
    assert np.sum(times < 10) == pytest.approx(300, abs=5)
    assert np.sum(times > 20) == pytest.approx(300, abs=5)


# Commands and activation


def test_activation_has_as_many_dimensions_as_there_are_synergies():
    config = SimulationConfig(n_synergies=4, private_modulation=0)
    movement = simulate_movement(SeedSequence(0), 20.0, config)
    assert np.linalg.matrix_rank(movement.activation) == 4
    own_part = simulate_movement(SeedSequence(0), 20.0, config.model_copy(update={"private_modulation": 0.2}))
    assert np.linalg.matrix_rank(own_part.activation) == 12


def test_activation_is_never_negative_and_holds_content_up_to_30_hz():
    movement = simulate_movement(SeedSequence(1), 60.0, SimulationConfig())
    frequency, density = signal.welch(movement.activation, RATE, nperseg=1000, axis=0)
    power = density.mean(axis=1)
    share = [power[(frequency > low) & (frequency <= high)].sum() / power.sum() for low, high in ((10, 30), (60, 250))]
    assert movement.activation.min() >= 0
    assert share[0] > 0.05
    assert share[1] < 0.01


def test_tonic_contractions_tremble_at_20_to_30_hz_unless_tremor_is_off():
    def strongest_above_10_hz(depth):
        config = SimulationConfig(
            locomotion_bout_s=0, burst_bout_s=0, isometric_bout_s=60, tremor_depth=depth, command_modulation=0.1
        )
        activation = simulate_movement(SeedSequence(2), 30.0, config).activation[1000:14000]
        frequency, density = signal.welch(activation, RATE, nperseg=500, axis=0)
        fast = frequency >= 10
        return frequency[fast][density.mean(axis=1)[fast].argmax()]

    assert 20 <= strongest_above_10_hz(0.4) <= 30
    assert strongest_above_10_hz(0.0) < 20


def test_steps_vary_from_cycle_to_cycle_as_configured():
    config = SimulationConfig(locomotion_bout_s=120, cycle_duration_s=0.4, cycle_duration_cv=0.1)
    steps = simulate_movement(SeedSequence(3), 90.0, config).steps
    durations = np.array([step.stop - step.strike for step in steps])
    assert durations.mean() == pytest.approx(0.4, rel=0.03)
    assert durations.std() / durations.mean() == pytest.approx(0.1, rel=0.2)
    assert all(step.strike < step.foot_off < step.stop for step in steps)


def test_bouts_follow_each_other_and_a_behaviour_of_length_zero_never_comes():
    bouts = simulate_movement(SeedSequence(4), 60.0, SimulationConfig(burst_bout_s=0)).bouts
    assert {bout.phase for bout in bouts} == {"locomotion", "isometric"}
    assert all(earlier.stop < later.start for earlier, later in pairwise(bouts))


# EMG


@pytest.mark.parametrize("generator", ["am", "motor_units"])
def test_rms_of_the_emg_is_proportional_to_activation(generator):
    config = SimulationConfig(emg_generator=generator)
    levels = np.array([0.3, 0.6, 1.2, 2.4])
    rms = np.array(
        [clean_emg(SeedSequence(6), np.full((10_000, 4), level), 500.0, 20.0, config).std(axis=0) for level in levels]
    )
    np.testing.assert_allclose(rms / rms[2], np.repeat(levels[:, None] / 1.2, 4, axis=1), rtol=0.15)


def test_carrier_has_its_median_frequency_where_the_spectrum_model_puts_it():
    config = SimulationConfig(carrier_low_hz=80, carrier_high_hz=200, carrier_roughness=0)
    emg = clean_emg(SeedSequence(7), np.ones((10_000, 6)), 500.0, 20.0, config)
    frequency, density = signal.welch(emg, 2000.0, nperseg=1000, axis=0)
    medians = [frequency[np.searchsorted(np.cumsum(column) / column.sum(), 0.5)] for column in density.T]

    def median_of_model(low, high):
        f = np.arange(1.0, 1000.0)
        power = np.cumsum(high**4 * f**2 / ((f**2 + low**2) * (f**2 + high**2) ** 2))
        return f[np.searchsorted(power, power[-1] / 2)]

    # Each muscle's corners lie within 20 % of the configured ones.
    assert median_of_model(64, 160) - 4 <= min(medians)
    assert max(medians) <= median_of_model(96, 240) + 4
    assert len(set(medians)) > 1


def test_carrier_is_gaussian_without_roughness_and_as_peaked_as_laplace_noise_at_0_4():
    def kurtosis(roughness):
        config = SimulationConfig(carrier_roughness=roughness)
        emg = clean_emg(SeedSequence(8), np.ones((50_000, 1)), 500.0, 100.0, config)[:, 0]
        return np.mean(emg**4) / np.mean(emg**2) ** 2

    assert kurtosis(0.0) == pytest.approx(3, abs=0.2)
    assert kurtosis(0.4) == pytest.approx(6, abs=1)


@pytest.mark.parametrize("generator", ["am", "motor_units"])
def test_rms_at_activation_1_is_the_configured_amplitude(generator):
    config = SimulationConfig(emg_generator=generator, emg_amplitude_uv=400)
    emg = clean_emg(SeedSequence(16), np.ones((5000, 40)), 500.0, 10.0, config)
    assert np.median(emg.std(axis=0)) == pytest.approx(400, rel=0.2)


def test_roughness_of_the_carrier_leaves_its_rms_as_it_is():
    smooth, rough = (
        clean_emg(SeedSequence(17), np.ones((50_000, 1)), 500.0, 100.0, SimulationConfig(carrier_roughness=roughness))
        for roughness in (0.0, 0.4)
    )
    assert rough.std() == pytest.approx(smooth.std(), rel=0.05)


def test_motor_units_are_recruited_and_derecruited_in_order_of_size():
    config = SimulationConfig(motor_unit_distance_spread=0, motor_units_per_muscle=30)
    pool = MotorUnitPool.draw(default_rng(9), config)
    excitation = np.linspace(0, 1, 5001)
    recruited_at = [excitation[np.argmax(pool.discharge_rates(unit, excitation) > 0)] for unit in range(30)]
    sizes = np.linalg.norm(pool.shapes @ pool.basis, axis=1)
    assert np.all(np.diff(recruited_at) > 0)
    assert np.all(np.diff(sizes) > 0)
    assert sizes[-1] / sizes[0] == pytest.approx(config.motor_unit_amplitude_range)
    assert recruited_at[-1] == pytest.approx(config.full_recruitment, abs=1e-3)
    assert recruited_at[-1] / recruited_at[0] == pytest.approx(config.recruitment_range, rel=0.01)


def test_motor_units_fire_between_the_slowest_and_the_fastest_rate():
    config = SimulationConfig(discharge_min_hz=12, discharge_max_hz=60)
    pool = MotorUnitPool.draw(default_rng(10), config)
    for unit in range(config.motor_units_per_muscle):
        excitation = np.linspace(0, 1, 1001)
        rates = pool.discharge_rates(unit, excitation)
        recruited = excitation > 1.05 * pool.thresholds[unit]
        assert np.all(rates[excitation <= pool.thresholds[unit]] == 0)
        assert np.all((rates[recruited] >= 12) & (rates[recruited] <= 60))
        assert np.all(np.diff(rates) >= 0)


# What electrodes pick up besides


@pytest.mark.parametrize("mains", [50, 60])
def test_mains_and_harmonics_stand_out_and_are_gone_when_switched_off(mains):
    noise = default_rng(11).normal(0, 10, (8000, 3)).astype(np.float32)

    def line_over_floor(level, harmonic):
        recorded = electrodes(noise, mains_hz=mains, mains_uv=level)
        frequency, density = signal.welch(recorded, 2000.0, nperseg=2000, axis=0)
        near = np.abs(frequency - harmonic * mains) <= 15
        return density[frequency == harmonic * mains].ravel() / np.median(density[near], axis=0)

    for harmonic in (1, 2, 3, 7):
        assert np.all(line_over_floor(60.0, harmonic) > 10)
        assert np.all(line_over_floor(0.0, harmonic) < 6)


@pytest.mark.parametrize("part", ["mains_uv", "movement_artifact_uv", "common_mode_uv", "white_noise_uv"])
def test_switching_one_part_off_leaves_every_other_part_as_it_was(part):
    levels = {"mains_uv": 20, "movement_artifact_uv": 300, "common_mode_uv": 300, "white_noise_uv": 10}
    levels["common_mode_per_minute"] = 100
    all_on, part_off, part_alone = (
        electrodes(**levels),
        electrodes(**levels | {part: 0}),
        electrodes(**{part: levels[part], "common_mode_per_minute": 100}),
    )
    assert np.any(part_alone)
    np.testing.assert_allclose(all_on - part_off, part_alone, atol=1e-3)


def test_with_every_part_off_the_electrode_sees_its_own_muscle_only():
    emg = default_rng(12).normal(0, 100, (4000, 12)).astype(np.float32)
    np.testing.assert_array_equal(electrodes(emg), emg)


def test_crosstalk_falls_by_e_with_every_muscle_further_on():
    matrix = crosstalk_matrix(4, 0.2)
    np.testing.assert_allclose(matrix[0], [1, 0.2, 0.2 / np.e, 0.2 / np.e**2])
    np.testing.assert_array_equal(matrix, matrix.T)


def test_common_mode_transients_have_one_shape_on_all_channels():
    transients = electrodes(common_mode_uv=300, common_mode_per_minute=200)
    correlation = np.corrcoef(transients.T)
    np.testing.assert_allclose(correlation, 1, atol=1e-5)
    assert 0 < np.mean(transients[:, 0] != 0) < 0.2


def test_movement_artifacts_come_at_foot_strikes_and_lie_below_20_hz():
    artifacts = electrodes(strikes=(0.5, 2.0), movement_artifact_uv=300)
    assert not artifacts[:1000].any()
    assert not artifacts[1900:4000].any()
    assert artifacts[1000:1400].any()
    assert artifacts[4000:4400].any()
    frequency, density = signal.periodogram(artifacts, 2000.0, axis=0)
    assert np.all(density[frequency < 20].sum(axis=0) > 0.95 * density.sum(axis=0))


# Cortex


def test_cortical_rates_follow_the_commands_at_the_stated_lead():
    config = SimulationConfig(n_cortical_units=12, cortical_lead_ms=60, cortical_lead_spread_ms=0, cortical_gain=2)
    commands = simulate_movement(SeedSequence(13), 120.0, config).commands
    units = cortical_units(SeedSequence(14), commands, RATE, 120.0, config)
    lags = np.arange(-100, 101)  # samples of 2 ms; positive: the command comes later than the spikes
    correlation = np.zeros(len(lags))
    for unit in units:
        counts = np.histogram(unit.spike_times, 60_000, (0, 120))[0].astype(float)
        drive = np.minimum(commands[:60_000] @ unit.weights, 3)
        counts, drive = counts - counts.mean(), (drive - drive.mean()) / drive.std()
        correlation += [np.dot(counts[200:-200], drive[200 + lag : len(drive) - 200 + lag]) for lag in lags]
    assert lags[correlation.argmax()] * 2 == pytest.approx(60, abs=6)
    assert all(unit.lead == pytest.approx(0.060) for unit in units)


def test_cortical_leads_scatter_around_their_mean_and_are_never_negative():
    config = SimulationConfig(n_cortical_units=300, cortical_lead_ms=20, cortical_lead_spread_ms=15)
    units = cortical_units(SeedSequence(15), np.zeros((600, 5)), RATE, 1.0, config)
    leads = np.array([unit.lead for unit in units])
    assert leads.min() >= 0
    assert leads.mean() == pytest.approx(0.020, abs=0.004)
    assert leads.std() > 0.008


# Levels


@pytest.mark.parametrize(
    ("levels", "problem"),
    [
        ({"mains_hz": 55}, "mains_hz: Input should be 50 or 60, got 55"),
        ({"tremor_depth": -0.1}, "tremor_depth: Input should be greater than or equal to 0, got -0.1"),
        ({"n_synergies": 0}, "n_synergies: Input should be greater than or equal to 1, got 0"),
        ({"emg_rate_hz": 100}, "emg_rate_hz: Input should be greater than or equal to 1000, got 100"),
        ({"emg_generator": "magic"}, "emg_generator: Input should be 'am' or 'motor_units', got 'magic'"),
        ({"white_noise": 3}, "white_noise: Extra inputs are not permitted, got 3"),
        ({"white_noise_uv": float("nan")}, "white_noise_uv: Input should be less than or equal to 1000, got nan"),
        ({"tremor_low_hz": 35}, "tremor_low_hz=35.0 must be below tremor_high_hz=30.0"),
        (
            {"locomotion_bout_s": 0, "burst_bout_s": 0, "isometric_bout_s": 0},
            "one of locomotion_bout_s, burst_bout_s, isometric_bout_s, reach_bout_s, free_bout_s must be above 0",
        ),
    ],
)
def test_a_level_out_of_its_range_is_a_clear_error(levels, problem):
    with assert_refused(
        ConfigError, f"SimulationConfig: {problem}", "docs/simulator.md lists every level with its bounds"
    ):
        SimulationConfig(**levels)


def test_every_level_says_what_it_is_and_every_number_has_bounds():
    for name, field in SimulationConfig.model_fields.items():
        assert field.description, name
        if field.annotation in (int, float):
            bounds = {type(bound).__name__ for bound in field.metadata}
            assert bounds == {"Ge", "Le"}, name


def test_the_documentation_lists_every_level_as_it_is():
    rows = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8").splitlines()
    for name, field in SimulationConfig.model_fields.items():
        default = field.default if isinstance(field.default, str) else f"{field.default:g}"
        (row,) = [row for row in rows if row.startswith(f"| `{name}` |")]
        assert row.split(" | ")[1] == default, name
        assert row.endswith(f"| {field.description} |"), name
