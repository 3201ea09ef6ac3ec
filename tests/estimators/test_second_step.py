"""The second step: the data's say beside the prediction, against its equation, and where a part of it stays out."""

from types import SimpleNamespace

import numpy as np
import pytest
from emg_examples import RATE, rectified_emg
from estimators.test_wiener import noisy_rhythms, one_muscle

from nwb_autolfads.estimators.amortized.smoothing import smooth_by_learnt
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.second_step import second_step
from nwb_autolfads.estimators.noise_density import noise_density
from nwb_autolfads.estimators.observed import observe
from nwb_autolfads.estimators.state_space.estimator import StateSpaceSmoother
from nwb_autolfads.estimators.state_space.smoothing import choose, smooth
from nwb_autolfads.estimators.wiener import WienerSmoother

TRAINED = SimpleNamespace(card=SimpleNamespace(config=AutoLFADSConfig.preset("quick"), rate=RATE))


@pytest.fixture(scope="module")
def rhythms():
    x, mean = noisy_rhythms(6000, muscles=3)
    return rectified_emg(x), mean


def test_it_is_the_weighted_mean_of_logarithms_of_what_was_learnt_the_smoother_and_the_prediction(rhythms):
    emg, mean = rhythms
    found = second_step(TRAINED, emg, mean.astype(np.float32))
    observed, linear, alone = observe(emg), WienerSmoother().fit(emg), StateSpaceSmoother().fit(emg)
    density = noise_density(observed.filled, observed.seen, observed.segments, RATE)
    wiener, process = (smoother.estimate(emg)["activation"].values for smoother in (linear, alone))
    learnt = smooth_by_learnt(observed.values, wiener, process, observed.segments)
    for j, muscle in enumerate(observed.muscles):
        x, expected = observed.values[:, j], mean[:, j].astype(np.float32).astype(float)
        process = choose(x, expected, observed.segments, 1 / density[j])
        own, _ = smooth(x, expected, observed.segments, process)
        share = (1 - linear.shared_noise[muscle] / 0.3) * min(1, 1 / density[j]) / 5
        foretold = share / max(1, 1 / density[j])
        assert 0.1 < share < 1 / 5
        assert 0.03 < foretold < share
        assert found.shares[muscle] == pytest.approx((share, foretold, 1 - share - foretold), abs=1e-4)
        product = own**share * expected**foretold * learnt[:, j] ** (1 - share - foretold)
        np.testing.assert_allclose(found.activation[:, j], product, rtol=1e-3)


def test_electrodes_over_one_muscle_are_left_to_what_was_learnt_which_is_nearer_than_the_wiener_smoother():
    x, drive = one_muscle(seconds=30)
    emg = rectified_emg(x)
    found = second_step(TRAINED, emg, np.full(x.shape, x.mean(), np.float32))
    assert min(shares.amortized_share for shares in found.shares.values()) > 0.9
    assert sum(shares == (0, 0, 1) for shares in found.shares.values()) >= 4
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
    assert set(first.shares.values()) == {(1.0, 0.0, 0.0)}


def test_it_is_left_out_where_it_is_not_wanted_or_the_data_are_counts(rhythms):
    emg, mean = rhythms
    assert second_step(TRAINED, emg, mean.astype(np.float32), correct=False) is None
    counts = TRAINED.card.config.model_copy(update={"observation": "poisson"})
    trained = SimpleNamespace(card=SimpleNamespace(config=counts, rate=RATE))
    assert second_step(trained, emg, mean.astype(np.float32)) is None
