"""Scores of estimates, as an xarray Dataset -> a table in the file with one row per score, and back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from hdmf.common import VectorData
from ndx_muscle_activation import ActivationComparisonTable, ActivationEstimate

from nwb_autolfads.errors import OutputError
from nwb_autolfads.results.build import SOFTWARE
from nwb_autolfads.results.inside import look_inside
from nwb_autolfads.results.read import choose, objects_in
from nwb_autolfads.results.versions.version import check_name, check_taken_name, write_version

# dimension: what stands in the row of a score that does not depend on it
_LEFT_OPEN: dict[str, Any] = {"estimator": "", "muscle": "", "target": "", "fold": -1, "lag": np.nan}
_NUMBER_SUFFIX = "_n"

_COLUMNS = {
    "estimator": "Name of the estimate that was scored.",
    "score_name": "What was computed.",
    "score": "The value; NaN where it could not be computed.",
    "unit": "Unit of the value; '' where it has none.",
    "n": "Number of samples behind the score; -1 where it is not known.",
    "muscle": "The muscle that was scored; '' where all were scored together.",
    "target": "What the muscle was compared with; '' where there is only one thing.",
    "fold": "Number of the part that was held out, from 0; -1 where the score is of all parts.",
    "lag": "Delay (s) of the estimate behind the target; NaN where it was not moved.",
}


def write_comparison(
    comparison: xr.Dataset,
    file: str | os.PathLike[str],
    *,
    name: str = "comparison",
    description: str = "Scores of estimates of muscle activation.",
    overwrite: bool = False,
) -> Path:
    """Write scores of estimates into the file that holds the estimates.

    Parameters
    ----------
    comparison : Dataset
        One variable per score, over ``estimator`` and any of ``muscle``, ``target``, ``fold`` and ``lag`` (s), each
        with its coordinate; ``units`` in the attrs of a score that has one. ``<score>_n`` is the number of samples
        behind each value of a score. Attr ``config`` (JSON): settings of the comparison.
    file : path
        The NWB file. It is replaced as a whole: it is the old one or the new one.
    name : str
        Name of the table in ``processing/behavior``.
    description : str
        What was compared with what, in words.
    overwrite : bool
        Replace an earlier comparison of the same name.

    Returns
    -------
    Path
        ``file``.

    Raises
    ------
    OutputError
        If a score has other dimensions, the place cannot take the file, or the name is taken or unfit.
    """
    return write_comparisons({name: comparison.assign_attrs(description=description)}, file, overwrite=overwrite)


def write_comparisons(
    comparisons: Mapping[str, xr.Dataset], file: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write several comparisons into a file at once: all of them, or none.

    Parameters
    ----------
    comparisons : mapping of str to Dataset
        As for `write_comparison`, by the names of their tables; attr ``description``.
    file : path
        The NWB file that holds the estimates.
    overwrite : bool
        Replace earlier comparisons of the same names.

    Returns
    -------
    Path
        ``file``.

    Raises
    ------
    OutputError
        As `write_comparison`.
    """
    path = Path(file).resolve()  # a link must not be replaced by a file
    columns = {name: _columns(comparison) for name, comparison in comparisons.items()}
    for name in comparisons:
        check_name(name, path)
    facts = look_inside(path)
    taken = [check_taken_name(facts, name, "ActivationComparisonTable", overwrite=overwrite) for name in comparisons]
    write_version(
        path,
        path,
        {name: partial(_build, name, comparison, columns[name]) for name, comparison in comparisons.items()},
        n_bytes=sum(100 * len(each["score"]) * len(each) for each in columns.values()),
        replaces=any(taken),
        in_place=True,
    )
    return path


def _build(name: str, comparison: xr.Dataset, columns: Mapping[str, Any], module: Any) -> ActivationComparisonTable:
    config = comparison.attrs.get("config")
    scored = [module.data_interfaces.get(estimator) for estimator in columns["estimator"]]
    in_file = [VectorData(name=key, description=_COLUMNS[key], data=values) for key, values in columns.items()]
    if all(isinstance(each, ActivationEstimate) for each in scored):
        in_file.append(VectorData(name="estimate", description="The estimate that was scored.", data=scored))
    return ActivationComparisonTable(
        name=name,
        description=str(comparison.attrs["description"]),
        columns=in_file,
        software=SOFTWARE,
        software_version=str(comparison.attrs.get("version", version("nwb-autolfads"))),
        configuration=None if config is None else str(config),
    )


def read_comparison(path: str | os.PathLike[str], name: str | None = None) -> xr.Dataset:
    """Read scores as they were written.

    Parameters
    ----------
    path : path
        An NWB file that `write_comparison` wrote into.
    name : str, optional
        Name of the comparison; needed where there are several.

    Returns
    -------
    Dataset
        See `write_comparison`.

    Raises
    ------
    SourceError
        If the file cannot be read as NWB, or it is not clear which comparison is meant.
    """
    with objects_in(path, ActivationComparisonTable) as found:
        return found[choose(path, sorted(found), name, "comparison")].to_xarray()


def _columns(comparison: xr.Dataset) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for key, score in comparison.data_vars.items():
        if not _is_number(comparison, str(key)):
            number = comparison.get(f"{key}{_NUMBER_SUFFIX}")
            rows.extend(_rows(str(key), score, number))
    if not rows:
        raise OutputError("the comparison has no score", way_out="Compare at least one estimate.", obj="comparison")
    used = [key for key in _COLUMNS if key in ("estimator", "score_name", "score") or _is_used(rows, key)]
    return {key: _as_column([row[key] for row in rows]) for key in used}


def _is_number(comparison: xr.Dataset, key: str) -> bool:
    return key.endswith(_NUMBER_SUFFIX) and key.removesuffix(_NUMBER_SUFFIX) in comparison


def _rows(name: str, score: xr.DataArray, number: xr.DataArray | None) -> Iterator[dict[str, Any]]:
    unknown = [str(dim) for dim in score.dims if dim not in _LEFT_OPEN or dim not in score.coords]
    if unknown or "estimator" not in score.dims:
        raise OutputError(
            f"score '{name}' has dimensions {score.dims}, for which there is no place in the table",
            way_out=f"It must have 'estimator' and may have others of {list(_LEFT_OPEN)}, each with its coordinate.",
            obj="comparison",
        )
    counts = np.full(score.shape, -1) if number is None else number.transpose(*score.dims).fillna(-1).values
    for index in np.ndindex(score.shape):
        place = {str(dim): score[dim].values[i] for dim, i in zip(score.dims, index, strict=True)}
        yield {
            **_LEFT_OPEN,
            **place,
            "score_name": name,
            "score": float(score.values[index]),
            "unit": str(score.attrs.get("units", "")),
            "n": int(counts[index]),
        }


def _is_used(rows: list[dict[str, Any]], key: str) -> bool:
    left_open = {**_LEFT_OPEN, "unit": "", "n": -1}[key]
    return (
        any(row[key] != left_open for row in rows)
        if left_open == left_open
        else any(row[key] == row[key] for row in rows)
    )


def _as_column(values: list[Any]) -> Any:
    if isinstance(values[0], str):
        return [str(value) for value in values]
    return np.asarray(values, dtype=np.int64 if isinstance(values[0], int | np.integer) else np.float64)
