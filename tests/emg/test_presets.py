"""Named presets of the preprocessing do what their source says, and masks travel with the EMG."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import raw_emg
from emg.test_preprocess import recording_of, steps_of
from messages import assert_refused
from pydantic import ValidationError
from scipy import signal

from nwb_autolfads.emg import chunks as chunks_module
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.errors import SignalError
from nwb_autolfads.segments import Segment


def test_falcon_m1_comes_out_as_from_plain_scipy(monkeypatch):
    rate, n_samples = 2000.0, 40000
    data = (raw_emg(n_samples, 2) + 0.5 * np.sin(2 * np.pi * 60 * np.arange(n_samples)[:, None] / rate)).astype(
        np.float32
    )
    segments = (Segment(0.0, 0, 25000), Segment(60.0, 25000, 15000))
    monkeypatch.setattr(chunks_module, "_CHUNK_VALUES", 2)
    emg = preprocess(recording_of(data, rate=rate, segments=segments), PreprocessingConfig(preset="falcon-m1"))

    notches = [signal.tf2sos(*signal.iirnotch(each, each / 2.0, fs=rate)) for each in (60, 180, 200, 300, 400)]
    sections = np.concatenate([*notches, signal.butter(4, 65, "highpass", fs=rate, output="sos")])
    parts = np.split(data.astype(np.float64), [25000])
    parts = [np.abs(signal.sosfiltfilt(sections, part, axis=0)) for part in parts]
    clip, scale = (np.quantile(np.concatenate(parts), quantile, axis=0) for quantile in (0.99, 0.95))
    smooth = signal.butter(4, 10, fs=50, output="sos")
    expected = []
    for part in parts:
        slower = np.abs(signal.resample_poly(np.minimum(part, clip), 1, 40, axis=0, padtype="symmetric"))
        expected.append(np.abs(signal.sosfiltfilt(smooth, slower, axis=0, padlen=15)) / scale)
    np.testing.assert_allclose(emg.values, np.maximum(np.concatenate(expected), 1e-4), rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(emg["scale"], scale, rtol=1e-5)
    assert emg.attrs["rate"] == 50.0
    assert list(steps_of(emg))[:7] == ["notch", "high-pass", "rectify", "clip", "scale", "resample", "absolute value"]
    assert steps_of(emg)["notch"]["frequencies_hz"] == [60, 180, 200, 300, 400]


def test_emg_said_to_be_rectified_is_not_filtered_again_and_the_other_way_round():
    data = np.abs(raw_emg(4000))
    said = preprocess(recording_of(data), PreprocessingConfig(preset="rectified"))
    found = preprocess(recording_of(data, rectified=True))
    np.testing.assert_array_equal(said.values, found.values)
    assert "high-pass" not in steps_of(said)
    raw = preprocess(recording_of(data, rectified=True), PreprocessingConfig(rectified=False))
    np.testing.assert_array_equal(raw.values, preprocess(recording_of(data)).values)


def test_what_is_given_goes_before_the_preset():
    config = PreprocessingConfig(preset="falcon-m1", lowpass_hz=5.0)
    assert (config.lowpass_hz, config.clip_quantile, config.highpass_hz) == (5.0, 0.99, 65.0)
    with pytest.raises(ValidationError, match="preset\n  Input should be 'wimalasena-2022', 'falcon-m1' or"):
        PreprocessingConfig(preset="falcon-h1")


def test_a_low_pass_above_nyquist_is_refused():
    with assert_refused(
        SignalError,
        "a low-pass at 300 Hz does not fit below the Nyquist frequency of 250 Hz",
        "Choose a lower lowpass_hz, or a higher analysis_rate_hz",
    ):
        preprocess(recording_of(raw_emg()), PreprocessingConfig(lowpass_hz=300.0))


@pytest.mark.parametrize("rate", [1000.0, 1926.0, 50.0])
def test_a_mask_has_at_each_new_sample_what_it_had_at_the_nearest_old_one(rate):
    segments = (Segment(2.0, 0, 3000), Segment(500.0, 3000, 2000))
    mask = np.random.default_rng(0).random(5000) < 0.5
    recording = recording_of(np.abs(raw_emg(5000)), rate=rate, rectified=True, segments=segments)
    emg = preprocess(replace(recording, masks={"eval_mask": lambda start, stop: mask[start:stop]}))
    old = np.concatenate([part.start_time + np.arange(part.n_samples) / rate for part in segments])
    distance = np.abs(emg["time"].values[:, None] - old)
    nearest = distance.argmin(axis=1)
    clear = distance[np.arange(len(nearest)), nearest] < 0.49 / rate  # half way both neighbours are right
    np.testing.assert_array_equal(emg["eval_mask"].values[clear], mask[nearest][clear])
    assert clear.mean() > 0.9
    scored = emg.isel(time=emg["eval_mask"].values)
    assert scored.sizes["time"] == emg["eval_mask"].values.sum()
