"""The formats in which scores leave: tables in the file, one long table, netCDF."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr

from nwb_autolfads.errors import OutputError, SourceError
from nwb_autolfads.results.comparison import write_comparisons
from nwb_autolfads.results.outputs import check_new_file, write_bytes, write_text

PARTS = ("cortex", "behavior", "response", "force")
"""What estimates are compared with, each a Dataset of its own."""

_IN_THE_FILE = ("estimator", "muscle", "target", "fold", "lag")
_DESCRIPTIONS = {
    "cortex": "How well estimates of muscle activation go with motor cortex, in time held out from the fit.",
    "behavior": "How well estimates of muscle activation predict behaviour, in time held out from the fit.",
    "force": "Coherence of estimates of muscle activation with force: its peak, and up to where it is above chance.",
}
"""Of the tables that are written; the response has only spectra, for which a table has no place."""


def write_tables(parts: Mapping[str, xr.Dataset], file: str | PathLike[str], *, overwrite: bool = False) -> list[str]:
    """Write the scores with cortex, behaviour and force into the file of the estimates; return what was written.

    What has no place in a table (single units, shuffles, tests between pairs, spectra) is left to the other formats.

    Raises
    ------
    SourceError
        If there is none of them.
    """
    scored = {f"{name}_comparison": _fitting(name, part) for name, part in parts.items() if name in _DESCRIPTIONS}
    if not scored:
        raise SourceError(
            "neither cortex nor behaviour could be compared, so there is no score to write",
            way_out="Leave out --write",
            file=str(file),
        )
    write_comparisons(scored, file, overwrite=overwrite)
    return [f"processing/behavior/{name}" for name in scored]


def _fitting(name: str, scores: xr.Dataset) -> xr.Dataset:
    names = [key for key, score in scores.data_vars.items() if "estimator" in score.dims]
    names = [key for key in names if set(scores[key].dims) <= set(_IN_THE_FILE)]
    return scores[names].assign_attrs(description=_DESCRIPTIONS[name])


def check_outputs(csv: Path | None, netcdf: Path | None, *, overwrite: bool) -> None:
    """Refuse, before anything is computed, to write where something stands already.

    Raises
    ------
    OutputError
        If a file exists already, or its place cannot take it.
    """
    files = [] if csv is None else [csv]
    if netcdf is not None and netcdf.is_dir():
        files += [netcdf / f"{name}.nc" for name in PARTS]
    for file in files:
        check_new_file(file, 0, may_exist=overwrite)


def score_rows(scores: xr.Dataset) -> Iterator[dict[str, Any]]:
    """Yield all scores in long form: one row per value, with its name and whatever it depends on."""
    for name, score in scores.data_vars.items():
        along = [_places(scores, str(dim)) for dim in score.dims]
        for places, value in zip(itertools.product(*along), score.values.ravel().tolist(), strict=True):
            yield {"score": str(name), **{key: at for place in places for key, at in place.items()}, "value": value}


def _places(scores: xr.Dataset, dim: str) -> list[dict[str, Any]]:
    """Return what to call each place along a dimension: its coordinate, or the two estimators of a pair."""
    keys = ("first", "second") if dim == "pair" else (dim,)
    return [dict(zip(keys, at, strict=True)) for at in zip(*(scores[key].values.tolist() for key in keys), strict=True)]


def write_csv(parts: Mapping[str, xr.Dataset], file: Path, *, overwrite: bool = False) -> Path:
    """Write comparisons as one table in long form, the first column what was compared with.

    Raises
    ------
    OutputError
        If the file exists already, or cannot be written.
    """
    check_new_file(file, 0, may_exist=overwrite)
    rows = [{"compared_with": part, **row} for part, scores in parts.items() for row in score_rows(scores)]
    columns = dict.fromkeys(key for row in rows for key in row if key != "value")
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, "value"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(file, text.getvalue())
    return file


def write_netcdf(parts: Mapping[str, xr.Dataset], folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write each comparison as a netCDF file of its own into a folder, which is made if it is missing.

    Raises
    ------
    OutputError
        If a file exists already, or cannot be written.
    """
    files = {name: folder / f"{name}.nc" for name in parts}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder cannot be made: {error.strerror}", way_out="Choose another folder", file=str(folder)
        ) from error
    for file in files.values():
        check_new_file(file, 0, may_exist=overwrite)
    for name, file in files.items():
        write_bytes(file, bytes(parts[name].to_netcdf(engine="scipy")))
    return list(files.values())
