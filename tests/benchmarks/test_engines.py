"""The simulation of a cluster does what a loop over its workers does, one event after the other."""

import numpy as np
import pytest

MEASURED = {"step": 0.02, "step_each": 0.1, "pack": 0.003, "order": 0.004, "keep": 0.002, "meet": 0.001}


@pytest.fixture
def engines():
    """The benchmark of engines, as a module."""
    import engines

    return engines


def happens(costs, members, nodes, per_node, steps):
    """Let every worker take its members, answer, and be heard; return when all members have met and travelled."""
    hands = [[] for _ in range(min(members, nodes * per_node))]
    for member in range(members):
        hands[member % len(hands)].append(member)
    clock = sum(costs.order for _ in hands)
    answers = []
    for hand in hands:
        when = clock
        for _ in range(steps):
            when += costs.step + sum(costs.step_each for _ in hand)
        answers.append((when + sum(costs.pack for _ in hand), hand))
    for when, hand in sorted(answers):
        clock = max(clock, when)
        for _ in hand:
            clock += costs.keep + costs.size / costs.link
    for _ in range(members):
        clock += costs.meet
    if len(hands) > per_node:  # nodes take their winners in side by side; the fullest one is the last
        fullest = max(len(hand) for hand in hands)
        clock += min(per_node * fullest, members) / 2 * costs.size / costs.link
    return clock, max(steps * (costs.step + costs.step_each * len(hand)) for hand in hands)


@pytest.mark.parametrize("link", [1e9, 3e5], ids=["fast network", "slow network"])
@pytest.mark.parametrize("per_node", [1, 3])
def test_a_simulated_generation_takes_what_its_events_take_one_after_the_other(engines, link, per_node):
    costs = engines.Costs(**MEASURED, size=1e5, link=link)
    members, nodes = np.array([1, 2, 3, 7, 20, 31])[:, None], np.array([1, 2, 3, 5, 20, 40])
    total, trained = engines.simulated(costs, members, nodes, per_node, steps=4)
    expected = [[happens(costs, m, n, per_node, 4) for n in nodes.tolist()] for m in members.ravel().tolist()]
    np.testing.assert_allclose(np.stack([total, trained], -1), expected, rtol=1e-12)


def test_members_are_shared_out_as_the_engine_does(engines):
    for members, workers in [(1, 1), (20, 4), (7, 3), (3, 8)]:
        split = np.array_split(np.arange(members), min(members, workers))
        smaller, few, more = engines.shard_sizes(members, workers)
        assert sorted(map(len, split)) == [smaller] * few + [smaller + 1] * more


def test_where_nothing_but_training_costs_time_it_falls_as_one_over_workers_down_to_one_member_each(engines):
    costs = engines.Costs(step=0, step_each=1.0, pack=0, order=0, keep=0, meet=0, size=0, link=1)
    total, trained = engines.simulated(costs, 20, [1, 2, 4, 20, 200], 1, steps=3)
    np.testing.assert_allclose(total, [60, 30, 15, 3, 3])
    np.testing.assert_allclose(trained, total)


def test_a_line_through_costs_never_says_that_anything_takes_less_than_no_time(engines):
    np.testing.assert_allclose(engines.line_through([1, 2, 4], [3.0, 5.0, 9.0]), [1.0, 2.0])
    assert engines.line_through([1, 2], [2.0, 1.0])[1] == 0
    assert engines.line_through([1, 2], [1.0, 3.0])[0] == 0
