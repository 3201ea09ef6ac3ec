"""Cutting windows and merging them, against numpy loops."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from nwb_autolfads.lfads.windows import chop, merge, window_starts


@pytest.mark.parametrize(("bins", "window", "overlap"), [(100, 100, 25), (101, 100, 25), (475, 100, 25), (33, 10, 0)])
def test_windows_cover_everything_and_the_last_ends_with_the_recording(bins, window, overlap):
    starts = window_starts(bins, window, overlap)
    covered = np.zeros(bins, int)
    for start in starts:
        covered[start : start + window] += 1
    assert covered.min() >= 1
    assert starts[-1] + window == bins
    assert starts == sorted(set(starts))
    assert all(b - a == window - overlap for a, b in pairwise(starts[:-1]))


def test_chop_takes_the_bins_of_each_window():
    x = torch.arange(60).view(20, 3)
    windows = chop(x, [0, 7, 12], 8)
    for b, start in enumerate([0, 7, 12]):
        assert torch.equal(windows[:, b], x[start : start + 8])


def test_merging_windows_of_a_recording_gives_the_recording_back():
    x = torch.randn(437, 3, dtype=torch.float64)
    starts = window_starts(437, 100, 25)
    torch.testing.assert_close(merge(chop(x, starts, 100), starts, 1.0), x)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_merge_equals_the_published_ramp_in_a_numpy_loop(power):
    rng = np.random.default_rng(0)
    windows, starts = rng.standard_normal((10, 4, 2)), [0, 6, 12, 13]  # the last one overlaps by nine bins
    expected = np.zeros((23, 2))
    end = 0
    for b, start in enumerate(starts):
        L = max(end - start, 0)
        for i in range(10):
            if i < L:
                x = 1 / L + i * (1 - 2 / L) / (L - 1)
                ramp = 1 - x**power
                expected[start + i] = ramp * expected[start + i] + (1 - ramp) * windows[i, b]
            else:
                expected[start + i] = windows[i, b]
        end = start + 10
    np.testing.assert_allclose(merge(torch.from_numpy(windows), starts, power), expected, atol=1e-12)
