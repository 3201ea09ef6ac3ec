"""Series of behaviour and their derivatives, in the bins of the activation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.evaluation.decoding.binning import CLOCK_S, Bins
from nwb_autolfads.segments import Segments

Floats = NDArray[np.float64]

SAVITZKY_GOLAY_S = 27 / 500
SAVITZKY_GOLAY_ORDER = 5
"""Window and order of the derivative: 27 samples at 500 Hz (Wimalasena et al. 2022)."""

_LEAST_KNOWN = 0.5  # share of the bins in which a column must be known


def check_orders(orders: Sequence[int]) -> None:
    """Refuse orders of derivatives that the polynomial has not.

    Raises
    ------
    ConfigError
        If there is none, or one is not 0 to 4.
    """
    if not orders or not all(0 <= order < SAVITZKY_GOLAY_ORDER for order in orders):
        raise ConfigError(f"derivatives {list(orders)}", way_out="Give orders from 0 to 4", obj="derivatives")


def is_constant(values: Floats) -> bool:
    """Whether values do not vary beyond the rounding of their size."""
    return bool(np.ptp(values) <= 1e-9 * max(float(np.abs(values).max()), 1e-30))


def usable_targets(
    series: xr.DataArray,
    derivatives: Sequence[int],
    bins: Bins,
    excluded: dict[str, str],
    notes: list[str],
    *,
    with_series: bool,
) -> tuple[Floats, list[str], list[str]]:
    """Return what of a series and its derivatives can be predicted, binned, with names and units."""
    series = series.transpose("time", "column")
    rate = rate_of(series)
    unit, prefix = str(series.attrs.get("unit", "")), f"{str(series.name).split('/')[-1]} " if with_series else ""
    if rate < 1 / bins.width:
        notes.append(f"{series.name} has {rate:g} Hz: between its samples it was interpolated")
    n_nan = int(np.count_nonzero(~np.isfinite(series.values).all(axis=1)))
    if n_nan:
        notes.append(f"{series.name} is NaN in {n_nan} of {series.sizes['time']} samples: those were left out")
    columns, names, units = [], [], []
    for order in derivatives:
        binned = binned_derivative(series, order, bins)
        for column, values in zip([str(name) for name in series["column"].values], binned.T, strict=True):
            name = prefix + derivative_name(column, order)
            known = np.isfinite(values)
            if known.mean() < _LEAST_KNOWN:
                excluded[name] = f"known in {100 * known.mean():.0f} % of the time of the estimates"
            elif is_constant(values[known]):
                excluded[name] = "does not vary"
            else:
                columns.append(values)
                names.append(name)
                units.append(derivative_unit(unit, order))
    return (np.stack(columns, axis=1) if columns else np.empty((len(bins.time), 0))), names, units


def differentiate(values: Floats, rate: float, order: int) -> Floats:
    """Return the derivative of evenly sampled values by the filter of Savitzky and Golay, (time, column).

    A polynomial of order 5 is fitted to 54 ms around each sample (27 samples at 500 Hz), or to 7 samples where that is
    longer; its derivative is taken. Samples for which the window is not whole or holds NaN are NaN.

    Parameters
    ----------
    values : ndarray, (time, column)
    rate : float
        Hz.
    order : int
        0 returns the values as they are.
    """
    if order == 0:
        return values
    half = max(round(SAVITZKY_GOLAY_S * rate) // 2, (SAVITZKY_GOLAY_ORDER + 1) // 2)
    length = 2 * half + 1
    if len(values) < length:
        return np.full(values.shape, np.nan)
    known = np.isfinite(values)
    result = savgol_filter(
        np.where(known, values, 0.0), length, SAVITZKY_GOLAY_ORDER, deriv=order, delta=1 / rate, axis=0, mode="constant"
    )
    unknown = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), ~known]), axis=0)
    whole = np.zeros(values.shape, dtype=bool)
    whole[half : len(values) - half] = unknown[length:] == unknown[:-length]
    return np.where(whole, result, np.nan)


def to_bins(values: Floats, time: Floats, rate: float, bins: Bins) -> Floats:
    """Return evenly sampled values in the bins of the activation, (bin, column).

    Means over the samples of a bin, where it has two or more; else, for slower series, on the line between the two
    samples around the middle of the bin. NaN where a sample is NaN or missing.

    Parameters
    ----------
    values : ndarray, (time, column)
    time : ndarray, (time,)
        s, of one gap-free segment.
    rate : float
        Hz.
    bins : Bins
    """
    if len(time) < 2:
        return np.full((len(bins.time), values.shape[1]), np.nan)
    if rate * bins.width >= 2:
        # A sample on an edge belongs to the bin behind it, whatever rounding made of the two times.
        edges = bins.time - CLOCK_S - bins.width / 2
        first, last = np.searchsorted(time, edges), np.searchsorted(time, edges + bins.width)
        known = np.isfinite(values)
        sums, unknown = (
            np.cumsum(np.vstack([np.zeros((1, values.shape[1])), each]), axis=0)
            for each in (np.where(known, values, 0.0), ~known)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (sums[last] - sums[first]) / (last - first)[:, None]
        whole = (last - first >= np.floor(rate * bins.width))[:, None] & (unknown[last] == unknown[first])
        return np.where(whole, means, np.nan)
    columns = [np.interp(bins.time, time, column, left=np.nan, right=np.nan) for column in values.T]
    return np.stack(columns, axis=1)


def rate_of(series: xr.DataArray) -> float:
    """Return the sampling rate of a series (Hz): what it says, or the median of its times."""
    return float(series.attrs.get("rate") or 1 / np.median(np.diff(series["time"].values)))


def binned_derivative(series: xr.DataArray, order: int, bins: Bins) -> Floats:
    """Return a derivative of a series ``(time, column)`` in the bins of the activation, each gap-free segment apart.

    Returns
    -------
    ndarray, (bin, column)
        NaN where the series is not known.
    """
    series = series.transpose("time", "column")
    time, rate = series["time"].values.astype(np.float64), rate_of(series)
    binned = np.full((len(bins.time), series.sizes["column"]), np.nan)
    for rows in Segments.of(series).slices:
        part = to_bins(differentiate(series.values[rows].astype(np.float64), rate, order), time[rows], rate, bins)
        binned = np.where(np.isfinite(part), part, binned)
    return binned


def names_repeat(several: Sequence[xr.DataArray]) -> bool:
    """Whether two columns of these series have one name, so that a name needs its series before it."""
    names = [str(name) for series in several for name in series["column"].values]
    return len(set(names)) < len(names)


def unusable_notes(several: Sequence[xr.DataArray]) -> list[str]:
    """Say which series could not be read beside these, and why."""
    reasons = {path: why for series in several for path, why in series.attrs.get("unusable", {}).items()}
    return [f"{path} was left out: {why}" for path, why in reasons.items()]


def derivative_unit(unit: str, order: int) -> str:
    """Return the unit of a derivative: degrees, degrees/s, degrees/s2."""
    return unit if order == 0 else f"{unit}/s{order if order > 1 else ''}"


def derivative_name(column: str, order: int) -> str:
    """Return the name of a derivative: knee, d knee/dt, d2 knee/dt2."""
    power = str(order) if order > 1 else ""
    return column if order == 0 else f"d{power} {column}/dt{power}"
