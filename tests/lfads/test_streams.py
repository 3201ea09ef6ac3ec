"""Random numbers of a population: as published, spread as they should be, and each member's its own."""

import itertools

import pytest
import torch
from published_streams import signed, split_mix_64
from scipy import stats

from nwb_autolfads.lfads.streams import Streams


def test_words_are_those_of_the_published_generator():
    seeds = (0, 12345, 2**64 - 7)
    streams = Streams(torch.tensor([signed(seed) for seed in seeds]))
    drawn = torch.cat([streams.words(5), streams.words(70_000)], 1)
    for seed, row in zip(seeds, drawn.tolist(), strict=True):
        assert row == [signed(word) for word in itertools.islice(split_mix_64(seed), 70_005)]


@pytest.mark.parametrize("draw", ["uniform", "normal", "integers"])
def test_a_member_draws_alone_what_it_draws_beside_others(draw):
    def drawn(members):
        streams = Streams.of(members, 7, 3)
        first = [7] if draw == "integers" else []
        parts = [getattr(streams, draw)(*first, *shape) for shape in ((3, 5), (), (1001,))]
        return torch.cat([part.view(len(members), -1) for part in parts], 1)

    together = drawn(range(20))
    for size in (1, 3, 5):
        apart = torch.cat([drawn(range(first, min(first + size, 20))) for first in range(0, 20, size)])
        assert torch.equal(apart, together)


def test_keys_that_differ_in_one_number_have_streams_of_their_own():
    keys = list(itertools.product(range(4), range(5), (0, 9)))
    seeds = {seed for key in keys for seed in Streams.of(range(20), *key).seeds.tolist()}
    assert len(seeds) == 20 * len(keys)
    assert not torch.equal(Streams.of([0], 1).uniform(4), Streams.of([0], 1, 0).uniform(4))


def test_draws_are_spread_as_their_names_say():
    streams = Streams.of(range(4), 11)
    uniform, normal = (getattr(streams, name)(50_000) for name in ("uniform", "normal"))
    for row in range(4):
        assert stats.kstest(uniform[row].numpy(), stats.uniform.cdf).pvalue > 1e-3
        assert stats.kstest(normal[row].numpy(), stats.norm.cdf).pvalue > 1e-3
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert (torch.corrcoef(normal) - torch.eye(4)).abs().max() < 0.02
    halves = normal.unflatten(1, (2, -1))  # the two numbers that one pair of draws gives
    assert all(abs(float(torch.corrcoef(row)[0, 1])) < 0.03 for row in halves)
    counts = torch.bincount(streams.integers(7, 70_000).flatten(), minlength=7)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


def test_integers_reach_beyond_what_a_float_counts():
    drawn = Streams.of([0], 1).integers(2**40, 1000)
    assert drawn.min() >= 0
    assert 2**39 < drawn.max() < 2**40
