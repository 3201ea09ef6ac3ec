"""Preprocessing equals plain scipy, keeps the session clock, never mixes segments, and refuses what it cannot use."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from builders import raw_emg
from messages import assert_refused
from pydantic import ValidationError
from scipy import signal

from nwb_autolfads.emg import chunks as chunks_module
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.errors import SignalError
from nwb_autolfads.segments import Segment, Segments
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.recording import EmgRecording, Origin


def recording_of(data, *, rate=1000.0, rectified=False, segments=None, muscles=None, unit="mV") -> EmgRecording:
    data = np.asarray(data, dtype=np.float32)
    return EmgRecording(
        muscles=tuple(muscles or (f"M{column}" for column in range(data.shape[1]))),
        rate=rate,
        unit=unit,
        rectified=rectified,
        segments=Segments(tuple(segments or (Segment(0.0, 0, len(data)),)), rate),
        origin=Origin("session.nwb", "id", "acquisition/EMG", "object"),
        assumptions=(),
        _read=lambda start, stop: data[start:stop],
    )


def in_one_shot(data, *, rate, up, down, mains=None, harmonics=7) -> np.ndarray:
    """Section 1 of the method with plain scipy, the whole array at once."""
    sections = [
        signal.tf2sos(*signal.iirnotch(mains * number, mains * number / 2.0, fs=rate))
        for number in range(1, harmonics + 1)
        if mains and mains * number + 2 < rate / 2
    ]
    sections = np.concatenate([*sections, signal.butter(4, 65.0, "highpass", fs=rate, output="sos")])
    filtered = np.abs(signal.sosfiltfilt(sections, np.asarray(data, dtype=np.float64), axis=0))
    slower = np.abs(signal.resample_poly(filtered, up, down, axis=0, padtype="symmetric"))
    clipped = np.minimum(slower, np.quantile(slower, 0.999, axis=0))
    return np.maximum(clipped / np.quantile(clipped, 0.95, axis=0), 1e-4)


def steps_of(emg: xr.DataArray) -> dict[str, dict]:
    return {step["step"]: step for step in json.loads(emg.attrs["preprocessing"])}


@pytest.mark.parametrize("file", ["walk13/ID0012_TW_01.nwb", "knee4/4Amar.nwb", "gait14/test_small.nwb"])
def test_real_recordings_come_out_as_from_plain_scipy(shared_data, file):
    with open_emg(shared_data / file) as recording:
        emg = preprocess(recording, PreprocessingConfig(mains_hz=50, spectrum="keep"))
        expected = in_one_shot(recording.read(0, recording.n_samples), rate=1000.0, up=1, down=2, mains=50)
    np.testing.assert_allclose(emg.values, expected, rtol=1e-5, atol=1e-6)
    assert emg.dims == ("time", "muscle")
    assert emg.dtype == np.float32
    assert emg.values.min() > 0
    assert emg.attrs["rate"] == 500.0
    assert emg["usable"].values.all()


@pytest.mark.parametrize(("rate", "up", "down"), [(2000.0, 1, 4), (30000.0, 1, 60), (1926.0, 250, 963)])
def test_chunks_meet_as_if_filtered_in_one_shot(monkeypatch, rate, up, down):
    generator = np.random.default_rng(0)
    n_samples = int(25 * rate)
    hum = 3 * np.sin(2 * np.pi * 60 * np.arange(n_samples) / rate)[:, None]
    drift = 50 * np.cumsum(generator.standard_normal((n_samples, 2)), axis=0) / np.sqrt(n_samples)
    data = (generator.standard_normal((n_samples, 2)) + hum + drift).astype(np.float32)
    monkeypatch.setattr(chunks_module, "_CHUNK_VALUES", 2)  # chunks as short as the margins allow
    reads = []
    recording = recording_of(data, rate=rate)

    def counting(start, stop):
        reads.append(stop - start)
        return data[start:stop]

    emg = preprocess(replace(recording, _read=counting), PreprocessingConfig(mains_hz=60, spectrum="keep"))
    assert max(reads) < n_samples
    expected = in_one_shot(data, rate=rate, up=up, down=down, mains=60)
    np.testing.assert_allclose(emg.values, expected, rtol=1e-5, atol=2e-6)


def test_chunks_of_rectified_emg_meet_too(monkeypatch):
    data = np.abs(raw_emg(20000, 2)).astype(np.float32)
    monkeypatch.setattr(chunks_module, "_CHUNK_VALUES", 2)
    emg = preprocess(recording_of(data, rate=2000.0, rectified=True), PreprocessingConfig(clip_quantile=1.0))
    slower = np.abs(signal.resample_poly(data.astype(np.float64), 1, 4, axis=0, padtype="symmetric"))
    expected = np.maximum(slower / np.quantile(slower, 0.95, axis=0), 1e-4)
    np.testing.assert_allclose(emg.values, expected, rtol=1e-5, atol=1e-6)


def test_events_stay_where_they_are_on_the_session_clock():
    rate, width = 2000.0, 0.02
    segments = (Segment(12.345, 0, 20000), Segment(31.0007, 20000, 15000))
    planted = [13.1234, 17.0, 20.4567, 32.5, 37.7771]
    time = np.concatenate([part.start_time + np.arange(part.n_samples) / rate for part in segments])
    bursts = sum(np.exp(-0.5 * ((time - event) / width) ** 2) for event in planted)
    # The carrier alternates in sign, so that its rectified size is the burst itself, without chance in it.
    carrier = np.sign(np.sin(2 * np.pi * 250 * (time - time[0]) + 0.1))
    data = np.stack([bursts * carrier, bursts * np.roll(carrier, 3)], axis=1)
    emg = preprocess(recording_of(data, rate=rate, segments=segments), PreprocessingConfig(clip_quantile=1.0))
    for event in planted:
        near = emg.sel(time=slice(event - 0.1, event + 0.1))
        centre = (near * near["time"]).sum("time") / near.sum("time")
        assert np.abs(centre.values - event).max() < 0.5 / 500.0
    assert emg["time"].values[0] == 12.345
    assert emg["time"].sel(time=31.0007).item() == 31.0007


def test_segments_are_filtered_apart():
    data = raw_emg(8000, 2)
    segments = (Segment(0.0, 0, 3000), Segment(10.0, 3000, 5000))
    emg = preprocess(recording_of(data, segments=segments), PreprocessingConfig(notch_harmonics=0, spectrum="keep"))
    assert emg["segment"].values.tolist() == [0] * 1500 + [1] * 2500
    in_unit = emg * emg["scale"]
    sections = signal.butter(4, 65.0, "highpass", fs=1000.0, output="sos")
    part = np.abs(signal.sosfiltfilt(sections, data[3000:].astype(np.float32).astype(float), axis=0))
    expected = np.abs(signal.resample_poly(part, 1, 2, axis=0, padtype="symmetric"))
    below_clip = expected < np.quantile(expected, 0.99)
    np.testing.assert_allclose(
        in_unit.values[1500:][below_clip], expected[below_clip], rtol=1e-4, atol=1e-4 * expected.max()
    )


def test_a_segment_of_a_few_samples_passes():
    segments = (Segment(0.0, 0, 5000), Segment(6.0, 5000, 3), Segment(7.0, 5003, 1))
    emg = preprocess(recording_of(raw_emg(5004), segments=segments))
    assert np.isfinite(emg.values).all()
    assert np.bincount(emg["segment"].values).tolist() == [2500, 2, 1]


def test_every_step_is_recorded_with_its_numbers_and_harmonics_above_nyquist_are_left_out():
    steps = steps_of(preprocess(recording_of(raw_emg()), PreprocessingConfig(mains_hz=60, notch_harmonics=9)))
    assert steps["notch"]["frequencies_hz"] == [60, 120, 180, 240, 300, 360, 420, 480]
    assert steps["notch"]["above_nyquist_hz"] == [540]
    both_ways = steps["high-pass"].pop("both_ways")
    assert steps["high-pass"] == {"step": "high-pass", "filter": "Butterworth", "cutoff_hz": 65.0, "order": 4}
    assert both_ways["order"] == 8
    assert 65.0 < both_ways["minus_3_db_hz"] < 75.0
    assert steps["resample"]["to_hz"] == 500.0
    assert (steps["clip"]["quantile"], steps["scale"]["quantile"], steps["floor"]["value"]) == (0.999, 0.95, 1e-4)


def test_rectified_emg_skips_the_filters_and_keeps_a_slower_rate():
    data = np.abs(raw_emg(1000))
    emg = preprocess(recording_of(data, rate=50.0, rectified=True))
    clipped = np.minimum(data, np.quantile(data, 0.999, axis=0))
    expected = np.maximum(clipped / np.quantile(clipped, 0.95, axis=0), 1e-4)
    np.testing.assert_allclose(emg.values, expected, rtol=1e-5)
    assert emg.attrs["rate"] == 50.0
    assert steps_of(emg)["taken as rectified"]["skipped"] == ["notch", "high-pass", "rectify"]
    assert "high-pass" not in steps_of(emg)


def test_scale_gives_back_the_unit():
    data = raw_emg(20000, 2) * [1e-5, 3e-3]
    emg = preprocess(recording_of(data), PreprocessingConfig(spectrum="keep"))
    filtered = np.abs(signal.sosfiltfilt(signal.butter(4, 65, "highpass", fs=1000, output="sos"), data, axis=0))
    np.testing.assert_allclose((emg * emg["scale"]).mean("time"), filtered.mean(axis=0), rtol=0.02)


def test_a_rate_too_low_for_the_high_pass_names_nyquist_and_the_rate_needed():
    with pytest.raises(SignalError) as caught:
        preprocess(recording_of(raw_emg(), rate=200.0))
    assert str(caught.value) == (
        "session.nwb, acquisition/EMG: is sampled at 200 Hz, so its Nyquist frequency is 100 Hz: too near the "
        "high-pass at 65 Hz. A rate of at least 260 Hz, or a lower highpass_hz, is needed"
    )


def test_a_flat_muscle_is_kept_marked_and_said():
    data = raw_emg(6000)
    data[:, 1] = 0.7
    with pytest.warns(UserWarning, match=r"left out as not usable: M1 \(flat\)"):
        emg = preprocess(recording_of(data))
    assert emg["usable"].values.tolist() == [True, False, True]
    assert emg.shape == (3000, 3)
    assert np.isfinite(emg.values).all()
    assert steps_of(emg)["quality"]["unusable"] == {"M1": "flat"}


def test_all_flat_is_refused():
    with assert_refused(
        SignalError,
        "session.nwb, acquisition/EMG: no muscle is usable: M0 (flat); M1 (flat)",
        "Check the recording, or choose another series with --emg PATH",
    ):
        preprocess(recording_of(np.ones((3000, 2))))


def test_settings_are_bounded_and_unknown_ones_refused():
    for wrong in ({"mains_hz": 55}, {"highpass_hz": 0}, {"clip_quantile": 1.5}, {"cutoff": 3}):
        with pytest.raises(ValidationError):
            PreprocessingConfig(**wrong)


def test_next_to_no_emg_is_refused():
    with pytest.raises(SignalError) as caught:
        preprocess(recording_of(raw_emg(100)))
    assert str(caught.value) == (
        "session.nwb, acquisition/EMG: is 0.1 s long, too short to filter and scale. Give at least 0.2 s of EMG"
    )
