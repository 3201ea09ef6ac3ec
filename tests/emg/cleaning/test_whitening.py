"""Frequencies are weighted by what they tell of the amplitude: as the equation says, in chunks as at once, and said."""

from __future__ import annotations

import json

import numpy as np
import pytest
from emg.test_preprocess import recording_of, steps_of
from scipy import signal
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from nwb_autolfads.emg import chunks as chunks_module
from nwb_autolfads.emg.cleaning.whitening import REACH_S, WEAKEST, find_whitening
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.emg.steps.again import config_of
from nwb_autolfads.estimators.autolfads.card import differences
from nwb_autolfads.segments import Segment

RATE, N = 1000.0, 60_000
RESONANCE = ([1.0], [1.0, -1.2, 0.6])  # all-pole: a hump at about 120 Hz, 25 dB above the highest frequencies
NOISE = 0.02  # of the size of the muscle's EMG


def amplitude(n=N, seed=0):
    slow = gaussian_filter1d(np.random.default_rng(seed).standard_normal(n), 150)
    return np.exp(1.2 * slow / slow.std())


def coloured(size, seed=1, noise=NOISE):
    rng = np.random.default_rng(seed)
    carrier = signal.lfilter(*RESONANCE, rng.standard_normal(len(size)))
    return carrier / carrier.std() * size + noise * rng.standard_normal(len(size))


def gains_at(whitening, hz, muscle=0):
    return np.interp(hz, whitening.frequencies, whitening.gains[muscle])


def found(*muscles):
    return find_whitening([np.stack(muscles, axis=1)], RATE, len(muscles))


def test_gains_are_those_of_the_equation():
    whitening = found(coloured(amplitude()))
    hz = np.arange(40.0, 480.0, 20.0)
    _, response = signal.freqz(*RESONANCE, worN=hz, fs=RATE)
    muscle = np.abs(response) ** 2
    everywhere = np.abs(signal.freqz(*RESONANCE, worN=2048, fs=RATE)[1]) ** 2
    muscle *= 5 * np.median(amplitude() ** 2) / everywhere.mean()  # active windows are louder than usual
    expected = np.sqrt(muscle) / (muscle + NOISE**2 + WEAKEST * muscle.max())
    by = 20 * np.log10(gains_at(whitening, hz) / expected)
    assert np.ptp(20 * np.log10(expected)) > 8.0
    assert np.ptp(by) < 2.0


def test_the_rectified_emg_of_a_constant_muscle_is_less_noisy_by_the_bandwidth_gained():
    bursts = np.repeat(np.tile([0.02, 1.0], N // 4000), 2000)
    raw = coloured(bursts, noise=0.0)
    whitening = found(raw)
    whitened = whitening.filtered(raw, 0, RATE)

    def noise(emg):
        power = uniform_filter1d(emg**2, 200)[bursts == 1].reshape(-1, 2000)[:, 300:-300]
        return (power.std() / power.mean()) ** 2

    def bandwidth(emg):
        spectrum = signal.welch(emg[bursts == 1], RATE, nperseg=256)[1]
        return spectrum.sum() ** 2 / np.square(spectrum).sum()

    gained = bandwidth(whitened) / bandwidth(raw)
    assert gained > 1.5
    assert noise(raw) / noise(whitened) == pytest.approx(gained, rel=0.25)


def test_the_power_of_an_active_muscle_stays_what_it_is():
    size = amplitude()
    raw = coloured(size)
    active = size > np.quantile(size, 0.6)
    power = [np.mean(np.square(emg)[active]) for emg in (raw, found(raw).filtered(raw, 0, RATE))]
    assert power[1] == pytest.approx(power[0], rel=0.1)


def test_frequencies_of_noise_say_nothing():
    sections = signal.butter(6, 150, fs=RATE, output="sos")
    rng = np.random.default_rng(3)
    raw = signal.sosfiltfilt(sections, rng.standard_normal(N)) * amplitude() + 0.3 * rng.standard_normal(N)
    whitening = found(raw)
    assert gains_at(whitening, [250.0, 350.0, 450.0]).max() < 0.1 * gains_at(whitening, 100.0)


def test_artifacts_are_not_raised():
    raw, rng = coloured(amplitude(), noise=0.002), np.random.default_rng(4)
    knocked = raw.copy()
    for start in range(500, N - 100, 800):
        knocked[start : start + 20] += 5 * rng.standard_normal(20)
    one, other = found(raw), found(knocked)
    ratio = [gains_at(each, 450.0) / gains_at(each, 120.0) for each in (one, other)]
    assert ratio[1] < 0.3 * ratio[0]


def test_each_muscle_has_its_own_and_one_that_says_nothing_stays():
    flat, silent = np.random.default_rng(5).standard_normal(N) * amplitude(), np.zeros(N)
    whitening = found(coloured(amplitude()), flat, silent)
    assert gains_at(whitening, 400.0) > 2 * gains_at(whitening, 120.0)
    assert np.ptp(20 * np.log10(gains_at(whitening, np.arange(40, 480, 10.0), 1))) < 2.5
    np.testing.assert_array_equal(whitening.gains[2], 1.0)
    np.testing.assert_array_equal(whitening.filtered(silent, 2, RATE), silent)


def test_a_recording_of_a_few_seconds_or_none_stays_as_it_is():
    assert find_whitening([coloured(amplitude())[:6000, None]], RATE, 1).does_nothing
    assert find_whitening([], RATE, 2).does_nothing
    assert not find_whitening([coloured(amplitude())[:8000, None]], RATE, 1).does_nothing


def test_what_is_missing_does_not_count_as_rest():
    raw = coloured(amplitude(), noise=0.3)
    holes = raw.copy()
    holes[10_000:35_000] = np.nan
    known = np.concatenate([raw[:10_000], raw[35_000:]])
    hz = np.arange(30.0, 460.0, 10.0)
    np.testing.assert_allclose(gains_at(found(holes), hz), gains_at(found(known), hz), rtol=0.2)


def test_nothing_is_delayed_and_nothing_reaches_further_than_it_says():
    whitening = found(coloured(amplitude()))
    impulse = np.zeros(1001)
    impulse[500] = 1.0
    answer = whitening.filtered(impulse, 0, RATE)
    np.testing.assert_allclose(answer, answer[::-1], atol=1e-9)
    assert np.abs(np.flatnonzero(np.abs(answer) > 1e-9) - 500).max() <= REACH_S * RATE == whitening.reach(RATE)
    np.testing.assert_allclose(answer[500 - 32 : 533], whitening.response(0, RATE), atol=1e-9)


def test_above_what_was_looked_at_nothing_is_let_through():
    whitening = found(coloured(amplitude()))
    time = np.arange(8000) / 4000
    low, high = (whitening.filtered(np.sin(2 * np.pi * hz * time), 0, 4000.0)[500:-500] for hz in (120, 800))
    assert low.std() > 0.1
    assert high.std() < 0.01 * low.std()


def test_a_fast_recording_keeps_what_is_above_one_kilohertz():
    rate, n = 12_000.0, 240_000
    size = amplitude(n // 12).repeat(12)
    rng = np.random.default_rng(6)
    band = signal.butter(4, (1200, 2000), "bandpass", fs=rate, output="sos")
    raw = signal.sosfiltfilt(band, rng.standard_normal(n)) * size + 0.02 * rng.standard_normal(n)
    emg = preprocess(recording_of(raw[:, None], rate=rate)).values[:, 0]
    smooth = gaussian_filter1d(emg, 10)
    assert np.corrcoef(smooth, size[::24])[0, 1] > 0.95


def recording(n=20_000, **changes):
    muscles = [0.1 * coloured(amplitude(n, seed), seed + 10) for seed in range(3)]
    return recording_of(np.stack(muscles, axis=1), **changes)


def test_chunks_meet_as_if_taken_at_once(monkeypatch):
    segments = (Segment(0.0, 0, 13_000), Segment(20.0, 13_000, 7000))
    at_once = preprocess(recording(segments=segments))
    assert "whiten" in steps_of(at_once)
    monkeypatch.setattr(chunks_module, "_CHUNK_VALUES", 3)
    np.testing.assert_allclose(preprocess(recording(segments=segments)).values, at_once.values, rtol=2e-5, atol=2e-6)


def test_preprocessing_filters_as_scipy_does_and_says_by_how_much():
    config = PreprocessingConfig(notch_harmonics=0, clip_quantile=1.0, crosstalk="keep", common_artifacts="keep")
    session = recording()
    emg = preprocess(session, config)
    gains = steps_of(emg)["whiten"]["gains_db"]
    assert list(gains) == ["M0", "M1", "M2"]
    assert list(gains["M0"]) == ["30 Hz", "60 Hz", "120 Hz", "240 Hz", "480 Hz"]
    assert gains["M0"]["240 Hz"] > gains["M0"]["120 Hz"]

    raw = session.read(0, session.n_samples).astype(float)
    filtered = signal.sosfiltfilt(signal.butter(4, 65.0, "highpass", fs=RATE, output="sos"), raw, axis=0)
    starts = session.segments.excerpts(8, 8000)
    excerpts = [
        signal.sosfiltfilt(
            signal.butter(4, 65.0, "highpass", fs=RATE, output="sos"), raw[each.first_sample : each.stop], axis=0
        )
        for each in starts
    ]
    whitening = find_whitening(excerpts, RATE, 3)
    for muscle in range(3):
        taps = whitening.response(muscle, RATE)
        whitened = np.convolve(filtered[:, muscle], taps, mode="same")
        expected = np.abs(signal.resample_poly(np.abs(whitened), 1, 2, padtype="symmetric"))[50:-50]
        got = (emg * emg["scale"]).values[50:-50, muscle]
        np.testing.assert_allclose(got, np.maximum(expected, 1e-4 * float(emg["scale"][muscle])), rtol=1e-3, atol=1e-4)


def test_a_hole_is_missing_as_far_as_the_filters_reach():
    data = recording().read(0, 20_000).copy()
    data[10_000:10_200, 1] = np.nan
    with pytest.warns(UserWarning, match="some are missing"):
        emg = preprocess(recording_of(data))
    lost = emg["time"].values[np.isnan(emg.sel(muscle="M1").values)]
    assert 9.95 < lost.min() <= 10.0
    assert 10.198 <= lost.max() < 10.25
    assert np.isfinite(emg.sel(muscle=["M0", "M2"]).values).all()


def test_what_was_asked_for_is_read_back_and_compared():
    whitened, kept = (
        preprocess(recording(), PreprocessingConfig(spectrum=spectrum)).attrs["preprocessing"]
        for spectrum in ("whiten", "keep")
    )
    assert "whiten" not in {step["step"] for step in json.loads(kept)}
    assert (config_of(whitened).spectrum, config_of(kept).spectrum) == ("whiten", "keep")
    assert differences(kept, whitened) == ["whiten none (the model), yes (here)"]
    assert differences(whitened, whitened) == []
