"""Coordinated dropout and temporal shift: what is masked stays masked, wherever it is moved to."""

import numpy as np
import pytest
import torch
from scipy import stats

from nwb_autolfads.lfads.masking import BlockMasking, CoordinatedDropout, TemporalShift
from nwb_autolfads.lfads.streams import Streams


def numbered(bins, windows, channels):
    """Windows in which every element has a value of its own."""
    values = torch.arange(1, bins * windows * channels + 1, dtype=torch.float64)
    return values.view(bins, windows, channels)


def draw(masking, x, rates, seed=0):
    return masking.draw(x, torch.tensor(rates, dtype=torch.float64), Streams.of(range(len(rates)), seed))


def test_mask_travels_with_the_shifted_data():
    x = numbered(112, 20, 5)
    masked = draw(CoordinatedDropout(TemporalShift(3.0, 6)), x, [0.5])
    seen = set((masked.input[masked.input > 0] * 0.5).long().tolist())
    targets_that_count = masked.target[masked.weight > 0].long().tolist()
    targets_that_do_not = masked.target[masked.weight == 0].long().tolist()
    assert not seen & set(targets_that_count)
    # every other target was visible, unless its own shift carried it out of the encoder's window
    inside = [v for v in targets_that_do_not if 12 <= (v - 1) // 100 < 100]
    assert len(inside) > 3000
    assert set(inside) <= seen


def test_without_shift_input_and_target_lie_on_the_same_bins():
    x = numbered(30, 4, 3)
    masked = draw(CoordinatedDropout(TemporalShift(0.0, 0)), x, [0.25])
    assert torch.equal(masked.target[0], x)
    expected = x * (1 - masked.weight[0]) / 0.75
    torch.testing.assert_close(masked.input[0], expected)


def test_each_series_is_moved_by_one_shift_for_input_and_another_for_target():
    x = torch.arange(40, dtype=torch.float64).view(40, 1, 1).expand(40, 300, 2)
    masked = draw(CoordinatedDropout(TemporalShift(3.0, 6)), x + 1, [0.0])
    steps = torch.cat([masked.input.diff(dim=1), masked.target.diff(dim=1)])
    assert (steps == 1).all()
    assert (masked.input[:, 0] != masked.target[:, 0]).double().mean() > 0.7


def test_shifts_follow_the_rounded_truncated_normal():
    x = torch.arange(20, dtype=torch.float64).view(20, 1, 1).expand(20, 20_000, 1)
    shift = draw(CoordinatedDropout(TemporalShift(3.0, 6)), x, [0.0]).target[:, 0].flatten().numpy() - 6
    density = stats.truncnorm(-2, 2, scale=3)
    for value in range(-6, 7):
        expected = density.cdf(value + 0.5) - density.cdf(value - 0.5)
        assert abs(np.mean(shift == value) - expected) < 0.012


def test_rate_of_each_member_is_its_own_and_zero_hides_nothing():
    x = torch.ones(60, 200, 4, dtype=torch.float64)
    masked = draw(CoordinatedDropout(TemporalShift(0.0, 0)), x, [0.2, 0.7, 0.0])
    np.testing.assert_allclose(masked.weight.mean((1, 2, 3)), [0.2, 0.7, 1.0], atol=0.01)
    np.testing.assert_allclose(masked.input.mean((1, 2, 3)), 1.0, atol=0.02)


def test_blocks_hide_whole_stretches_of_all_channels_and_count_only_what_is_hidden():
    x = numbered(50, 40, 3)
    masked = draw(BlockMasking(block=8, simultaneous=1), x, [0.4])
    dark = masked.input[0] == 0
    assert torch.equal(masked.target[0], x)
    assert torch.equal(dark, masked.weight[0] > 0)
    assert (dark == dark[..., :1]).all()
    torch.testing.assert_close(masked.input[0][~dark], x[~dark] / 0.6)
    torch.testing.assert_close(masked.weight.mean(), torch.tensor(1.0, dtype=torch.float64))
    for window in dark[..., 0].T:
        edges = window.int().diff().nonzero().flatten() + 1
        inner = edges[1:] - edges[:-1]
        assert (inner % 8 == 0).all()
    assert 0.3 < dark.double().mean() < 0.5


def test_views_hide_every_bin_once_in_each_pass_and_each_about_the_same_share():
    x = torch.ones(60, 30, 2)
    masks = list(BlockMasking(block=6, simultaneous=1, folds=4, passes=3).masks(x, Streams.of([0], 0)))
    assert len(masks) == 12
    for first in (0, 4, 8):
        times_hidden = sum((mask.input_mask == 0).int() for mask in masks[first : first + 4])
        assert (times_hidden == 1).all()
    for mask in masks:
        assert torch.equal(mask.weight > 0, mask.input_mask == 0)
        assert 0.1 < mask.weight.mean() < 0.4
        assert mask.weight.mean(1).max() < 0.55


def test_in_some_windows_channels_are_hidden_together_in_the_others_each_at_times_of_its_own():
    x = torch.ones(48, 2000, 3, dtype=torch.float64)
    masked = draw(BlockMasking(block=6, simultaneous=0.3), x, [0.5])
    dark = masked.input[0] == 0
    assert torch.equal(dark, masked.weight[0] > 0)
    assert torch.equal(dark, masked.input_mask[0] == 0)
    same = (dark == dark[..., :1]).all(-1).all(0)
    assert abs(same.double().mean() - 0.3) < 0.05
    assert abs(dark[:, ~same].double().mean() - 0.5) < 0.02
    a, b = dark[:, ~same, 0].double().flatten(), dark[:, ~same, 1].double().flatten()
    assert abs(torch.corrcoef(torch.stack([a, b]))[0, 1]) < 0.05


def test_views_of_channels_with_times_of_their_own_hide_each_element_once_in_each_pass():
    x = torch.ones(60, 30, 4)
    masks = list(BlockMasking(block=6, simultaneous=0.5, folds=4, passes=2).masks(x, Streams.of([0], 0)))
    assert len(masks) == 8
    for first in (0, 4):
        times_hidden = sum((mask.input_mask == 0).int() for mask in masks[first : first + 4])
        assert (times_hidden == 1).all()
    # in the same share of the passes as of the windows in training all channels are masked at the same times
    assert all(mask.input_mask.shape == (1, *x.shape) for mask in masks)
    assert all(torch.equal(mask.input_mask, mask.input_mask[..., :1].expand_as(mask.input_mask)) for mask in masks[4:])
    assert (masks[0].input_mask != masks[0].input_mask[..., :1]).any()


@pytest.mark.parametrize(("members", "passes", "turns", "together"), [(4, 2, 1, 2), (3, 2, 1, 1), (2, 3, 2, 2)])
def test_passes_are_dealt_to_members_each_of_which_makes_one_at_least(members, passes, turns, together):
    x = torch.ones(60, 30, 4)
    masking = BlockMasking(block=6, simultaneous=0.5, folds=4, passes=passes)
    masks = list(masking.masks(x, Streams.of([0], 0), members=members))
    assert len(masks) == 4 * turns
    same = 0
    for first in range(0, 4 * turns, 4):
        hidden = torch.stack([mask.input_mask == 0 for mask in masks[first : first + 4]])
        assert hidden.shape == (4, members, *x.shape)
        assert (hidden.sum(0) == 1).all()  # each member is asked of every element once
        same += int((hidden == hidden[..., :1]).flatten(2).all(2).all(0).sum())
        assert not torch.equal(hidden[:, 0], hidden[:, 1])
    assert same == together


def test_coordinated_dropout_shows_everything_at_inference_and_so_predicts_nothing_that_is_masked():
    x = torch.ones(20, 4, 5)
    (mask,) = CoordinatedDropout().masks(x, Streams.of([0], 0))
    assert torch.equal(mask.input_mask.expand_as(x), x)
    assert torch.equal(mask.weight.expand_as(x), x)
    assert not CoordinatedDropout.predicts_masked
    assert BlockMasking.predicts_masked
