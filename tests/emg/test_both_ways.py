"""What is said of filters that run both ways is what scipy's own filters do."""

import json

import numpy as np
import pytest
from builders import file_with_2d_series, raw_emg
from emg_examples import rectified_emg
from scipy import signal

import nwb_autolfads as nal
from nwb_autolfads.both_ways import butterworth_both_ways, notch_both_ways
from nwb_autolfads.emg.trials import without_trials


def decibels_both_ways(sos, frequency, rate):
    return 2 * 20 * np.log10(np.abs(signal.sosfreqz(sos, [frequency], fs=rate)[1][0]))


@pytest.mark.parametrize(("kind", "cutoff", "order", "rate"), [
    ("lowpass", 20.0, 4, 500.0), ("lowpass", 200.0, 2, 500.0),
    ("highpass", 65.0, 4, 1000.0), ("highpass", 20.0, 1, 2000.0),
])  # fmt: skip
def test_a_butterworth_filter_has_lost_3_db_where_it_is_said(kind, cutoff, order, rate):
    sos = signal.butter(order, cutoff, kind, fs=rate, output="sos")
    said = butterworth_both_ways(cutoff, order, rate, high=kind == "highpass")
    assert decibels_both_ways(sos, said["minus_3_db_hz"], rate) == pytest.approx(-10 * np.log10(2), abs=0.01)
    assert said["order"] == 2 * order


def test_a_notch_is_as_wide_as_it_is_said():
    sos = signal.tf2sos(*signal.iirnotch(60.0, 30.0, fs=2000.0))
    width = notch_both_ways(2.0)["bandwidth_hz"]
    frequencies = np.linspace(55, 65, 10001)
    gain = np.abs(signal.sosfreqz(sos, frequencies, fs=2000.0)[1]) ** 2
    assert np.ptp(frequencies[gain < np.sqrt(0.5)]) == pytest.approx(width, rel=0.01)


def test_steps_and_the_low_pass_say_it_and_results_that_do_not_are_the_same_settings(tmp_path):
    with nal.open_emg(file_with_2d_series(tmp_path / "a.nwb", 3e-4 * raw_emg(3000))) as recording:
        emg = nal.preprocess(recording)
    steps = json.loads(emg.attrs["preprocessing"])
    assert [step["step"] for step in steps if "both_ways" in step] == ["notch", "high-pass"]
    before = [{key: value for key, value in step.items() if key != "both_ways"} for step in steps]
    assert without_trials(json.dumps(before)) == without_trials(emg.attrs["preprocessing"])
    estimate = nal.LowPass(cutoff=20.0).fit(emg).estimate(rectified_emg(np.abs(raw_emg(1000)) + 0.1))
    assert json.loads(estimate.attrs["config"])["both_ways"] == butterworth_both_ways(20.0, 4, 500.0)
