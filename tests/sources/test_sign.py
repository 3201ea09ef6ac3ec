"""Raw EMG and envelopes are told apart, whatever filter made the envelope and whatever drift the raw EMG lies on."""

import re

import numpy as np
import pytest
from builders import file_with_2d_series, raw_emg
from scipy import signal

from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.sign import judge_sign

RATE, N = 1000.0, 60000


def judged(values, rate=RATE, texts=()):
    return judge_sign(lambda start, stop: values[start:stop].astype(np.float32), len(values), rate, texts)


def walking(n=N, muscles=3, seed=0):
    """Raw EMG in bursts: noise of 20 to 450 Hz, as an electrode gives it."""
    band = signal.butter(2, [20, 450], "bandpass", fs=RATE, output="sos")
    return signal.sosfilt(band, raw_emg(n, muscles, seed), axis=0)


def butterworth(x, cutoff=20.0, order=4):
    return signal.sosfiltfilt(signal.butter(order, cutoff, fs=RATE, output="sos"), np.abs(x), axis=0)


def boxcar(x, ms=50):
    return signal.oaconvolve(np.abs(x), np.full((ms, 1), 1 / ms), "same", axes=0)


ENVELOPES = {
    "20 Hz, both ways": butterworth(walking()),
    "6 Hz, both ways": butterworth(walking(), 6.0, 2),
    "20 Hz, one way": signal.sosfilt(signal.butter(2, 20.0, fs=RATE, output="sos"), np.abs(walking()), axis=0),
    "moving average of 50 ms": boxcar(walking()),
}


@pytest.mark.parametrize("name", ENVELOPES)
@pytest.mark.parametrize("negative", [0.001, 0.02, 0.1, 0.25])
def test_envelopes_with_a_few_negative_values_are_rectified_already(name, negative):
    envelope = ENVELOPES[name] - np.quantile(ENVELOPES[name], negative, axis=0)
    said, rectified = judged(envelope)
    assert rectified
    share = float(re.fullmatch(r"rectified already, an envelope \((.*)% of its values are negative, and .*\)", said)[1])
    assert share == pytest.approx(100 * negative, abs=0.5)  # judged on excerpts
    assert "of its power is below 40 Hz" in said


def drifting(size, hz=0.7):
    return size * np.sin(2 * np.pi * hz * np.arange(N)[:, None] / RATE + [0, 1, 2])


RAW = {
    "as it is": walking(),
    "on a large drift": walking() + drifting(20.0),
    "on a drift and an offset that is nearly as large": walking() + drifting(10.0) + 9.0,
    "with movement artefacts of 5 Hz": walking() + drifting(10.0, 5.0) + 8.0,
    "on an offset": walking() + 5.0,
    "on an offset with a few negative values": walking() - np.quantile(walking(), 0.02, axis=0),
    "with hum": walking() + drifting(3.0, 50.0),
}


@pytest.mark.parametrize("name", RAW)
def test_raw_emg_is_raw_on_any_drift_or_offset(name):
    said, rectified = judged(RAW[name])
    assert not rectified
    assert said.startswith("raw (")


@pytest.mark.parametrize("rate", [25.0, 50.0, 100.0])
def test_what_is_sampled_too_slowly_for_raw_emg_is_an_envelope(rate):
    slow = butterworth(walking(), 6.0)[:: round(RATE / rate)]
    said, rectified = judged(slow - np.quantile(slow, 0.05, axis=0), rate)
    assert rectified
    assert f"sampled at {rate:g} Hz, too slowly for raw EMG" in said


@pytest.mark.parametrize(
    ("text", "rectified"),
    [
        ("linear envelope of the EMG", True),
        ("rectified and integrated", True),
        ("raw EMG, rectified later", False),
        ("EMG", False),
    ],
)
def test_the_description_decides_where_a_few_values_are_negative_and_the_spectrum_says_nothing(text, rectified):
    values = np.abs(walking()) - 0.05
    assert judged(values, texts=[text])[1] == rectified


def test_an_envelope_without_its_mean_is_doubted_but_raw():
    envelope = ENVELOPES["6 Hz, both ways"]
    said, rectified = judged(envelope - envelope.mean(axis=0))
    assert not rectified
    assert "is it an envelope without its mean" in said


@pytest.mark.parametrize("values", [np.full((5000, 2), np.inf), np.full((5000, 2), np.nan), np.ones((5000, 2))])
def test_nothing_that_varies_is_taken_for_raw(values):
    assert judged(values) == ("raw (taken for granted: no value that varies was seen)", False)


def test_one_absurd_sample_does_not_decide():
    envelope = ENVELOPES["20 Hz, both ways"].copy()
    envelope[50, 0] = -1e30
    assert judged(envelope)[1]


def test_real_raw_emg_is_raw_and_its_envelope_is_not(shared_data):
    for file in ("walk13/ID0012_TW_01.nwb", "knee4/4Amar.nwb", "knee4/10Npie.nwb", "gait14/test_small.nwb"):
        with open_emg(shared_data / file) as recording:
            assert not recording.rectified
            data = recording.read(0, recording.n_samples).astype(np.float64)
            low = signal.butter(4, 20.0, fs=recording.rate, output="sos")
            envelope = signal.sosfiltfilt(low, np.abs(data - np.median(data, axis=0)), axis=0)
            few = envelope - np.quantile(envelope, 0.03, axis=0)
            assert judged(few, recording.rate)[1]


def test_the_description_of_a_series_is_read(tmp_path):
    values = np.abs(walking(5000)) - 0.05
    for description, rectified in (("smoothed EMG", True), ("EMG", False)):
        path = file_with_2d_series(tmp_path / f"{rectified}.nwb", values, description=description)
        with open_emg(path) as recording:
            assert recording.rectified == rectified
