"""The second step: the data's say beside the prediction, against its equation, and where a part of it stays out."""

from types import SimpleNamespace

import numpy as np
import pytest
from emg_examples import RATE, rectified_emg
from estimators.test_wiener import noisy_rhythms, one_muscle

from nwb_autolfads.estimators.amortized.estimator import AmortizedSmoother
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.second_step import second_step
from nwb_autolfads.estimators.noise_density import noise_density
from nwb_autolfads.estimators.observed import observe
from nwb_autolfads.estimators.state_space.smoothing import UNRESOLVED, choose, smooth
from nwb_autolfads.estimators.wiener import WienerSmoother

TRAINED = SimpleNamespace(card=SimpleNamespace(config=AutoLFADSConfig.preset("quick"), rate=RATE))


@pytest.fixture(scope="module")
def rhythms():
    x, mean = noisy_rhythms(6000, muscles=3)
    return rectified_emg(x), mean


def test_it_is_the_weighted_mean_of_logarithms_of_the_amortized_smoother_and_the_prediction(rhythms):
    emg, mean = rhythms
    found = second_step(TRAINED, emg, mean.astype(np.float32))
    observed, linear = observe(emg), WienerSmoother().fit(emg)
    density = noise_density(observed.filled, observed.seen, observed.segments, RATE)
    learnt = AmortizedSmoother().fit(emg).estimate(emg)["activation"].values
    for j, muscle in enumerate(observed.muscles):
        expected = mean[:, j].astype(np.float32).astype(float)
        process = choose(observed.values[:, j], expected, observed.segments, 1 / density[j])
        share = (
            (1 - linear.shared_noise[muscle] / 0.3)
            * min(density[j], 1 / density[j])
            * 0.4
            / (1 + process.variance / 0.2)
        )
        assert 0.03 < share < 0.4
        assert found.shares[muscle] == pytest.approx(share, abs=1e-4)
        product = expected**share * learnt[:, j] ** (1 - share)
        np.testing.assert_allclose(found.activation[:, j], product, rtol=1e-3)


def test_a_prediction_that_misses_much_counts_less(rhythms):
    emg, mean = rhythms
    random = np.random.default_rng(0)
    wrong = mean * np.exp(random.standard_normal((len(mean) // 50, 3)).repeat(50, axis=0))
    good, bad = (second_step(TRAINED, emg, each.astype(np.float32)).shares for each in (mean, wrong))
    assert all(bad[muscle] < good[muscle] / 3 for muscle in good)


def test_how_far_it_may_err_says_the_smoother_around_the_prediction(rhythms):
    emg, mean = rhythms
    found, observed = second_step(TRAINED, emg, mean.astype(np.float32)), observe(emg)
    density = noise_density(observed.filled, observed.seen, observed.segments, RATE)
    for j, x in enumerate(observed.values.T):
        expected = mean[:, j].astype(np.float32).astype(float)
        process = choose(x, expected, observed.segments, 1 / density[j])
        own, std = smooth(x, expected, observed.segments, process, unresolved=UNRESOLVED)
        np.testing.assert_allclose(found.std[:, j] / found.activation[:, j], std / own, rtol=1e-3)


def test_where_a_recording_is_too_short_for_spectra_the_smoother_around_the_prediction_is_the_estimate(rhythms):
    emg, mean = rhythms
    short = emg.isel(time=slice(0, 600))
    found = second_step(TRAINED, short, mean[:600].astype(np.float32))
    observed = observe(short)
    density = noise_density(observed.filled, observed.seen, observed.segments, RATE)
    expected = mean[:600, 0].astype(np.float32).astype(float)
    process = choose(observed.values[:, 0], expected, observed.segments, 1 / density[0])
    own, _ = smooth(observed.values[:, 0], expected, observed.segments, process)
    np.testing.assert_allclose(found.activation[:, 0], own, rtol=1e-6)
    assert found.shares == {}


def test_electrodes_over_one_muscle_are_left_to_what_was_learnt_which_is_nearer_than_the_wiener_smoother():
    x, drive = one_muscle(seconds=30)
    emg = rectified_emg(x)
    found = second_step(TRAINED, emg, np.full(x.shape, x.mean(), np.float32))
    assert max(found.shares.values()) < 0.1
    assert sum(share == 0 for share in found.shares.values()) >= 4
    wiener = WienerSmoother().fit(emg).estimate(emg)["activation"].values
    explained, by_wiener = (
        np.mean([np.corrcoef(a, drive)[0, 1] ** 2 for a in of.T]) for of in (found.activation, wiener)
    )
    assert explained > by_wiener


def test_what_is_hidden_is_not_used_and_left_to_the_prediction(rhythms):
    emg, mean = rhythms
    hidden = np.zeros(len(mean), bool)
    hidden[1000:1050] = True
    other = emg.copy(data=np.where(hidden[:, None], 7 * emg.values, emg.values))
    first, second = (second_step(TRAINED, each, mean.astype(np.float32), hidden=hidden) for each in (emg, other))
    np.testing.assert_array_equal(first.activation, second.activation)
    assert first.shares == {}


def test_it_is_left_out_where_it_is_not_wanted_or_the_data_are_counts(rhythms):
    emg, mean = rhythms
    assert second_step(TRAINED, emg, mean.astype(np.float32), correct=False) is None
    counts = TRAINED.card.config.model_copy(update={"observation": "poisson"})
    trained = SimpleNamespace(card=SimpleNamespace(config=counts, rate=RATE))
    assert second_step(trained, emg, mean.astype(np.float32)) is None
