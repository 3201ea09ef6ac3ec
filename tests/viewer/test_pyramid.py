"""What is drawn far away is the lowest and highest of all samples under it: against a loop over every sample."""

import math
import time
from threading import Event, Thread

import numpy as np
import pytest

from nwb_autolfads.segments import Segments
from nwb_autolfads.sources.spikes.trains import SpikeTrains
from nwb_autolfads.viewer.signals import pyramid
from nwb_autolfads.viewer.signals.pyramid import STEP, TILE, Pyramid
from nwb_autolfads.viewer.signals.signal import Signal
from nwb_autolfads.viewer.signals.spikes import Raster
from nwb_autolfads.viewer.signals.turns import Turns


def signal_of(low, high, lengths, starts, rate=100.0):
    segments = Segments.of_lengths(lengths, rate, starts)
    names = tuple(f"column {index}" for index in range(low.shape[1]))
    return Signal(names, segments, lambda start, stop: (low[start:stop], high[start:stop]))


def extremes_by_loop(low, high, lengths, starts, rate, level):
    """Return lowest and highest of each block of a level, one sample after the other."""
    size = STEP**level
    last = max(round((start - starts[0]) * rate) + length for start, length in zip(starts, lengths, strict=True))
    blocks = np.full((2, low.shape[1], math.ceil(last / size)), np.nan)
    sample = 0
    for start, length in zip(starts, lengths, strict=True):
        for place in range(round((start - starts[0]) * rate), round((start - starts[0]) * rate) + length):
            for column in range(low.shape[1]):
                least, most = blocks[:, column, place // size]
                if not math.isnan(low[sample, column]):
                    least = low[sample, column] if math.isnan(least) else min(least, low[sample, column])
                    most = high[sample, column] if math.isnan(most) else max(most, high[sample, column])
                blocks[:, column, place // size] = least, most
            sample += 1
    return blocks


@pytest.fixture(params=[([9000], [0.0]), ([3000, 1, 2500, 700], [5.0, 36.7, 40.003, 99.0])], ids=["whole", "gaps"])
def example(request, monkeypatch):
    """Values with missing ones, read in pieces that are no multiple of anything."""
    monkeypatch.setattr(pyramid, "_MOST_READ", 700)
    lengths, starts = request.param
    generator = np.random.default_rng(0)
    low = generator.normal(size=(sum(lengths), 2)).astype(np.float32)
    low[generator.random(low.shape) < 0.05] = np.nan
    low[:80, 1] = np.nan
    return low, low + np.float32(0.5), lengths, starts


@pytest.mark.parametrize("level", range(5))
def test_each_level_holds_the_lowest_and_highest_of_every_sample(example, level):
    low, high, lengths, starts = example
    built = Pyramid(signal_of(low, high, lengths, starts), Turns())
    built.build(Event())
    expected = extremes_by_loop(low, high, lengths, starts, 100.0, level)
    if level >= built.n_levels:
        with pytest.raises(IndexError):
            built.tile(level, 0)
        return
    tiles = [built.tile(level, index) for index in range(math.ceil(expected.shape[2] / TILE))]
    assert all(complete for _, complete in tiles)
    np.testing.assert_array_equal(np.concatenate([values for values, _ in tiles], axis=2), expected)


def test_one_tile_of_the_last_level_holds_everything(example):
    low, high, lengths, starts = example
    built = Pyramid(signal_of(low, high, lengths, starts), Turns())
    assert built.n_bins <= TILE * STEP ** (built.n_levels - 1)
    with pytest.raises(IndexError):
        built.tile(built.n_levels - 1, 1)


def test_a_coarse_tile_says_that_it_is_not_known_yet():
    values = np.zeros((100_000, 1), np.float32)
    one = Pyramid(signal_of(values, values, [len(values)], [0.0]), Turns())
    tile, complete = one.tile(one.n_levels - 1, 0)
    assert not complete
    assert np.isnan(tile).all()
    fine, complete = one.tile(0, 3)
    assert complete
    assert fine.shape == (2, 1, TILE)
    one.build(Event())
    tile, complete = one.tile(one.n_levels - 1, 0)
    assert complete
    assert not tile.any()


def test_building_ends_when_it_is_told_to():
    values = np.zeros((1000, 1), np.float32)
    one = Pyramid(signal_of(values, values, [len(values)], [0.0]), Turns())
    stop = Event()
    stop.set()
    one.build(stop)
    assert not one.is_built


def test_memory_is_the_same_however_long_the_signal_is():
    segments = Segments.of_lengths([10**10], 1000.0)
    endless = Pyramid(Signal(("a", "b"), segments, lambda start, stop: None), Turns())
    assert endless._low.size + endless._high.size <= 2 * pyramid._MOST_KEPT
    years_apart = Segments.of_lengths([10, 10], 1000.0, [0.0, 1e9])
    assert Pyramid(Signal(("a",), years_apart, lambda start, stop: None), Turns())._low.size <= pyramid._MOST_KEPT


@pytest.mark.parametrize("level", [-1, 99])
def test_there_is_no_tile_of_a_level_that_is_not(level):
    values = np.zeros((10, 1), np.float32)
    one = Pyramid(signal_of(values, values, [10], [0.0]), Turns())
    with pytest.raises(IndexError):
        one.tile(level, 0)
    with pytest.raises(IndexError):
        Raster(SpikeTrains((), (), (), ""), 0.0, 1.0).tile(level, 0)


@pytest.mark.parametrize("level", range(3))
def test_a_raster_counts_every_spike_once(level):
    generator = np.random.default_rng(0)
    trains = tuple(np.sort(generator.uniform(2.0, 12.0, count)) for count in (0, 7, 900))
    raster = Raster(SpikeTrains(("a", "b", "c"), trains, (), ""), 2.0, 12.0)
    tiles = []
    for index in range(math.ceil(raster.n_bins / (TILE * STEP**level))):
        values, complete = raster.tile(level, index)
        assert complete
        tiles.append(values[0])
    counts = np.concatenate(tiles, axis=1)
    width = STEP**level / 1000
    for unit, times in enumerate(trains):
        expected = np.zeros(counts.shape[1])
        for spike in times:
            expected[int((spike - 2.0) / width)] += 1
        np.testing.assert_array_equal(counts[unit], expected)


def test_means_are_those_of_the_samples_that_are_known(example):
    low, _, lengths, starts = example
    built = Pyramid(signal_of(low, low, lengths, starts), Turns())
    built.build(Event())
    places = np.concatenate(
        [round((start - starts[0]) * 100) + np.arange(length) for start, length in zip(starts, lengths, strict=True)]
    )
    for block in range(len(built.means)):
        of_block = low[places // built.block == block].astype(np.float64)
        for column in range(2):
            known = [value for value in of_block[:, column] if not math.isnan(value)]
            expected = math.fsum(known) / len(known) if known else math.nan
            assert built.means[block, column] == pytest.approx(expected, rel=1e-4, abs=1e-5, nan_ok=True)


def test_what_somebody_waits_for_is_read_before_what_may_wait():
    turns, order = Turns(), []

    def look():
        with turns:
            order.append("in view")

    with turns:
        waiting = Thread(target=look)
        waiting.start()
        while turns._waiting < 2:
            time.sleep(0.001)
    with turns.in_background():
        order.append("background")
    waiting.join()
    assert order == ["in view", "background"]
