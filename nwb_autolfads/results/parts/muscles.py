"""What is known of each muscle, as a table: names, places, electrodes, scale and quality."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from hdmf.common import DynamicTableRegion, VectorData, VectorIndex
from ndx_muscle_activation import MusclesTable
from pynwb import NWBFile

from nwb_autolfads.results.parts.recording import series_in

_COLUMNS = {
    "full_name": "Anatomical name of the muscle; '' where it is not known.",
    "side": "Side of the body: 'left', 'right', or '' where it is not known.",
    "placement": "Where on or in the muscle the electrodes are; '' where it is not known.",
    "source_channel": "Channel of the recording in which the muscle was found.",
    "scale": "Activation multiplied by this number is in the unit of the recording.",
    "inferred": "Whether the muscle was not recorded, and its activation is inferred from muscles that were.",
    "usable": "Whether the recording of the muscle passed quality control; otherwise its activation is NaN.",
}


def build_muscles_table(estimate: xr.Dataset, name: str, nwbfile: NWBFile) -> MusclesTable:
    """Return what is known of each muscle as a table.

    Parameters
    ----------
    estimate : Dataset
    name : str
        Name of the table in the file.
    nwbfile : NWBFile
        The file it goes into. Electrodes and series are taken into the table where they are in this file.

    Returns
    -------
    MusclesTable
        One row per column of ``activation``; every coordinate along ``muscle`` becomes a column.
    """
    columns = [VectorData(name="muscle_name", description="Short name of the muscle.", data=text(estimate["muscle"]))]
    if "unit" in estimate.attrs:
        unit = [str(estimate.attrs["unit"])] * estimate.sizes["muscle"]
        columns.append(VectorData(name="unit", description="Unit of the recording.", data=unit))
    for key, coord in estimate.coords.items():
        if coord.dims != ("muscle",) or key == "muscle":
            continue
        if key == "electrodes":
            columns += _electrodes(text(coord), nwbfile)
        elif key == "source_series":
            columns += _source_series(text(coord), nwbfile)
        else:
            description = _COLUMNS.get(str(key), f"Quality of the recording: {key}.")
            columns.append(VectorData(name=str(key), description=description, data=as_column(coord)))
    return MusclesTable(name=name, description="Muscles whose EMG was recorded, one row each.", columns=columns)


def _electrodes(rows: list[str], nwbfile: NWBFile) -> list[VectorData]:
    """Return the column of electrodes and its index; nothing where the file has no such electrodes."""
    of_muscles = [[int(row) for row in each.split()] for each in rows]
    flat = [row for each in of_muscles for row in each]
    table = nwbfile.electrodes
    if table is None or not flat or max(flat) >= len(table):
        return []
    description = "The electrodes of the muscle: rows of the table of electrodes."
    region = DynamicTableRegion(name="electrodes", description=description, data=flat, table=table)
    ends = np.cumsum([len(each) for each in of_muscles])
    return [VectorIndex(name="electrodes_index", target=region, data=ends.astype(np.uint32)), region]


def _source_series(ids: list[str], nwbfile: NWBFile) -> list[VectorData]:
    series = [series_in(nwbfile, each) for each in ids]
    if None in series:
        return []
    return [VectorData(name="source_series", description="The series of the muscle's recording.", data=series)]


def text(coord: xr.DataArray) -> list[str]:
    """Return the values of a coordinate as text."""
    return [str(value) for value in coord.values]


def as_column(coord: xr.DataArray) -> Any:
    """Return the values of a coordinate as hdmf takes them."""
    return text(coord) if coord.dtype.kind in "OUS" else coord.values
