"""The one type of gap-free segments: what is in each, what fits into one, what is left of them."""

from fractions import Fraction

import numpy as np
import pytest
import xarray as xr

from nwb_autolfads.segments import Segment, Segments


def signal(numbers, *, starts, rate=100.0, **attrs):
    """A signal whose segments have these numbers and start at these times (s)."""
    numbers = np.asarray(numbers)
    begins = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    since = np.arange(len(numbers)) - np.repeat(begins, np.diff([*begins, len(numbers)]))
    time = np.repeat(starts, np.diff([*begins, len(numbers)])) + since / rate
    coords = {"time": time, "segment": ("time", numbers)}
    return xr.DataArray(np.zeros(len(numbers)), dims="time", coords=coords, attrs=attrs)


def test_segments_are_read_from_the_coordinate_that_numbers_them():
    segments = Segments.of(signal([3, 3, 3, 7, 7, 3], starts=[1.0, 5.0, 9.0], rate=100.0))
    assert list(segments) == [Segment(1.0, 0, 3), Segment(5.0, 3, 2), Segment(9.0, 5, 1)]
    assert segments.rate == pytest.approx(100.0)
    assert segments.slices == [slice(0, 3), slice(3, 5), slice(5, 6)]
    assert segments.numbers.tolist() == [0, 0, 0, 1, 1, 2]
    np.testing.assert_allclose(segments.times, [1.0, 1.01, 1.02, 5.0, 5.01, 9.0])


def test_what_has_no_segment_coordinate_has_no_gaps_and_its_rate_may_be_said():
    whole = signal([0] * 5, starts=[2.0], rate=100.0).drop_vars("segment").assign_attrs(rate=99.5)
    assert Segments.of(whole) == Segments((Segment(2.0, 0, 5),), 99.5)


def test_times_and_numbers_give_the_segments_back():
    given = Segments((Segment(0.5, 0, 4), Segment(3.0, 4, 1), Segment(4.0, 5, 6)), 250.0)
    coords = {"time": given.times, "segment": ("time", given.numbers)}
    again = Segments.of(xr.DataArray(np.zeros(11), dims="time", coords=coords, attrs={"rate": 250.0}))
    assert again == given


def test_lengths_alone_make_segments_that_follow_at_once():
    assert list(Segments.of_lengths([2, 3], 10.0)) == [Segment(0.0, 0, 2), Segment(0.2, 2, 3)]


def test_chunks_begin_with_their_segment_and_never_cross_a_gap():
    chunks = Segments((Segment(1.0, 0, 5), Segment(10.0, 5, 4)), 10.0).chunks(2)
    assert [(c.first_sample, c.n_samples) for c in chunks] == [(0, 2), (2, 2), (4, 1), (5, 2), (7, 2)]
    np.testing.assert_allclose(chunks.start_times, [1.0, 1.2, 1.4, 10.0, 10.2])


@pytest.mark.parametrize("count", [1, 3, 8])
def test_excerpts_do_not_overlap_nor_cross_a_gap(count):
    segments = Segments.of_lengths([70, 5, 200], 10.0)
    rows = [np.arange(each.first_sample, each.stop) for each in segments.excerpts(count, 30)]
    together = np.concatenate(rows)
    assert len(set(together.tolist())) == len(together)
    assert all(len(each) <= 30 and len(set(segments.numbers[each])) == 1 for each in rows)
    assert 1 <= len(rows) <= count


def test_what_is_known_cuts_segments_and_leaves_out_what_is_not():
    segments = Segments((Segment(0.0, 0, 4), Segment(9.0, 4, 4)), 1.0)
    known = np.array([True, False, True, True, True, True, True, False])
    assert list(segments.where(known)) == [Segment(0.0, 0, 1), Segment(2.0, 2, 2), Segment(9.0, 4, 3)]
    assert not len(segments.where(np.zeros(8, bool)))


def test_a_window_lies_in_one_segment_or_is_not_held():
    segments = Segments((Segment(0.0, 2, 4), Segment(9.0, 8, 4)), 1.0)
    inside = {*range(2, 6)}, {*range(8, 12)}
    for length in (1, 2, 4, 5):
        found = segments.hold(np.arange(-30, 30), length)
        expected = [any({*range(first, first + length)} <= rows for rows in inside) for first in range(-30, 30)]
        assert found.tolist() == expected


def test_resampling_keeps_start_times_and_counts_each_segment_from_its_own_start():
    segments = Segments((Segment(1.25, 0, 11), Segment(7.5, 11, 4)), 1000.0)
    slower = segments.resampled(Fraction(1, 4))
    # New samples lie at 0, 4, 8 ms of the first and at 0 ms of the second.
    assert list(slower) == [Segment(1.25, 0, 3), Segment(7.5, 3, 1)]
    assert slower.rate == 250.0


def test_the_first_of_the_longest_and_those_long_enough_are_found():
    segments = Segments.of_lengths([3, 8, 2, 8], 1.0)
    assert segments.longest.first_sample == 3
    assert segments.at_least(3).slices == [slice(0, 3), slice(3, 11), slice(13, 21)]
