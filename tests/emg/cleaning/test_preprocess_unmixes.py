"""Preprocessing takes off what electrodes share: as planted, in chunks as at once, and says it; not if told to keep."""

import json

import numpy as np
import pytest
from scipy import signal
from scipy.ndimage import gaussian_filter1d

from nwb_autolfads.emg import chunks as chunks_module
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.emg.steps.again import config_of
from nwb_autolfads.estimators.autolfads.card import differences
from nwb_autolfads.segments import Segments
from nwb_autolfads.sources.recording import EmgRecording, Origin

RATE, N = 1000.0, 30000
MIXING = np.array([[1, 0.4, 0.1, 0], [0.3, 1, 0.3, 0.1], [0, 0.3, 1, 0.4], [0, 0, 0.3, 1]])
KEEP = {"crosstalk": "keep", "common_artifacts": "keep"}


def muscles(seed=0):
    rng = np.random.default_rng(seed)
    size = gaussian_filter1d(rng.standard_normal((N, 4)), 80, axis=0)
    return 1e-4 * rng.standard_normal((N, 4)) * np.exp(1.5 * size / size.std(axis=0))


def artifacts(seed=1):
    rng, added = np.random.default_rng(seed), np.zeros((N, 4))
    for start in range(700, N, 1500):
        added[start : start + 25] = 1e-3 * rng.standard_normal((25, 1)) * [1, 0.7, 0.9, 0.5]
    return added


def recording(data):
    data = data.astype(np.float32)
    origin = Origin("session.nwb", "id", "acquisition/EMG", "object")
    return EmgRecording(
        ("A", "B", "C", "D"),
        RATE,
        "V",
        False,
        Segments.of_lengths([len(data)], RATE),
        origin,
        (),
        lambda i, j: data[i:j],
    )


def steps_of(emg):
    return {step["step"]: step for step in json.loads(emg.attrs["preprocessing"])}


def in_unit(data, **settings):
    settings = {"notch_harmonics": 0, "clip_quantile": 1.0, "spectrum": "keep", **settings}
    emg = preprocess(recording(data), PreprocessingConfig(**settings))
    return (emg * emg["scale"]).values, emg


def plain(data):
    """High-pass, rectify and resample, as scipy does it."""
    sections = signal.butter(4, 65.0, "highpass", fs=RATE, output="sos")
    rectified = np.abs(signal.sosfiltfilt(sections, data.astype(np.float32).astype(float), axis=0))
    return np.abs(signal.resample_poly(rectified, 1, 2, axis=0, padtype="symmetric"))


def test_planted_crosstalk_is_taken_off_and_said():
    clean = muscles()
    found, emg = in_unit(clean @ MIXING.T)
    mixed = plain(clean @ MIXING.T)
    wrong = np.abs(found - plain(clean)).mean(axis=0) / np.abs(mixed - plain(clean)).mean(axis=0)
    assert wrong.max() < 0.15
    said = steps_of(emg)["unmix"]["seen_of_others"]
    assert said["A"]["B"] == pytest.approx(0.4, abs=0.03)
    assert "D" not in said["A"]
    assert [step["step"] for step in json.loads(emg.attrs["preprocessing"])][1:4] == ["high-pass", "unmix", "rectify"]


def test_artifacts_are_taken_off_and_said():
    clean = muscles()
    found, emg = in_unit(clean + artifacts())
    there = np.abs(artifacts()[::2]).max(axis=1) > 0
    wrong = np.abs(found - plain(clean))[there].mean() / np.abs(plain(clean + artifacts()) - plain(clean))[there].mean()
    assert wrong < 0.3
    step = steps_of(emg)["unmix"]
    assert step["artifact_gains"]["A"] == 1.0
    assert 0.015 < step["artifact_share"] < 0.1


def test_it_can_be_told_to_keep_both():
    data = muscles() @ MIXING.T + artifacts()
    found, emg = in_unit(data, **KEEP)
    np.testing.assert_allclose(found, np.maximum(plain(data), 1e-4 * emg["scale"].values), rtol=1e-5, atol=1e-10)
    assert "unmix" not in steps_of(emg)


def test_muscles_without_crosstalk_come_out_as_from_plain_scipy():
    data = muscles()
    found, emg = in_unit(data)
    np.testing.assert_allclose(found, np.maximum(plain(data), 1e-4 * emg["scale"].values), rtol=1e-5, atol=1e-10)
    assert steps_of(emg)["unmix"]["seen_of_others"] == {}


def test_chunks_meet_as_if_taken_at_once(monkeypatch):
    data = muscles() @ MIXING.T + artifacts()
    at_once = preprocess(recording(data))
    monkeypatch.setattr(chunks_module, "_CHUNK_VALUES", 4)
    np.testing.assert_allclose(preprocess(recording(data)).values, at_once.values, rtol=2e-5, atol=2e-6)


@pytest.mark.filterwarnings("ignore:acquisition/EMG")
def test_a_muscle_at_its_rails_tells_nothing_of_others_and_a_missing_one_stays_missing():
    data = muscles() @ MIXING.T
    data[:, 0] = np.clip(data[:, 0], *np.quantile(data[:, 0], [0.2, 0.8]))
    data[10000:11000, 3] = np.nan
    emg = preprocess(recording(data))
    assert not emg["usable"].sel(muscle="A").item()
    said = steps_of(emg)["unmix"]["seen_of_others"]
    assert "A" not in said
    assert all("A" not in of for of in said.values())
    assert said["B"]["C"] == pytest.approx(0.3, abs=0.05)
    lost = emg["time"].values[np.isnan(emg.sel(muscle="D").values)]
    assert lost.min() > 9.9
    assert lost.max() < 11.1
    assert np.isfinite(emg.sel(muscle=["B", "C"]).values).all()


def test_what_was_asked_for_is_read_back_and_compared():
    taken, kept = (in_unit(muscles(), **settings)[1].attrs["preprocessing"] for settings in ({}, KEEP))
    assert config_of(taken).crosstalk == config_of(taken).common_artifacts == "remove"
    assert config_of(kept).crosstalk == config_of(kept).common_artifacts == "keep"
    assert differences(kept, taken) == ["unmix none (the model), cross-talk: remove, artifacts: remove (here)"]
    other = in_unit(muscles(5) @ MIXING.T)[1].attrs["preprocessing"]
    assert differences(taken, other) == []
