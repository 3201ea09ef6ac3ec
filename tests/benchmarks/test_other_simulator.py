"""The other simulator: EMG is what is said of it, and its sessions are read as any other file."""

import numpy as np
import pytest


@pytest.fixture
def other(monkeypatch):
    import other_simulator

    monkeypatch.setattr(other_simulator, "SECONDS", 10.0)
    return other_simulator


@pytest.mark.parametrize("name", ["gait, modulated noise, 1", "smooth, modulated noise, 1", "steps, motor units, 1"])
def test_emg_is_larger_where_activation_is(other, name):
    activation, emg = other.simulate(name)
    assert activation.shape == emg.shape
    assert activation.min() >= 0
    averages = [
        [part.mean() for part in np.array_split(each, 100)] for each in (activation.T.mean(1), np.abs(emg).T.mean(1))
    ]
    assert np.corrcoef(*averages)[0, 1] > 0.5


def test_motor_units_are_silent_below_their_thresholds(other):
    drive = np.repeat([0.5, 0.01], 10_000)[None]
    emg = other.motor_units(np.random.default_rng(0), drive)[0]
    assert emg[:10_000].std() > 1
    assert np.abs(emg[10_100:]).max() < 1e-12


def test_a_session_is_read_from_a_file_with_its_truth(other):
    emg, truth = other.recording("gait, modulated noise, 1")
    assert list(emg["muscle"].values) == list(truth["muscle"].values)
    assert emg.attrs["rate"] == 500
    assert float(truth["time"][-1]) == pytest.approx(float(emg["time"][-1]), abs=0.005)
