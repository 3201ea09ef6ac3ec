"""Reading estimates back: the Dataset that was written, without torch and without the source file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from hdmf import Container
from ndx_muscle_activation import ActivationEstimate
from pynwb import NWBFile

from nwb_autolfads.errors import SourceError, shown
from nwb_autolfads.files.limits import MAX_WEIGHTS_BYTES
from nwb_autolfads.given import path_of
from nwb_autolfads.labels import labelled
from nwb_autolfads.results.inside import require_plain_storage
from nwb_autolfads.results.parts.model import without_repetition
from nwb_autolfads.results.soundness import require_sound
from nwb_autolfads.sources.opening.nwb import open_hdf5

Kind = TypeVar("Kind", bound=Container)


def list_estimates(path: str | os.PathLike[str]) -> list[str]:
    """Return the names of the estimates in a file, in alphabetical order.

    Parameters
    ----------
    path : path
        An NWB file.

    Returns
    -------
    list of str

    Raises
    ------
    SourceError
        If the file cannot be read as NWB.
    """
    with objects_in(path, ActivationEstimate) as found:
        return sorted(found)


def read_activation(path: str | os.PathLike[str], name: str | None = None) -> xr.Dataset:
    """Read an estimate as it was written.

    Parameters
    ----------
    path : path
        An NWB file that `write_activation` made.
    name : str, optional
        Name of the estimate; needed where there are several.

    Returns
    -------
    Dataset
        ``activation (time, muscle)`` and what else the estimator had, in memory; see
        `nwb_autolfads.estimators.base.estimate_dataset`.

    Raises
    ------
    SourceError
        If the file cannot be read as NWB, or it is not clear which estimate is meant.
    """
    with objects_in(path_of(path, SourceError), ActivationEstimate) as found:
        return _read(path, found, choose(path, sorted(found), name, "estimate"))


def read_activations(nwbfile: NWBFile) -> dict[str, xr.Dataset]:
    """Read every estimate of an open file as it was written, by its name and in alphabetical order.

    Raises
    ------
    SourceError
        If one of them cannot be read.
    """
    found = _objects_of(nwbfile, ActivationEstimate)
    return {name: _read(nwbfile.container_source, found, name) for name in sorted(found)}


def _read(path: str | os.PathLike[str], found: Mapping[str, ActivationEstimate], name: str) -> xr.Dataset:
    require_plain_storage(Path(path), name)
    try:
        estimate = found[name].to_xarray()
    except Exception as error:  # h5py, hdmf, numpy and xarray raise many kinds where values are not what they say
        raise SourceError(
            f"the estimate cannot be read ({shown(str(error))[1:-1]})",
            way_out="The file is damaged or was not made by this package.",
            file=str(path),
            obj=name,
        ) from error
    require_sound(estimate, str(path), name)
    estimate = without_repetition(estimate)
    return labelled(estimate).drop_dims([dim for dim in ("search_row", "window") if estimate.sizes.get(dim) == 0])


def read_weights(path: str | os.PathLike[str], name: str | None = None) -> bytes:
    """Read the trained model that was kept with an estimate.

    Parameters
    ----------
    path : path
        An NWB file that `write_activation` made.
    name : str, optional
        Name of the estimate; needed where several have weights.

    Returns
    -------
    bytes
        A safetensors file, unchecked but for its size.

    Raises
    ------
    SourceError
        If no weights are there, or they are larger than `nwb_autolfads.files.limits` allows.
    """
    with objects_in(path, ActivationEstimate) as found:
        with_weights = [key for key in sorted(found) if _weights_of(found[key]) is not None]
        chosen = (
            with_weights[0]
            if name is None and len(with_weights) == 1
            else choose(path, sorted(found), name, "estimate")
        )
        require_plain_storage(Path(path), chosen)
        weights = _weights_of(found[chosen])
        if weights is None:
            raise SourceError(
                "the estimate was written without the weights of its model",
                way_out="Write it with weights, or use the file of the model.",
                file=str(path),
                obj=chosen,
            )
        if weights.dtype != np.uint8 or weights.size > MAX_WEIGHTS_BYTES:
            raise SourceError(
                f"the weights are {weights.size} values of type {weights.dtype}",
                way_out=f"At most {MAX_WEIGHTS_BYTES} bytes (uint8) are read; do not trust this file.",
                file=str(path),
                obj=chosen,
            )
        return weights[:].tobytes()


def _weights_of(estimate: ActivationEstimate) -> Any:
    """Return the weights of its model; files of 0.1 of the extension hold them in the estimate itself."""
    return estimate.weights if estimate.model is None else estimate.model.weights


@contextmanager
def objects_in(path: str | os.PathLike[str], kind: type[Kind]) -> Iterator[dict[str, Kind]]:
    """Open a file and give its objects of one type in ``processing/behavior`` by name.

    Raises
    ------
    SourceError
        If the file cannot be read as NWB.
    """
    # Links that lead nowhere are of no concern: the values of an estimate must lie in the file itself.
    with open_hdf5(Path(path), itself_only=True) as opened:
        yield _objects_of(opened.nwbfile, kind)


def _objects_of(nwbfile: NWBFile, kind: type[Kind]) -> dict[str, Kind]:
    behavior = nwbfile.processing.get("behavior")
    objects = behavior.data_interfaces.values() if behavior is not None else ()
    return {item.name: item for item in objects if isinstance(item, kind)}


def choose(path: str | os.PathLike[str], found: list[str], name: str | None, what: str) -> str:
    """Return the one object that is meant; raise SourceError, naming those that are there, where it is not clear."""
    if name in found:
        return str(name)
    if name is None and len(found) == 1:
        return found[0]
    there = f"there are {', '.join(found)}" if found else "there is none"
    if name is None:
        problem = f"which {what} is meant is not clear" if found else f"no {what} of muscle activation is in the file"
        way_out = f"Give a name: {there}." if found else "Write one first."
    else:
        problem, way_out = f"no {what} is called {name!r}", f"In the file {there}."
    raise SourceError(problem, way_out=way_out, file=str(path), obj="processing/behavior")
