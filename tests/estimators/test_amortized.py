"""The amortized smoother: its network against a numpy loop, its steps, what must not matter, and the estimator."""

import numpy as np
import pytest
import torch
from emg_examples import RATE, rectified_emg
from estimators.test_wiener import noisy_rhythms
from messages import assert_refused
from scipy.special import erf

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.estimators.amortized import network, smoothing
from nwb_autolfads.estimators.amortized.estimator import AmortizedSmoother
from nwb_autolfads.estimators.amortized.network import DILATIONS, REACH, Network, learnt
from nwb_autolfads.estimators.amortized.smoothing import smooth_by_learnt
from nwb_autolfads.estimators.amortized.steps import between_steps, features, mean_of_steps
from nwb_autolfads.estimators.state_space.estimator import StateSpaceSmoother
from nwb_autolfads.estimators.wiener import WienerSmoother
from nwb_autolfads.segments import Segments


def gelu(x):
    return x * (1 + erf(x / np.sqrt(2))) / 2


def convolved(x, weights, bias, dilation=1):
    """Convolve (channel, step) by weights (out, channel, tap), zeros beyond the ends: a loop over steps and taps."""
    taps = weights.shape[2]
    out = np.repeat(bias[:, None], x.shape[1], axis=1)
    for step in range(x.shape[1]):
        for tap in range(taps):
            at = step + (tap - taps // 2) * dilation
            if 0 <= at < x.shape[1]:
                out[:, step] += weights[:, :, tap] @ x[:, at]
    return out


def in_numpy(net, x):
    """Corrections (muscle, step) of features (muscle, feature, step), one muscle after the other."""
    of = {name: weights.double().numpy() for name, weights in net.state_dict().items()}
    hidden = [convolved(each, of["enter.weight"], of["enter.bias"]) for each in x]
    for i, dilation in enumerate(DILATIONS):
        name = f"blocks.{i}."
        all_of_them = np.concatenate([np.mean(hidden, axis=0), np.std(hidden, axis=0)])
        told = convolved(all_of_them, of[name + "of_all.weight"], of[name + "of_all.bias"])
        for muscle, each in enumerate(hidden):
            inner = gelu(convolved(each, of[name + "in_time.weight"], of[name + "in_time.bias"], dilation) + told)
            hidden[muscle] = each + convolved(inner, of[name + "out.weight"], of[name + "out.bias"])
    return np.stack([convolved(each, of["leave.weight"], of["leave.bias"])[0] for each in hidden])


@pytest.fixture(scope="module")
def recording():
    """EMG of rhythms with noise that lasts, what both smoothers make of it, and the truth."""
    x, mean = noisy_rhythms(10_000, muscles=5, lasting=6)
    emg = rectified_emg(x)
    both = [
        s.fit(emg).estimate(emg)["activation"].values.astype(float) for s in (WienerSmoother(), StateSpaceSmoother())
    ]
    return x, *both, Segments.of(emg), mean


def test_the_network_is_what_its_equations_say():
    random = np.random.default_rng(0)
    x = random.standard_normal((3, 6, 40)).astype(np.float32)
    torch.manual_seed(0)
    net = Network()
    torch.nn.init.normal_(net.leave.weight)
    with torch.no_grad():
        found = net(torch.tensor(np.stack([x, x[::-1]])))
    np.testing.assert_allclose(found[0], in_numpy(net, x.astype(float)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[1], found[0].flip(0), rtol=1e-4, atol=1e-5)  # each piece by itself


def test_it_sees_as_far_as_it_says():
    x = torch.zeros(1, 1, 6, 4 * REACH, requires_grad=True)
    torch.manual_seed(0)
    net = Network()
    torch.nn.init.normal_(net.leave.weight)
    net(x)[0, 0, 2 * REACH].backward()
    touched = np.flatnonzero(x.grad.abs().sum(dim=(0, 1, 2)))
    assert (touched[0], touched[-1]) == (REACH, 3 * REACH)


def test_it_is_nearer_to_the_truth_than_what_it_corrects(recording):
    x, linear, process, segments, mean = recording
    found = smooth_by_learnt(x, linear, process, segments)
    r2 = [
        [np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(of.T, mean.T, strict=True)]
        for of in (found, np.sqrt(linear * process), linear, process)
    ]
    assert np.mean(r2[0]) > np.mean(r2[1]) + 0.02
    assert np.mean(r2[0]) > np.mean(r2[2:], axis=1).max()


@pytest.mark.parametrize("rate", [500.0, 1000.0, 250.0, 200.0, 128.0])
def test_steps_are_means_of_the_bins_that_start_in_them(rate):
    n = round(0.655 * rate)
    x = np.random.default_rng(0).random((n, 2))
    steps = np.minimum(np.floor(np.arange(n) / rate / 0.01 + 1e-6), int(n / rate / 0.01 + 1e-6) - 1)
    expected = [x[steps == step].mean(axis=0) for step in range(int(steps[-1]) + 1)]
    np.testing.assert_allclose(mean_of_steps(x, rate), expected)


@pytest.mark.parametrize("rate", [500.0, 128.0])
def test_a_straight_line_is_interpolated_between_steps(rate):
    line = np.arange(round(2 * rate), dtype=float)[:, None] * [1, -3]
    found = between_steps(mean_of_steps(line, rate), len(line), rate)
    inner = slice(round(0.02 * rate), -round(0.02 * rate))
    np.testing.assert_allclose(found[inner], line[inner], atol=1e-9)


def test_a_segment_of_one_bin_is_one_step():
    x = np.ones((1, 3))
    described = features(x, x, x, RATE)
    assert described.shape == (3, 6, 1)
    assert np.isfinite(described).all()


def test_unit_and_order_of_muscles_do_not_matter(recording):
    x, linear, process, segments, _ = recording
    as_it_is = smooth_by_learnt(x, linear, process, segments)
    units, order = np.array([0.5, 1, 7, 40, 1e3]), [3, 1, 4, 0, 2]
    other = smooth_by_learnt(*((each * units)[:, order] for each in (x, linear, process)), segments)
    np.testing.assert_allclose(other, (as_it_is * units)[:, order], rtol=1e-4)


def test_the_mean_of_each_muscle_is_that_of_the_wiener_smoother(recording):
    x, linear, process, segments, _ = recording
    found = smooth_by_learnt(x, linear, process, segments)
    np.testing.assert_allclose(found.mean(axis=0), linear.mean(axis=0), rtol=0.01)


def test_pieces_give_what_a_whole_segment_gives(recording, monkeypatch):
    x, linear, process, segments, _ = recording
    whole = smooth_by_learnt(x, linear, process, segments)
    monkeypatch.setattr(smoothing, "PIECE", 300)
    np.testing.assert_allclose(smooth_by_learnt(x, linear, process, segments), whole, rtol=1e-4)


def test_nothing_is_said_where_the_wiener_smoother_says_nothing_and_missing_bins_do_no_harm(recording):
    x, linear, process, segments, _ = recording
    whole = smooth_by_learnt(x, linear, process, segments)
    holed, silent = x.copy(), linear.copy()
    holed[4000:4010, 1] = np.nan
    silent[7000:7200, 2] = np.nan
    found = smooth_by_learnt(holed, silent, process, segments)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(silent))
    assert np.corrcoef(found[3900:4100, 1], whole[3900:4100, 1])[0, 1] > 0.99


def test_segments_are_smoothed_one_by_one(recording):
    x, linear, process, _, _ = recording
    cut = Segments.of_lengths([6000, 4000], RATE)
    first = smooth_by_learnt(x, linear, process, cut)
    other = [each.copy() for each in (x, linear, process)]
    for each in other:
        each[6000:] = each[6000:][::-1]  # its mean is the same
    np.testing.assert_allclose(smooth_by_learnt(*other, cut)[:6000], first[:6000], rtol=5e-3)


def test_the_weights_that_come_along_are_small_and_complete():
    assert network.WEIGHTS.stat().st_size < 400_000
    assert all(torch.isfinite(weights).all() for weights in learnt().state_dict().values())
    assert not any(weights.requires_grad for weights in learnt().parameters())


def test_the_estimator_corrects_what_both_smoothers_say_of_the_same_emg(recording):
    x, linear, process, segments, _ = recording
    smoother = AmortizedSmoother()
    assert not smoother.is_fitted
    emg = rectified_emg(x)
    found = smoother.fit(emg).estimate(emg)
    assert smoother.is_fitted
    np.testing.assert_allclose(found["activation"], smooth_by_learnt(x, linear, process, segments), rtol=1e-4)
    of_process = StateSpaceSmoother().fit(emg).estimate(emg)
    relative = of_process["activation_std"] / of_process["activation"]
    np.testing.assert_allclose(found["activation_std"] / found["activation"], relative, rtol=1e-3)
    assert set(smoother.config) == {"WienerSmoother", "StateSpaceSmoother"}


def test_a_muscle_that_is_not_usable_is_left_out_and_changes_no_other(recording):
    x = recording[0]
    emg = rectified_emg(np.column_stack([x[:, :1] * 0, x]))
    usable = np.array([False, *[True] * x.shape[1]])
    emg = emg.assign_coords(usable=("muscle", usable))
    found = AmortizedSmoother().fit(emg).estimate(emg)["activation"].values
    assert np.isnan(found[:, 0]).all()
    others = rectified_emg(x)
    np.testing.assert_allclose(found[:, 1:], AmortizedSmoother().fit(others).estimate(others)["activation"], rtol=1e-5)


def test_it_refuses_to_estimate_before_it_is_fitted_and_other_muscles(recording):
    emg = rectified_emg(recording[0])
    with assert_refused(ConfigError, "AmortizedSmoother: nothing has been fitted yet", "Call fit(emg) first"):
        AmortizedSmoother().estimate(emg)
    smoother = AmortizedSmoother().fit(emg)
    with pytest.raises(SignalError, match="fitted to"):
        smoother.estimate(emg.isel(muscle=[0, 1]))


def test_a_recording_too_short_for_spectra_is_refused_and_leaves_it_unfitted(recording):
    smoother = AmortizedSmoother()
    with pytest.raises(SignalError):
        smoother.fit(rectified_emg(recording[0][:200]))
    assert not smoother.is_fitted
