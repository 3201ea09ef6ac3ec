"""The statistics of signals are those of signals made to have them; scores of worlds are kept, and not made twice."""

import json

import numpy as np
import pytest
import xarray as xr
from messages import assert_refused
from numpy.random import default_rng
from scipy import ndimage, signal

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.simulate.worlds import draw_worlds

RATE = 2000.0


@pytest.fixture
def module():
    """Import one of the benchmarks by its name."""
    return lambda name: __import__(name)


@pytest.fixture
def statistics(module):
    return lambda emg, rate=RATE: module("signal_statistics").signal_statistics(emg, rate)


def white(seed, seconds=40, n=1):
    return default_rng(seed).standard_normal((round(seconds * RATE), n))


def test_white_noise_is_gaussian_flat_and_gone_after_two_bins(statistics):
    found = statistics(white(0))
    assert found["kurtosis"][0] == pytest.approx(3, abs=0.15)
    assert found["median_hz"][0] == pytest.approx(235, abs=8)  # the middle of 20 to 450 Hz
    assert found["bandwidth_hz"][0] == pytest.approx(0.8 * 430, abs=12)
    assert 2 <= found["noise_ms"][0] < 2.5
    assert abs(found["late_correlation"][0]) < 0.05
    assert np.isnan(found["across"][0])


def test_the_noise_of_a_narrow_band_lasts_though_it_swings(statistics):
    sections = signal.butter(2, (85, 135), "bandpass", fs=RATE, output="sos")
    found = statistics(signal.sosfilt(sections, white(1), axis=0))
    # Rectified Gaussian noise of correlation r has that of sqrt(1 - r^2) + r asin(r) - 1, over its value at r = 1.
    response = np.abs(signal.sosfreqz(sections, 2**14, fs=RATE)[1]) ** 2
    r = np.fft.irfft(response)[: round(0.1 * RATE) : 4] / np.fft.irfft(response)[0]
    expected = (np.sqrt(np.maximum(0, 1 - r**2)) + r * np.arcsin(np.clip(r, -1, 1)) - 1) / (np.pi / 2 - 1)
    assert found["median_hz"][0] == pytest.approx(110, abs=4)
    assert found["bandwidth_hz"][0] < 80
    assert found["noise_ms"][0] == pytest.approx(2 * (2 * np.sum(expected**2) - 1), rel=0.25)
    assert found["noise_ms"][0] > 1.8 * 2  # ms, of white noise


def test_regular_pulses_are_found_at_their_interval(statistics):
    train = np.zeros(round(40 * RATE))
    train[:: round(0.03 * RATE)] = 1
    emg = np.convolve(train, np.diff(signal.windows.gaussian(21, 2)), mode="same")[:, None]
    assert statistics(emg + 0.01 * white(2))["late_correlation"][0] > 0.5
    irregular = np.convolve(default_rng(3).permutation(train), np.diff(signal.windows.gaussian(21, 2)), mode="same")
    assert statistics(irregular[:, None] + 0.01 * white(2))["late_correlation"][0] < 0.2


def test_channels_share_what_is_mixed_into_them(statistics):
    alone = white(4, n=3)
    assert np.abs(statistics(alone)["across"]).max() < 0.03
    shared = alone + 2 * white(5)
    found = statistics(shared)["across"]
    # Rectified Gaussian noise of correlation r is correlated by nearly r squared.
    np.testing.assert_allclose(found, 0.8**2, atol=0.08)


def test_bursts_last_as_long_as_made_and_stand_out_as_much(statistics):
    on = (np.arange(round(40 * RATE)) / RATE) % 1.0 < 0.3
    amplitude = np.where(on, 1.0, 0.1)
    found = statistics(ndimage.gaussian_filter1d(amplitude, 10)[:, None] * white(6))
    assert found["burst_ms"][0] == pytest.approx(320, abs=40)
    assert found["signal_to_noise_db"][0] == pytest.approx(20, abs=1.5)


def test_mains_are_taken_out_before_anything_is_measured(statistics):
    time = np.arange(round(40 * RATE)) / RATE
    hum = sum(np.sin(2 * np.pi * 60 * k * time + k) for k in range(1, 6))[:, None]
    clean, noisy = statistics(white(7)), statistics(white(7) + 3 * hum)
    for name in ("kurtosis", "median_hz", "noise_ms", "late_correlation"):
        assert noisy[name][0] == pytest.approx(clean[name][0], rel=0.1, abs=0.03), name


def test_what_lies_outside_the_worlds_is_named(module):
    signals = module("world_signals")
    names = list(module("signal_statistics").STATISTICS)

    def channels(*values):
        return {name: list(values) for name in names}

    found = {
        "recordings": {"inside": channels(2.0, 3.0, 9.0), "below": channels(0.5), "unknown": channels(np.nan)},
        "development": {"one": channels(1.0, 2.0), "two": channels(4.0)},
        "test": {"three": channels(0.4, 5.0)},
    }
    assert signals.outside(found, "development", "kurtosis") == ["below"]
    assert signals.outside(found, "test", "kurtosis") == []
    assert signals.table(found).count("| below (development) |") == len(names)


def test_a_channel_at_rest_is_left_out(module):
    time = np.arange(round(20 * RATE)) / RATE
    one, other = (np.where(time % period < 0.3, 1.0, 0.1) for period in (1.0, 0.7))
    emg = white(8, 20, 3) * np.stack((one, np.ones_like(time), other), axis=1)
    found = module("world_signals").channels(emg, RATE)
    assert all(len(values) == 2 for values in found.values())
    assert module("world_signals").channels(emg[:, 1:2], RATE)["kurtosis"] == []
    assert abs(found["across"][0]) < 0.1  # the two left are not like the one at rest, and not like each other


@pytest.mark.slow
def test_a_recording_is_seen_in_trials_where_its_world_has_them(module, tmp_path):
    worlds = module("worlds")
    continuous, in_trials = (
        next(world for world in draw_worlds(15) if bool(world.trial_ms) == trials).shortened(12) for trials in (0, 1)
    )
    emg, truth = worlds.recording(continuous, 0, tmp_path / "a.nwb")
    assert len(np.unique(emg["segment"])) == 1
    assert set(emg["muscle"].values) == set(truth["muscle"].values)
    emg, _ = worlds.recording(in_trials, 0, tmp_path / "a.nwb")
    assert len(np.unique(emg["segment"])) >= 10
    assert emg.attrs["trial_ms"] == pytest.approx(in_trials.trial_ms, abs=4)


def test_worlds_are_drawn_by_a_seed(module, capsys):
    worlds = module("worlds")
    for which, further in (("drawn:31", False), ("drawn-further:31", True)):
        assert worlds.parse(["--worlds", which]).worlds == which
        expected = [world.shortened(45.0) for world in draw_worlds(31, name=which, further=further)]
        assert worlds.worlds_of(which, 45.0) == expected
    for wrong in ("drawn:", "drawn:-1", "drawn:1x", "mine"):
        with pytest.raises(SystemExit):
            worlds.parse(["--worlds", wrong])
        assert f"{wrong!r} is none of development, test, further, drawn:SEED" in capsys.readouterr().err


@pytest.mark.slow
def test_scores_are_kept_and_only_what_is_missing_is_run(module, tmp_path, monkeypatch, capsys):
    worlds = module("worlds")
    monkeypatch.setitem(worlds.SETS, "development", lambda seconds: [w.shortened(seconds) for w in draw_worlds(15)[:2]])
    page = tmp_path / "w.md"
    page.write_text("before\n<!-- development: made by benchmarks/worlds.py -->\nold\n"
                    "<!-- development: made by benchmarks/worlds.py -->\nafter\n")  # fmt: skip
    command = ["--worlds", "development", "--seeds", "0", "--seconds", "6", "--json", str(tmp_path / "w.json")]
    worlds.main([*command, "--estimators", "lowpass"])
    scored = []
    monkeypatch.setattr(
        worlds, "score", lambda name, *rest: scored.append(name) or {"r2": 0.99, "covered": 0.9, "seconds": 0.0}
    )
    both = ["--estimators", "lowpass", "bayes:smooth=false", "--markdown", str(page)]
    worlds.main([*command, *both])
    assert scored == 2 * ["bayes:smooth=false"]
    rows = json.loads((tmp_path / "w.json").read_text())["accuracy"]
    assert len(rows) == 4
    assert all(0 < row["r2"] < 1 for row in rows)
    assert "| bayes:smooth=false | 0.990 | 0.990 |" in page.read_text()
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("after\n")
    assert "old" not in page.read_text()
    worlds.main([*command[:-4], "--seconds", "8", *command[-2:], *both])  # another length is another world
    assert len(scored) == 2 + 4
    capsys.readouterr()


def row(estimator, world, r2, covered=None, **more):
    return {"estimator": estimator, "world": world, "seed": 0, "r2": r2, "covered": covered, "seconds": 2.0} | more


def test_the_table_tells_mean_worst_wins_and_coverage(module):
    of_a = [row("a", "w 1", 0.8, 0.8), row("a", "w 1", 1.0, 1.0), row("a", "w 2", 0.1, 0.7)]
    made = module("worlds").table([*of_a, row("b", "w 1", 0.5), row("b", "w 2", 0.6)])
    assert "| a | 0.500 | 0.100 | w 2 | 50% | 80% | 70% | 4 |" in made
    assert "| b | 0.550 | 0.500 | w 1 | 50% |  |  | 4 |" in made
    assert "| w 2 | 0.100 | 0.600 |" in made
    assert "Refused" not in made


def test_an_estimator_that_refuses_a_world_does_not_end_the_run(module, tmp_path):
    worlds = module("worlds")
    emg, truth = worlds.recording(draw_worlds(15)[0].shortened(6), 0, tmp_path / "a.nwb")
    assert 0 < worlds.score("lowpass", emg, truth, 0)["r2"] < 1
    found = worlds.score("lowpass:cutoff=0.02", emg, truth, 0)
    assert found["r2"] == 0
    assert "not longer than the padding" in found["error"]
    made = worlds.table([row("a", "w 1", 0.5), row("b", "w 1", 0.0, error="too short")])
    assert made.endswith("- w 1, seed 0, b: too short")


def test_options_of_an_estimator_are_its_settings(module):
    make = module("worlds").make
    assert make("lowpass:cutoff=auto,order=2", 0).config == {"cutoff": "auto", "cutoff_hz": None, "order": 2}
    model = make("autolfads:preset=paper,training.budget_s=null,factors=7", 3)
    assert model.seed == 3
    assert model.config["factors"] == 7
    assert model.config["training"]["budget_s"] is None
    with assert_refused(
        ConfigError, "LowPass: there is no setting cutof", "Did you mean cutoff? docs/settings.md lists all"
    ):
        make("lowpass:cutof=3", 0)
    with assert_refused(ConfigError, "lowpass:cutoff: 'cutoff' has no value", "Give options as name=value"):
        make("lowpass:cutoff", 0)
    with assert_refused(
        ConfigError,
        "estimator: there is no estimator 'lowpas'",
        "Use one of lowpass, subspace, wiener, bayes, statespace, amortized, autolfads, all",
    ):
        make("lowpas", 0)


def test_the_coverage_is_the_share_of_truth_in_the_interval(module):
    time = np.arange(4000) / 500
    truth = xr.DataArray(np.sin(time)[:, None], dims=("time", "muscle"), coords={"time": time, "muscle": ["m"]})
    std = 0.1
    noisy = 5 + 2 * (truth.values + std * default_rng(0).standard_normal(truth.shape))
    noisy[:100] = np.nan
    estimate = truth.copy(data=noisy).to_dataset(name="activation")
    estimate["activation_std"] = xr.full_like(truth, 2 * std)
    assert module("accuracy").coverage(estimate, truth) == pytest.approx(0.9, abs=0.02)
    assert module("accuracy").coverage(estimate.drop_vars("activation_std"), truth) is None
