"""Onsets and offsets against bursts whose times are known, epochs, and intervals in the file."""

import json

import numpy as np
import pytest
import xarray as xr
from emg_examples import RATE, rectified_emg
from messages import assert_refused
from nwb_examples import make_emg, make_estimate, write_session
from pynwb import NWBHDF5IO

import nwb_autolfads as nal

BURSTS_S = [(1.0, 1.5), (2.2, 2.45), (4.0, 5.0), (6.3, 6.5)]  # after the start


def bursting(seed, *, rise=6.0, shape=1.5, seconds=8.0):
    """Return gamma distributed EMG of two muscles of which one has bursts, and the activation behind it."""
    time = np.arange(round(seconds * RATE)) / RATE
    level = np.ones_like(time)
    for begin, end in BURSTS_S:
        level[(time >= begin) & (time < end)] = rise
    levels = np.column_stack([level, np.ones_like(level)])
    noise = np.random.default_rng(seed).gamma(shape, 1 / shape, levels.shape)
    return rectified_emg(0.1 * levels * noise), levels


def errors_ms(found):
    """Return how far onsets and offsets are from the true ones (ms), which must be as many."""
    first = found.isel(burst=found["muscle"].values == "muscle 0")
    assert first.sizes["burst"] == len(BURSTS_S)
    true = 10 + np.array(BURSTS_S)
    return 1000 * (np.column_stack([first["onset"].values, first["offset"].values]) - true)


@pytest.mark.parametrize("seed", range(5))
def test_the_likelihood_ratio_finds_sudden_bursts_within_milliseconds_and_none_at_rest(seed):
    found = nal.find_onsets(bursting(seed)[0], method="likelihood_ratio")
    assert np.abs(errors_ms(found)).max() <= 12
    assert np.median(np.abs(errors_ms(found))) <= 4
    assert "muscle 1" not in found["muscle"].values


def test_the_method_is_chosen_by_what_is_given():
    emg, _ = bursting(0)
    estimate = nal.LowPass(cutoff=20.0).fit(emg).estimate(emg)
    chosen = {
        "likelihood_ratio": [emg],
        "double_threshold": [estimate, estimate["activation"], emg.rename("something")],
    }
    for method, all_given in chosen.items():
        for given in all_given:
            assert json.loads(nal.find_onsets(given).attrs["config"])["method"] == method


def test_a_ratio_finds_bursts_of_smooth_activation_at_rest_and_two_thresholds_hardly_any():
    found = {"double_threshold": 0, "likelihood_ratio": 0}
    for seed in range(4):
        emg, _ = bursting(seed)
        estimate = nal.LowPass(cutoff=20.0).fit(emg).estimate(emg)
        for method in found:
            bursts = nal.find_onsets(estimate, method=method)
            found[method] += int((bursts["muscle"] == "muscle 1").sum())
    assert found["likelihood_ratio"] > 40  # in 32 s without a burst
    assert found["double_threshold"] <= 4


@pytest.mark.parametrize("seed", range(5))
def test_two_thresholds_find_bursts_of_smooth_activation(seed):
    emg, _ = bursting(seed)
    found = nal.find_onsets(nal.LowPass(cutoff=20.0).fit(emg).estimate(emg), baseline=(10.0, 11.0), threshold=5.0)
    assert np.abs(errors_ms(found)).max() <= 50
    assert found.attrs["estimator"] == "LowPass"


def test_onset_and_offset_are_the_bins_at_which_the_level_changes_where_nothing_is_left_to_chance():
    values = np.tile([[0.9], [1.1]], (1000, 1))
    values[400:500] = 10.0
    values[700:705] = 10.0  # 10 ms: too short
    emg = rectified_emg(values)
    for method in ("double_threshold", "likelihood_ratio"):
        found = nal.find_onsets(emg, method=method, shortest_ms=20.0)
        np.testing.assert_allclose(found["onset"], [10 + 400 / RATE])
        np.testing.assert_allclose(found["offset"], [10 + 500 / RATE])
        np.testing.assert_allclose(found["peak"], [10.0])


def test_a_gap_ends_a_burst_and_an_unusable_muscle_has_none():
    values = np.tile([[0.9, np.nan], [1.1, np.nan]], (1000, 1))
    values[900:1100, 0] = 10.0
    emg = rectified_emg(values, segment=np.repeat([0, 1], 1000), usable=[True, False])
    emg = emg.assign_coords(time=np.where(np.arange(2000) < 1000, emg["time"], emg["time"] + 5.0))
    found = nal.find_onsets(emg)
    np.testing.assert_allclose(found["onset"], [10 + 900 / RATE, 15 + 1000 / RATE])
    np.testing.assert_allclose(found["offset"], [10 + 1000 / RATE, 15 + 1100 / RATE])


def test_epochs_hold_the_bins_around_each_time_and_nothing_across_gaps():
    values = np.arange(2000.0)[:, None] + 1
    emg = rectified_emg(values, segment=np.repeat([0, 1], 1000))
    emg = emg.assign_coords(time=np.where(np.arange(2000) < 1000, emg["time"], emg["time"] + 5.0))
    found = nal.cut_epochs(emg, [10 + 50 / RATE, 10 + 998 / RATE, 13.0], before=0.01, after=0.01)
    np.testing.assert_array_equal(found.isel(event=0, muscle=0), np.arange(46.0, 57.0))
    np.testing.assert_array_equal(found.isel(event=1, muscle=0), [*np.arange(994.0, 1001.0), *[np.nan] * 4])
    assert np.isnan(found.isel(event=2)).all()
    np.testing.assert_allclose(found["from_event"], np.arange(-5, 6) / RATE)


def test_an_event_average_is_the_mean_of_its_epochs():
    emg, _ = bursting(0)
    onsets = 10 + np.array(BURSTS_S)[:, 0]
    average = nal.cut_epochs(emg, onsets, before=0.1, after=0.15).mean("event").sel(muscle="muscle 0")
    assert average.sel(from_event=slice(0.01, None)).mean() > 4 * average.sel(from_event=slice(None, -0.01)).mean()


def test_bursts_become_intervals_in_the_file(tmp_path):
    session = write_session(tmp_path / "session.nwb")
    estimate = make_estimate(make_emg(), everything=False)
    file = nal.write_activation(estimate, session)
    bursts = xr.Dataset(
        {"onset": ("burst", [3.0, 2.5]), "offset": ("burst", [3.1, 2.75]), "peak": ("burst", [1.0, 2.0])},
        {"muscle": ("burst", ["TA", "VL"])},
    )
    nal.write_bursts(bursts, file)
    with NWBHDF5IO(file, "r") as io:
        table = io.read().processing["behavior"]["muscle_bursts"].to_dataframe()
    assert table["start_time"].tolist() == [2.5, 3.0]
    assert table["stop_time"].tolist() == [2.75, 3.1]
    assert table["muscle"].tolist() == ["VL", "TA"]
    with pytest.raises(nal.OutputError, match="the name is in the file already"):
        nal.write_bursts(bursts, file)
    nal.write_bursts(bursts.isel(burst=[0]), file, overwrite=True)
    xr.testing.assert_identical(nal.read_activation(file)["activation"], estimate["activation"])
    with assert_refused(nal.OutputError, "bursts: there are no bursts to write", "Give what nal.find_onsets found"):
        nal.write_bursts(bursts.isel(burst=[]), file)


@pytest.mark.parametrize(
    ("given", "error", "problem", "way_out"),
    [
        (
            {"method": "guess"},
            nal.ConfigError,
            "find_onsets: method is 'guess'",
            "Use double_threshold or likelihood_ratio",
        ),
        ({"threshold": -1.0}, nal.ConfigError, "find_onsets: threshold is -1.0", "Give a number above 0"),
        (
            {"baseline": (0.0, 1.0)},
            nal.SignalError,
            "muscle 'muscle 0': the baseline, 0 to 1 s, holds 0 bins of standard deviation 0",
            "Give a baseline (start, stop) of rest, in seconds",
        ),
    ],
)
def test_what_cannot_be_is_refused(given, error, problem, way_out):
    with assert_refused(error, problem, way_out):
        nal.find_onsets(bursting(0)[0], **given)


def test_what_is_no_activation_is_refused():
    with assert_refused(
        nal.SignalError, "this is no activation (time, muscle): 'ndarray'", "Give an estimate, or rectified EMG"
    ):
        nal.find_onsets(np.ones((10, 2)))
