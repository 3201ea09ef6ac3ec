"""Ridge over lags in blocked folds: scikit-learn's numbers, and no way for what is tested to be known in training."""

import numpy as np
import pytest
from messages import assert_refused
from sklearn.linear_model import Ridge

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.evaluation.decoding.folds import Folds, contiguous_folds
from nwb_autolfads.evaluation.decoding.lagged import known_rows, lagged_map, lagged_sums
from nwb_autolfads.evaluation.decoding.ridge import decode
from nwb_autolfads.segments import Segments

STEP = 0.01


def smooth_noise(rng, n_time, n_columns, bins):
    kernel = np.hanning(2 * bins + 1)
    return np.stack(
        [np.convolve(rng.normal(size=n_time + 2 * bins), kernel, "valid") for _ in range(n_columns)], axis=1
    )


def driven(seed=0, n_time=1500, delay=3, noise=3.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_time, 5))
    y = np.roll(x, delay, axis=0) @ rng.normal(size=(5, 2)) + noise * rng.normal(size=(n_time, 2))
    return x, y, np.arange(n_time) * STEP, Segments.of_lengths([n_time], 1 / STEP)


def r2(true, predicted):
    return 1 - ((true - predicted) ** 2).sum() / ((true - true.mean()) ** 2).sum()


def test_held_out_predictions_are_those_of_scikit_learn_with_everything_chosen_in_training():
    x, y, time, segments = driven()
    shifts, alphas = [0, 3, 6], np.array([1e-3, 1e-1, 10.0])
    found = decode(x, y, time, segments, shifts, n_folds=4, guard=0.1, alphas=alphas)
    rows = np.arange(6, len(time))
    wide = np.hstack([x[rows - shift] for shift in shifts])
    folds = contiguous_folds(time[rows], 4, 0.1)

    def fit_predict(train, test, alpha, target):
        mean, sd = wide[train].mean(axis=0), wide[train].std(axis=0)
        model = Ridge(alpha=alpha * train.sum()).fit((wide[train] - mean) / sd, y[rows][train, target])
        return model.predict((wide[test] - mean) / sd)

    for f in range(4):
        for target in range(2):
            inner = []
            for alpha in alphas:
                error = 0.0
                for g in set(range(4)) - {f}:
                    train, test = ~folds.near[f] & ~folds.near[g], folds.test[g] & ~folds.near[f]
                    error += ((y[rows][test, target] - fit_predict(train, test, alpha, target)) ** 2).sum()
                inner.append(error)
            best = alphas[int(np.argmin(inner))]
            assert found.alpha[f, target] == best
            expected = fit_predict(~folds.near[f], folds.test[f], best, target)
            np.testing.assert_allclose(found.predicted[rows][folds.test[f], target], expected, atol=1e-9)
            assert found.r2_fold[f, target] == pytest.approx(r2(y[rows][folds.test[f], target], expected))


def test_the_lag_that_made_the_target_is_found():
    x, y, time, segments = driven(delay=3)
    found = decode(x, y, time, segments, [0, 1, 3, 5], n_folds=4, guard=0.1)
    assert found.r2_at_lag.argmax(axis=1).tolist() == [2, 2]
    np.testing.assert_allclose(found.r2_one_lag, found.r2_at_lag[:, 2])


def test_no_training_bin_is_closer_to_a_tested_one_than_the_guard():
    time = np.sort(np.concatenate([np.arange(600) * STEP, 9.0 + np.arange(600) * STEP]))
    folds = contiguous_folds(time, 5, 0.3)
    assert folds.test.sum(axis=0).tolist() == [1] * len(time)
    for test, near in zip(folds.test, folds.near, strict=True):
        distances = np.abs(time[test][:, None] - time[~near])
        assert distances.min() >= 0.3 - 1e-9


def test_a_leak_planted_across_the_border_pays_without_a_guard_and_not_with_one_as_long_as_the_window():
    # Predictors that only say where in the recording a bin lies, each within one window at a border of folds; the
    # target is smooth over the same window. What they learn just before the border, they know just behind it.
    window, n_time, n_folds = 60, 3000, 5
    y = smooth_noise(np.random.default_rng(1), n_time, 40, window)
    at = np.arange(n_time)
    borders = np.arange(1, n_folds) * n_time // n_folds
    x = np.stack([np.maximum(0, 1 - np.abs(at - border) / (window / 2)) for border in borders], axis=1)
    alphas, segments = np.array([1e-4]), Segments.of_lengths([n_time], 1 / STEP)
    leaky, guarded = (
        decode(x, y, at * STEP, segments, [0], n_folds=n_folds, guard=guard, alphas=alphas).predicted
        for guard in (0.0, window * STEP)
    )
    leak = x.any(axis=1)
    assert r2(y[leak], leaky[leak]) > 0.3
    assert r2(y[leak], guarded[leak]) <= 0


def test_the_shuffled_control_is_not_above_zero_but_shows_folds_that_train_on_what_they_test():
    rng = np.random.default_rng(2)
    x = smooth_noise(rng, 2000, 30, 5)
    y = smooth_noise(rng, 2000, 4, 20)  # has nothing to do with x, as after shuffling
    time, segments = np.arange(2000) * STEP, Segments.of_lengths([2000], 1 / STEP)
    honest = decode(x, y, time, segments, [0, 5], n_folds=4, guard=0.5)
    assert honest.r2.mean() <= honest.r2.std()
    assert honest.r2.mean() < 0.02
    whole = contiguous_folds(time[5:], 4, 0.5).test
    leaking = Folds(test=whole, near=np.zeros_like(whole))
    assert decode(x, y, time, segments, [0, 5], n_folds=4, guard=0.5, folds=leaking).r2.min() > 0.05


def test_lags_do_not_reach_across_gaps_or_into_what_is_not_known():
    values = np.arange(12.0)[:, None]
    values[9] = np.nan
    segments = Segments.of_lengths([6, 6], 1.0)
    assert np.flatnonzero(known_rows(values, segments, [0, 2])).tolist() == [2, 3, 4, 5, 8, 10]
    assert np.flatnonzero(known_rows(values, segments, [-1, 0])).tolist() == [0, 1, 2, 3, 4, 6, 7, 10]


@pytest.mark.parametrize("shifts", [[0, 1, 2, 5, 10], [0, -3, -6, -9], [4], [7, -2, 3, 0, -7]])
@pytest.mark.parametrize(
    "rows",
    [
        np.arange(10, 80),
        np.concatenate([np.arange(10, 14), [17], np.arange(20, 60), [70, 72]]),  # stretches shorter than the lags
        np.arange(10, 80, 2),  # no two rows beside each other
    ],
)
def test_sums_over_lags_are_those_of_the_design_matrix(rows, shifts):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(90, 3)), rng.normal(size=(90, 2))
    design = np.hstack([x[rows - shift] for shift in shifts])
    sums = lagged_sums(x, y, rows, shifts)
    expected = (len(rows), design.sum(axis=0), y[rows].sum(axis=0), design.T @ design, design.T @ y[rows])
    for found, wanted in zip((sums.n, sums.x, sums.y, sums.xx, sums.xy), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-11)
    np.testing.assert_allclose(sums.yy, (y[rows] ** 2).sum(axis=0))
    weights = rng.normal(size=(design.shape[1], 2))
    np.testing.assert_allclose(lagged_map(x, rows, shifts, weights), design @ weights, atol=1e-12)


@pytest.mark.parametrize("level", [0.1, 4.2, 0.7, 1234.56])  # what rounding leaves is above 0 or below it
def test_variation_of_a_target_is_that_around_its_mean_and_0_of_a_constant(level):
    y = np.column_stack([np.full(777, level), level + np.random.default_rng(0).normal(size=777)])
    found = lagged_sums(np.zeros((777, 1)), y, np.arange(777), [0]).total_variation()
    assert found[0] == 0
    assert found[1] == pytest.approx(777 * y[:, 1].var())


def test_spans_of_folds_make_up_every_fold_whole():
    folds = contiguous_folds(np.arange(900) * STEP, 5, 0.2)
    spans, of_pieces = folds.spans()
    assert np.concatenate(spans).tolist() == list(range(900))
    for whole, cut in ((folds.test, of_pieces.test), (folds.near, of_pieces.near)):
        assert np.repeat(cut, [len(piece) for piece in spans], axis=1).tolist() == whole.tolist()


def test_bins_with_an_unknown_target_are_left_out_and_nothing_else_changes():
    x, y, time, segments = driven()
    y[700:720, 0] = np.nan
    found = decode(x, y, time, segments, [0, 3], n_folds=4, guard=0.1)
    assert np.flatnonzero(~found.rows).tolist() == [0, 1, 2, *range(700, 720)]
    assert np.isfinite(found.predicted[found.rows]).all()
    assert found.n.sum() == found.rows.sum()


def test_a_constant_target_has_no_score_and_leaves_the_others_alone():
    x, y, time, segments = driven()
    with_constant = np.column_stack([y, np.full(len(y), 4.2)])
    found = decode(x, with_constant, time, segments, [0, 3], n_folds=4, guard=0.1)
    assert np.isnan(found.r2[2])
    np.testing.assert_allclose(found.r2[:2], decode(x, y, time, segments, [0, 3], n_folds=4, guard=0.1).r2)


def test_a_predictor_that_does_not_vary_predicts_nothing():
    x, y, time, segments = driven()
    constant = np.column_stack([x, np.full(len(x), 7.0)])
    np.testing.assert_allclose(
        decode(constant, y, time, segments, [3], n_folds=4, guard=0.1).r2,
        decode(x, y, time, segments, [3], n_folds=4, guard=0.1).r2,
    )


def test_a_recording_too_short_for_its_folds_is_refused_with_the_numbers():
    x, y, time, segments = driven(n_time=200)
    with assert_refused(
        SignalError,
        "200 bins in common are too few: 10 folds with guards of 1 s leave 0 bins to train on",
        "Use a longer recording, or fewer folds",
    ):
        decode(x, y, time, segments, [0], n_folds=10, guard=1.0)
    with assert_refused(ConfigError, "2 folds with a guard of 0.1 s", "Give 3 or more folds, a guard >= 0"):
        contiguous_folds(time, 2, 0.1)
