"""An estimator in a scikit-learn pipeline gives what it gives by itself, and no fold joins what it has cut."""

import numpy as np
import pytest
from emg_examples import RATE, rectified_emg
from messages import assert_refused
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline

import nwb_autolfads as nal
from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.interfaces.scikit_learn import ActivationTransformer


def drive_and_emg(n_bins=6000, n_muscles=3, seed=0):
    """Return a slow drive of each muscle and EMG that fluctuates around it."""
    rng = np.random.default_rng(seed)
    time = np.arange(n_bins) / RATE
    drive = 1.5 + np.sin(2 * np.pi * time[:, None] * np.array([0.7, 1.1, 1.9])[:n_muscles])
    return drive, drive * rng.gamma(2.0, 0.5, drive.shape)


def decoder(cutoff=5.0, **arguments):
    return Pipeline(
        [("activation", ActivationTransformer(nal.LowPass(cutoff), **arguments)), ("decoder", Ridge(alpha=1e-3))]
    )


def test_a_pipeline_decodes_from_what_the_estimator_returns():
    drive, values = drive_and_emg()
    emg, force = rectified_emg(values), drive @ [1.0, 2.0, 0.5]
    by_hand = nal.LowPass(5.0).fit(emg).estimate(emg)["activation"].values
    expected = Ridge(alpha=1e-3).fit(by_hand, force).predict(by_hand)
    np.testing.assert_allclose(decoder().fit(emg, force).predict(emg), expected, rtol=1e-5)


def test_a_plain_array_with_its_rate_is_taken_too():
    _, values = drive_and_emg()
    values = values.astype(np.float32)
    activation = ActivationTransformer(nal.LowPass(5.0), rate=RATE).fit(values).transform(values)
    np.testing.assert_array_equal(activation, nal.LowPass(5.0).estimate(rectified_emg(values))["activation"])


def test_a_grid_search_finds_the_cutoff_that_decodes_best():
    drive, values = drive_and_emg()
    grid = {"activation__estimator__cutoff": [0.5, 4.0, 80.0]}
    search = GridSearchCV(decoder(), grid, cv=KFold(4)).fit(rectified_emg(values), drive[:, 2])
    assert search.best_params_ == {"activation__estimator__cutoff": 4.0}


def test_the_two_sides_of_a_fold_are_not_filtered_as_one():
    _, values = drive_and_emg()
    emg = rectified_emg(values)
    kept = np.r_[0:2000, 4000:6000]
    activation = ActivationTransformer(nal.LowPass(5.0)).fit(emg[kept]).transform(emg[kept])
    halves = [nal.LowPass(5.0).estimate(emg[part])["activation"].values for part in (slice(0, 2000), slice(4000, 6000))]
    np.testing.assert_array_equal(activation, np.concatenate(halves))


def test_cross_validation_scores_every_fold():
    drive, values = drive_and_emg()
    scores = cross_val_score(decoder(), rectified_emg(values), drive[:, 0], cv=KFold(3))
    assert scores.min() > 0.8


def test_the_estimator_that_is_given_is_not_fitted():
    _, values = drive_and_emg()
    given = nal.LowPass("auto")
    fitted = ActivationTransformer(given).fit(rectified_emg(values))
    assert given.config["cutoff_hz"] is None
    assert fitted.estimator_.config["cutoff_hz"] is not None


def test_muscles_that_were_not_usable_are_no_columns():
    _, values = drive_and_emg()
    emg = rectified_emg(values, usable=[True, False, True])
    fitted = ActivationTransformer(nal.LowPass()).fit(emg)
    assert fitted.get_feature_names_out().tolist() == ["muscle 0", "muscle 2"]
    assert fitted.transform(emg).shape == (6000, 2)
    assert np.isfinite(fitted.transform(emg)).all()


def test_another_variable_of_the_estimate_can_be_the_output():
    _, values = drive_and_emg()
    emg = rectified_emg(values)
    estimator = nal.LowPassSubspace(components=2)
    factors = ActivationTransformer(estimator, variable="factors").fit_transform(emg)
    np.testing.assert_array_equal(factors, clone(estimator).fit(emg).estimate(emg)["factors"])


@pytest.mark.parametrize("variable", ["factor", "scale"])
def test_a_variable_that_the_estimate_has_not_is_named(variable):
    emg = rectified_emg(drive_and_emg()[1])
    transformer = ActivationTransformer(nal.LowPass(), variable=variable).fit(emg)
    problem = f"variable: the estimate of LowPass has no variable {variable!r} along time"
    with assert_refused(ConfigError, problem, "It has activation"):
        transformer.transform(emg)


def test_a_muscle_that_is_missing_is_named():
    emg = rectified_emg(drive_and_emg()[1])
    transformer = ActivationTransformer(nal.LowPass()).fit(emg)
    problem = "the EMG lacks muscle 1, on which LowPass was fitted"
    with assert_refused(SignalError, problem, "Give EMG of the same muscles"):
        transformer.transform(emg[:, [0, 2]])


def test_a_plain_array_needs_a_rate_and_two_dimensions():
    problem = "ActivationTransformer: the EMG is a plain array, and nothing says its sampling rate"
    with assert_refused(ConfigError, problem, "Give rate, or a DataArray as nwb_autolfads.preprocess returns it"):
        ActivationTransformer(nal.LowPass()).fit(np.ones((10, 2)))
    with assert_refused(SignalError, "ActivationTransformer: the EMG has shape (10,)", "Give an array (time, muscle)"):
        ActivationTransformer(nal.LowPass(), rate=RATE).fit(np.ones(10))
