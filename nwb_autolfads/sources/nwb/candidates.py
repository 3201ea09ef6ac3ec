"""What in an NWB file could be EMG: every series, grouped and scored with reasons a user can read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from hdmf.container import AbstractContainer
from pynwb import NWBFile, TimeSeries
from pynwb.behavior import SpatialSeries
from pynwb.core import NWBContainer
from pynwb.ecephys import ElectricalSeries
from pynwb.image import ImageSeries
from pynwb.misc import AnnotationSeries, IntervalSeries

from nwb_autolfads.sources.names import (
    is_muscle,
    names_of_series,
    normalise_unit,
    pattern_of_series,
)
from nwb_autolfads.sources.nwb.arrays import plain_array
from nwb_autolfads.sources.nwb.columns import EMG, Columns, Muscles, muscles_of
from nwb_autolfads.sources.nwb.timebase import glance_rate

MOST_MUSCLES = 128  # more columns than this are a probe, not muscles
EMG_SCORE = 4  # from this score on a series is taken for EMG: its name alone is enough
CLEAR_LEAD = 2  # the best candidate must lead the next by this much

_NEVER_EMG = (ImageSeries, SpatialSeries, AnnotationSeries, IntervalSeries)
OWN_NAMESPACE = "ndx-muscle-activation"  # results written earlier are not recordings


@dataclass(frozen=True)
class Candidate:
    """Something in a file that could be EMG.

    Attributes
    ----------
    path : str
        What ``--emg`` takes: the path of a series or container, or a pattern that matches several 1-D series.
    kind : str
        How it is stored, in words.
    shape : tuple of int
        Samples, muscles.
    rate : float or None
        Hz, from the rate or the first timestamps; None where there is neither.
    unit : str
        After conversion.
    muscles : tuple of str
        Names as the file gives them; empty where it gives none.
    named_by : str
        What gave the names.
    score : int
        The higher, the more likely EMG; from `EMG_SCORE` on it is taken for EMG.
    reasons : tuple of str
        What raised (+) or lowered (-) the score.
    series : tuple of TimeSeries
        One, or several of one column each.
    columns : sequence of tuple of int
        Which columns each muscle is; see `nwb_autolfads.sources.nwb.columns`. Of several series, which of them.
    notes : tuple of str
        What of the series was left out, or subtracted.
    """

    path: str
    kind: str
    shape: tuple[int, int]
    rate: float | None
    unit: str
    muscles: tuple[str, ...]
    named_by: str
    score: int
    reasons: tuple[str, ...]
    series: tuple[TimeSeries, ...] = field(repr=False)
    columns: Columns = field(repr=False, default=())
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        rate = f"{self.rate:g} Hz" if self.rate else "no rate"
        size = " x ".join(str(length) for length in self.shape)
        return f"{self.path} ({size}, {self.unit}, {rate}): score {self.score} ({', '.join(self.reasons) or 'nothing'})"


def walk_series(nwbfile: NWBFile) -> list[tuple[str, TimeSeries]]:
    """Return every time series in acquisition, processing, analysis and scratch with its path, in file order."""
    found: list[tuple[str, TimeSeries]] = []

    def descend(path: str, container: AbstractContainer) -> None:
        if getattr(container, "namespace", "") == OWN_NAMESPACE:
            return
        if isinstance(container, TimeSeries):
            found.append((path, container))
        elif isinstance(container, NWBContainer):
            for child in container.children:
                descend(f"{path}/{child.name}", child)

    for place in ("acquisition", "processing", "analysis", "scratch"):
        for name, container in getattr(nwbfile, place).items():
            descend(f"{place}/{name}", container)
    return found


def find_emg(nwbfile: NWBFile) -> list[Candidate]:
    """Return what could be EMG in a file, best first.

    Series that say they are something else (a unit of angle, a behavioural type) are left out, unless named EMG.
    """
    groups: dict[str, list[tuple[str, TimeSeries]]] = {}
    candidates = []
    for path, series in walk_series(nwbfile):
        shape = shape_of(series)
        if shape is None or isinstance(series, _NEVER_EMG) or "mask" in series.name.lower():
            continue
        if shape[1] == 1:
            groups.setdefault(path.rpartition("/")[0], []).append((path, series))
        else:
            candidates.append(describe(path, [series]))
    for parent, members in groups.items():
        if not _is_container(parent) or not EMG.search(parent):
            # What does not belong together by its container belongs together by its names.
            named = [pair for pair in members if EMG.search(pair[1].name)]
            members = named or [pair for pair in members if is_muscle(pair[1].name)]
        if members:
            candidates.append(describe(_group_path(parent, members, groups), [series for _, series in members]))
    worth_showing = [each for each in candidates if each.score > 0 or EMG.search(each.path)]
    return sorted(worth_showing, key=lambda each: -each.score)


def resolve(nwbfile: NWBFile, path: str) -> Candidate | None:
    """Return what a path, a container, a pattern or a comma-separated list of them names; None if it names nothing.

    Raises
    ------
    ValueError
        If it names several series which do not belong together; the message says which.
    """
    everything = walk_series(nwbfile)
    patterns = [part.strip().strip("/") for part in path.split(",")]
    chosen: dict[str, TimeSeries] = {}
    for pattern in patterns:
        inside = [pair for pair in everything if pair[0].startswith(pattern + "/")]
        exact = [pair for pair in everything if pair[0] == pattern]
        matching = [pair for pair in everything if fnmatchcase(pair[0], pattern)]
        chosen.update(exact or [pair for pair in inside if "mask" not in pair[1].name.lower()] or matching)
    shapes = {name: shape_of(series) for name, series in chosen.items()}
    chosen = {name: series for name, series in chosen.items() if shapes[name] is not None}
    if not chosen:
        return None
    if len(chosen) > 1 and any(shape != (0, 1) and shape is not None and shape[1] != 1 for shape in shapes.values()):
        raise ValueError(f"names {len(chosen)} series, not all of them 1-D: {', '.join(chosen)}")
    return describe(next(iter(chosen)) if len(chosen) == 1 else ",".join(patterns), list(chosen.values()))


def describe(path: str, series: list[TimeSeries]) -> Candidate:
    """Describe and score one series, or several 1-D series that are one recording."""
    first = series[0]
    n_samples, n_columns = shape_of(first) or (0, 0)
    if len(series) > 1:
        names = names_of_series([each.name for each in series])
        muscles = Muscles(tuple(names), "the names of the series", [(at,) for at in range(len(series))])
        kind = f"{len(series)} one-dimensional series"
    else:
        muscles = muscles_of(first, n_columns)
        kind = f"{n_columns} column(s) of one {type(first).__name__}"
    shape = (n_samples, len(muscles.columns))
    rate, unit = glance_rate(first), normalise_unit(first.unit)
    points = _points(path, series, shape, rate, unit, muscles)
    return Candidate(
        path=path,
        kind=kind,
        shape=shape,
        rate=rate,
        unit=unit,
        muscles=muscles.names,
        named_by=muscles.named_by,
        score=sum(value for value, _ in points),
        reasons=tuple(f"{value:+d} {reason}" for value, reason in points),
        series=tuple(series),
        columns=muscles.columns,
        notes=muscles.notes,
    )


def shape_of(series: TimeSeries) -> tuple[int, int] | None:
    """Return (samples, columns) of numeric 1-D or 2-D data; None for anything else."""
    data = array_of(series)
    shape, dtype = getattr(data, "shape", None), getattr(data, "dtype", None)
    if shape is None and isinstance(data, list | tuple):
        shape, dtype = np.shape(data), np.asarray(data[:1]).dtype
    if not shape or len(shape) > 2 or getattr(dtype, "kind", "O") not in "iuf":
        return None
    return (int(shape[0]), int(shape[1]) if len(shape) == 2 else 1)


def array_of(series: TimeSeries) -> Any:
    """Return what holds the samples: a data set in the file, or the array that is to be written."""
    return plain_array(series.data)


def _points(
    path: str, series: list[TimeSeries], shape: tuple[int, int], rate: float | None, unit: str, found: Muscles
) -> list[tuple[int, str]]:
    first = series[0]
    words = f"{first.description or ''} {first.comments or ''}"
    points = []
    if EMG.search(path) or any(EMG.search(each.name) for each in series):
        points.append((4, "named EMG"))
    elif found.emg:
        points.append((4, "electrodes or channels of EMG"))
    if EMG.search(words) or re.search(r"\bmuscle", words, re.IGNORECASE):
        points.append((2, "described as EMG or muscles"))
    muscles = sum(is_muscle(name) for name in found.names)
    if muscles and 2 * muscles >= len(found.names):
        points.append((2, f"{muscles} of {len(found.names)} names are muscles"))
    if isinstance(first, ElectricalSeries) and not points:
        points.append((-2, "electrical series without a word on muscles"))
    if unit in ("V", "mV", "uV"):
        points.append((1, f"unit {unit}"))
    elif unit != "a.u.":
        points.append((-4, f"unit {unit} is not one of EMG"))
    if shape[1] > MOST_MUSCLES:
        probe = shape[0] > shape[1]
        points.append((-9, f"{shape[1]} columns: looks like {'a probe' if probe else 'columns x time, transposed'}"))
    elif shape[1] >= 2:
        points.append((1, f"{shape[1]} columns"))
    if rate is not None and rate >= 500:
        points.append((1, f"{rate:g} Hz"))
    if path.startswith("acquisition/"):
        points.append((1, "in acquisition"))
    elif path.startswith("scratch/"):
        points.append((-3, "in scratch, where no recording belongs"))
    return points


def _is_container(parent: str) -> bool:
    """Whether a parent path is a container of series rather than acquisition or a processing module itself."""
    return parent.count("/") >= (2 if parent.startswith("processing/") else 1)


def _group_path(
    parent: str, members: list[tuple[str, TimeSeries]], groups: dict[str, list[tuple[str, TimeSeries]]]
) -> str:
    names = [series.name for _, series in members]
    if len(members) == 1:
        return members[0][0]
    if _is_container(parent) and len(members) == len(groups[parent]):
        return parent
    pattern = f"{parent}/{pattern_of_series(names)}"
    matched = [path for path, _ in groups[parent] if fnmatchcase(path, pattern)]
    return pattern if len(matched) == len(members) else ",".join(path for path, _ in members)
