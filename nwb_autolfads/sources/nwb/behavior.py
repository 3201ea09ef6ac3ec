"""Behaviour in an NWB file: angles, positions, forces."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import xarray as xr
from pynwb import NWBFile, TimeSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.names import names_of_columns, repeated
from nwb_autolfads.sources.nwb.arrays import load_numbers
from nwb_autolfads.sources.nwb.candidates import EMG_SCORE, describe, shape_of, walk_series
from nwb_autolfads.sources.nwb.timebase import read_time_base
from nwb_autolfads.sources.opening.nwb import OpenedFile, reading_nwb

MOST_SAMPLES = 200_000_000
"""Of one series; more would not fit into the memory of a laptop."""

_FORCE_UNITS = frozenset({"N", "mN", "kN", "uN", "µN", "Nm", "mNm", "N m", "N*m", "N·m"})
_FORCE = re.compile(r"(?<![ei]n)force|torque|\bgrf\b", re.IGNORECASE)  # neither enforce nor reinforcement


def read_behavior(source: str | Path | NWBFile, paths: Sequence[str] | None = None) -> list[xr.DataArray]:
    """Read behavioural series.

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        An NWB file, or one that is open already.
    paths : sequence of str, optional
        Where the series are, such as ``processing/behavior/BehavioralTimeSeries/joint_angles``, or patterns. By
        default every numeric series in ``processing/behavior`` that is not EMG.

    Returns
    -------
    list of DataArray, (time, column)
        In the unit of the file. Coordinates ``time`` (s, session clock), ``segment`` (along time, gap-free stretches)
        and ``column``. Named by the path; attrs ``rate`` (Hz) and ``unit`` and, where series that nobody named could
        not be used, ``unusable``: why, by their paths.

    Raises
    ------
    SourceError
        If the file cannot be opened, a path names nothing, nothing is there, or the timing of a series that was asked
        for cannot be used.
    """
    with reading_nwb(source) as opened:
        return _read_all(opened, "behavioural series", "--behavior", paths, lambda path, series: True)


def read_forces(source: str | Path | NWBFile, paths: Sequence[str] | None = None) -> list[xr.DataArray]:
    """Read forces and torques.

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        An NWB file, or one that is open already.
    paths : sequence of str, optional
        As for `read_behavior`. By default the series that it reads by default of which the name or the unit says that
        they are a force or a torque.

    Returns
    -------
    list of DataArray, (time, column)
        See `read_behavior`.

    Raises
    ------
    SourceError
        As `read_behavior`.
    """
    with reading_nwb(source) as opened:
        return _read_all(opened, "series that is a force by its name or unit", "--force", paths, _is_force)


def behavioral_series(nwbfile: NWBFile) -> list[tuple[str, TimeSeries]]:
    """Return every numeric series in ``processing/behavior`` that is not EMG, with its path; nothing is read."""
    return [
        (path, each)
        for path, each in walk_series(nwbfile)
        if path.startswith("processing/behavior/")
        and shape_of(each) is not None
        and describe(path, [each]).score < EMG_SCORE
    ]


def _read_all(
    opened: OpenedFile,
    what: str,
    option: str,
    paths: Sequence[str] | None,
    fits: Callable[[str, TimeSeries], bool],
) -> list[xr.DataArray]:
    """Read what the paths name; without any, the behaviour that fits."""
    series = [(path, each) for path, each in walk_series(opened.nwbfile) if shape_of(each) is not None]
    if paths is None:
        chosen = [(path, each) for path, each in behavioral_series(opened.nwbfile) if fits(path, each)]
    else:
        chosen = [pair for pattern in paths for pair in _matching(series, pattern, opened.name)]
    if not chosen:
        raise SourceError(
            f"holds no {what}",
            file=opened.name,
            obj="processing/behavior",
            way_out=f"Name one with {option} PATH; nwb-autolfads inspect FILE lists what is there",
        )
    found: list[xr.DataArray] = []
    unusable: dict[str, str] = {}
    for path, each in chosen:
        try:
            found.append(_read(path, each, opened.name))
        except SourceError as error:
            if paths is not None or len(unusable) == len(chosen) - 1:
                raise
            unusable[path] = error.problem
    return [each.assign_attrs(unusable=unusable) for each in found] if unusable else found


def _is_force(path: str, series: TimeSeries) -> bool:
    unit = str(series.unit).strip()
    return unit in _FORCE_UNITS or "newton" in unit.lower() or _FORCE.search(path.rpartition("/")[2]) is not None


def _matching(series: list[tuple[str, TimeSeries]], pattern: str, file: str) -> list[tuple[str, TimeSeries]]:
    wanted = pattern.strip().strip("/")
    found = [pair for pair in series if fnmatchcase(pair[0], wanted) or pair[0].startswith(wanted + "/")]
    if not found:
        raise SourceError(
            "there is no such series of numbers",
            file=file,
            obj=pattern,
            way_out="See `nwb-autolfads inspect FILE` for what is there",
        )
    return found


def _read(path: str, series: TimeSeries, file: str) -> xr.DataArray:
    n_samples, n_columns = shape_of(series) or (0, 0)
    if n_samples * n_columns > MOST_SAMPLES:
        raise SourceError(
            f"has {n_samples} x {n_columns} values, more than {MOST_SAMPLES}",
            file=file,
            obj=path,
            way_out="Choose another series with --behavior PATH",
        )
    base = read_time_base(series, n_samples, file=file, obj=path)
    values = load_numbers(series.data, file=file, obj=path).reshape(n_samples, n_columns)
    values = values * float(series.conversion or 1.0) + float(series.offset or 0.0)
    names = names_of_columns(series, n_columns)[0]
    if len(names) != n_columns or repeated(names):
        names = [series.name] if n_columns == 1 else [f"{series.name} {index}" for index in range(n_columns)]
    return xr.DataArray(
        values,
        dims=("time", "column"),
        coords={"time": base.segments.times, "column": names, "segment": ("time", base.segments.numbers)},
        name=path,
        attrs={"rate": base.rate, "unit": str(series.unit)},
    )
