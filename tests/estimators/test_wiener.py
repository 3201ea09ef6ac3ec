"""The Wiener smoother against the optimum of a known process, its spectra against scipy, and what must not matter."""

import json

import numpy as np
import pytest
from emg_examples import RATE, rectified_emg
from messages import assert_refused
from scipy import signal

from nwb_autolfads.errors import ConfigError, NwbAutolfadsWarning, SignalError
from nwb_autolfads.estimators.lowpass import LowPass
from nwb_autolfads.estimators.observed import observe
from nwb_autolfads.estimators.spectra import explained_by_others, noise_spectra, shared_noise, spectra, together
from nwb_autolfads.estimators.wiener import WienerSmoother, convolve
from nwb_autolfads.evaluation.held_out import held_out_likelihood

CORNER_HZ = 4.0
MIX = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
NOISE = np.array([0.6, 1.5, 1.0])


def known_process(n=30_000, seed=0):
    """Two slow processes in three muscles, white noise on each: EMG, its signal, and the signals' spectrum."""
    random = np.random.default_rng(seed)
    frequencies = np.fft.rfftfreq(n, 1 / RATE)
    density = 1 / (1 + (frequencies / CORNER_HZ) ** 2) ** 2
    density /= density[1:].mean()  # unit variance
    slow = np.fft.irfft(np.fft.rfft(random.standard_normal((n, 2)), axis=0) * np.sqrt(density)[:, None], n, axis=0)
    shown = slow @ MIX.T
    return 12 + shown + NOISE * random.standard_normal((n, 3)), shown, density


def optimum(x, density):
    """Estimate by the Wiener filter of the true spectra: a loop over frequencies."""
    transform = np.fft.rfft(x - 12, axis=0)
    for i, power in enumerate(density):
        of_signal = power * MIX @ MIX.T
        transform[i] = of_signal @ np.linalg.solve(of_signal + np.diag(NOISE**2), transform[i])
    return np.fft.irfft(transform, len(x), axis=0)


def error(estimate, truth):
    return np.mean((estimate - estimate.mean(axis=0) - truth + truth.mean(axis=0)) ** 2, axis=0)


def activation_of(estimator, emg):
    return estimator.estimate(emg)["activation"].values.astype(float)


def noisy_rhythms(n=10_000, muscles=4, seed=0, lasting=2):
    """EMG of two rhythms that the muscles share, with multiplicative noise that lasts some bins; and its mean."""
    random = np.random.default_rng(seed)
    rhythms = np.exp(1.5 * np.sin(2 * np.pi * np.arange(n)[:, None] / RATE * [1.3, 3.1] + [0, 1]))
    mean = rhythms @ random.dirichlet([0.5, 0.5], muscles).T
    raw = signal.lfilter(np.ones(lasting) / np.sqrt(lasting), 1, random.standard_normal((n, muscles)), axis=0)
    return mean * np.abs(raw), mean


def one_muscle(seconds=60, electrodes=6, units=8, seed=0):
    """EMG of electrodes over one muscle: each sees all units, its own way and time; and their drive."""
    random, rate = np.random.default_rng(seed), 4 * RATE
    n = round(seconds * rate)
    drive = 1 + 0.6 * np.sin(2 * np.pi * 0.15 * np.arange(n) / rate)
    raw = 0.05 * random.standard_normal((n, electrodes))
    for _ in range(units):
        phase = np.cumsum(random.uniform(8, 13) * np.sqrt(drive) / rate)
        counts = np.arange(1, int(phase[-1]))
        at = np.searchsorted(phase, counts + 0.12 * random.standard_normal(len(counts)))
        at, size = at[at < n - 60], np.exp(0.5 * random.standard_normal())
        for electrode in range(electrodes):
            shape = np.sin(2 * np.pi * random.uniform(70, 160) * np.arange(30) / rate) * np.hanning(30)
            train = np.zeros(n)
            train[at + random.integers(0, 24)] = random.choice([-1, 1]) * size * drive[at]
            raw[:, electrode] += np.convolve(train, shape)[:n]
    return np.abs(raw).reshape(-1, 4, electrodes).mean(axis=1), drive.reshape(-1, 4).mean(axis=1)


def test_error_is_close_to_that_of_the_optimum_and_far_below_that_of_low_passes():
    x, shown, density = known_process()
    emg = rectified_emg(x)
    least = error(optimum(x, density), shown)
    found = error(activation_of(WienerSmoother(noise=1.0).fit(emg), emg), shown)
    low_passed = [
        error(activation_of(LowPass(cutoff), emg), shown) for cutoff in (4.0, 5.0, 6.3, 8.0, 10.1, 12.7, 20.0)
    ]
    assert (found < 1.25 * least).all()
    assert (found > 0.97 * least).all()  # nothing linear is better than the optimum
    assert (found < 0.92 * np.min(low_passed, axis=0)).all()
    assert found[1] < 0.5 * np.min(low_passed, axis=0)[1]  # the others tell of it


def test_noise_is_told_from_signal():
    x, _, _ = known_process()
    found = spectra(observe(rectified_emg(x)), 512)
    noise = noise_spectra(found)
    band = (found.frequencies >= 2) & (found.frequencies <= 40)
    np.testing.assert_allclose(np.median(noise[band], axis=0), NOISE**2, rtol=0.15)
    np.testing.assert_allclose(shared_noise(found), np.eye(3), atol=0.05)


def test_noise_that_lasts_rises_towards_zero_and_so_is_continued():
    x, mean = noisy_rhythms(60_000, lasting=6)
    found = spectra(observe(rectified_emg(x)), 512)
    is_noise = spectra(observe(rectified_emg(x - mean + 20)), 512).power
    band = (found.frequencies >= 6) & (found.frequencies <= 30)
    ratio = np.median(noise_spectra(found)[band] / is_noise[band], axis=0)
    np.testing.assert_allclose(ratio, 1, atol=0.25)
    assert (np.median(is_noise[band], axis=0) > 2 * is_noise[found.frequencies > 80].mean(axis=0)).all()


def fast_activation(n=60_000, seed=0):
    """Three muscles that one process up to 30 Hz drives, noise of their own on each: EMG."""
    random = np.random.default_rng(seed)
    frequencies = np.fft.rfftfreq(n, 1 / RATE)
    drive = np.fft.irfft(np.fft.rfft(random.standard_normal(n)) * (frequencies < 30), n)
    return 12 + 2 * drive[:, None] * [1.0, 0.8, 1.2] + NOISE * random.standard_normal((n, 3))


def unexplained_by_regression(weights):
    """Variance of each muscle that the others leave, and the share that they explain, by their normal equations."""
    covariance = np.outer(weights, weights) + np.diag(NOISE**2)
    left = []
    for muscle in range(3):
        others = np.delete(np.arange(3), muscle)
        by = covariance[muscle, others]
        told = by @ np.linalg.solve(covariance[np.ix_(others, others)], by)
        left.append((covariance[muscle, muscle] - told, told / covariance[muscle, muscle]))
    return np.transpose(left)


def test_what_others_explain_is_no_noise_however_fast_it_is():
    x = fast_activation()
    found, by_itself = (spectra(observe(rectified_emg(each)), 512) for each in (x, x[:, :1]))
    band = (found.frequencies >= 8) & (found.frequencies <= 22)
    left, told = unexplained_by_regression(np.array([2.0, 1.6, 2.4]))
    explained = explained_by_others(found, np.broadcast_to(NOISE**2, found.power.shape))
    np.testing.assert_allclose(explained[band].mean(axis=0), told, atol=0.03)
    np.testing.assert_allclose(np.median(noise_spectra(found)[band], axis=0), left, rtol=0.12)
    assert np.median(noise_spectra(by_itself)[band]) > 2 * left[0]  # where there are no others it is taken for noise


def test_noise_that_muscles_share_is_found():
    random = np.random.default_rng(0)
    x = 10 + random.standard_normal((20_000, 3)) + 2 * random.standard_normal((20_000, 1)) * [1, 1, 0]
    alike = shared_noise(spectra(observe(rectified_emg(x)), 512))
    np.testing.assert_allclose(alike[0, 1], 0.8, atol=0.03)
    np.testing.assert_allclose(alike[2, :2], 0, atol=0.05)


def _explained(found, drives):
    return np.mean([np.corrcoef(column, drive)[0, 1] ** 2 for column, drive in zip(found.T, drives.T, strict=True)])


@pytest.mark.parametrize(("muscles", "seed"), [(1, 0), (1, 1), (2, 0)])
def test_electrodes_over_one_muscle_are_taken_one_by_one(muscles, seed):
    of_muscles = [one_muscle(electrodes=4, seed=seed + 50 * muscle) for muscle in range(muscles)]
    late = [15 * round(RATE) * muscle for muscle in range(muscles)]  # so that the muscles do not act as one
    x = np.concatenate([np.roll(each, by, axis=0) for (each, _), by in zip(of_muscles, late, strict=True)], axis=1)
    drives = np.repeat([np.roll(drive, by) for (_, drive), by in zip(of_muscles, late, strict=True)], 4, axis=0).T
    emg = rectified_emg(x)
    with pytest.warns(NwbAutolfadsWarning, match=f"^{', '.join(map(str, emg['muscle'].values))}: electrodes that see"):
        smoother = WienerSmoother().fit(emg)
    assert max(smoother.together.values()) < 0.2
    each = [emg.isel(muscle=[electrode]) for electrode in range(x.shape[1])]
    alone = np.concatenate([activation_of(WienerSmoother().fit(one), one) for one in each], axis=1)
    of_all = _explained(activation_of(smoother, emg), drives)
    assert of_all > 0.8  # less than 0.6 where units that all see are taken for what the muscle was told
    assert of_all > _explained(alone, drives) - 0.1


@pytest.mark.filterwarnings("error:.*one by one")
def test_muscles_of_their_own_are_taken_together_whatever_noise_they_share_at_once():
    random = np.random.default_rng(0)
    x, _, _ = known_process()
    for emg in (x, x + 2 * random.standard_normal((len(x), 1))):
        np.testing.assert_array_equal(together(spectra(observe(rectified_emg(emg)), 512)), 1)
        assert set(WienerSmoother().fit(rectified_emg(emg)).together.values()) == {1.0}
    assert WienerSmoother().fit(rectified_emg(x[:, :1])).together == {"muscle 0": 1.0}


def test_spectra_are_those_of_scipy_averaged_over_neighbouring_frequencies():
    x, _ = noisy_rhythms(3000, muscles=2)
    x = x.astype(np.float32).astype(float)
    found = spectra(observe(rectified_emg(x)), 256)
    assert found.window == 128
    for i in range(2):
        for j in range(2):
            frequencies, plain = signal.csd(
                x[:, j] - x[:, j].mean(), x[:, i] - x[:, i].mean(), RATE, "hann", 128, 64, detrend=False
            )
            plain[1:-1] /= 2  # one-sided
            expected = np.empty(len(plain), complex)
            for k, frequency in enumerate(frequencies):
                weights = np.maximum(0, 1 - np.abs(frequencies - frequency) / (0.1 * frequency + frequencies[1]))
                expected[k] = weights @ plain * RATE / weights.sum()
            np.testing.assert_allclose(found.cross[:, i, j], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("n", [20, 64, 1000])
def test_filtering_is_a_plain_sum_over_muscles_and_lags(n):
    random = np.random.default_rng(0)
    window, x = 64, random.standard_normal((n, 2))
    response = random.standard_normal((window, 2, 2))  # lag, to, from; its middle is lag 0
    mirrored = np.concatenate([x[::-1], x, x[::-1]]) if n >= window else np.concatenate([x[::-1], x] * 5)
    first = n if n >= window else 5 * n  # x begins here, and what is before it is mirrored
    expected = np.zeros_like(x)
    for t in range(n):
        for lag in range(window):
            expected[t] += response[lag] @ mirrored[first + t - (lag - window // 2)]
    found = convolve(x, np.fft.rfft(response, 4 * window, axis=0), window)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_other_muscles_help_and_twenty_hertz_is_beaten():
    x, mean = noisy_rhythms()
    emg, alone = rectified_emg(x), rectified_emg(x[:, :1])
    together = error(activation_of(WienerSmoother().fit(emg), emg), mean)
    assert (together < 0.6 * error(activation_of(LowPass(20.0), emg), mean)).all()
    assert together[0] < 0.85 * error(activation_of(WienerSmoother().fit(alone), alone), mean[:, :1])[0]


def test_the_expected_error_is_about_the_error():
    x, shown, _ = known_process()
    found = WienerSmoother(noise=1.0).fit(rectified_emg(x)).estimate(rectified_emg(x))
    expected = np.mean(found["activation_std"].values ** 2, axis=0)
    made = error(found["activation"].values, shown)
    np.testing.assert_allclose(expected[[0, 2]], made[[0, 2]], rtol=0.3)
    assert made[1] < expected[1] < 2 * made[1]  # what the others tell of it is partly shrunk away


def test_nine_in_ten_of_the_truth_lie_within_the_expected_error():
    x, mean = noisy_rhythms(lasting=4)
    found = WienerSmoother().fit(rectified_emg(x)).estimate(rectified_emg(x))
    off = found["activation"].values / np.mean(x, axis=0) - mean / np.mean(mean, axis=0)
    inside = np.abs(off) <= 1.645 * found["activation_std"].values / np.mean(x, axis=0)
    assert (np.abs(inside.mean(axis=0) - 0.9) < 0.08).all()


def test_hidden_blocks_are_predicted_better_than_by_the_low_pass():
    x, _ = noisy_rhythms()
    emg = rectified_emg(x)
    smoother, low_pass = (
        float(held_out_likelihood(each.fit(emg).predict_hidden, emg, block_ms=24.0)["nll"].mean())
        for each in (WienerSmoother(), LowPass(20.0))
    )
    assert smoother < low_pass - 0.02


def test_hidden_bins_do_not_influence_their_own_prediction():
    x, _ = noisy_rhythms(4000)
    hidden = np.zeros(4000, bool)
    hidden[[*range(100, 112), *range(1500, 1512)]] = True
    changed = x.copy()
    changed[hidden] = 50.0
    smoother = WienerSmoother().fit(rectified_emg(x))
    np.testing.assert_array_equal(
        smoother.predict_hidden(rectified_emg(x), hidden), smoother.predict_hidden(rectified_emg(changed), hidden)
    )


def test_a_muscle_s_gain_scales_its_activation_and_the_order_of_muscles_does_not_matter():
    x, _ = noisy_rhythms(4000)
    emg = rectified_emg(x)
    plain = activation_of(WienerSmoother().fit(emg), emg)
    gains, order = np.array([1.0, 7.0, 0.5, 1.0]), [2, 0, 3, 1]
    emg = rectified_emg(x * gains)
    np.testing.assert_allclose(activation_of(WienerSmoother().fit(emg), emg) / gains, plain, rtol=2e-3, atol=1e-3)
    emg = rectified_emg(x[:, order])
    np.testing.assert_allclose(activation_of(WienerSmoother().fit(emg), emg), plain[:, order], rtol=1e-4, atol=1e-5)


def test_segments_are_never_mixed():
    x, _ = noisy_rhythms(4000)
    segment = np.repeat([0, 1], [1500, 2500])
    smoother = WienerSmoother().fit(rectified_emg(x, segment=segment))
    changed = x.copy()
    changed[1500:] += 5
    before, after = (activation_of(smoother, rectified_emg(each, segment=segment)) for each in (x, changed))
    np.testing.assert_array_equal(before[:1500], after[:1500])
    assert np.abs(before - after)[1500:].min() > 1


def test_activation_is_positive_and_unusable_muscles_are_nan():
    x, _ = noisy_rhythms(4000)
    x[:, 2] = np.nan
    emg = rectified_emg(np.maximum(x - 1, 0.001), usable=np.array([True, True, False, True]))
    found = activation_of(WienerSmoother().fit(emg), emg)
    assert np.isnan(found[:, 2]).all()
    assert found[:, [0, 1, 3]].min() > 0


def test_trials_shorter_than_the_window_shorten_it():
    x, mean = noisy_rhythms(112 * 60)
    emg = rectified_emg(x, segment=np.repeat(np.arange(60), 112))
    found = WienerSmoother().fit(emg).estimate(emg)
    config = json.loads(found.attrs["config"])
    assert config["fitted_window_ms"] == pytest.approx(224)
    assert set(config["noise_share"]) == set(emg["muscle"].values)
    assert (error(found["activation"].values, mean) < error(activation_of(LowPass(20.0), emg), mean)).all()


@pytest.mark.parametrize(
    ("emg", "message"),
    [
        (lambda: rectified_emg(noisy_rhythms(500)[0]), r"1 s of EMG are 2 windows of 512 ms.*Take 2\.304 s or more"),
        (
            lambda: rectified_emg(noisy_rhythms(4000)[0], segment=np.arange(4000) // 40),
            "segments of 80 ms are too short for spectra.*Take segments of 100 ms",
        ),
        (
            lambda: rectified_emg(noisy_rhythms(4000)[0]).assign_attrs(rate=100.0),
            "at 100 Hz noise cannot be told.*200 Hz or more",
        ),
    ],
)
def test_what_is_too_short_or_too_slow_is_said_at_once(emg, message):
    with pytest.raises(SignalError, match=message):
        WienerSmoother().fit(emg())


def test_it_is_asked_only_about_muscles_that_it_was_fitted_to():
    x, _ = noisy_rhythms(4000)
    with assert_refused(ConfigError, "the smoother has not been fitted yet", "Call fit(emg) first"):
        WienerSmoother().estimate(rectified_emg(x))
    with assert_refused(
        SignalError,
        (
            "the smoother was fitted to muscle 0, muscle 1, muscle 2, muscle 3 at 500 Hz, this EMG is of "
            "muscle 0, muscle 1 at 500 Hz"
        ),
        "Fit it to this EMG",
    ):
        WienerSmoother().fit(rectified_emg(x)).estimate(rectified_emg(x[:, :2]))


@pytest.mark.parametrize(
    ("wrong", "problem", "way_out"),
    [
        ({"window_ms": 50}, "window_ms=50 is out of range", "Give a number from 100 up to 10,000 (ms)"),
        ({"highest_hz": 0}, "highest_hz=0 is out of range", "Give a number above 0 up to 250 (Hz)"),
        ({"noise": -1}, "noise=-1 is out of range", "Give a number above 0 up to 100"),
        ({"noise": "low"}, "noise='low' does not fit", "Give a number above 0 up to 100"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, problem, way_out):
    with assert_refused(ConfigError, problem, way_out):
        WienerSmoother(**wrong)
