"""What filters are chosen by: against scipy's regression, and against a search that tries each cutoff."""

import numpy as np
import pytest
from emg_examples import rectified_emg
from estimators.test_wiener import noisy_rhythms
from scipy import stats

from nwb_autolfads.estimators.agreement import unexplained, wiener_estimate
from nwb_autolfads.estimators.lowpass import CUTOFFS_HZ, NEARLY_BEST, LowPass
from nwb_autolfads.estimators.observed import observe
from nwb_autolfads.estimators.wiener import WienerSmoother


def test_what_is_unexplained_is_what_the_best_line_leaves_of_what_both_know():
    random = np.random.default_rng(0)
    x = random.standard_normal((300, 3))
    y = x * [1, -2, 0.1] + random.standard_normal((300, 3)) + 5
    x[:20, 0], y[50:80, 0] = np.nan, np.nan
    known = np.isfinite(x) & np.isfinite(y)
    lines = [stats.linregress(x[seen, j], y[seen, j]) for j, seen in enumerate(known.T)]
    assert unexplained(x, y) == pytest.approx(np.mean([1 - line.rvalue**2 for line in lines]))


def test_a_muscle_that_does_not_vary_or_is_not_known_is_all_unexplained():
    x = np.random.default_rng(0).standard_normal((100, 1))
    for other in (np.ones_like(x), np.full_like(x, np.nan)):
        assert unexplained(x, other) == unexplained(other, x) == 1
    assert unexplained(x, 3 - x) == pytest.approx(0)


def test_the_cutoff_is_the_one_nearest_to_the_usual_that_is_nearly_the_best():
    x, _ = noisy_rhythms(6000, muscles=3, lasting=4)
    emg = rectified_emg(x)
    by_wiener = WienerSmoother().fit(emg).estimate(emg)["activation"].values
    left = {}
    for cutoff in CUTOFFS_HZ:
        smooth = LowPass(cutoff).estimate(emg)["activation"].values
        left[cutoff] = np.mean([1 - np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(smooth.T, by_wiener.T, strict=True)])
    nearly = [cutoff for cutoff in left if left[cutoff] <= min(left.values()) + NEARLY_BEST]
    assert LowPass("auto").fit(emg).cutoff_ == min(nearly, key=lambda cutoff: abs(np.log(cutoff / 20)))
    assert len(nearly) < len(left)


def test_the_reference_is_of_usable_muscles_alone():
    x, _ = noisy_rhythms(6000, muscles=3)
    emg = rectified_emg(x, usable=np.array([True, False, True]))
    others = rectified_emg(x[:, [0, 2]])
    by_others = WienerSmoother().fit(others).estimate(others)["activation"].values
    np.testing.assert_allclose(wiener_estimate(emg, observe(emg)), by_others, rtol=1e-5)
