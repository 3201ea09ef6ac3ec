"""Writing estimates: into a copy of its source file, into the file itself, or into a small one that names it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import xarray as xr
from ndx_muscle_activation import MusclesTable
from pynwb import NWBFile

from nwb_autolfads.errors import OutputError
from nwb_autolfads.files.address import is_address, without_folder
from nwb_autolfads.given import path_of
from nwb_autolfads.results.build import build_estimate, check_estimate
from nwb_autolfads.results.inside import MODULE, FileState, SourceFacts, look_inside, parse_origin
from nwb_autolfads.results.parts.alike import same_table
from nwb_autolfads.results.parts.muscles import build_muscles_table
from nwb_autolfads.results.versions.bare import bare_session, look_inside_opened
from nwb_autolfads.results.versions.version import (
    RESERVED,
    behavior_module,
    check_name,
    check_taken_name,
    choose_target,
    write_version,
)
from nwb_autolfads.sources.opening.nwb import reading_nwb


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
    source : path or str
        The NWB file that the EMG was read from, or a result file made of it; it is not changed unless ``in_place``.
        With ``link`` it may also be at an address, or a folder of Zarr.
    target : path, optional
        The file to make, by default ``<stem of source>_activation.nwb`` beside the source, where that is a file here.
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
    name = str(getattr(estimate, "attrs", {}).get("estimator", "")) if name is None else name
    return write_activations(
        {name: estimate},
        source,
        target,
        in_place=in_place,
        link=link,
        overwrite=overwrite,
        weights={} if weights is None else {name: weights},
        source_state=source_state,
    )


def write_activations(
    estimates: Mapping[str, xr.Dataset],
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    in_place: bool = False,
    link: bool = False,
    overwrite: bool = False,
    weights: Mapping[str, bytes] | None = None,
    source_state: FileState | None = None,
) -> Path:
    """Write several estimates by their names in one step: all of them are in the file, or none.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        By their names in ``processing/behavior``.
    weights : mapping of str to bytes, optional
        The trained models by the names of their estimates.
    source, target, in_place, link, overwrite, source_state
        See `write_activation`, also for what is returned and raised.
    """
    weights = weights or {}
    source = source if isinstance(source, str) and is_address(source) else path_of(source, OutputError)
    target = None if target is None else path_of(target, OutputError)
    for estimate in estimates.values():
        check_estimate(estimate)
    result = choose_target(source, target, in_place=in_place, link=link)
    for name in estimates:
        check_name(name, result)
    facts, bare = _looked_at(source, link)
    for estimate in estimates.values():
        facts.require_origin(estimate.attrs.get("origin"))
    if source_state is not None:
        source_state.require_same(Path(source), "after the EMG was read")
    kind = "ActivationEstimate"
    taken = [not link and check_taken_name(facts, name, kind, overwrite=overwrite) for name in estimates]
    named = {name: _named_source(estimate, facts, link=link) for name, estimate in estimates.items()}

    def builder(name: str, estimate: xr.Dataset) -> Callable[[Any], Any]:
        def build(module: Any) -> Any:
            muscles, nwbfile = _muscles_table(module, estimate), module.parent
            return build_estimate(estimate, name, muscles, weights.get(name), nwbfile)

        return build

    write_version(
        source,
        result,
        {name: builder(name, estimate) for name, estimate in named.items()},
        n_bytes=sum(_n_bytes(each) for each in named.values()) + sum(map(len, weights.values())),
        replaces=any(taken),
        may_exist=overwrite,
        in_place=in_place,
        bare=bare,
    )
    return result


def add_activation(nwbfile: NWBFile, estimate: xr.Dataset, name: str, *, weights: bytes | None = None) -> None:
    """Add an estimate to a session in memory that something else is going to write.

    Parameters
    ----------
    nwbfile : NWBFile
        It gets ``processing/behavior`` where it has none.
    estimate : Dataset
        See `write_activation`, as for ``weights``. Its times count from the start of this session.
    name : str
        Name of the estimate in ``processing/behavior``.

    Raises
    ------
    OutputError
        If the Dataset is no estimate, or the name is taken or unfit.
    """
    check_estimate(estimate)
    check_name(name, Path(nwbfile.identifier))
    behavior = behavior_module(nwbfile)
    if name in behavior.data_interfaces:
        raise OutputError(
            "the name is in the file already",
            way_out="Choose another name.",
            file=nwbfile.identifier,
            obj=f"{MODULE}/{name}",
        )
    behavior.add(build_estimate(estimate, name, _muscles_table(behavior, estimate), weights, nwbfile))


def _looked_at(source: str | Path, link: bool) -> tuple[SourceFacts, NWBFile | None]:
    """Return what must be known of a source, and what it says of its session where that is all that is taken over."""
    in_one_file = not is_address(str(source)) and not Path(source).is_dir()
    facts = look_inside(Path(source)) if in_one_file else None
    if facts is not None and not link:
        return facts, None
    # Outside links were allowed or refused when the EMG was read.
    with reading_nwb(source, outside_links=True) as opened:
        return facts or look_inside_opened(opened), bare_session(opened.nwbfile)


def _n_bytes(estimate: xr.Dataset) -> int:
    return estimate.nbytes + sum(len(str(text)) for text in estimate.attrs.values())


def _named_source(estimate: xr.Dataset, facts: SourceFacts, *, link: bool) -> xr.Dataset:
    """Name the recording: of EMG that was read from a result, the file that the result was made of."""
    origin = parse_origin(estimate.attrs.get("origin"))
    if link:
        origin = {"file": facts.name, "file_identifier": facts.identifier} | origin
    recorded = facts.made_from.get(str(origin.get("file_identifier", "")))
    if recorded and without_folder(str(origin.get("file", ""))) == facts.name:
        origin["file"] = recorded
    return estimate.assign_attrs(origin=json.dumps(origin)) if origin else estimate


def _muscles_table(module: Any, estimate: xr.Dataset) -> MusclesTable:
    """Return the table of these muscles that is in the file, or add one.

    A table is never changed once it is in a file: estimates of the same muscles with the same scales share one, and an
    estimate of others brings its own, ``muscles_2`` and so on.
    """
    taken = module.data_interfaces
    names = [RESERVED, *(f"{RESERVED}_{number}" for number in range(2, len(taken) + 3))]
    name = next(name for name in names if name not in taken)
    table = build_muscles_table(estimate, name, module.parent)
    for other in taken.values():
        if isinstance(other, MusclesTable) and same_table(other, table):
            return other
    module.add(table)
    return table
