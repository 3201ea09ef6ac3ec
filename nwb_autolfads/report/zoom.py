"""EMG and estimates as lines that can be zoomed by hand: SVG in the page, moved by a few lines of script of its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import xarray as xr

from nwb_autolfads.palette import EMG_GREY, display_unit
from nwb_autolfads.report.colours import colours_of_estimates
from nwb_autolfads.segments import Segments

MOST_POINTS = 80_000  # of all lines together: under a megabyte of text
HEIGHT = 1000


@dataclass(frozen=True)
class Line:
    """A line: colour, name, and its points as an SVG path."""

    colour: str
    label: str
    path: str


@dataclass(frozen=True)
class Zoom:
    """An excerpt of all muscles: its start and stop (s), number of bins, and per muscle its top (unit) and lines."""

    start: float
    stop: float
    n_bins: int
    rows: tuple[tuple[str, str, tuple[Line, ...]], ...]


def zoom_lines(
    estimates: Mapping[str, xr.Dataset],
    emg: xr.DataArray | None,
    middle: float,
    colours: Mapping[str, str] | None = None,
) -> Zoom:
    """Return the lines of an excerpt around a time, as long as a page of limited size can hold.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        ``activation`` ``(time, muscle)`` by the name of its estimate.
    emg : DataArray, (time, muscle), optional
        Rectified EMG at the same times.
    middle : float
        Around which time (s).
    colours : mapping of str to str, optional
        Of the estimates; by default one for each estimator.
    """
    first = next(iter(estimates.values()))
    clocks = [each["time"].values for each in (*estimates.values(), *([] if emg is None else [emg]))]
    time = max(clocks, key=len)  # estimates of trials have less of it than those of the whole recording
    step = float(np.median(np.diff(time)))
    muscles = [str(name) for name in first["muscle"].values if np.isfinite(first["activation"].sel(muscle=name)).any()]
    n_lines = max(1, len(muscles)) * (len(estimates) + (emg is not None))
    n_bins = min(len(time), max(2, MOST_POINTS // n_lines))
    begin = int(np.clip(np.searchsorted(time, middle) - n_bins // 2, 0, len(time) - n_bins))
    shown = slice(float(time[begin]), float(time[begin + n_bins - 1]))
    n_bins = 1 + round((shown.stop - shown.start) / step)
    factor, unit = display_unit(str(first.attrs.get("unit", "")))
    colours = colours or colours_of_estimates(estimates)
    rows = []
    for muscle in muscles:
        drawn = [] if emg is None else [(EMG_GREY, "rectified EMG", emg)]
        drawn += [(colours[name], name, each["activation"]) for name, each in estimates.items()]
        signals = [(colour, label, each.sel(time=shown, muscle=muscle)) for colour, label, each in drawn]
        top = max((float(np.nanmax(each.values, initial=0.0)) for _, _, each in signals), default=0.0) or 1.0
        scale = float(first["scale"].sel(muscle=muscle)) if "scale" in first.coords else 1.0
        lines = tuple(Line(colour, label, _path(each / top, shown.start, step)) for colour, label, each in signals)
        rows.append((muscle, f"0 to {_readable(top * scale * factor)} {unit}", lines))
    return Zoom(shown.start, shown.stop, n_bins, tuple(rows))


def _readable(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _path(signal: xr.DataArray, start: float, step: float) -> str:
    """Return a path with a point per bin at its time, broken at gaps and where nothing is known; 1 is at the top."""
    parts, pen = [], "M"
    values = signal.values
    heights = HEIGHT - np.clip(np.nan_to_num(values), 0, 1) * HEIGHT
    places = np.rint((signal["time"].values - start) / step).astype(int)
    begins = set(Segments.of(signal).firsts.tolist())
    for index, (x, height) in enumerate(zip(places, np.rint(heights).astype(int), strict=True)):
        known = np.isfinite(values[index])
        if known:
            parts.append(f"{'M' if index in begins else pen}{x} {height}")
        pen = "L" if known else "M"
    return "".join(parts)


def script() -> tuple[str, str]:
    """Return the script that zooms, and its hash for the page's content security policy."""
    text = files("nwb_autolfads.report").joinpath("templates", "zoom.js").read_text(encoding="utf-8")
    return text, "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
