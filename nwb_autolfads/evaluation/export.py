"""The formats in which scores leave: tables in the NWB file, one long table, netCDF."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr

from nwb_autolfads.errors import SourceError
from nwb_autolfads.evaluation import registry
from nwb_autolfads.evaluation.score import Score
from nwb_autolfads.files import places
from nwb_autolfads.files.atomic import write_bytes, write_text
from nwb_autolfads.results.comparison import write_comparisons
from nwb_autolfads.results.neighbours import files_behind

_IN_THE_FILE = ("estimator", "muscle", "target", "fold", "lag")
"""Dimensions for which a table in an NWB file has columns."""


def write_tables(scores: Mapping[str, xr.Dataset], file: str | PathLike[str], *, overwrite: bool = False) -> list[str]:
    """Write the scores that have a table into the file of the estimates; return what was written.

    What has no place in a table (single units, shuffles, tests between pairs, spectra) is left to the other formats.

    Raises
    ------
    SourceError
        If there is none of them.
    """
    scored = {
        f"{score.key}_comparison": _fitting(score, scores[score.key])
        for score in registry.SCORES
        if score.description and score.key in scores
    }
    if not scored:
        raise SourceError(
            "neither EMG, cortex nor behaviour could be compared, so there is no score to write",
            way_out="Leave out --write",
            file=str(file),
        )
    write_comparisons(scored, file, overwrite=overwrite)
    return [f"processing/behavior/{name}" for name in scored]


def _fitting(score: Score, scores: xr.Dataset) -> xr.Dataset:
    names = [key for key, values in scores.data_vars.items() if "estimator" in values.dims]
    names = [key for key in names if set(scores[key].dims) <= set(_IN_THE_FILE)]
    return scores[names].assign_attrs(description=score.description)


def check_outputs(
    source: Path,
    csv: Path | None,
    netcdf: Path | None,
    *,
    write: bool = False,
    overwrite: bool = False,
    read: Sequence[Path] = (),
) -> None:
    """Refuse, before anything is computed, to write over what is read, or where something stands already.

    Parameters
    ----------
    source : Path
        The file with the estimates.
    csv, netcdf : Path or None
        As `write_csv` and `write_netcdf` will be given them.
    write : bool
        Whether `write_tables` will add to ``source``.
    overwrite : bool
        Whether an existing file is replaced.
    read : sequence of Path
        What else is read, such as settings.

    Raises
    ------
    OutputError
        If a file exists already, or its place cannot take it.
    """
    files = [] if csv is None else [csv]
    if netcdf is not None and netcdf.is_dir():
        files += [netcdf / f"{score.key}.nc" for score in registry.SCORES]
    elif netcdf is not None:
        places.require_replaceable(netcdf, may_exist=False)
    outputs = [places.Output(file, overwrite) for file in files]
    if write and source.is_file():
        outputs.append(places.Output(source.resolve(), in_place=True))
    places.check_outputs(outputs, [*files_behind(source), *read])


def score_rows(scores: xr.Dataset) -> Iterator[dict[str, Any]]:
    """Yield all scores in long form: one row per value, with its name and whatever it depends on."""
    for name, score in scores.data_vars.items():
        along = [_places(scores, str(dim)) for dim in score.dims]
        for position, value in zip(itertools.product(*along), score.values.ravel().tolist(), strict=True):
            yield {"score": str(name), **{key: at for place in position for key, at in place.items()}, "value": value}


def _places(scores: xr.Dataset, dim: str) -> list[dict[str, Any]]:
    """Return what to call each place along a dimension: its coordinate, or the two estimators of a pair."""
    keys = ("first", "second") if dim == "pair" else (dim,)
    return [dict(zip(keys, at, strict=True)) for at in zip(*(scores[key].values.tolist() for key in keys), strict=True)]


def write_csv(scores: Mapping[str, xr.Dataset], file: Path, *, overwrite: bool = False) -> Path:
    """Write comparisons as one table in long form, the first column what was compared with.

    Raises
    ------
    OutputError
        If the file exists already, or cannot be written.
    """
    rows = [{"compared_with": key, **row} for key, each in scores.items() for row in score_rows(each)]
    columns = dict.fromkeys(key for row in rows for key in row if key != "value")
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, "value"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(file, text.getvalue(), may_exist=overwrite)
    return file


def write_netcdf(scores: Mapping[str, xr.Dataset], folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write each comparison as a netCDF file of its own into a folder, which is made if it is missing.

    Raises
    ------
    OutputError
        If a file exists already, or cannot be written.
    """
    files = {key: folder / f"{key}.nc" for key in scores}
    places.make_folder(folder)
    places.check_outputs([places.Output(file, overwrite) for file in files.values()])
    for key, file in files.items():
        write_bytes(file, bytes(scores[key].to_netcdf(engine="scipy")), may_exist=overwrite)
    return list(files.values())
