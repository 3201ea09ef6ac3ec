"""Training that ends in time: how many steps an epoch may have."""

from __future__ import annotations

import time

from nwb_autolfads.search.engines.base import Engine

MEASURED_STEPS = 3


def keep_to_budget(engine: Engine, epochs: int, budget_s: float) -> float:
    """Take steps off the epochs of an engine until its training ends within a time (s).

    The schedule keeps its shape: ramps, comparisons and the decay of the learning rate are counted in epochs.

    Parameters
    ----------
    engine : Engine
        Trained for a few steps to see how long they take, and put back to what it was. Its ``steps_per_epoch`` is
        lowered where it must be; at least one is left.
    epochs : int
        Of the whole training.
    budget_s : float

    Returns
    -------
    float
        Time (s) that training should take.
    """
    given = engine.state()
    members = {name: tensor.clone() for name, tensor in given.members.items()}
    _seconds(engine, 1)  # builds the kernel and fills the caches
    one, several = _seconds(engine, 1), _seconds(engine, 1 + MEASURED_STEPS)
    engine.load_state(given._replace(members=members))
    step = max((several - one) / MEASURED_STEPS, 1e-6)
    scoring = max(one - step, 0.0)  # what an epoch takes beside its steps
    affordable = int((budget_s / epochs - scoring) / step)
    engine.steps_per_epoch = min(engine.steps_per_epoch, max(affordable, 1))
    return epochs * (engine.steps_per_epoch * step + scoring)


def _seconds(engine: Engine, steps: int) -> float:
    engine.steps_per_epoch = steps
    began = time.perf_counter()
    engine.train(1)
    return time.perf_counter() - began
