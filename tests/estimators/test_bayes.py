"""Bayesian filter and smoother against a plain loop in float64, scipy's expm, and data drawn from the model itself."""

import itertools
import json
import tracemalloc

import numpy as np
import pytest
from emg_examples import RATE, rectified_emg
from messages import assert_refused
from plain_hmm import draw_from_the_model, generator, model_of, plain_loop
from scipy.integrate import quad
from scipy.linalg import expm

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.estimators.bayes import side_by_side
from nwb_autolfads.estimators.bayes.amplitude_hmm import AmplitudeModel, amplitude_grid, transition_kernel
from nwb_autolfads.estimators.bayes.estimator import MEAN_OF_RECTIFIED, BayesianFilter
from nwb_autolfads.estimators.bayes.side_by_side import infer
from nwb_autolfads.segments import Segments


def rows(*lengths):
    return Segments.of_lengths(lengths, 500.0)


@pytest.mark.parametrize(("diffusion", "jump"), [(0.2, 1.0), (0.01, 0.0), (50.0, 20.0)])
def test_exact_kernel_is_the_matrix_exponential_of_diffusion_and_jumps(diffusion, jump):
    kernel = transition_kernel(30, 0.1, 1 / RATE, diffusion, jump)
    np.testing.assert_allclose(kernel, expm(generator(30, 0.1, diffusion, jump) / RATE), atol=1e-11)
    np.testing.assert_allclose(kernel.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-15)


def test_euler_kernel_is_the_first_order_step_and_is_refused_where_unstable():
    kernel = transition_kernel(20, 0.1, 1 / RATE, 0.5, 2.0, "euler")
    step = np.eye(20) + generator(20, 0.1, 0.5, 0) / RATE
    np.testing.assert_allclose(kernel, (1 - 2 / RATE) * step + 2 / RATE / 20, atol=1e-14)
    np.testing.assert_allclose(transition_kernel(20, 0.1, 1 / RATE, 0.5, RATE, "euler"), 1 / 20)  # it always jumps
    with assert_refused(
        ConfigError,
        (
            "diffusion=0.5, jump=501 make an Euler step unstable; on this grid at 500 Hz diffusion is "
            "limited to 2.5 and jump to 500"
        ),
        "Lower them or take transition='exact'",
    ):
        transition_kernel(20, 0.1, 1 / RATE, 0.5, RATE + 1, "euler")
    with assert_refused(
        ConfigError,
        (
            "diffusion=3, jump=2 make an Euler step unstable; on this grid at 500 Hz diffusion is limited to "
            "2.5 and jump to 500"
        ),
        "Lower them or take transition='exact'",
    ):
        transition_kernel(20, 0.1, 1 / RATE, 3.0, 2.0, "euler")


@pytest.mark.parametrize("observation", ["laplace", "gauss"])
def test_filter_and_smoother_are_those_of_a_plain_loop(observation):
    n_grid, top = 25, 2.5
    x = np.stack([draw_from_the_model(300, n_grid, top, 0.3, 2.0, observation, seed)[0] for seed in (0, 1)], axis=1)
    sigma = np.arange(1, n_grid + 1) * top / n_grid
    kernel = expm(generator(n_grid, top / n_grid, 0.3, 2.0) / RATE)
    hidden = {40, 41, 42, 150}
    visible = np.array([t not in hidden for t in range(300)])
    model = model_of(2, n_grid, top, 0.3, 2.0, observation)
    filtered = infer(model, x, rows(300), visible=visible, mode=True)
    smoothed = infer(model, x, rows(300), visible=visible, smooth=True, mode=True)
    for muscle in range(2):
        alphas, gammas, evidence = plain_loop(x[:, muscle], sigma, kernel, observation, hidden)
        for got, p in ((filtered, alphas), (smoothed, gammas)):
            np.testing.assert_allclose(got.mean[:, muscle], p @ sigma, rtol=1e-5)
            np.testing.assert_allclose(got.std[:, muscle], np.sqrt(p @ sigma**2 - (p @ sigma) ** 2), rtol=1e-3)
            chosen = np.rint(got.mode[:, muscle] / (top / n_grid)).astype(int) - 1
            np.testing.assert_allclose(p[np.arange(300), chosen], p.max(axis=1), rtol=1e-4)
        np.testing.assert_allclose(filtered.log_predictive[:, muscle], evidence, atol=1e-5)


@pytest.mark.parametrize("temper", [1.0, 0.3])
@pytest.mark.parametrize("observation", ["laplace", "gauss"])
def test_filter_and_smoother_are_sums_over_all_paths_of_the_joint_distribution(observation, temper):
    sigma, x = np.array([0.3, 0.8, 2.0]), np.array([0.1, 1.9, 0.6, 0.02])
    kernel = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6]])
    model = AmplitudeModel(sigma[None], kernel[None].astype(np.float32), observation, np.array([temper]))
    power = x if observation == "laplace" else x**2 / 2
    scale = sigma if observation == "laplace" else sigma**2
    paths = np.array(list(itertools.product(range(3), repeat=4)))

    def joint(bins):
        """p(path, x of the first bins) of all 81 paths."""
        moves = kernel[paths[:, :-1], paths[:, 1:]].prod(axis=1)
        density = np.exp(-power / scale[paths]) / sigma[paths]
        return moves / 3 * (density[:, :bins] ** temper).prod(axis=1)

    filtered, smoothed = (infer(model, x[:, None], rows(4), smooth=each, mode=True) for each in (False, True))
    for t in range(4):
        for found, weight in ((filtered, joint(t + 1)), (smoothed, joint(4))):
            weight = weight / weight.sum()
            mean = weight @ sigma[paths[:, t]]
            assert found.mean[t, 0] == pytest.approx(mean, rel=1e-5)
            assert found.std[t, 0] == pytest.approx(np.sqrt(weight @ (sigma[paths[:, t]] - mean) ** 2), rel=1e-4)
            assert found.mode[t, 0] == sigma[np.argmax([weight[paths[:, t] == state].sum() for state in range(3)])]
        predictive = joint(t + 1).sum() / joint(t).sum()
        for found in (filtered, smoothed):
            assert found.log_predictive[t, 0] == pytest.approx(np.log(predictive), abs=1e-5)


def test_windows_side_by_side_agree_with_one_sequential_pass(monkeypatch):
    n_grid, top = 25, 2.5
    x = draw_from_the_model(6000, n_grid, top, 0.3, 1.0, "laplace", 3)[0]
    kernel = expm(generator(n_grid, top / n_grid, 0.3, 1.0) / RATE)
    sigma = np.arange(1, n_grid + 1) * top / n_grid
    alphas, gammas, evidence = plain_loop(x, sigma, kernel, "laplace")
    monkeypatch.setattr(side_by_side, "WINDOW_BINS", 500)
    monkeypatch.setattr(side_by_side, "BELIEFS_AT_ONCE", 500 * n_grid * 5)  # 12 windows in 3 batches
    model = model_of(1, n_grid, top, 0.3, 1.0, "laplace")
    filtered, smoothed = (infer(model, x[:, None], rows(6000), smooth=smooth) for smooth in (False, True))
    np.testing.assert_allclose(filtered.mean[:, 0], alphas @ sigma, rtol=1e-5)
    np.testing.assert_allclose(smoothed.mean[:, 0], gammas @ sigma, rtol=1e-5)
    np.testing.assert_allclose(filtered.log_predictive[:, 0], evidence, atol=1e-5)


def test_a_model_that_forgets_slowly_gets_a_longer_warm_up(monkeypatch):
    n_grid, top = 20, 2.0
    x = draw_from_the_model(3000, n_grid, top, 0.005, 0.0, "laplace", 4)[0]
    kernel = expm(generator(n_grid, top / n_grid, 0.005, 0.0) / RATE)
    monkeypatch.setattr(side_by_side, "WINDOW_BINS", 300)
    monkeypatch.setattr(side_by_side, "WARM_UP_BINS", 8)
    model = model_of(1, n_grid, top, 0.005, 0.0, "laplace")
    smoothed = infer(model, x[:, None], rows(3000), smooth=True)
    gammas = plain_loop(x, model.grid[0], kernel, "laplace")[1]
    np.testing.assert_allclose(smoothed.mean[:, 0], gammas @ model.grid[0], rtol=5e-5)


def test_segments_are_never_mixed():
    x = draw_from_the_model(900, 25, 2.5, 0.3, 1.0, "laplace", 5)[0][:, None]
    model = model_of(1, 25, 2.5, 0.3, 1.0, "laplace")
    together = infer(model, x, rows(400, 500), smooth=True)
    alone = infer(model, x[:400], rows(400), smooth=True)
    np.testing.assert_allclose(together.mean[:400], alone.mean, rtol=1e-5)


@pytest.mark.parametrize("observation", ["laplace", "gauss"])
def test_activation_is_the_mean_of_the_rectified_emg(observation):
    def density(e):
        return np.exp(-e) if observation == "laplace" else np.sqrt(2 / np.pi) * np.exp(-(e**2) / 2)

    assert MEAN_OF_RECTIFIED[observation] == pytest.approx(quad(lambda e: e * density(e), 0, np.inf)[0])
    random = np.random.default_rng(6)
    noise = random.exponential(size=4000) if observation == "laplace" else np.abs(random.standard_normal(4000))
    level = 0.4 * noise + np.repeat([0.0, 1.0], 2000) * noise
    activation = BayesianFilter(observation, 0.02, 0.1, temper=1.0, smooth=True).estimate(rectified_emg(level[:, None]))
    halves = activation["activation"].values[:, 0].reshape(2, 2000)[:, 200:-200].mean(axis=1)
    np.testing.assert_allclose(halves, level.reshape(2, 2000)[:, 200:-200].mean(axis=1), rtol=0.08)


def test_expected_error_of_the_activation_is_in_the_unit_of_the_activation():
    x, sigma = draw_from_the_model(12_000, 100, 3.0, 0.3, 1.0, "gauss", 11)
    found = BayesianFilter("gauss", 0.3, 1.0, temper=1.0, smooth=True, amplitudes="linear").estimate(
        rectified_emg(x[:, None])
    )
    error = found["activation"].values[:, 0] - MEAN_OF_RECTIFIED["gauss"] * sigma
    expected = found["activation_std"].values[:, 0]
    assert np.sqrt(np.mean(error**2)) == pytest.approx(np.sqrt(np.mean(expected**2)), rel=0.08)  # sigma's is 1.25 times


@pytest.mark.slow
def test_posterior_standard_deviation_is_calibrated_on_data_from_the_model():
    x, sigma = draw_from_the_model(20_000, 50, 3.0, 0.3, 1.0, "laplace", 7)
    found = infer(model_of(1, 50, 3.0, 0.3, 1.0, "laplace"), x[:, None], rows(len(x)), smooth=True)
    z = (sigma - found.mean[:, 0]) / found.std[:, 0]
    assert np.mean(z**2) == pytest.approx(1, abs=0.15)
    assert np.mean(np.abs(z) < 1.645) == pytest.approx(0.9, abs=0.03)


def test_smoother_is_closer_to_the_truth_than_the_filter():
    x, sigma = draw_from_the_model(10_000, 50, 3.0, 0.3, 1.0, "laplace", 8)
    model = model_of(1, 50, 3.0, 0.3, 1.0, "laplace")
    errors = [
        np.mean((infer(model, x[:, None], rows(len(x)), smooth=s).mean[:, 0] - sigma) ** 2) for s in (False, True)
    ]
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.slow
def test_fit_finds_settings_as_likely_as_those_the_data_were_drawn_with():
    x, _ = draw_from_the_model(12_000, 60, 3.0, 0.5, 2.0, "laplace", 9)
    emg = rectified_emg(x[:, None])
    estimator = BayesianFilter(temper=1.0, grid=60, amplitudes="linear").fit(emg)
    diffusion, jump = estimator.fitted_["muscle 0"]
    assert 0.5 / 3 < diffusion < 0.5 * 3

    def likelihood(a, b):
        model = model_of(1, 60, 3.0, a, b, "laplace")
        return infer(model, x[:, None], rows(len(x))).log_predictive.sum()

    assert likelihood(diffusion, jump) > likelihood(0.5, 2.0) - 10
    assert likelihood(diffusion, jump) > likelihood(0.02, 2.0) + 10
    config = json.loads(estimator.estimate(emg).attrs["config"])
    assert config["fitted_diffusion_and_jump"]["muscle 0"] == [diffusion, jump]


def test_a_given_setting_is_kept_when_the_other_is_chosen():
    emg = rectified_emg(draw_from_the_model(2000, 30, 3.0, 0.5, 2.0, "laplace", 10)[0][:, None])
    assert BayesianFilter(jump=0.7, grid=30).fit(emg).fitted_["muscle 0"][1] == 0.7


def test_logarithmic_amplitudes_are_floor_and_muscle_in_quadrature_and_linear_ones_evenly_spaced():
    floor, top = np.array([0.1, 0.02]), np.array([2.0, 3.0])
    grid, spacing = amplitude_grid(40, floor, top, "logarithmic")
    log_muscle_part = np.log(np.sqrt(grid**2 - floor[:, None] ** 2))
    np.testing.assert_allclose(np.diff(log_muscle_part, axis=1), np.tile(spacing[:, None], 39), rtol=1e-6)
    np.testing.assert_allclose(np.exp(log_muscle_part[:, -1]), top)
    assert np.all(grid[:, 0] < 1.03 * floor)
    grid, spacing = amplitude_grid(4, floor, top, "linear")
    np.testing.assert_allclose(grid, [[0.5, 1, 1.5, 2], [0.75, 1.5, 2.25, 3]])
    np.testing.assert_allclose(spacing, [0.5, 0.75])


def test_default_smoother_is_the_plain_loop_on_the_logarithmic_amplitudes():
    random = np.random.default_rng(16)
    x = random.exponential(0.05 + np.maximum(np.sin(np.arange(600) / 40), 0) ** 2)
    averages = np.convolve(np.pad(x, (12, 12), "symmetric"), np.full(25, 1 / 25), "valid")  # 50 ms, mirrored ends
    floor, top, n_grid = np.quantile(averages, 0.02), averages.max(), 30
    log_s = np.linspace(np.log(floor / 5), np.log(top), n_grid)
    sigma = np.sqrt(floor**2 + np.exp(2 * log_s))
    kernel = expm(generator(n_grid, log_s[1] - log_s[0], 8.0, 0.5) / RATE)
    gammas = plain_loop(x, sigma, kernel, "laplace", temper=0.6)[1]
    for point, expected in (("mean", gammas @ sigma), ("mode", sigma[gammas.argmax(axis=1)])):
        estimator = BayesianFilter("laplace", 8.0, 0.5, temper=0.6, grid=n_grid, smooth=True, estimate=point)
        activation = estimator.estimate(rectified_emg(x[:, None]))["activation"].values[:, 0]
        np.testing.assert_allclose(activation, expected, rtol=2e-5)


@pytest.mark.parametrize("observation", ["laplace", "gauss"])
def test_bins_that_say_the_same_twice_tell_what_they_tell_once(observation):
    normal = np.abs(np.random.default_rng(20).standard_normal((24_000, 1)))
    noise = np.random.default_rng(21).exponential(size=(24_000, 1)) if observation == "laplace" else normal
    once, twice = rectified_emg(noise), rectified_emg(np.repeat(noise[:12_000], 2, axis=0))
    given = {"diffusion": 5.0, "jump": 0.5}
    found = [BayesianFilter(observation, **given).estimate(emg)["activation"].values for emg in (once, twice)]
    by_hand = [
        BayesianFilter(observation, **given, temper=temper).estimate(emg)["activation"].values
        for emg, temper in ((once, 1.0), (twice, 0.5))
    ]
    for mine, expected in zip(found, by_hand, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=0.12)


def test_one_muscle_and_all_muscles_give_the_same_estimate():
    x = np.random.default_rng(17).exponential(1, (900, 3))
    alone, together = rectified_emg(x[:, :1]), rectified_emg(x)
    found = [BayesianFilter("laplace", 5.0, 0.5, smooth=True).estimate(emg)["activation"] for emg in (alone, together)]
    np.testing.assert_allclose(found[0].values[:, 0], found[1].values[:, 0], rtol=1e-5)


def test_a_gap_starts_the_smoother_afresh():
    x = np.random.default_rng(18).exponential(1, (1000, 1))
    x[600:] *= 5
    estimator = BayesianFilter("laplace", 5.0, 0.5, temper=1.0, smooth=True)
    whole = estimator.estimate(rectified_emg(x, segment=np.repeat([0, 1], [600, 400])))["activation"].values
    x[600:] = x[599::-1][:400] * 5  # other values of the same range after the gap
    other = estimator.estimate(rectified_emg(x, segment=np.repeat([0, 1], [600, 400])))["activation"].values
    mixed = estimator.estimate(rectified_emg(x))["activation"].values
    assert np.abs(np.log(other[590:600] / whole[590:600])).max() < np.abs(np.log(mixed[590:600] / whole[590:600])).max()


def test_zero_and_negative_emg_is_raised_and_said_once():
    x = np.random.default_rng(19).exponential(1, (600, 2))
    x[5, 0], x[7, 1] = 0.0, -0.3
    with pytest.warns(UserWarning, match="2 of 1200 values of rectified EMG are zero or negative") as said:
        found = BayesianFilter("laplace", 5.0, 0.5).estimate(rectified_emg(x))
    assert len(said) == 1
    assert np.isfinite(found["activation"].values).all()


def test_a_constant_muscle_and_missing_values_are_refused_by_name():
    x = np.random.default_rng(20).exponential(1, (600, 2))
    x[:, 1] = 0.2
    with assert_refused(
        SignalError,
        "muscle 'muscle 1': the rectified EMG never changes (it is 0.2 throughout)",
        "Mark the muscle as unusable, or leave it out",
    ):
        BayesianFilter().fit(rectified_emg(x))
    x[:, 1] = np.nan
    with assert_refused(
        SignalError,
        "muscle 'muscle 1': all of 600 values are missing (NaN)",
        "Mark the muscle as unusable, or leave it out",
    ):
        BayesianFilter("laplace", 5.0, 0.5).estimate(rectified_emg(x))


def test_hidden_bins_do_not_influence_their_own_prediction():
    x = draw_from_the_model(1000, 30, 3.0, 0.5, 2.0, "laplace", 11)[0][:, None]
    hidden = np.zeros(1000, bool)
    hidden[500:512] = True
    changed = x.copy()
    changed[hidden] = 40.0
    estimator = BayesianFilter("laplace", 0.5, 2.0, grid=30, smooth=True)
    np.testing.assert_array_equal(
        estimator.predict_hidden(rectified_emg(x), hidden), estimator.predict_hidden(rectified_emg(changed), hidden)
    )


def test_an_outlier_far_above_the_grid_leaves_everything_finite():
    x = np.random.default_rng(12).exponential(0.05, (1000, 1))
    x[500] = 1e4
    for observation in ("laplace", "gauss"):
        found = infer(
            model_of(1, 100, 1.0, 0.001, 0.0, observation),
            x,
            rows(1000),
            smooth=True,
            mode=True,
        )
        assert all(np.isfinite(values).all() for values in found)


def test_memory_does_not_grow_with_the_beliefs_of_the_whole_recording(monkeypatch):
    monkeypatch.setattr(side_by_side, "WINDOW_BINS", 256)
    monkeypatch.setattr(side_by_side, "BELIEFS_AT_ONCE", 2 * 256 * 100 * 4)
    x = np.random.default_rng(13).exponential(1, (14_000, 1))
    tracemalloc.start()
    infer(model_of(1, 100, 3.0, 0.3, 1.0, "laplace"), x, rows(len(x)), smooth=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 14_000 * 100 * 4 / 2  # half of what all beliefs in float32 would take


def test_unusable_muscles_come_back_as_nan():
    x = np.random.default_rng(14).exponential(1, (600, 2))
    emg = rectified_emg(x, usable=np.array([False, True]))
    found = BayesianFilter("laplace", 0.3, 1.0).estimate(emg)
    assert np.isnan(found["activation"].values[:, 0]).all()
    assert np.isfinite(found["activation_std"].values[:, 1]).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"observation": "poisson"}, "observation='poisson' does not exist"),
        ({"diffusion": -1.0}, "diffusion=-1.0 is out of range"),
        ({"jump": float("nan")}, "jump=nan is out of range"),
        ({"grid": 2}, "grid=2 is out of range"),
        ({"estimate": "median"}, "estimate='median' does not exist"),
        ({"amplitudes": "cubic"}, "amplitudes='cubic' does not exist"),
        ({"transition": "implicit"}, "transition='implicit' does not exist"),
    ],
)
def test_settings_out_of_range_are_named_with_their_value(arguments, words):
    with pytest.raises(ConfigError, match=words):
        BayesianFilter(**arguments)


def test_estimating_before_the_choice_or_on_other_muscles_says_to_fit():
    emg = rectified_emg(np.random.default_rng(15).exponential(1, (600, 1)))
    with assert_refused(
        ConfigError, "diffusion and jump have not been chosen yet", "Call fit(emg) first, or give both"
    ):
        BayesianFilter().estimate(emg)
    fitted = BayesianFilter(jump=1.0, grid=10).fit(emg)
    with assert_refused(SignalError, "BayesianFilter was fitted on muscle 0, not on another", "Call fit(emg) again"):
        fitted.estimate(emg.assign_coords(muscle=["another"]))
