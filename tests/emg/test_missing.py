"""What is missing stays missing, is said, and reaches no further than the filters."""

import json
import warnings

import numpy as np
import pytest
from builders import raw_emg
from emg.test_preprocess import in_one_shot, recording_of, steps_of
from messages import assert_refused

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.crosstalk import burst_snr, find_duplicates
from nwb_autolfads.emg.mains import find_mains
from nwb_autolfads.emg.missing import averaged, bridged, power_share
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.emg.quality import assess_quality
from nwb_autolfads.errors import SignalError
from nwb_autolfads.segments import Segment

RATE = 1000.0


def preprocessed(data, config=None, **fields):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return preprocess(recording_of(data, **fields), config or PreprocessingConfig(mains_hz=50, spectrum="keep"))


@pytest.fixture(scope="module")
def whole():
    return raw_emg(20000)


@pytest.fixture(scope="module")
def clean(whole):
    return preprocessed(whole)


def test_missing_samples_change_nothing_in_other_muscles(whole, clean):
    holed = whole.copy()
    holed[np.random.default_rng(0).choice(20000, 100, replace=False), 1] = np.nan
    emg = preprocessed(holed)
    np.testing.assert_array_equal(emg.values[:, [0, 2]], clean.values[:, [0, 2]])
    assert emg["usable"].values.all()


@pytest.mark.parametrize("length", [1, 10, 1000])
def test_a_hole_is_missing_and_what_is_around_it_is_as_without_it(whole, clean, length):
    holed = whole.copy()
    holed[10000 : 10000 + length, 1] = np.nan
    emg = preprocessed(holed)[:, 1]
    lost = np.isnan(emg.values)
    inside = slice(5000, 5000 + (length + 1) // 2)
    assert lost[inside].all()
    assert 0 < lost.sum() <= (length + 1) // 2 + 8  # at most 8 ms at either side besides
    apart = lost.copy()
    apart[4900 : 5100 + length // 2] = True  # 200 ms at either side
    scale = float(emg["scale"]) / float(clean["scale"][1])
    np.testing.assert_allclose(emg.values[~apart] * scale, clean.values[~apart, 1], rtol=0.02, atol=0.01)
    near = apart & ~lost
    error = np.mean((emg.values[near] * scale - clean.values[near, 1]) ** 2)
    assert error < 0.05 * np.mean(clean.values[near, 1] ** 2)


@pytest.mark.parametrize("value", [1e30, -3e38, np.inf, 1e6])
def test_one_absurd_sample_is_missing_and_costs_its_own_bins_only(whole, clean, value):
    holed = whole.copy()
    holed[10000, 1] = value
    with pytest.warns(
        UserWarning, match=r"M1 1, 1 of them infinite or absurdly large, the first \(.*\) at 10 s"
    ) as caught:
        emg = preprocess(recording_of(holed), PreprocessingConfig(mains_hz=50, spectrum="keep"))
    assert f"the first ({value:g})" in str(caught[0].message)
    lost = np.isnan(emg.values)
    assert 1 <= lost[:, 1].sum() <= 8
    assert not lost[:, [0, 2]].any()
    known = ~lost[:, 1]
    np.testing.assert_allclose(emg.values[known, 1], clean.values[known, 1], rtol=0.3, atol=0.05)
    assert float(emg["scale"][1]) == pytest.approx(float(clean["scale"][1]), rel=1e-3)


def test_large_bursts_and_artefacts_are_not_absurd(whole):
    busy = 1e-6 * np.random.default_rng(1).standard_normal((20000, 2))
    busy[5000:5300, 0] *= 800  # a burst 58 dB above rest
    busy[::1000, 1] = 5e-4  # a stimulation artefact, 500 times rest
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        emg = preprocess(recording_of(busy, unit="V"))
    assert np.isfinite(emg.values).all()


def test_what_is_missing_is_said_with_number_time_and_bins_and_kept_as_a_step(whole):
    holed = whole.copy()
    holed[14000:14010, 1] = np.nan
    holed[15500, 2] = np.inf
    segments = (Segment(2.0, 0, 13000), Segment(50.0, 13000, 7000))
    with pytest.warns(UserWarning, match="of 20000 samples some are missing") as caught:
        emg = preprocess(recording_of(holed, segments=segments))
    assert [str(warning.message) for warning in caught] == [
        "acquisition/EMG: of 20000 samples some are missing, and are left out: M1 10, the first (nan) at 51 s; "
        "M2 1, 1 of them infinite or absurdly large, the first (inf) at 52.5 s"
    ]
    missing = steps_of(emg)["missing"]
    assert (missing["samples"], missing["absurd"]) == ({"M1": 10, "M2": 1}, {"M1": 0, "M2": 1})
    assert missing["bins"] == {"M1": int(np.isnan(emg.values[:, 1]).sum()), "M2": int(np.isnan(emg.values[:, 2]).sum())}


def test_a_muscle_is_given_up_only_where_too_much_is_gone(whole):
    holed = whole.copy()
    holed[:8000, 0] = np.nan
    holed[:12000, 1] = np.nan
    with pytest.warns(UserWarning, match=r"left out as not usable: M1 \(60.0% of samples missing\)"):
        emg = preprocess(recording_of(holed))
    assert emg["usable"].values.tolist() == [True, False, True]
    stricter = preprocessed(holed, PreprocessingConfig(missing_share_limit=0.3))
    assert stricter["usable"].values.tolist() == [False, False, True]


def test_scattered_holes_that_leave_the_filters_nothing_give_the_muscle_up(whole):
    holed = whole.copy()
    holed[::3, 1] = np.nan
    emg = preprocessed(holed)
    assert emg["usable"].values.tolist() == [True, False, True]
    reason = json.loads(emg.attrs["preprocessing"])[-1]["unusable"]["M1"]
    assert reason == "too little is known of it: missing samples reach into 100% of its bins"


def test_infinite_everywhere_is_refused_as_no_muscle():
    with assert_refused(
        SignalError,
        "session.nwb, acquisition/EMG: no muscle is usable: M0 (100.0% of samples missing)",
        "Check the recording, or choose another series with --emg PATH",
    ):
        preprocess(recording_of(np.full((3000, 1), np.inf)))


def test_holes_hide_neither_mains_nor_copies_nor_bursts():
    data = raw_emg(64000)
    data[:, 1] += np.sin(2 * np.pi * 50 * np.arange(64000) / 1000)
    data[:, 2] = data[:, 0]
    expected = burst_snr(recording_of(data), PreprocessingConfig())
    data[::640, 1] = np.nan  # some in every excerpt
    recording = recording_of(data)
    assert find_mains(recording, PreprocessingConfig())[0] == 50
    assert find_duplicates(recording) == ["", "", "M0"]
    np.testing.assert_allclose(burst_snr(recording, PreprocessingConfig()), expected, atol=1.0)
    assert assess_quality(recording)["usable"].values.tolist() == [True, True, False]


@pytest.mark.parametrize("preset", ["falcon-m1", "rectified"])
def test_presets_keep_what_is_missing_missing(preset):
    data = raw_emg(20000)
    data = np.abs(data) if preset == "rectified" else data
    whole = preprocessed(data, PreprocessingConfig(preset=preset))
    data[10000:11000, 1] = np.nan
    emg = preprocessed(data, PreprocessingConfig(preset=preset))
    rate = emg.attrs["rate"]
    lost = np.isnan(emg.values[:, 1])
    at = np.flatnonzero(lost) / rate
    assert lost.sum() / rate == pytest.approx(1.0, abs=0.1)
    assert at.min() >= 9.9
    assert at.max() <= 11.1
    np.testing.assert_array_equal(emg.values[:, 0], whole.values[:, 0])
    assert (emg.values[~lost, 1] > 0).all()


def test_chunks_treat_holes_as_one_pass_does(monkeypatch, whole):
    from nwb_autolfads.emg import chunks

    holed = whole.copy()
    holed[[100, 7999, 8000, 8001, 15000], 1] = np.nan
    once = preprocessed(holed)
    monkeypatch.setattr(chunks, "_CHUNK_VALUES", 12000)
    monkeypatch.setattr(chunks, "memory_of", lambda _: 1000)
    np.testing.assert_allclose(preprocessed(holed).values, once.values, atol=2e-3)


def test_bridges_are_straight_and_level_at_the_ends():
    signal = np.array([np.nan, 1.0, np.nan, np.nan, 4.0, np.inf])
    np.testing.assert_allclose(bridged(signal), [1, 1, 2, 3, 4, 4])
    assert bridged(np.full(3, np.nan)).tolist() == [0, 0, 0]


def test_an_average_of_too_much_that_is_missing_is_missing():
    signal = np.r_[np.ones(5), np.nan, np.ones(5), np.full(5, np.nan), np.ones(5)]
    found = averaged(lambda x: np.convolve(x, np.full(5, 0.2), "same"), signal)
    share = np.convolve(np.isnan(signal), np.full(5, 0.2), "same")
    assert np.isnan(found).tolist() == (share > 0.25).tolist()


def test_the_share_of_power_is_that_of_white_noise_in_the_holes():
    response = np.array([0.1, -0.4, 1.0, -0.4, 0.1])
    missing = np.zeros(400, bool)
    missing[[50, 51, 200]] = True
    noise = np.random.default_rng(2).standard_normal((20000, 400))
    due = np.stack([np.convolve(each * missing, response, "same") for each in noise]).var(axis=0)
    np.testing.assert_allclose(power_share(missing, response), due / np.sum(response**2), atol=0.02)


def test_without_holes_it_is_still_plain_scipy(whole, clean):
    np.testing.assert_allclose(
        clean.values, in_one_shot(whole, rate=RATE, up=1, down=2, mains=50), rtol=1e-4, atol=1e-5
    )
