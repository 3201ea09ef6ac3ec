"""Muscles that a session does not record, inferred from those that it does, through the dynamics that sessions share.

The factors of a session mean what they mean in all others; so the read-out that other sessions have of a muscle gives
it here too. The factors predict, and the recorded muscles' own estimates know more: what these are beside their
prediction moves the factors, as far as it is of a kind that factors have, and so the muscles that are inferred,

::

    log a_L = log m_L + A_L' S A_R (A_R' S A_R + r I)^-1 (log a_R - log m_R)

with predictions m, read-outs A of the log mean, and the covariance S of the factors. How much (r), and how far the
result errs, is asked of the muscles that are recorded: each is hidden in turn, inferred in the same way by other
sessions' read-outs, and compared with its own estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from nwb_autolfads.estimators.autolfads.posterior import NOISE, posterior_of_recording
from nwb_autolfads.estimators.autolfads.weights import TrainedModel
from nwb_autolfads.lfads.masking import Mask
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.networks.session import OF_A_SESSION
from nwb_autolfads.lfads.observations import OBSERVATIONS
from nwb_autolfads.lfads.streams import Streams

Floats = NDArray[np.float64]
MOST_HIDDEN = 8
"""Recorded muscles that are hidden in turn, to learn how far inferring errs."""
RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 1e6)
"""Variances beside the factors', over theirs, that are tried; the last one moves nothing."""


class Inferred(NamedTuple):
    """Muscles, their activation and its expected error (time, muscle)."""

    muscles: tuple[str, ...]
    activation: Floats
    std: Floats


@dataclass(frozen=True)
class _Prediction:
    """What the factors predict of wanted and of recorded muscles, and how one tells of the other.

    Attributes
    ----------
    mean, spread : ndarray, (time, wanted)
    recorded : ndarray, (time, recorded)
    between, among : ndarray, (wanted, recorded), (recorded, recorded)
        ``A_L' S A_R`` and ``A_R' S A_R``.
    """

    mean: Floats
    spread: Floats
    recorded: Floats
    between: Floats
    among: Floats

    def moved(self, own: Floats, ridge: float) -> Floats:
        """Return the prediction of wanted muscles, moved by what recorded ones are (time, recorded)."""
        beside = np.log(own) - np.log(self.recorded)
        r = ridge * np.trace(self.among) / len(self.among)
        gain = np.linalg.solve(self.among + r * np.eye(len(self.among)), self.between.T)
        step = beside @ gain
        return np.asarray(self.mean * np.exp(np.where(np.isfinite(step), step, 0.0)))


def with_missing(
    trained: TrainedModel, session: str | None, emg: xr.DataArray, estimate: xr.Dataset, seed: int
) -> xr.Dataset:
    """Return an estimate with the muscles that this session lacks; see `AutoLFADS.estimate`.

    Parameters
    ----------
    trained : TrainedModel
        Of all sessions.
    session : str or None
        As for `AutoLFADS.estimate`.
    emg : DataArray, (time, muscle)
    estimate : Dataset
        Of the muscles that are recorded.
    seed : int

    Returns
    -------
    Dataset
        With the coordinate ``inferred`` (muscle): True where activation is not of a muscle that was recorded. What is
        known of recorded muscles only is NaN, False or empty for the others, and ``scale`` 1.
    """
    found = infer(trained, trained.card.number_of(session), emg, estimate, seed)
    if found is None:
        return estimate.assign_coords(inferred=("muscle", np.zeros(estimate.sizes["muscle"], bool)))
    known = [str(muscle) for muscle in estimate["muscle"].values]
    whole = _with_rows(estimate, [muscle for muscle in found.muscles if muscle not in known])
    at = whole.get_index("muscle").get_indexer(list(found.muscles))
    for name, values in (("activation", found.activation), ("activation_std", found.std)):
        whole[name].values[:, at] = values
    inferred = np.zeros(whole.sizes["muscle"], bool)
    inferred[at] = True
    return whole.assign_coords(inferred=("muscle", inferred))


def infer(trained: TrainedModel, number: int, emg: xr.DataArray, estimate: xr.Dataset, seed: int) -> Inferred | None:
    """Infer the muscles that a session lacks and others have; None where there is none."""
    own, sessions = trained.card.sessions[number].muscles, trained.card.sessions
    elsewhere = [muscle for n, each in enumerate(sessions) for muscle in each.muscles if n != number]
    lacking = tuple(dict.fromkeys(muscle for muscle in elsewhere if muscle not in own))
    if not lacking:
        return None
    recorded = emg.sel(muscle=list(own))
    activation = estimate["activation"].sel(muscle=list(own)).values.astype(np.float64)
    ridge, ratio = _chosen(trained, number, recorded, [muscle in elsewhere for muscle in own], activation, seed)
    predicted = _predicted(trained, number, recorded, lacking, seed)
    mean = predicted.moved(activation, ridge)
    size = np.sqrt((np.square(mean) + np.nanmean(np.square(mean), axis=0)) / 2)  # errors are not small where it is
    return Inferred(lacking, mean, np.sqrt(np.square(predicted.spread) + np.square(ratio * size)))


def _chosen(
    trained: TrainedModel, number: int, recorded: xr.DataArray, known: list[bool], activation: Floats, seed: int
) -> tuple[float, float]:
    """Choose the ridge by muscles that are recorded, hidden in turn; give also how far it errs, over the size."""
    errors = []
    for column in np.flatnonzero(known)[:MOST_HIDDEN]:
        others = np.arange(len(known)) != column
        if not others.any():
            break
        muscle = str(recorded["muscle"].values[column])
        predicted = _predicted(trained, number, recorded[:, others], (muscle,), seed)
        own = activation[:, column]
        each = [predicted.moved(activation[:, others], ridge)[:, 0] for ridge in RIDGES]
        errors.append([np.nansum(np.square(m - own)) / np.nansum(np.square(m[np.isfinite(own)])) for m in each])
    if not errors:
        return RIDGES[-1], 1.0
    best = int(np.argmin(np.mean(errors, axis=0)))
    return RIDGES[best], float(np.sqrt(np.mean(errors, axis=0)[best]))


def _predicted(
    trained: TrainedModel, number: int, recorded: xr.DataArray, wanted: Sequence[str], seed: int
) -> _Prediction:
    """Predict muscles by other sessions' read-outs from what is recorded, all of it visible."""
    names = [str(muscle) for muscle in recorded["muscle"].values]
    model = _with_readouts(trained, number, names, wanted)
    session = trained.card.sessions[number].model_copy(update={"muscles": (*names, *wanted)})
    card = trained.card.model_copy(update={"sessions": (session,)})
    noise = Streams.of(range(model.members), seed, NOISE)
    whole = _with_columns(recorded, wanted)
    found = posterior_of_recording(TrainedModel(card, model), whole, _everything, noise, unknown=len(wanted)).series
    series = {name: values.astype(np.float64) for name, values in found.items()}
    n, parameters = len(names), OBSERVATIONS[card.config.observation].parameters
    first = 1 if card.config.observation == "zero_inflated_gamma" else 0
    A = model.readout.weight[0].detach().double().numpy().reshape(-1, parameters, n + len(wanted))[:, first]
    f = series["factors"][np.isfinite(series["factors"]).all(axis=1)]
    covariance = A.T @ np.atleast_2d(np.cov(f.T)) @ A
    return _Prediction(
        mean=series["mean"][:, n:],
        spread=series["mean_sd"][:, n:],
        recorded=series["mean"][:, :n],
        between=covariance[n:, :n],
        among=covariance[:n, :n],
    )


def _everything(windows: Tensor, _: Sequence[int]) -> list[Mask]:
    """Give the one mask with which all that is known is visible."""
    visible = torch.ones_like(windows[..., :1])
    return [Mask(visible, visible)]


@torch.no_grad()
def _with_readouts(trained: TrainedModel, number: int, recorded: Sequence[str], wanted: Sequence[str]) -> LFADS:
    """Return the models as they are for some of a session's muscles, with other sessions' read-outs of more."""
    own, maps = trained.card.sessions[number].muscles, trained.model.of_session(number)
    at = [own.index(muscle) for muscle in recorded]
    sizes = replace(maps.sizes, channels=len(at) + len(wanted), others=(), components=trained.model.sizes.encoded)
    model = LFADS(sizes, maps.members, OBSERVATIONS[trained.card.config.observation].parameters, None)
    shared = {name: v for name, v in maps.state_dict().items() if not name.startswith((*OF_A_SESSION, "others."))}
    model.load_state_dict(shared, strict=False)
    assert model.read_in is not None
    total, read_in, readout = sizes.channels, model.read_in, model.readout
    for tensor in (read_in.weight, readout.weight, readout.bias):
        tensor.zero_()
    read_in.bias.copy_(maps.read_in.bias if maps.read_in is not None else torch.zeros_like(read_in.bias))
    for column, index in enumerate(at):
        read_in.weight[:, column::total] = maps.rows_of(index)
        readout.weight[..., column::total] = maps.readout.weight[..., index :: len(own)]
        readout.bias[..., column::total] = maps.readout.bias[..., index :: len(own)]
    if maps.input_transform.kind == "logarithmic":
        model.input_transform.centre[..., : len(at)] = maps.input_transform.centre[..., at]
        model.input_transform.spread[..., : len(at)] = maps.input_transform.spread[..., at]
    for column, muscle in enumerate(wanted, start=len(at)):
        having = [n for n, each in enumerate(trained.card.sessions) if n != number and muscle in each.muscles]
        parts = [_readout_of(trained, n, muscle) for n in having]
        readout.weight[..., column::total] = torch.stack([weight for weight, _ in parts]).mean(0)
        readout.bias[..., column::total] = torch.stack([bias for _, bias in parts]).mean(0)
    return model


def _readout_of(trained: TrainedModel, number: int, muscle: str) -> tuple[Tensor, Tensor]:
    muscles, readout = trained.card.sessions[number].muscles, trained.model.of_session(number).readout
    index = muscles.index(muscle)
    return readout.weight[..., index :: len(muscles)], readout.bias[..., index :: len(muscles)]


def _with_columns(recorded: xr.DataArray, wanted: Sequence[str]) -> xr.DataArray:
    """Return the EMG with muscles of which nothing is known."""
    nothing = np.full((recorded.sizes["time"], len(wanted)), np.nan, recorded.dtype)
    return xr.DataArray(
        np.concatenate([recorded.values, nothing], axis=1),
        dims=recorded.dims,
        coords={
            "time": recorded["time"],
            "segment": recorded["segment"],
            "muscle": [*recorded["muscle"].values, *wanted],
        },
        attrs=recorded.attrs,
    )


def _with_rows(estimate: xr.Dataset, more: Sequence[str]) -> xr.Dataset:
    """Return the estimate with more muscles of which nothing is known yet."""
    if not more:
        return estimate.copy(deep=True)
    empty: dict[str, Any] = {}
    for name, variable in estimate.variables.items():
        if "muscle" in variable.dims and name != "muscle":
            fill = {"b": False, "f": np.nan}.get(variable.dtype.kind, "" if variable.dtype.kind in "OUS" else 0)
            shape = [len(more) if dim == "muscle" else estimate.sizes[str(dim)] for dim in variable.dims]
            fill = 1.0 if name == "scale" else fill  # as of a muscle without a signal: its unit is not known
            empty[str(name)] = (variable.dims, np.full(shape, fill, variable.dtype))
    names = list(estimate.coords)
    rows = xr.Dataset(empty, coords={"muscle": list(more)}).set_coords([n for n in empty if n in names])
    apart = [name for name in estimate.variables if "muscle" not in estimate[name].dims]
    whole = xr.concat([estimate.drop_vars(apart), rows], "muscle", join="override", combine_attrs="override")
    return whole.assign(estimate[apart]).assign_attrs(estimate.attrs)
