"""What is missing of a muscle counts for nothing in every estimator, and costs the other muscles nothing."""

import json

import numpy as np
import pytest
from emg_examples import RATE, rectified_emg
from messages import assert_refused
from plain_hmm import plain_loop
from scipy import stats

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.estimators.bayes.amplitude_hmm import AmplitudeModel, amplitude_grid, transition_kernel
from nwb_autolfads.estimators.bayes.estimator import BayesianFilter
from nwb_autolfads.estimators.bayes.side_by_side import infer
from nwb_autolfads.estimators.lowpass import LowPass
from nwb_autolfads.estimators.noise_length import noise_length
from nwb_autolfads.estimators.subspace import LowPassSubspace
from nwb_autolfads.estimators.wiener import WienerSmoother
from nwb_autolfads.evaluation.held_out import held_out_likelihood, hidden_blocks, score_held_out
from nwb_autolfads.segments import Segments

N = 4000
ESTIMATORS = {
    "low-pass": lambda: LowPass(10.0),
    "subspace": lambda: LowPassSubspace(10.0, 2),
    "synergies": lambda: LowPassSubspace(10.0, 2, method="nmf"),
    "wiener": WienerSmoother,
    "filter": lambda: BayesianFilter(diffusion=8.0, jump=0.5),
    "smoother": lambda: BayesianFilter(diffusion=8.0, jump=0.5, smooth=True),
}


def example(seed=0, muscles=3):
    """EMG of muscles that share two rhythms, and its mean."""
    random = np.random.default_rng(seed)
    rhythms = np.exp(np.sin(2 * np.pi * np.arange(N)[:, None] / RATE * [1.0, 1.7] + [0, 1]))
    mean = rhythms @ random.dirichlet([1, 1], muscles).T
    return random.gamma(2.0, mean / 2), mean


def holed(values, rows, muscle=1):
    values = values.copy()
    values[rows, muscle] = np.nan
    return values


@pytest.mark.parametrize("name", ["low-pass", "filter", "smoother"])
def test_other_muscles_are_as_if_nothing_was_missing(name):
    values, _ = example()
    whole, missing = (
        ESTIMATORS[name]().fit(rectified_emg(each)).estimate(rectified_emg(each))["activation"].values
        for each in (values, holed(values, slice(1000, 1800)))
    )
    np.testing.assert_array_equal(missing[:, [0, 2]], whole[:, [0, 2]])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_short_holes_are_bridged_and_far_from_them_nothing_changes(name):
    values, mean = example()
    scattered = np.random.default_rng(5).choice(np.arange(500, 1500), 100, replace=False)
    whole, found = (
        ESTIMATORS[name]().fit(rectified_emg(each)).estimate(rectified_emg(each))["activation"].values
        for each in (values, holed(values, scattered))
    )
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[2000:, 1], whole[2000:, 1], rtol=0.04)
    error, without = (np.mean((each[scattered, 1] - mean[scattered, 1]) ** 2) for each in (found, whole))
    assert error < 1.5 * without


@pytest.mark.parametrize("name", ["low-pass", "subspace", "synergies", "wiener"])
def test_a_filter_says_nothing_where_nothing_is_known_nearby(name):
    values, _ = example()
    emg = rectified_emg(holed(values, slice(1000, 1800)))
    found = ESTIMATORS[name]().fit(emg).estimate(emg)
    lost = np.isnan(found["activation"].values)
    assert lost[1050:1750, 1].all()  # the period of 10 Hz is 50 bins
    assert not lost[np.r_[:1000, 1800:N], 1].any()
    assert not lost[:, [0, 2]].any()
    if "factors" in found:
        assert np.isfinite(found["factors"].values).all()


def test_bayesian_beliefs_grow_less_certain_into_a_hole_and_end_where_nothing_is_known_any_more():
    values, _ = example()
    emg = rectified_emg(holed(values, np.r_[:300, 1000:1800]))
    smoothed, filtered = (ESTIMATORS[each]().estimate(emg) for each in ("smoother", "filter"))
    reach = 50  # bins, 100 ms
    lost = np.isnan(smoothed["activation"].values[:, 1])
    assert np.flatnonzero(lost).tolist() == [*range(300 - reach), *range(1000 + reach, 1800 - reach)]
    uncertain = (smoothed["activation_std"] / smoothed["activation"]).values[:, 1]
    assert uncertain[950:990].max() < uncertain[1010] < uncertain[1020] < uncertain[1040]
    lost = np.isnan(filtered["activation"].values[:, 1])
    assert np.flatnonzero(lost).tolist() == [*range(300), *range(1000 + reach, 1800)]


@pytest.mark.parametrize("name", ["low-pass", "smoother"])
def test_a_segment_in_which_a_muscle_is_not_known_at_all_has_no_estimate_of_it(name):
    values, _ = example()
    emg = rectified_emg(holed(values, slice(0, 1500)), segment=np.repeat([0, 1], [1500, N - 1500]))
    found = ESTIMATORS[name]().fit(emg).estimate(emg)["activation"].values
    assert np.isnan(found[:1500, 1]).all()
    assert np.isfinite(found[1500:]).all()
    assert np.isfinite(found[:, [0, 2]]).all()


def test_missing_bins_of_one_muscle_have_likelihood_one_in_a_plain_loop():
    random = np.random.default_rng(3)
    grid, spacing = amplitude_grid(30, np.full(2, 0.1), np.full(2, 3.0), "logarithmic")
    kernels = np.stack([transition_kernel(30, each, 1 / RATE, 8.0, 0.5) for each in spacing])
    model = AmplitudeModel(grid, kernels.astype(np.float32), "laplace", np.ones(2))
    x = random.exponential(1.0, (300, 2))
    seen = np.ones(x.shape, bool)
    seen[40:55, 0] = seen[[100, 102, 299], 1] = False
    found = infer(model, x, Segments.of_lengths([300], RATE), visible=seen, smooth=True)
    for muscle in (0, 1):
        _, smoothed, _ = plain_loop(
            x[:, muscle], grid[muscle], kernels[muscle], "laplace", set(np.flatnonzero(~seen[:, muscle]))
        )
        np.testing.assert_allclose(found.mean[:, muscle], smoothed @ grid[muscle], rtol=2e-4)


def test_missing_bins_do_not_count_in_the_held_out_score():
    values, mean = example(muscles=2)
    gone = np.random.default_rng(1).random(N) < 0.2
    emg = rectified_emg(holed(values, gone))
    score = held_out_likelihood(lambda *_: holed(mean, gone), emg, block_ms=10.0)
    # The prediction is the mean itself, and the concentration was 2.
    expected = -stats.gamma.logpdf(values[~gone, 1], 2.0, scale=mean[~gone, 1] / 2).mean()
    assert float(score["nll"][1]) == pytest.approx(expected, abs=0.01)
    assert float(score["concentration"][1]) == pytest.approx(2.0, rel=0.1)
    whole = held_out_likelihood(lambda *_: mean, rectified_emg(values), block_ms=10.0)
    np.testing.assert_array_equal(score["block_nll"][:, 0], whole["block_nll"][:, 0])


def test_a_block_that_is_missing_as_a_whole_has_no_score_and_does_not_spoil_the_rest():
    values, mean = example(muscles=2)
    emg = rectified_emg(values)
    starts, _ = hidden_blocks(emg, block_ms=10.0)
    emg = rectified_emg(holed(values, slice(starts[10], starts[14])))
    score = held_out_likelihood(lambda *_: mean, emg, block_ms=10.0)
    lost = np.isnan(score["block_nll"].values)
    assert np.flatnonzero(lost[:, 1]).tolist() == [10, 11, 12, 13]
    assert not lost[:, 0].any()
    assert np.isfinite(score["nll"].values).all()
    assert np.isfinite(score["standard_error"].values).all()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_is_scored_on_emg_with_holes(name):
    values, _ = example()
    emg = rectified_emg(holed(values, np.r_[100:110, 1000:1400]))
    estimator = ESTIMATORS[name]().fit(emg)
    nll = score_held_out({name: estimator}, emg, block_ms=10.0)["nll"].values
    whole = score_held_out({name: ESTIMATORS[name]().fit(rectified_emg(values))}, rectified_emg(values), block_ms=10.0)
    np.testing.assert_allclose(nll, whole["nll"].values, atol=0.05)


@pytest.mark.parametrize("make", [lambda: LowPass("auto"), lambda: LowPassSubspace("auto", 2), BayesianFilter])
def test_settings_are_found_in_spite_of_holes(make):
    values, mean = (each[:1500] for each in example())
    emg = rectified_emg(holed(values, np.r_[100:110, 700:900]))
    found = make().fit(emg).estimate(emg)["activation"].values
    known = np.isfinite(found)
    assert known.mean() > 0.93
    assert np.corrcoef(found[known], mean[known])[0, 1] > 0.8


def test_the_length_of_the_noise_is_that_of_what_is_known():
    random = np.random.default_rng(4)
    x = random.gamma(2.0, 0.5, (20000, 2))
    x[:, 1] = np.convolve(np.r_[x[:, 1], np.ones(4)], np.full(5, 0.2), "valid")
    segments = Segments.of_lengths([12000, 8000], RATE)
    whole = [noise_length(x[:, [muscle]], segments, RATE) for muscle in (0, 1)]
    holes = x.copy()
    holes[random.random(x.shape) < 0.02] = np.nan
    holes[12000:, 0] = np.nan
    assert [noise_length(holes[:, [muscle]], segments, RATE) for muscle in (0, 1)] == whole
    assert whole[0] < whole[1]


def described(time=None, values=None, rate=RATE, names=None):
    emg = rectified_emg(example()[0] if values is None else values)
    emg = emg if time is None else emg.assign_coords(time=time)
    emg = emg if names is None else emg.assign_coords(muscle=names)
    return emg.assign_attrs(rate=rate)


TIME = 10 + np.arange(N) / RATE


@pytest.mark.parametrize(
    ("emg", "message"),
    [
        (
            described(time=np.where(np.arange(N) == 7, np.nan, TIME)),
            "the times of the EMG are not finite or do not ascend, first at bin 7: nan s. "
            "Sort it by time, and leave out bins without a time",
        ),
        (
            described(time=TIME[::-1]),
            f"the times of the EMG are not finite or do not ascend, first at bin 1: {TIME[-2]:g} s. "
            "Sort it by time, and leave out bins without a time",
        ),
        (
            described(time=np.datetime64("2024-01-01", "ns") + np.arange(N)),
            "the coordinate time is of type datetime64[ns], not of real numbers. Make it with nwb_autolfads.preprocess",
        ),
        (
            described().astype(complex),
            "the EMG is of type complex128, not of real numbers. Make it with nwb_autolfads.preprocess",
        ),
        (
            described().astype(str),
            "the EMG is of type <U32, not of real numbers. Make it with nwb_autolfads.preprocess",
        ),
        (
            described(rate=float("nan")),
            "the attribute rate is nan, not a number of Hz above 0. Make it with nwb_autolfads.preprocess",
        ),
        (described(names=["a", "b", "a"]), "two muscles have one name: a, b, a. Give each its own name"),
    ],
)
def test_what_is_not_rectified_emg_is_refused(emg, message):
    for estimator in (LowPass(10.0), LowPassSubspace(10.0, 1), BayesianFilter()):
        with pytest.raises(SignalError) as caught:
            estimator.fit(emg)
        assert str(caught.value) == message


def test_a_refusal_names_the_file_that_the_emg_is_from():
    origin = json.dumps({"file": "session.nwb", "object_path": "acquisition/EMG"})
    emg = described(time=TIME[::-1]).assign_attrs(origin=origin)
    with assert_refused(
        SignalError,
        (
            "session.nwb, acquisition/EMG: the times of the EMG are not finite or do not ascend, first at "
            "bin 1: 17.996 s"
        ),
        "Sort it by time, and leave out bins without a time",
    ):
        LowPass(10.0).fit(emg)
    with assert_refused(
        ConfigError,
        "session.nwb: cutoff=300 Hz is not below the Nyquist frequency, 250 Hz at 500 Hz",
        "Lower the cutoff or analyse at a higher rate",
    ):
        LowPass(300.0).estimate(described().assign_attrs(origin=origin))
    emg = described(values=holed(example()[0], slice(None))).assign_attrs(origin=origin)
    with assert_refused(
        SignalError,
        "session.nwb, muscle 'muscle 1': all of 4000 values are missing (NaN)",
        "Mark the muscle as unusable, or leave it out",
    ):
        LowPass(10.0).fit(emg)
