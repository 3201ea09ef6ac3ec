"""A small population of LFADS models on three channels, for the tests of the search."""

import torch

from nwb_autolfads.lfads.masking import CoordinatedDropout, TemporalShift
from nwb_autolfads.lfads.observations import Gamma
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.search.config import SearchRange, SearchSpace, TrainingConfig
from nwb_autolfads.search.engines.local import LocalEngine
from nwb_autolfads.search.pbt import PopulationBasedTraining
from nwb_autolfads.search.progress import silent
from nwb_autolfads.search.sessions import SessionData

SMALL = Sizes(
    channels=3, ic_encoder=4, ci_encoder=4, initial_condition=3, controller=4, inputs=1, generator=6, factors=2
)


def recording(bins=1500, seed=0):
    random = torch.Generator().manual_seed(seed)
    slow = torch.sin(torch.arange(bins) / 30).unsqueeze(1) * torch.tensor([1.0, -1.0, 0.5])
    noise = torch.empty(bins, 3).exponential_(generator=random)
    return (slow.exp() * noise).clamp_min(1e-4)


def small_engine(seed=0, learning_rate=4e-3, masking=None, numbers=None, **training):
    settings = {"members": 2, "batch_windows": 8, "steps_per_epoch": 4, "max_epochs": 3, "validation_draws": 2}
    schedule = {"ramp_epochs": 1, "burn_in_epochs": 1, "generation_epochs": 1}
    space = SearchSpace(learning_rate=SearchRange(start=learning_rate, low=1e-12, high=1))
    config = TrainingConfig(**settings | schedule | {"space": space} | training)
    masking = masking or CoordinatedDropout(TemporalShift(1.0, 2))
    return LocalEngine([SessionData(recording(), (1500,))], 40, SMALL, Gamma(), masking, config, seed, numbers)


def search_of(engine):
    return PopulationBasedTraining(engine, engine.config, torch.Generator().manual_seed(0))


def fit(engine, progress=silent):
    return search_of(engine).run(progress)
