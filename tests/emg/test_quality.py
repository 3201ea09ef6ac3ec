"""Quality is judged per muscle, and mains hum found where it is and not where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from builders import raw_emg
from emg.test_preprocess import recording_of

from nwb_autolfads.emg import quality as quality_module
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.crosstalk import find_crosstalk
from nwb_autolfads.emg.mains import find_mains
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.emg.quality import assess_quality
from nwb_autolfads.sources import open_emg


def with_hum(mains: float, size: float, n_samples: int = 20000) -> np.ndarray:
    data = raw_emg(n_samples)
    time = np.arange(n_samples) / 1000
    data[:, 1] += size * np.sin(2 * np.pi * mains * time + 1)
    return data


def test_each_fault_is_counted_for_its_own_muscle(monkeypatch):
    monkeypatch.setattr(quality_module, "_CHUNK_VALUES", 999)  # counts must carry over from chunk to chunk
    data = raw_emg(10000, 4).astype(np.float32)
    data[:, 0] = 3.0
    data[:6000, 1] = np.nan
    data[0, 3] = np.nan
    data[:, 2] = np.clip(data[:, 2], -0.5, 0.5)
    quality = assess_quality(recording_of(data))
    assert quality["flat"].values.tolist() == [True, False, False, False]
    np.testing.assert_allclose(quality["missing_share"], [0, 0.6, 0, 1e-4])
    clipped = np.mean(np.abs(data[:, 2]) == 0.5)
    np.testing.assert_allclose(quality["saturated_share"], [0, 0, clipped - 2 / 10000, 0], atol=1e-12)
    assert quality["usable"].values.tolist() == [False, False, False, True]
    assert quality["reason"].values[0] == "flat"
    assert quality["reason"].values[1] == "60.0% of samples missing"
    assert "at a rail" in quality["reason"].values[2]


@pytest.mark.parametrize("mains", [50, 60])
def test_mains_and_its_share_are_found_in_the_spectrum(mains):
    data = with_hum(mains, 1.0)
    found, share = find_mains(recording_of(data), PreprocessingConfig())
    assert found == mains
    power = np.var(with_hum(mains, 0.0)[:, 1])
    # A sine of size 1 has the power 1/2; white noise has 4 % of its own below 20 Hz.
    assert share[1] == pytest.approx(0.5 / (0.5 + 0.96 * power), rel=0.1)
    assert share[[0, 2]].max() < 0.05


def test_no_mains_is_found_in_noise_of_any_length():
    for seed in range(20):
        data = np.random.default_rng(seed).standard_normal((3000 + 2000 * seed, 6))
        assert find_mains(recording_of(data), PreprocessingConfig())[0] is None


def test_a_muscle_drowned_in_mains_is_not_usable():
    quality = assess_quality(recording_of(with_hum(50, 10.0)))
    assert quality["usable"].values.tolist() == [True, False, True]
    assert "of its power is mains" in quality["reason"].values[1]


def test_real_recordings_are_usable_and_only_one_hums(shared_data):
    # 10Npie: a line at 60 Hz and its harmonics in the third muscle; the others show none in a plain periodogram.
    for file, mains in (("walk13/ID0012_TW_01.nwb", None), ("knee4/4Amar.nwb", None), ("knee4/10Npie.nwb", 60)):
        with open_emg(shared_data / file) as recording:
            assert find_mains(recording, PreprocessingConfig())[0] == mains
            assert assess_quality(recording)["usable"].values.all()


def test_a_copy_of_another_muscle_is_left_out_and_said():
    data = raw_emg(8000)
    data[:, 2] = 3 * data[:, 0] + 0.5
    with pytest.warns(UserWarning, match=r"M2 \(the same signal as M0\)"):
        emg = preprocess(recording_of(data))
    assert emg["usable"].values.tolist() == [True, True, False]
    assert assess_quality(recording_of(data))["duplicate_of"].values.tolist() == ["", "", "M0"]


def test_crosstalk_is_found_with_its_muscle_although_it_comes_later():
    generator = np.random.default_rng(3)
    data = generator.standard_normal((30000, 3))
    data[:, 2] = 0.6 * np.roll(data[:, 0], 4) + 0.8 * data[:, 2]  # the other parts are independent: correlation 0.6
    peak, partner = find_crosstalk(recording_of(data), PreprocessingConfig())
    assert peak[2] == pytest.approx(0.6, abs=0.05)
    assert (partner[0], partner[2]) == ("M2", "M0")
    assert peak[1] < 0.1


def test_movement_share_and_burst_snr_match_what_was_put_in():
    generator = np.random.default_rng(4)
    time = np.arange(40000) / 1000
    size = np.where(time % 2 < 1, 10.0, 1.0)[:, None]  # bursts 20 dB above rest, half of the time
    data = size * generator.standard_normal((40000, 2))
    data[:, 1] += 20 * np.sin(2 * np.pi * 5 * time)
    quality = assess_quality(recording_of(data))
    muscle, movement = np.mean(size**2), 20**2 / 2
    np.testing.assert_allclose(
        quality["movement_share"], [0.04, (0.04 * muscle + movement) / (muscle + movement)], atol=0.01
    )
    np.testing.assert_allclose(quality["snr_db"], 20.0, atol=3.0)
