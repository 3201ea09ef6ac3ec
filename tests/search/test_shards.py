"""Members are the same wherever they are trained: all side by side, a few at a time, or one by one."""

import pytest
import torch
from populations import small_engine

from nwb_autolfads.lfads.kernels import compiled, recurrence
from nwb_autolfads.lfads.masking import BlockMasking

MEMBERS = 20


def population(masking, members=None):
    return small_engine(masking=masking, numbers=members, members=MEMBERS, steps_per_epoch=3)


@pytest.mark.parametrize("masking", [None, BlockMasking(8)], ids=["elements", "blocks"])
def test_shards_of_any_size_hold_the_same_numbers_to_the_last_bit(masking):
    if compiled.load().functions is None:
        pytest.skip(f"no compiled kernel here: {compiled.load().status}")
    whole = population(masking)
    whole.train(2)
    for size in (5, 1, 7):
        for first in range(0, MEMBERS, size):
            numbers = range(first, min(first + size, MEMBERS))
            shard = population(masking, numbers)
            shard.train(2)
            assert shard.history == [row for row in whole.history if row["member"] in numbers]
            for name, tensor in shard.state().members.items():
                assert torch.equal(tensor, whole.state().members[name][first : first + size]), (size, first, name)


def test_without_the_kernel_shards_differ_by_rounding_only():
    with recurrence.using("torch"):
        whole, shard = population(None), population(None, [3, 4])
        for each in (whole, shard):
            each.train(1)
    for name, tensor in shard.state().members.items():
        torch.testing.assert_close(tensor, whole.state().members[name][3:5], rtol=1e-3, atol=1e-5)


def test_what_a_member_explores_is_its_own_and_new_in_each_epoch():
    whole, shard = population(None), population(None, [6, 7])
    for each, index in ((whole, 7), (shard, 1)):
        each.explore(index)
    assert shard.hyperparameters.of(1) == whole.hyperparameters.of(7)
    assert shard.hyperparameters.of(0) != whole.hyperparameters.of(7)
    once = whole.hyperparameters.of(7)
    whole.epoch = 1
    whole.explore(7)
    moves = [
        [now / then for now, then in zip(after.values(), before.values(), strict=True)]
        for before, after in ((population(None).hyperparameters.of(7), once), (once, whole.hyperparameters.of(7)))
    ]
    assert moves[0] != moves[1]
