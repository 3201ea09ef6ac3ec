"""The search: who copies whom, what is explored, when it stops."""

import math

import pytest
import torch
from populations import small_engine
from pydantic import ValidationError

from nwb_autolfads.lfads.streams import Streams
from nwb_autolfads.search.config import SearchRange, SearchSpace, TrainingConfig
from nwb_autolfads.search.hyperparameters import Hyperparameters
from nwb_autolfads.search.pbt import PopulationBasedTraining


class Scores:
    """An engine that only has scores: from a table by epoch, or constant."""

    epochs_at_once = 1

    def __init__(self, scores):
        self.scores, self.epoch, self.copied, self.explored = scores, 0, [], []

    @property
    def score(self):
        row = self.scores[min(self.epoch, len(self.scores) - 1)]
        return torch.tensor(row, dtype=torch.float64)

    @property
    def best_score(self):
        rows = torch.tensor(self.scores[: self.epoch + 1], dtype=torch.float64)
        return rows.nan_to_num(nan=math.inf).amin(0)

    @property
    def alive(self):
        return self.score.isfinite() | True

    def train(self, epochs, watch):
        self.epoch += epochs
        return []

    def copy_member(self, winner, loser):
        self.copied.append((loser, winner))

    def explore(self, member):
        self.explored.append(member)


def search(engine, **config):
    settings = {"burn_in_epochs": 0, "ramp_epochs": 0, "generation_epochs": 1}
    return PopulationBasedTraining(engine, TrainingConfig(**settings | config), torch.Generator().manual_seed(1))


def test_loser_of_each_pair_becomes_the_winner_and_explores():
    engine = Scores([[4.0, 1.0, 3.0, 2.0]])
    changed = search(engine).exploit_and_explore()
    assert len(changed) == 2
    assert sorted(member for pair in changed for member in pair) == [0, 1, 2, 3]
    assert all(engine.scores[0][loser] > engine.scores[0][winner] for loser, winner in changed)
    assert engine.copied == changed
    assert engine.explored == [loser for loser, _ in changed]


def test_score_that_is_not_a_number_always_loses():
    for _ in range(20):
        engine = Scores([[math.nan, 1.0, math.inf, 2.0]])
        for loser, winner in search(engine).exploit_and_explore():
            assert winner in (1, 3) or loser in (0, 2)
            assert winner not in (0, 2)


def test_ties_change_nothing():
    engine = Scores([[1.0, 1.0, math.inf, math.inf]])
    pairs = PopulationBasedTraining(engine, TrainingConfig(), torch.Generator().manual_seed(0)).exploit_and_explore()
    assert all(engine.scores[0][loser] != engine.scores[0][winner] for loser, winner in pairs)
    assert search(Scores([[1.0, 1.0]])).exploit_and_explore() == []


def test_odd_member_has_nobody_to_meet():
    assert len(search(Scores([[3.0, 1.0, 2.0]])).exploit_and_explore()) == 1
    assert search(Scores([[3.0]])).exploit_and_explore() == []


@pytest.mark.parametrize(("generation", "compared"), [(3, [5, 8, 11, 14]), (1, list(range(5, 15)))])
def test_first_comparison_comes_after_the_burn_in_and_then_after_each_generation(generation, compared):
    engine = Scores([[2.0, 1.0]] + [[2.0 - 0.1 * e, 1.0 - 0.1 * e] for e in range(1, 30)])
    epochs = []
    running = search(engine, burn_in_epochs=5, generation_epochs=generation, max_epochs=15)
    exploit = running.exploit_and_explore
    running.exploit_and_explore = lambda: epochs.append(engine.epoch) or exploit()
    running.run()
    assert epochs == compared


def test_search_stops_when_the_best_score_stands_still_for_four_generations():
    better = [[1.0 - 0.1 * min(e, 3)] for e in range(50)]
    engine = Scores(better)
    search(engine, max_epochs=50).run()
    assert engine.epoch == 7  # the best came at epoch 3


def test_progress_says_where_the_search_is_and_how_long_it_takes(monkeypatch):
    now = [100.0]
    engine = Scores([[5.0, 4.0, math.inf], [3.0, 7.0, math.inf], [6.0, 2.0, math.inf], [1.0, 2.0, math.inf]])
    engine.epoch = 1  # as after a run that was resumed
    train = engine.train

    def train_for_two_seconds(epochs, watch):
        now[0] += 2.0
        train(epochs, watch)
        return ["member 2", "failed"]

    engine.train = train_for_two_seconds
    monkeypatch.setattr("nwb_autolfads.search.pbt.time.monotonic", lambda: now[0])
    said = []
    best = search(engine, max_epochs=3, burn_in_epochs=9).run(said.append)
    assert [(p.epoch, p.n_epochs, p.best, p.median) for p in said] == [(2, 3, 2.0, 2.0), (3, 3, 1.0, 1.0)]
    assert [(p.elapsed_s, p.left_s) for p in said] == [(2.0, 2.0), (4.0, 0.0)]
    assert {p.message for p in said} == {"member 2 failed"}
    assert best == 0


@pytest.mark.parametrize(("gain", "epochs"), [(0.24e-3, 5), (0.26e-3, 20)])
def test_four_generations_must_improve_the_score_by_a_share_of_it_or_the_search_stops(gain, epochs):
    engine = Scores([[-2.0 - 2.0 * gain * epoch] for epoch in range(30)])
    search(engine, max_epochs=20, min_improvement=1e-3).run()
    assert engine.epoch == epochs


def test_ramps_must_end_before_the_first_comparison():
    with pytest.raises(ValidationError, match="burn_in_epochs 9 must reach the end of the ramp at epoch 10"):
        TrainingConfig(burn_in_epochs=9, ramp_start_epoch=3, ramp_epochs=7)


def test_exploring_is_even_in_log_space_and_stays_within_the_range():
    within = SearchRange(start=1e-3, low=1e-6, high=1, explore=0.8)
    space, random = SearchSpace(kl_inputs=within), Streams.of([0], 0)
    logs = []
    for _ in range(1500):
        values = Hyperparameters.draw(space, [0], random)
        values.explore(0, space, random)
        logs.append(math.log(float(values.kl_inputs) / 1e-3))
    assert abs(sum(logs) / len(logs)) < 0.03
    assert max(map(abs, logs)) <= math.log(1.8) + 1e-6
    values = Hyperparameters.draw(space, [0], random)
    for _ in range(200):
        values.explore(0, space, random)
        assert 0.999e-5 <= float(values.learning_rate) <= 5.001e-3  # float32
        assert 0.00999 <= float(values.mask_rate) <= 0.7001


def test_dropout_can_leave_zero():
    space = SearchSpace(dropout=SearchRange(start=0, low=0, high=0.6, offset=0.05))
    random = Streams.of([0], 0)
    values = Hyperparameters.draw(space, [0], random)
    for _ in range(20):
        values.explore(0, space, random)
    assert float(values.dropout) > 0


def test_first_member_starts_at_the_defaults_and_the_others_anywhere_in_the_range():
    space = SearchSpace()
    values = Hyperparameters.draw(space, range(200), Streams.of(range(200), 0))
    assert float(values.kl_inputs[0]) == pytest.approx(space.kl_inputs.start)
    logs = values.kl_inputs[1:].log10()
    assert logs.min() < -5.9
    assert logs.max() > -4.1
    assert (values.learning_rate == values.learning_rate[0]).all()


def test_loser_takes_over_everything_the_winner_is():
    trained = small_engine(members=3)
    trained.train(2)
    before = {name: whole.clone() for name, whole in trained.state().members.items()}
    trained.copy_member(0, 2)
    for name, whole in trained.state().members.items():
        assert torch.equal(whole[2], before[name][0]), name
        assert torch.equal(whole[:2], before[name][:2]), name
    assert not torch.equal(trained.model.readout.weight[1], trained.model.readout.weight[0])


def test_winner_that_trains_on_does_not_change_what_it_was_copied_to():
    trained = small_engine()
    trained.train(1)
    trained.copy_member(0, 1)
    copied = trained.model.readout.weight[1].detach().clone()
    with torch.no_grad():
        trained.model.readout.weight[0] += 1
    assert torch.equal(trained.model.readout.weight[1], copied)


def test_learning_rate_after_an_exploit_is_the_one_that_the_optimiser_uses():
    trained = small_engine()
    trained.train(1)
    trained.copy_member(0, 1)
    trained.hyperparameters.learning_rate[1] = 3 * trained.hyperparameters.learning_rate[0]
    optimiser = trained.optimiser
    before = [p.detach().clone() for p in optimiser.parameters]
    gradients = [1e-3 * torch.ones_like(p) for p in before]
    first, second = [m.clone() for m in optimiser.first], [m.clone() for m in optimiser.second]
    steps = float(optimiser.steps[0]) + 1
    for p, g in zip(optimiser.parameters, gradients, strict=True):
        p.grad = g.clone()
    optimiser.step(trained.hyperparameters.learning_rate)
    for p, old, g, m, v in zip(optimiser.parameters, before, gradients, first, second, strict=True):
        for member, rate in ((0, 4e-3), (1, 12e-3)):
            mean = (0.9 * m[member] + 0.1 * g[member]) / (1 - 0.9**steps)
            square = (0.999 * v[member] + 0.001 * g[member] ** 2) / (1 - 0.999**steps)
            expected = old[member] - rate * mean / (square.sqrt() + 1e-8)
            torch.testing.assert_close(p[member], expected, rtol=1e-4, atol=1e-6)
