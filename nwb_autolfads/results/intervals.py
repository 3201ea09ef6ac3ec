"""Bursts of muscles -> a table of intervals in the NWB file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from pynwb.epoch import TimeIntervals

from nwb_autolfads.errors import OutputError
from nwb_autolfads.given import path_of
from nwb_autolfads.results.inside import look_inside
from nwb_autolfads.results.versions.version import check_name, check_taken_name, write_version


def write_bursts(
    bursts: xr.Dataset, file: str | os.PathLike[str], *, name: str = "muscle_bursts", overwrite: bool = False
) -> Path:
    """Write bursts into an NWB file, as `TimeIntervals` in ``processing/behavior``.

    Parameters
    ----------
    bursts : Dataset, (burst,)
        From `nwb_autolfads.find_onsets`.
    file : path
        The NWB file, mostly that with the estimate. It is replaced as a whole: it is the old one or the new one.
    name : str
        Name of the table.
    overwrite : bool
        Replace an earlier table of the same name.

    Returns
    -------
    Path
        ``file``.

    Raises
    ------
    OutputError
        If these are no bursts or there is none, the place cannot take the file, or the name is taken or unfit.
    """
    needed = {"onset", "offset", "peak", "muscle"}
    if not isinstance(bursts, xr.Dataset) or not needed <= set(bursts.variables) or not bursts.sizes.get("burst"):
        raise OutputError("there are no bursts to write", way_out="Give what nal.find_onsets found", obj="bursts")
    path = path_of(file, OutputError).resolve()  # a link must not be replaced by a file
    check_name(name, path)
    taken = check_taken_name(look_inside(path), name, "TimeIntervals", overwrite=overwrite)
    ordered = bursts.isel(burst=np.argsort(bursts["onset"].values, kind="stable"))
    write_version(
        path,
        path,
        {name: lambda module: _table(ordered, name)},
        n_bytes=4 * bursts.nbytes,
        replaces=taken,
        in_place=True,
    )
    return path


def _table(bursts: xr.Dataset, name: str) -> Any:
    table = TimeIntervals(name=name, description=f"When muscles were active: {bursts.attrs.get('config', '')}")
    table.add_column("muscle", "Short name of the muscle.")
    table.add_column("peak", "Highest activation of the burst (a.u.).")
    columns = [bursts[each].values for each in ("onset", "offset", "muscle", "peak")]
    for onset, offset, muscle, peak in zip(*columns, strict=True):
        table.add_row(start_time=float(onset), stop_time=float(offset), muscle=str(muscle), peak=float(peak))
    return table
