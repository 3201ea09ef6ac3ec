"""Low-pass estimate against scipy.signal, and its automatic cutoff against the bandwidth that is known."""

import json
import warnings

import numpy as np
import pytest
from emg_examples import RATE, rectified_emg
from messages import assert_refused
from scipy.signal import butter, filtfilt, sosfiltfilt

from nwb_autolfads.errors import ConfigError, NwbAutolfadsWarning, SignalError
from nwb_autolfads.estimators.base import Making
from nwb_autolfads.estimators.lowpass import CUTOFFS_HZ, LowPass
from nwb_autolfads.estimators.registry import entry_of


def noise_with_bandwidth(bandwidth, n_bins=10_000, n_muscles=2, seed=0):
    """Exponential noise whose mean is a log-normal signal of a known bandwidth (Hz)."""
    random = np.random.default_rng(seed)
    slow = sosfiltfilt(butter(6, bandwidth, fs=RATE, output="sos"), random.standard_normal((n_bins, n_muscles)), axis=0)
    mean = np.exp(0.8 * slow / slow.std())
    return random.exponential(mean), mean


def test_output_is_the_forward_backward_butterworth_of_scipy_away_from_the_ends():
    emg = rectified_emg(np.random.default_rng(0).uniform(0.5, 1.5, (2000, 3)))
    b, a = butter(4, 20.0, fs=RATE)
    expected = filtfilt(b, a, emg.values.astype(float), axis=0)
    activation = LowPass(20.0).fit(emg).estimate(emg)["activation"]
    np.testing.assert_allclose(activation.values[200:-200], expected[200:-200], rtol=1e-4)


def test_a_slow_sine_passes_and_a_fast_one_is_gone_without_delay():
    t = np.arange(4000) / RATE
    slow, fast = 0.5 * np.sin(2 * np.pi * 2 * t), 0.5 * np.sin(2 * np.pi * 60 * t)
    emg = rectified_emg((1.2 + slow + fast)[:, None])
    activation = LowPass(20.0).estimate(emg)["activation"].values[500:-500, 0]
    np.testing.assert_allclose(activation, (1.2 + slow)[500:-500], atol=2e-3)


def test_gain_at_the_cutoff_is_one_half():
    t = np.arange(4000) / RATE
    emg = rectified_emg((1.0 + 0.5 * np.sin(2 * np.pi * 20 * t))[:, None])
    activation = LowPass(20.0).estimate(emg)["activation"].values[500:-500, 0]
    assert np.abs(activation - 1).max() == pytest.approx(0.25, rel=0.02)


def test_activation_is_positive_after_a_burst_where_a_butterworth_filter_undershoots():
    values = np.full((1000, 1), 0.01)
    values[400:500] = 3.0
    b, a = butter(4, 20.0, fs=RATE)
    assert filtfilt(b, a, values, axis=0).min() < 0
    assert LowPass(20.0).estimate(rectified_emg(values))["activation"].values.min() > 0


def test_segments_are_never_mixed():
    values = np.random.default_rng(1).uniform(0.1, 2, (1200, 2))
    segment = np.repeat([0, 1], [500, 700])
    together = LowPass(10.0).estimate(rectified_emg(values, segment=segment))["activation"].values
    changed = values.copy()
    changed[500:] += 5
    after_change = LowPass(10.0).estimate(rectified_emg(changed, segment=segment))["activation"].values
    np.testing.assert_array_equal(together[:500], after_change[:500])


def test_hidden_bins_do_not_influence_their_own_prediction():
    values = np.random.default_rng(2).uniform(0.1, 2, (1000, 2))
    hidden = np.zeros(1000, bool)
    hidden[[*range(100, 112), *range(500, 512)]] = True
    changed = values.copy()
    changed[hidden] = 50.0
    estimator = LowPass(20.0)
    np.testing.assert_array_equal(
        estimator.predict_hidden(rectified_emg(values), hidden),
        estimator.predict_hidden(rectified_emg(changed), hidden),
    )


def test_slow_activation_is_predicted_also_where_two_bins_of_five_are_hidden():
    t = np.arange(4000) / RATE
    level = (1.2 + 0.5 * np.sin(2 * np.pi * t))[:, None]
    hidden = np.arange(4000) % 5 > 2
    predicted = LowPass(10.0).predict_hidden(rectified_emg(level), hidden)
    np.testing.assert_allclose(predicted[500:-500], level[500:-500], atol=0.05)


def test_a_constant_level_is_predicted_exactly_in_hidden_blocks():
    values = np.full((1000, 1), 0.7)
    values[0] = 0.7001  # a channel that never changes is refused
    hidden = np.arange(1000) % 60 < 12
    np.testing.assert_allclose(LowPass(20.0).predict_hidden(rectified_emg(values), hidden), 0.7, rtol=1e-3)


@pytest.mark.parametrize("bandwidth", [3.0, 12.0])
def test_automatic_cutoff_is_near_the_true_bandwidth(bandwidth):
    x, mean = noise_with_bandwidth(bandwidth)
    emg = rectified_emg(x)
    chosen = LowPass("auto").fit(emg).cutoff_
    assert bandwidth / 2 < chosen < bandwidth * 3  # the exponential of a band-limited signal is wider

    def error(cutoff):
        return np.mean((LowPass(cutoff).estimate(emg)["activation"].values - mean) ** 2)

    assert error(chosen) < 1.4 * min(error(cutoff) for cutoff in CUTOFFS_HZ)
    # It stays at 20 Hz, or next to it, where nothing else is clearly better.
    assert error(chosen) < (0.8 if bandwidth < 10 else 1.02) * error(20.0)


def test_automatic_cutoff_comes_back_in_the_configuration_and_beats_a_poor_one():
    x, mean = noise_with_bandwidth(5.0)
    emg = rectified_emg(x)
    automatic = LowPass("auto").fit(emg).estimate(emg)
    config = json.loads(automatic.attrs["config"])
    assert config["cutoff"] == "auto"
    assert 5 <= config["cutoff_hz"] <= 15

    def error(estimate):
        return np.mean((estimate["activation"].values - mean) ** 2)

    assert error(automatic) < error(LowPass(40.0).estimate(emg))
    assert error(automatic) < error(LowPass(1.0).estimate(emg))


def test_the_usual_cutoff_stays_where_no_other_is_clearly_better():
    x, _ = noise_with_bandwidth(18.0)
    assert LowPass("auto").fit(rectified_emg(x)).cutoff_ == pytest.approx(20, abs=0.5)
    with assert_refused(
        SignalError,
        "1.4 s of EMG are 4 windows of 512 ms, too few to learn how activation and noise change",
        "Give a number in place of 'auto'. For the Wiener smoother, which chooses: Take 2.304 s or more without a gap, "
        "shorter windows (window_ms), or LowPass",
    ):
        LowPass("auto").fit(rectified_emg(x[:700]))


def test_unusable_muscles_come_back_as_nan_and_one_muscle_is_enough():
    values = np.random.default_rng(3).uniform(0.1, 2, (500, 2))
    values[:, 1] = np.nan
    activation = LowPass().estimate(rectified_emg(values, usable=np.array([True, False])))["activation"]
    assert np.isnan(activation.values[:, 1]).all()
    assert np.isfinite(activation.values[:, 0]).all()


def test_zero_and_negative_values_are_raised_and_said_once():
    values = np.random.default_rng(4).uniform(0.1, 2, (3000, 1))
    values[:10] = [[0.0]] * 5 + [[-1.0]] * 5
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        activation = LowPass().estimate(rectified_emg(values))["activation"]
    assert [str(w.message) for w in caught] == [
        "10 of 3000 values of rectified EMG are zero or negative; raised to 0.0001"
    ]
    assert activation.values.min() > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.__setitem__((3, 0), np.inf), ["muscle 'muscle 0'", "1 of 500", "infinite"]),
        (lambda v: v.__setitem__((slice(None), 0), np.nan), ["muscle 'muscle 0'", "all of 500", "NaN"]),
        (lambda v: v.__setitem__((slice(None), 1), 0.3), ["muscle 'muscle 1'", "never changes", "0.3"]),
    ],
)
def test_unfit_signals_are_refused_with_the_muscle_named(change, words):
    values = np.random.default_rng(5).uniform(0.1, 2, (500, 2))
    change(values)
    with pytest.raises(SignalError) as caught:
        LowPass().fit(rectified_emg(values))
    assert all(word in str(caught.value) for word in words)


def test_a_segment_shorter_than_the_padding_is_refused():
    emg = rectified_emg(np.random.default_rng(6).uniform(0.1, 2, (100, 1)))
    with assert_refused(
        SignalError,
        "a segment of 100 bins at 500 Hz is not longer than the padding of the low-pass at 2 Hz, 250 bins",
        "Raise the cutoff or leave out segments that short",
    ):
        LowPass(2.0).estimate(emg)


@pytest.mark.parametrize(
    ("arguments", "problem", "way_out"),
    [
        ({"cutoff": 0}, "cutoff=0 is out of range", "Give a number from 0.01 up to 100,000 (Hz) or 'auto'"),
        ({"cutoff": "best"}, "cutoff='best' does not fit", "Give a number from 0.01 up to 100,000 (Hz) or 'auto'"),
        ({"order": 0}, "order=0 is out of range", "Give a whole number from 1 up to 12"),
    ],
)
def test_settings_out_of_range_are_named_with_their_value(arguments, problem, way_out):
    with assert_refused(ConfigError, problem, way_out):
        LowPass(**arguments)


def test_a_cutoff_above_nyquist_is_named():
    emg = rectified_emg(np.random.default_rng(7).uniform(0.1, 2, (500, 1)))
    with assert_refused(
        ConfigError,
        "cutoff=250 Hz is not below the Nyquist frequency, 250 Hz at 500 Hz",
        "Lower the cutoff or analyse at a higher rate",
    ):
        LowPass(250.0).estimate(emg)


def test_estimating_before_the_automatic_choice_says_to_fit_first():
    emg = rectified_emg(np.random.default_rng(8).uniform(0.1, 2, (500, 1)))
    with assert_refused(ConfigError, "cutoff='auto' has not been chosen yet", "Call fit(emg) first"):
        LowPass("auto").estimate(emg)


def test_what_version_0_1_0_chose_a_cutoff_by_is_taken_and_said():
    with pytest.warns(NwbAutolfadsWarning, match="`block_ms` of LowPass is not used any more"):
        assert LowPass("auto", block_ms=20.0).cutoff == "auto"
    with pytest.warns(NwbAutolfadsWarning, match="`seed` of LowPass is not used any more"):
        made = entry_of("LowPass").make({"cutoff": 5.0, "seed": 3}, Making(seed=1))
    assert made.cutoff == 5.0
