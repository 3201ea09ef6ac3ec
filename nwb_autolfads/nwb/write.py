"""Writing an estimate into a copy of its source file, or into the file itself, so that nothing else changes.

The source is copied byte for byte and the estimate is added to the copy. An export through pynwb would rebuild the
file instead, and drop what a laboratory put into it outside the schema.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import pynwb
import xarray as xr
from ndx_muscle_activation import MusclesTable
from pynwb import NWBHDF5IO, NWBFile

from nwb_autolfads.errors import OutputError
from nwb_autolfads.nwb.atomic import check_place, new_version
from nwb_autolfads.nwb.build import build_estimate, build_muscles_table, check_estimate
from nwb_autolfads.nwb.inside import MODULE, SourceFacts, look_inside, remove_estimate, same_table
from nwb_autolfads.nwb.repack import repack

MUSCLES_TABLE = "muscles"

# Specifications, attributes and the ends of chunks that are added beside the values themselves.
OVERHEAD_BYTES = 4_000_000


def write_activation(
    estimate: xr.Dataset,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    in_place: bool = False,
    name: str | None = None,
    overwrite: bool = False,
    weights: bytes | None = None,
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
    name : str, optional
        Name of the estimate in ``processing/behavior``, by default that of the estimator.
    overwrite : bool
        Replace an existing ``target``, or an earlier estimate of the same name.
    weights : bytes, optional
        The trained model as the bytes of a safetensors file, to be kept with the estimate.

    Returns
    -------
    Path
        The file that holds the estimate.

    Raises
    ------
    OutputError
        If the place cannot take the file, ``source`` is not an NWB file or not the one the estimate was made from,
        the name is taken or unfit, or the result does not validate. Nothing is left behind then.
    """
    check_estimate(estimate)
    source = Path(source)
    result = _choose_target(source, target, in_place)
    name = _check_name(estimate.attrs["estimator"] if name is None else name, result)
    facts = look_inside(source)
    facts.require_origin(estimate.attrs.get("origin"))
    if name in facts.behavior:
        _check_taken_name(facts, name, overwrite)
    replaces = name in facts.behavior
    copies = 2 if replaces else 1
    needed = copies * (source.stat().st_size + estimate.nbytes + len(weights or b"") + OVERHEAD_BYTES)
    check_place(result, needed, may_exist=overwrite or in_place)
    with new_version(result) as partial:
        before = os.stat(source)
        _copy(source, partial)
        _add(estimate, partial, name, weights)
        if replaces:
            _drop_free_room(partial)
        _require_valid(partial, source)
        _require_unchanged(source, before)
    return result


def _choose_target(source: Path, target: str | os.PathLike[str] | None, in_place: bool) -> Path:
    if in_place:
        if target is not None and Path(target).resolve() != source.resolve():
            raise OutputError(
                f"a target ({target}) was given together with in_place",
                way_out="Give one of the two.",
                file=str(source),
            )
        return source.resolve()  # a link must not be replaced by a file
    result = source.with_name(f"{source.stem}_activation.nwb") if target is None else Path(target)
    if result.resolve() == source.resolve():
        raise OutputError(
            "the target is the source itself",
            way_out="Choose another target, or ask for writing in place.",
            file=str(source),
        )
    return result


def _check_name(name: str, result: Path) -> str:
    fit = name.isprintable() and name == name.strip() and not set(name) & set("/:\\") and name not in ("", ".", "..")
    if not fit or name == MUSCLES_TABLE or len(name) > 100:
        raise OutputError(
            f"the name {name!r} is unfit for an estimate",
            way_out=f"Use up to 100 letters, digits, '_', '-', '.' or spaces between, other than '{MUSCLES_TABLE}'.",
            file=str(result),
        )
    return name


def _check_taken_name(facts: SourceFacts, name: str, overwrite: bool) -> None:
    place = f"{MODULE}/{name}"
    if facts.behavior[name] != "ActivationEstimate":
        raise OutputError(
            f"the name is taken by a {facts.behavior[name] or 'nameless type'}",
            way_out="Choose another name.",
            file=str(facts.path),
            obj=place,
        )
    if not overwrite:
        raise OutputError(
            "an estimate of this name is in the file already",
            way_out="Choose another name, or overwrite.",
            file=str(facts.path),
            obj=place,
        )


def _copy(source: Path, partial: Path) -> None:
    # While it is open here, no program that heeds the locks of HDF5 can change it.
    with h5py.File(source, "r"):
        shutil.copyfile(source, partial)


def _add(estimate: xr.Dataset, path: Path, name: str, weights: bytes | None) -> None:
    with h5py.File(path, "r+") as file:
        if f"{MODULE}/{name}" in file:
            remove_estimate(file, name)
        with NWBHDF5IO(file=file, mode="a") as io:
            nwbfile = io.read()
            module = _behavior_module(nwbfile)
            muscles = _muscles_table(module, estimate)
            module.add(build_estimate(estimate, name, muscles, weights))
            io.write(nwbfile)


def _drop_free_room(path: Path) -> None:
    packed = path.with_name(f"{path.name}.packed")
    # Where it cannot be done, the file keeps the room of the estimate that was replaced; nothing else is wrong with it.
    with contextlib.suppress(NotImplementedError):
        repack(path, packed)
        os.replace(packed, path)


def _behavior_module(nwbfile: NWBFile) -> Any:
    if "behavior" in nwbfile.processing:
        return nwbfile.processing["behavior"]
    return nwbfile.create_processing_module(name="behavior", description="Behavior, and muscle activation behind it.")


def _muscles_table(module: Any, estimate: xr.Dataset) -> MusclesTable:
    """Return the table of these muscles that is in the file, or add one.

    A table is never changed once it is in a file: estimates of the same muscles with the same scales share one, and an
    estimate of others brings its own, ``muscles_2`` and so on.
    """
    taken = module.data_interfaces
    names = [MUSCLES_TABLE, *(f"{MUSCLES_TABLE}_{number}" for number in range(2, len(taken) + 3))]
    table = build_muscles_table(estimate, next(name for name in names if name not in taken))
    for other in taken.values():
        if isinstance(other, MusclesTable) and same_table(other, table):
            return other
    module.add(table)
    return table


def _require_valid(path: Path, source: Path) -> None:
    found = {str(error) for error in pynwb.validate(path=str(path))}
    if not found:
        return
    new = sorted(found - {str(error) for error in pynwb.validate(path=str(source))})
    if new:
        raise OutputError(
            f"the result does not validate ({len(new)} errors, the first: {new[0]})",
            way_out="Report this as a bug; nothing was written.",
            file=str(source),
        )


def _require_unchanged(source: Path, before: os.stat_result) -> None:
    now = os.stat(source)
    if (now.st_ino, now.st_size, now.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns):
        raise OutputError(
            "the file was changed by another program while the result was written",
            way_out="Try again.",
            file=str(source),
        )
