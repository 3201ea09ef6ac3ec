"""A simulated session is a file as a lab would have it, the same for the same seed, with its truth inside."""

import json

import h5py
import numpy as np
import pynwb
import pytest
from messages import assert_refused
from nwbinspector import Importance, inspect_nwbfile

import nwb_autolfads as nal
from nwb_autolfads.errors import ConfigError, OutputError, SignalError, SourceError
from nwb_autolfads.simulate import SimulationConfig, read_true_activation, simulate_session
from nwb_autolfads.simulate.body import DEGREES_PER_TORQUE, MOMENT_ARMS, REST_ANGLES_DEG

SHORT_BOUTS = SimulationConfig(locomotion_bout_s=3, burst_bout_s=2, isometric_bout_s=2, rest_s=0.3)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return simulate_session(tmp_path_factory.mktemp("simulated") / "session.nwb", duration=10, config=SHORT_BOUTS)


@pytest.fixture
def nwbfile(session):
    with pynwb.NWBHDF5IO(session, "r") as io:
        yield io.read()


def datasets(path):
    """All data of a file by path, but for the cached specifications and the ids that NWB draws anew."""
    found = {}

    def collect(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith("specifications"):
            found[name] = np.asarray(item[()]).tobytes() if item.dtype.kind != "O" else str(item[()])

    with h5py.File(path) as file:
        file.visititems(collect)
    return found


@pytest.mark.parametrize("generator", ["am", "motor_units"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path, generator):
    config = SHORT_BOUTS.model_copy(update={"emg_generator": generator})
    first, again, other = (
        datasets(simulate_session(tmp_path / f"{name}.nwb", seed=seed, duration=3, config=config))
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert first == again
    assert first.keys() == other.keys()
    for name in ("acquisition/EMG/data", "units/spike_times", "scratch/true_activation/data", "identifier"):
        assert first[name] != other[name], name


def test_the_generators_of_emg_share_everything_but_the_emg(tmp_path, session):
    config = SHORT_BOUTS.model_copy(update={"emg_generator": "motor_units"})
    am, motor_units = datasets(session), datasets(simulate_session(tmp_path / "mu.nwb", duration=10, config=config))
    different = {name for name in am if am[name] != motor_units[name]}
    assert different == {"acquisition/EMG/data", "identifier", "scratch/simulation_config"}


def test_the_file_is_valid_and_follows_best_practice(session):
    assert pynwb.validate(path=str(session)) == []
    messages = [
        message
        for message in inspect_nwbfile(nwbfile_path=session)
        if message.importance.value >= Importance.BEST_PRACTICE_VIOLATION.value
    ]
    assert messages == []


def test_the_file_holds_what_a_lab_would_have(nwbfile):
    emg = nwbfile.acquisition["EMG"]
    assert emg.data.shape == (20_000, 12)
    assert emg.data.dtype == np.int16
    assert (emg.rate, emg.unit) == (2000.0, "volts")
    assert emg.comments == "columns: BFpR, GA, GRr, GS, IL, RF, SM, ST, TA, VI, VL, VM"
    assert 1e-5 < (emg.data[:] * emg.conversion).std() < 1e-3
    behavior = nwbfile.processing["behavior"]["BehavioralTimeSeries"].time_series
    assert behavior["joint_angles"].data.shape == (2500, 3)
    assert behavior["ground_force"].data.shape == (5000,)
    assert len(nwbfile.units) == 60
    assert set(nwbfile.trials["phase"][:]) == {"locomotion", "bursts", "isometric"}
    assert len(nwbfile.intervals["steps"]) >= 5
    assert nwbfile.subject.species == "Rattus norvegicus"


def test_all_events_and_spikes_lie_inside_the_session(nwbfile):
    spikes = nwbfile.units["spike_times"].target.data[:]
    assert spikes.min() >= 0
    assert spikes.max() < 10
    for table in (nwbfile.trials, nwbfile.intervals["steps"]):
        assert np.all(np.asarray(table["start_time"][:]) < np.asarray(table["stop_time"][:]))
        assert max(table["stop_time"][:]) <= 10


def test_the_truth_is_kept_where_no_tool_takes_it_for_a_result(nwbfile):
    truth = nwbfile.scratch["true_activation"]
    assert "truth, not an estimate" in truth.description
    assert "true_activation" not in nwbfile.acquisition
    levels = json.loads(nwbfile.scratch["simulation_config"].data)
    assert SimulationConfig(**levels) == SHORT_BOUTS


def test_joint_angles_solve_the_equations_of_muscle_and_limb(tmp_path):
    config = SHORT_BOUTS.model_copy(update={"angle_noise_deg": 0.0, "n_cortical_units": 0})
    path = simulate_session(tmp_path / "s.nwb", duration=3, config=config)
    truth = read_true_activation(path)
    arms = np.array([MOMENT_ARMS[muscle] for muscle in truth.muscle.values])
    T, w, z = config.muscle_twitch_ms / 1000, 2 * np.pi * config.limb_natural_hz, config.limb_damping_ratio

    def slope(state, a):
        F, dF, q, dq = np.split(state, [12, 24, 27])
        ddq = w**2 * (DEGREES_PER_TORQUE * F @ arms - q) - 2 * z * w * dq
        return np.concatenate((dF, (a - F - 2 * T * dF) / T**2, dq, ddq))

    step = 0.001  # Runge and Kutta's fourth order; the activation runs straight between its samples
    half_steps = np.arange(0, 2.99, step / 2)
    drive = np.stack([np.interp(half_steps, truth.time, column) for column in truth.values.T], axis=1)
    state = np.concatenate((drive[0], np.zeros(12), DEGREES_PER_TORQUE * drive[0] @ arms, np.zeros(3)))
    expected = [state[24:27]]
    for i in range(0, len(drive) - 2, 2):
        k1 = slope(state, drive[i])
        k2 = slope(state + step / 2 * k1, drive[i + 1])
        k3 = slope(state + step / 2 * k2, drive[i + 1])
        k4 = slope(state + step * k3, drive[i + 2])
        state = state + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        expected.append(state[24:27])
    expected = np.array(expected)[::4] + REST_ANGLES_DEG  # filmed at 250 Hz
    with pynwb.NWBHDF5IO(path, "r") as io:
        angles = io.read().processing["behavior"]["BehavioralTimeSeries"]["joint_angles"].data[:]
    assert np.ptp(expected) > 20
    np.testing.assert_allclose(angles[: len(expected)], expected, atol=0.01)


def test_truth_is_interpolated_to_the_times_asked_for(session):
    truth = read_true_activation(session)
    assert truth.dims == ("time", "muscle")
    assert truth.shape == (5000, 12)
    assert truth.attrs["rate"] == 500.0
    asked = np.array([0.0, 1.0013, 7.77])
    at = read_true_activation(session, asked)
    np.testing.assert_allclose(at, truth.interp(time=asked), rtol=1e-6)
    np.testing.assert_array_equal(at.time, asked)


def test_emg_is_strong_where_the_true_activation_is(nwbfile, session):
    emg = nwbfile.acquisition["EMG"]
    strength = np.sqrt((emg.data[:].astype(float) ** 2).reshape(100, 200, 12).mean(axis=1))  # RMS of 0.1 s
    truth = np.sqrt((read_true_activation(session).values ** 2).reshape(100, 50, 12).mean(axis=1))
    correlations = [np.corrcoef(s, t)[0, 1] for s, t in zip(strength.T, truth.T, strict=True)]
    assert min(correlations) > 0.7


def test_truth_outside_the_session_is_refused(session):
    with assert_refused(
        SignalError,
        "session.nwb, scratch/true_activation: times 9 to 12 s asked, 0 to 9.998 s simulated",
        "Ask for times inside the session",
    ):
        read_true_activation(session, [9.0, 12.0])


def test_a_file_without_truth_or_no_nwb_file_at_all_is_a_clear_error(tmp_path, session):
    bare = tmp_path / "bare.nwb"
    bare.write_bytes(session.read_bytes())
    with h5py.File(bare, "a") as file:
        del file["scratch/true_activation"]
    only = "Only sessions written by `nwb-autolfads simulate` or `simulate_session` hold it"
    with assert_refused(SourceError, f"{bare}: no true activation in this file", only):
        read_true_activation(bare)
    text, absent = tmp_path / "text.nwb", tmp_path / "absent.nwb"
    text.write_text("not HDF5")
    with assert_refused(SourceError, f"{text}: is not an NWB file (no HDF5 in it)", "Give the path of an NWB file"):
        read_true_activation(text)
    with assert_refused(SourceError, f"{absent}: there is no such file", "Check the path"):
        read_true_activation(absent)


@pytest.mark.parametrize("arguments", [{"seed": -1}, {"duration": 1}, {"duration": 1e6}, {"duration": float("nan")}])
def test_a_seed_or_duration_out_of_range_is_refused_and_leaves_no_file(tmp_path, arguments):
    with pytest.raises(ConfigError):
        simulate_session(tmp_path / "s.nwb", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_unless_it_may_be_overwritten(tmp_path):
    path = tmp_path / "s.nwb"
    path.write_text("precious")
    with assert_refused(
        OutputError, "s.nwb: exists already", "Choose another name, or --overwrite it (in Python: overwrite=True)"
    ):
        nal.simulate_session(path, duration=2)
    assert path.read_text() == "precious"
    simulate_session(path, duration=2, overwrite=True)
    assert read_true_activation(path).sizes["time"] == 1000
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path):
    with assert_refused(OutputError, "s.nwb: the folder absent does not exist", "Create it first"):
        simulate_session(tmp_path / "absent" / "s.nwb", duration=2)


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    (tmp_path / "folder.nwb").mkdir()
    with assert_refused(OutputError, "folder.nwb: is a folder, not a file", "Choose another name"):
        simulate_session(tmp_path / "folder.nwb", duration=2, overwrite=True)
    assert [item.name for item in tmp_path.iterdir()] == ["folder.nwb"]
