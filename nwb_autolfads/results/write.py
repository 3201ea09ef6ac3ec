"""Writing an estimate: into a copy of its source file, into the file itself, or into a small one that names it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import xarray as xr
from ndx_muscle_activation import MusclesTable

from nwb_autolfads.results.build import build_estimate, build_muscles_table, check_estimate
from nwb_autolfads.results.inside import FileState, look_inside, parse_origin, same_table
from nwb_autolfads.results.versions.version import RESERVED, check_name, check_taken_name, choose_target, write_version


def write_activation(
    estimate: xr.Dataset,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    in_place: bool = False,
    link: bool = False,
    name: str | None = None,
    overwrite: bool = False,
    weights: bytes | None = None,
    source_state: FileState | None = None,
) -> Path:
    """Write an estimate, beside everything its source file holds.

    Parameters
    ----------
    estimate : Dataset
        What an estimator returned, or `read_activation` read.
    source : path
        The NWB file that the EMG was read from, or a result file made of it; it is not changed unless ``in_place``.
    target : path, optional
        The file to make, by default ``<stem of source>_activation.nwb`` beside the source.
    in_place : bool
        Add the estimate to ``source`` itself. The file is replaced as a whole: it is the old one or the new one.
    link : bool
        Leave the data of the source out: the file holds the estimate and what is known of session and subject, and
        names its source by identifier and object id. It needs nothing but itself to be read, so it can be shared.
    name : str, optional
        Name of the estimate in ``processing/behavior``, by default that of the estimator.
    overwrite : bool
        Replace an existing ``target``, or an earlier estimate of the same name.
    weights : bytes, optional
        The trained model as the bytes of a safetensors file, to be kept with the estimate.
    source_state : FileState, optional
        State of ``source`` when the EMG was read (`FileState.of`); it must be the same now.

    Returns
    -------
    Path
        The file that holds the estimate.

    Raises
    ------
    OutputError
        If the place cannot take the file, ``source`` is not an NWB file, not the one the estimate was made from or
        changed since, the name is taken or unfit, or the result does not validate. Nothing is left behind then.
    """
    check_estimate(estimate)
    source = Path(source)
    result = choose_target(source, target, in_place=in_place, link=link)
    name = check_name(estimate.attrs["estimator"] if name is None else name, result)
    facts = look_inside(source)
    facts.require_origin(estimate.attrs.get("origin"))
    if source_state is not None:
        source_state.require_same(source, "after the EMG was read")
    if link:
        estimate = _named_source(estimate, source, facts.identifier)
    replaces = not link and check_taken_name(facts, name, "ActivationEstimate", overwrite=overwrite)

    def build(module: Any) -> Any:
        return build_estimate(estimate, name, _muscles_table(module, estimate), weights)

    write_version(
        source,
        result,
        {name: build},
        n_bytes=estimate.nbytes + sum(len(str(text)) for text in estimate.attrs.values()) + len(weights or b""),
        replaces=replaces,
        may_exist=overwrite,
        in_place=in_place,
        bare=link,
    )
    return result


def _named_source(estimate: xr.Dataset, source: Path, identifier: str) -> xr.Dataset:
    known = {"file": source.name, "file_identifier": identifier}
    return estimate.assign_attrs(origin=json.dumps(known | parse_origin(estimate.attrs.get("origin"))))


def _muscles_table(module: Any, estimate: xr.Dataset) -> MusclesTable:
    """Return the table of these muscles that is in the file, or add one.

    A table is never changed once it is in a file: estimates of the same muscles with the same scales share one, and an
    estimate of others brings its own, ``muscles_2`` and so on.
    """
    taken = module.data_interfaces
    names = [RESERVED, *(f"{RESERVED}_{number}" for number in range(2, len(taken) + 3))]
    table = build_muscles_table(estimate, next(name for name in names if name not in taken))
    for other in taken.values():
        if isinstance(other, MusclesTable) and same_table(other, table):
            return other
    module.add(table)
    return table
