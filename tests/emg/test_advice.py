"""Each fault of a muscle is named with what to do about it; what is well is not."""

import numpy as np
import pytest
from builders import file_with_2d_series, raw_emg
from emg.test_preprocess import recording_of

from nwb_autolfads.cli import main
from nwb_autolfads.emg.advice import peaks, unit_advice
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.emg.quality import assess_quality
from nwb_autolfads.sources import open_emg


@pytest.mark.parametrize(
    ("peak", "unit", "said"),
    [
        (105.0, "V", "values up to 105 in V, more than a muscle gives: are these uV? --unit uV"),
        (0.105, "V", "values up to 0.105 in V, more than a muscle gives: are these mV? --unit mV"),
        (400.0, "mV", "values up to 400 in mV, more than a muscle gives: are these uV? --unit uV"),
        (2e-4, "mV", "values up to 0.0002 in mV, less than the noise of an amplifier: are these V? --unit V"),
        (3e4, "V", "values up to 3e+04 in V, more than a muscle gives: are these uV? --unit uV"),
        (
            1e9,
            "V",
            "values up to 1e+09 in V, more than a muscle gives: is a conversion missing in the file? "
            "If they have no unit, --unit a.u.",
        ),
    ],
)
def test_values_that_no_muscle_gives_name_the_unit_in_which_one_does(peak, unit, said):
    assert unit_advice(peak, unit) == said


@pytest.mark.parametrize(
    ("peak", "unit"), [(3e-4, "V"), (2e-2, "V"), (1.5, "mV"), (80.0, "uV"), (105.0, "a.u."), (0.0, "V"), (np.nan, "V")]
)
def test_values_that_a_muscle_may_give_and_those_without_a_unit_are_left_alone(peak, unit):
    assert unit_advice(peak, unit) == ""


def test_peaks_are_those_of_the_signal_not_of_its_offset_or_of_one_sample():
    data = np.random.default_rng(0).standard_normal((50000, 2)) * [1e-4, 3e-4] + [5.0, -2.0]
    data[100] = 4000.0
    # 0.999 of the absolute value of a normal distribution is 3.29 standard deviations.
    np.testing.assert_allclose(peaks(recording_of(data)), [3.29e-4, 9.87e-4], rtol=0.05)


def test_implausible_values_are_said_once_for_all_muscles_and_by_name_for_some():
    data = 1e-4 * raw_emg(8000)
    with pytest.warns(UserWarning, match=r"acquisition/EMG: values up to .* in V, more than .* --unit mV") as caught:
        preprocess(recording_of(1e3 * data, unit="V"))
    assert len(caught) == 1
    data[:, 1] *= 1000
    with pytest.warns(UserWarning, match=r"acquisition/EMG \(M1\): values up to .* in V, more than a muscle gives"):
        preprocess(recording_of(data, unit="V"))


def test_every_fault_has_its_advice_and_a_good_muscle_none():
    data = raw_emg(64000, 6).astype(np.float32)
    data[1000:1100, 1] = np.nan
    data[5000, 1] = 1e30
    data[:, 2] = np.clip(data[:, 2], -1.0, 1.0)
    data[:, 3] = 0.7
    data[:, 4] = data[:, 0]
    data[:, 5] += 20 * np.sin(2 * np.pi * 50 * np.arange(64000) / 1000)
    quality = assess_quality(recording_of(data))
    share = np.mean(np.abs(data[:, 2]) == 1.0)
    assert quality["advice"].values.tolist()[:5] == [
        "",
        "101 samples (0.2%) are missing, 1 of them infinite or absurdly large: look at what was recorded there, "
        "or leave it out with --muscles",
        f"{share:.1%} of samples are at a rail: its bursts are cut off there; lower the gain in the next recording",
        "it never changes: check its electrode, or leave it out with --muscles",
        "it is the same signal as M0: leave one of the two out with --muscles",
    ]
    assert "of its power is mains hum: set mains_hz" in quality["advice"].values[5]
    assert quality["usable"].values.tolist() == [True, True, False, False, False, False]


def test_inspect_shows_the_advice_under_the_table(tmp_path, capsys):
    file = file_with_2d_series(tmp_path / "session.nwb", 0.1 * raw_emg(8000))
    with open_emg(file) as recording:
        expected = assess_quality(recording)["advice"].values.tolist()
    assert all("are these mV? --unit mV" in each for each in expected)
    with pytest.raises(SystemExit, match="0"):
        main(["inspect", str(file)])
    shown = " ".join(capsys.readouterr().out.split())
    assert all(f"muscle {number}: {each}" in shown for number, each in enumerate(expected, start=1))


def test_real_recordings_are_plausible(shared_data):
    for file in ("walk13/ID0012_TW_01.nwb", "knee4/4Amar.nwb"):
        with open_emg(shared_data / file) as recording:
            assert not any("values up to" in each for each in assess_quality(recording)["advice"].values)
