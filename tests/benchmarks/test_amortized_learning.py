"""What the amortized smoother learns from: the loss against scipy, a world as it is kept, and that learning learns."""

import numpy as np
import pytest
import torch
from scipy import stats

from nwb_autolfads.simulate import worlds


@pytest.fixture
def amortized():
    import amortized

    return amortized


def test_the_loss_is_what_the_best_line_leaves(amortized):
    random = np.random.default_rng(0)
    estimate, noise = random.standard_normal((2, 3, 200)), random.standard_normal((2, 3, 200))
    truth, spread = 0.3 * estimate + 0.2 * noise + 7, np.array([1.0, 2.0, 0.5])
    left = []
    for muscle in range(3):
        x, y = estimate[:, muscle].ravel(), truth[:, muscle].ravel()
        line = stats.linregress(x, y)
        left.append(np.var(y - line.slope * x - line.intercept) / spread[muscle] ** 2)
    found = amortized.unexplained(*(torch.tensor(each) for each in (estimate, truth, spread)))
    assert float(found) == pytest.approx(np.mean(left), rel=1e-4)


def test_no_world_that_tables_are_made_of_is_learnt_from(amortized):
    learnt_from = {world.seed for world in amortized.training_worlds(amortized.DRAWN, amortized.FURTHER_DRAWN)}
    others = {world.seed for world in [*worlds.development_worlds(), *worlds.test_worlds(), *worlds.further_worlds()]}
    repeats = {seed + 100_000 * repeat for seed in others for repeat in range(3)}
    assert not learnt_from & (others | repeats)


@pytest.mark.slow
def test_what_is_learnt_from_a_world_helps_there(amortized, tmp_path, monkeypatch):
    monkeypatch.setattr(amortized, "SAID_EVERY", 1000)
    for number, world in enumerate(amortized.training_worlds(2, 0)):
        assert amortized.make(number, world.shortened(30.0), tmp_path) == ""
    world = amortized.pieces(tmp_path / "training 2.npz")
    segments, spread = world
    assert {x.shape[:2] for x, _ in segments} == {(len(spread), 6)}
    monkeypatch.setattr(amortized, "RATE", 1e-3)
    network = amortized.learn(list(tmp_path.glob("*.npz")), steps=200, seed=0)  # the first world is only looked at
    here, beside = amortized.look(network, [world])
    assert here > beside + 0.01
