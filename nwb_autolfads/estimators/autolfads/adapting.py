"""A session that a trained model has not seen: its read-in and read-out are learnt, all else is kept.

Both start from those of the sessions that the model knows, muscle by muscle, as far as these have the same muscles.
"""

from __future__ import annotations

import torch
import xarray as xr
from torch import Tensor

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.prepared import Prepared, card_of
from nwb_autolfads.estimators.autolfads.training import Training
from nwb_autolfads.estimators.autolfads.weights import TrainedModel, with_session
from nwb_autolfads.estimators.autolfads.windows import require_preparation_of
from nwb_autolfads.estimators.observed import check_rectified, unfit
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.networks.session import OF_A_SESSION
from nwb_autolfads.search.adam import PopulationAdam
from nwb_autolfads.search.config import SearchRange, SearchSpace, TrainingConfig
from nwb_autolfads.search.engines.placement import Placement
from nwb_autolfads.search.progress import ProgressCallback

EPOCHS, STEPS, DECAY = 15, 10, 8
LEARNING_RATE = 1e-2
"""The maps are linear, and nothing else moves."""


def adapted(
    trained: TrainedModel, emg: xr.DataArray, session: str, seed: int, progress: ProgressCallback
) -> TrainedModel:
    """Return the model with one more session, whose maps are trained; see `AutoLFADS.adapt`."""
    card = trained.card
    if session in card.names:
        raise ConfigError(
            f"the model knows a session {session!r} already",
            obj="session",
            way_out="Give the new session a name of its own, or estimate it as that one",
        )
    check_rectified(emg)
    require_preparation_of(card.sessions[0], emg)
    settings = card.config.model_copy(update={"training": _schedule(card.config, len(card.scores))})
    components = trained.model.sizes.encoded
    prepared = Prepared.of(settings, {session: emg}, block_ms=card.block_ms, components=components)
    if prepared.settings.window_ms != card.config.window_ms:
        raise unfit(
            emg,
            f"the trials are up to {prepared.settings.window_ms:g} ms long, the windows of the model "
            f"{card.config.window_ms:g} ms",
            "Cut trials of that length",
        )
    with Training.of(prepared, seed, Placement(device="cpu")) as search:
        _keep_what_is_shared(search, trained)
        _start_from_known_muscles(search.engine.model, trained, prepared.sessions[0].channels)
        search.engine.best_state = {name: value.clone() for name, value in search.engine.model.state_dict().items()}
        search.run(progress)
        learnt = search.engine.best_models(range(len(card.scores)))
    return with_session(trained, card_of(session, prepared.emgs[session], adapted=True), learnt)


def _schedule(config: AutoLFADSConfig, members: int) -> TrainingConfig:
    """Give a short training without comparisons: its members are those of the model, and stay so."""
    rate = SearchRange(start=LEARNING_RATE, low=LEARNING_RATE, high=LEARNING_RATE)
    dropout = SearchRange(start=0.05, low=0.05, high=0.05)
    return TrainingConfig(
        **config.training.model_dump(include={"batch_windows", "validation_windows", "validation_draws", "threads"}),
        members=members,
        max_epochs=EPOCHS,
        steps_per_epoch=STEPS,
        burn_in_epochs=EPOCHS,
        ramp_epochs=0,
        decay_epochs=DECAY,
        space=SearchSpace(learning_rate=rate, dropout=dropout),
    )


@torch.no_grad()
def _keep_what_is_shared(search: Training, trained: TrainedModel) -> None:
    """Take what the sessions of a model share, and let only the maps be trained."""
    engine, maps = search.engine, []
    known = trained.model.state_dict().items()
    shared = {name: value for name, value in known if not name.startswith((*OF_A_SESSION, "others."))}
    engine.model.load_state_dict(shared, strict=False)
    for name, parameter in engine.model.named_parameters():
        parameter.requires_grad_(name.startswith(OF_A_SESSION))
        maps += [parameter] if parameter.requires_grad else []
    engine.optimiser = PopulationAdam(maps, engine.config.gradient_norm)


@torch.no_grad()
def _start_from_known_muscles(model: LFADS, trained: TrainedModel, muscles: tuple[str, ...]) -> None:
    """Give each muscle the mean of what it has in the sessions that have it; others begin without a say."""
    known: dict[str, list[tuple[LFADS, int, int]]] = {}
    for number, session in enumerate(trained.card.sessions):
        for index, muscle in enumerate(session.muscles):
            known.setdefault(muscle, []).append((trained.model.of_session(number), index, len(session.muscles)))
    if not known.keys() & set(muscles):
        return  # it starts from its own principal components
    assert model.read_in is not None
    read_in, readout, bias = model.read_in.weight, model.readout.weight, model.readout.bias
    started: list[Tensor] = [maps.read_in.bias for (maps, *_), *_ in known.values() if maps.read_in is not None]
    model.read_in.bias.copy_(torch.stack(started).mean(0) if started else torch.zeros_like(model.read_in.bias))
    read_in.zero_()
    for column, muscle in enumerate(muscles):
        if muscle not in known:
            readout[:, :, column :: len(muscles)] = 0
            continue
        rows = torch.stack([maps.rows_of(index) for maps, index, _ in known[muscle]])
        read_in[:, column :: len(muscles)] = rows.mean(0)
        weights = [maps.readout.weight[:, :, index::count] for maps, index, count in known[muscle]]
        biases = [maps.readout.bias[:, :, index::count] for maps, index, count in known[muscle]]
        readout[:, :, column :: len(muscles)] = torch.stack(weights).mean(0)
        bias[:, :, column :: len(muscles)] = torch.stack(biases).mean(0)
