"""Training: the optimiser, the split of time, and what happens to members that fail."""

import pytest
import torch
from messages import assert_refused
from populations import fit, small_engine

from nwb_autolfads.errors import TrainingError
from nwb_autolfads.search.adam import PopulationAdam
from nwb_autolfads.search.budget import keep_to_budget
from nwb_autolfads.search.config import TrainingConfig
from nwb_autolfads.search.split import split_starts


def test_adam_of_each_member_equals_torch_adam_with_its_own_rate_and_clipping():
    torch.manual_seed(0)
    shapes, rates = [(3, 4, 5), (3, 1, 2)], torch.tensor([1e-3, 1e-2, 0.1])
    together = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    alone = [[torch.nn.Parameter(p[m].detach().clone()) for p in together] for m in range(3)]
    reference = [torch.optim.Adam(own, lr=float(rate)) for own, rate in zip(alone, rates, strict=True)]
    optimiser = PopulationAdam(together, max_norm=2.0)
    for _ in range(5):
        gradients = [torch.randn(shape) * torch.tensor([0.1, 1.0, 10.0]).view(3, 1, 1) for shape in shapes]
        for p, g in zip(together, gradients, strict=True):
            p.grad = g.clone()
        optimiser.step(rates)
        for m, adam in enumerate(reference):
            for p, g in zip(alone[m], gradients, strict=True):
                p.grad = g[m].clone()
            torch.nn.utils.clip_grad_norm_(alone[m], 2.0)
            adam.step()
    for i, p in enumerate(together):
        for m in range(3):
            torch.testing.assert_close(p[m], alone[m][i], rtol=1e-5, atol=1e-7)


def test_adam_leaves_a_member_alone_whose_gradient_is_not_finite():
    p = torch.nn.Parameter(torch.ones(2, 3))
    optimiser = PopulationAdam([p], max_norm=1.0)
    p.grad = torch.tensor([[1.0, 1.0, 1.0], [1.0, torch.nan, 1.0]])
    finite = optimiser.step(torch.tensor([0.1, 0.1]))
    assert finite.tolist() == [True, False]
    assert (p[0] != 1).all()
    assert (p[1] == 1).all()
    assert optimiser.steps.tolist() == [1, 0]
    assert optimiser.first[0][1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("segments", [[5000], [700, 40, 900, 333], [60_000]])
def test_training_and_validation_windows_share_no_bin_and_cross_no_gap(segments):
    window = 50
    training, validation = split_starts(segments, window)
    seen = {
        "training": {b for start in training.tolist() for b in range(start, start + window)},
        "validation": {b for start in validation.tolist() for b in range(start, start + window)},
    }
    assert not seen["training"] & seen["validation"]
    edges = torch.tensor([0, *segments]).cumsum(0)
    for starts in (training, validation):
        before, after = (torch.bucketize(b, edges, right=True) for b in (starts, starts + window - 1))
        assert torch.equal(before, after)
    assert 0.1 < len(seen["validation"]) / sum(segments) < 0.45


@pytest.mark.parametrize(
    ("segments", "validation", "training"),
    [
        # parts of ten bins, of which the third and then every fifth are held out: 20 to 29 and 70 to 79
        ([100], [20, 70], [*range(0, 11), *range(30, 61), *range(80, 91)]),
        # the last part of a segment takes the rest: 20 to 34, in which two windows overlap by half; then 75 to 84
        ([35, 65], [20, 25, 75], [*range(0, 11), *range(35, 66), *range(85, 91)]),
        # a segment too short for a window is no part
        ([20, 9, 20], [29], [*range(0, 11), 39]),
        ([20], [10], [0]),
    ],
)
def test_every_fifth_part_from_the_third_on_is_for_validation(segments, validation, training):
    found = split_starts(segments, 10)
    assert found[0].tolist() == training
    assert found[1].tolist() == validation


def test_long_recording_is_cut_into_fifty_parts():
    _, validation = split_starts([5000], 10)
    held_out = sorted({start // 100 for start in validation.tolist()})
    assert held_out == [2, 7, 12, 17, 22, 27, 32, 37, 42, 47]
    assert [start for start in validation.tolist() if start < 300] == list(range(200, 291, 5))


def test_recording_too_short_to_validate_on_is_refused():
    with assert_refused(
        TrainingError,
        "70 bins leave no room to train and to validate on windows of 50 bins that share none",
        "Give a longer recording, or a shorter window and shift in the configuration.",
    ):
        split_starts([70], 50)


def test_same_seed_trains_the_same_weights_twice_and_another_seed_others():
    first, second, other = small_engine(), small_engine(), small_engine(seed=1)
    for each in (first, second, other):
        fit(each)
    assert first.history == second.history
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name])
    assert not torch.equal(first.best_score, other.best_score)


def test_training_improves_the_prediction_of_what_is_hidden():
    trained = small_engine(max_epochs=12, steps_per_epoch=10)
    trained.train(12)
    rows = [row for row in trained.history if row["member"] == 0]
    assert rows[-1]["valid_nll"] < rows[0]["valid_nll"] - 0.02


def test_best_state_is_the_one_with_the_lowest_smoothed_score():
    trained = small_engine(learning_rate=0.05)
    states, scores = [], []
    for _ in range(5):
        trained.train(1)
        states.append({name: value.clone() for name, value in trained.model.state_dict().items()})
        scores.append(trained.score.clone())
    for member in range(2):
        rows = [row["valid_nll"] for row in trained.history if row["member"] == member]
        smoothed = rows[0]
        for epoch, row in enumerate(rows):
            smoothed = row if epoch == 0 else 0.7 * row + 0.3 * smoothed
            assert scores[epoch][member] == pytest.approx(smoothed, rel=1e-5)
        best = int(torch.stack(scores)[:, member].argmin())
        for name, value in trained.best_models([member]).state_dict().items():
            assert torch.equal(value[0], states[best][name][member])


def test_training_stops_when_nothing_improves_any_more():
    stuck = small_engine(members=1, max_epochs=50, learning_rate=1e-12, generation_epochs=2, patience_generations=3)
    said = []
    fit(stuck, said.append)
    assert stuck.epoch == 7  # the first comparison after epoch 1, then three generations of two epochs
    assert [p.epoch for p in said] == [1, 2, 3, 4, 5, 6, 7]


def test_failing_member_is_reported_restarted_with_half_the_rate_and_then_dropped_while_others_train_on(monkeypatch):
    trained = small_engine(max_epochs=6, max_restarts=2, burn_in_epochs=99)
    said = []
    train = trained.train

    def with_a_bad_member(epochs, watch):
        with torch.no_grad():
            trained.model.readout.weight[1] = torch.nan
        return train(epochs)

    monkeypatch.setattr(trained, "train", with_a_bad_member)
    best = fit(trained, lambda progress: said.append(progress.message))
    assert best == 0
    assert "Member 1" in said[0]
    assert "restarted from its best state with learning rate 0.002" in said[0]
    assert "learning rate 0.001" in said[1]
    assert "dropped after 2 restarts" in said[2]
    assert said[3:] == ["", "", ""]
    assert trained.score[1] == torch.inf
    assert trained.best_models([0]).readout.weight.isfinite().all()


def test_run_ends_with_an_error_when_every_member_fails():
    trained = small_engine(max_restarts=0)
    with torch.no_grad():
        trained.model.readout.weight[:] = torch.nan
    with assert_refused(
        TrainingError,
        ("no model is left after epoch 1: each of the 2 failed 1 times with a loss or gradient that is not finite"),
        "Look at the EMG for extreme values (`inspect`), or lower `learning_rate`.",
    ):
        fit(trained)


@pytest.mark.parametrize(("budget_s", "steps"), [(100, 16), (1e6, 40), (5, 1)])
def test_steps_are_those_that_fit_into_the_time_beside_the_scoring(monkeypatch, budget_s, steps):
    trained, now = small_engine(max_epochs=10, steps_per_epoch=40), [0.0]

    def train(epochs):
        now[0] += epochs * (2.0 + 0.5 * trained.steps_per_epoch)  # 2 s for scoring, half a second for a step

    monkeypatch.setattr(trained, "train", train)
    monkeypatch.setattr("nwb_autolfads.search.budget.time.perf_counter", lambda: now[0])
    assert keep_to_budget(trained, 10, budget_s) == pytest.approx(10 * (2.0 + 0.5 * steps))
    assert trained.steps_per_epoch == steps


def test_what_was_trained_to_see_how_long_it_takes_leaves_no_trace():
    measured, fresh = small_engine(), small_engine()
    keep_to_budget(measured, 3, 1e6)
    assert measured.history == []
    measured.train(1)
    fresh.train(1)
    assert measured.history == fresh.history


def test_ramp_grows_from_its_start_to_one():
    config = TrainingConfig(ramp_start_epoch=2, ramp_epochs=3, burn_in_epochs=5)
    assert [config.ramp(epoch) for epoch in range(7)] == [0, 0, 0.25, 0.5, 0.75, 1, 1]
