"""The second step: the data's say beside the prediction, against its equation, and where a part of it stays out."""

from types import SimpleNamespace

import numpy as np
import pytest
from emg_examples import RATE, rectified_emg
from estimators.test_wiener import noisy_rhythms, one_muscle

from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.second_step import second_step
from nwb_autolfads.estimators.noise_density import noise_density
from nwb_autolfads.estimators.observed import observe
from nwb_autolfads.estimators.state_space.smoothing import choose, smooth
from nwb_autolfads.estimators.wiener import WienerSmoother

TRAINED = SimpleNamespace(card=SimpleNamespace(config=AutoLFADSConfig.preset("quick"), rate=RATE))


@pytest.fixture(scope="module")
def rhythms():
    x, mean = noisy_rhythms(6000, muscles=3)
    return rectified_emg(x), mean


def test_it_is_the_weighted_mean_of_logarithms_of_both_smoothers_and_the_prediction(rhythms):
    emg, mean = rhythms
    found = second_step(TRAINED, emg, mean.astype(np.float32))
    observed, linear = observe(emg), WienerSmoother().fit(emg)
    wiener = linear.estimate(emg)["activation"].values
    density = noise_density(observed.filled, observed.seen, observed.segments, RATE)
    for j, muscle in enumerate(observed.muscles):
        x, expected = observed.values[:, j], mean[:, j].astype(np.float32).astype(float)
        process = choose(x, expected, observed.segments, 1 / density[j])
        own, _ = smooth(x, expected, observed.segments, process)
        of_its_own = (1 - linear.shared_noise[muscle] / 0.3) * min(1, 1 / density[j])
        foretold = of_its_own / 5 / max(1, 1 / density[j])
        share = (1 - foretold) * of_its_own / 3
        assert 0.1 < share < 1 / 3
        assert 0.03 < foretold < 1 / 5
        assert found.shares[muscle] == pytest.approx((share, foretold, 1 - share - foretold), abs=1e-4)
        product = own**share * expected**foretold * wiener[:, j] ** (1 - share - foretold)
        np.testing.assert_allclose(found.activation[:, j], product, rtol=1e-3)


def test_electrodes_over_one_muscle_leave_it_to_the_wiener_smoother():
    x, _ = one_muscle(seconds=30)
    emg = rectified_emg(x)
    found = second_step(TRAINED, emg, np.full(x.shape, x.mean(), np.float32))
    assert min(shares.wiener_share for shares in found.shares.values()) > 0.9
    alone = [name for name, shares in found.shares.items() if shares == (0, 0, 1)]
    assert len(alone) >= 4
    wiener = WienerSmoother().fit(emg).estimate(emg)["activation"].sel(muscle=alone).values
    at = [list(found.shares).index(name) for name in alone]
    np.testing.assert_allclose(found.activation[:, at], wiener, rtol=1e-5)


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
