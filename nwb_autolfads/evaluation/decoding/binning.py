"""Activation of several estimates in the same bins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import SignalError
from nwb_autolfads.evaluation.decoding.lagged import at_rows
from nwb_autolfads.segments import Segments

DEFAULT_WINDOW_S = 0.5
"""Taken for the reach of an estimator that does not say its window: a zero-phase filter of 4 Hz or more fits."""

CLOCK_S = 1e-6  # times closer than this are the same


@dataclass(frozen=True)
class Bins:
    """Activation of every estimate in common bins.

    Attributes
    ----------
    time : ndarray, (time,)
        Middle of each bin (s, session clock).
    segments : Segments
        Gap-free, of the bins.
    width : float
        Of a bin (s).
    values : ndarray, (estimator, time, muscle)
        Mean activation.
    muscles, estimators : tuple of str
        Muscles that every estimate has; the others are in ``left_out`` with the reason.
    left_out : dict of str to str
    notes : tuple of str
        What was done otherwise than asked, in words.
    """

    time: NDArray[np.float64]
    segments: Segments
    width: float
    values: NDArray[np.float64]
    muscles: tuple[str, ...]
    estimators: tuple[str, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...]

    def without(self, left_out: Mapping[str, str]) -> Bins:
        """Leave out more muscles, each with its reason."""
        kept = [index for index, muscle in enumerate(self.muscles) if muscle not in left_out]
        return replace(
            self,
            values=self.values[:, :, kept],
            muscles=tuple(self.muscles[index] for index in kept),
            left_out={**self.left_out, **left_out},
        )

    @property
    def all_targets(self) -> NDArray[np.float64]:
        """Activation of all estimates side by side, (time, estimator * muscle)."""
        return np.moveaxis(self.values, 0, 1).reshape(len(self.time), -1)


def bin_activation(estimates: Mapping[str, xr.Dataset], width: float) -> Bins:
    """Average activation over bins that do not cross gaps.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        ``activation`` ``(time, muscle)`` by the name of its estimate.
    width : float
        Of a bin (s); rounded to whole samples, and one sample where the estimates are sampled more slowly.

    Raises
    ------
    SignalError
        If there is no estimate, they share no time or no whole bin, or no muscle is estimated by all of them or varies.
    """
    if not estimates:
        raise SignalError("no estimate was given", way_out="Make one first: nwb-autolfads run FILE")
    time, columns = _common_time(estimates)
    muscles, left_out = _common_muscles(estimates)
    step = round(float(np.median(np.diff(time))), 9)
    per_bin = max(1, round(width / step))
    notes = []
    if abs(per_bin * step - width) > 0.01 * width:
        notes.append(f"bins are {1000 * per_bin * step:g} ms: the estimates are sampled at {1 / step:g} Hz")
    cut = np.diff(time) > 1.5 * step
    for dataset, at in zip(estimates.values(), columns, strict=True):
        if "segment" in dataset.coords:  # one may be of trials, another of the whole recording
            cut |= np.diff(dataset["segment"].values[at]) != 0
    gaps = np.flatnonzero(cut) + 1
    samples = Segments.between(gaps, time, 1 / step)
    members = np.concatenate([np.arange(each.n_samples // per_bin * per_bin) + each.first_sample for each in samples])
    if not len(members):
        raise SignalError(
            f"no segment of {' and '.join(estimates)} is as long as a bin of {1000 * per_bin * step:g} ms",
            way_out="Compare a longer recording, or give shorter bins (--bin-width; in Python: bin_width)",
        )
    values = np.empty((len(estimates), len(members) // per_bin, len(muscles)))
    for means, dataset, at in zip(values, estimates.values(), columns, strict=True):
        activation = dataset["activation"].transpose("time", "muscle")
        if muscles != tuple(activation["muscle"].values):
            activation = activation.sel(muscle=list(muscles))
        binned = at_rows(activation.values, at[members]).reshape(-1, per_bin, len(muscles))
        binned.mean(axis=1, dtype=np.float64, out=means)
    middles = time[members].reshape(-1, per_bin).mean(axis=1)
    width = round(per_bin * step, 9)
    ends = np.cumsum(samples.lengths // per_bin)[:-1]
    return Bins(
        time=middles,
        segments=Segments.between(ends, middles, 1 / width),
        width=width,
        values=values,
        muscles=muscles,
        estimators=tuple(estimates),
        left_out=left_out,
        notes=tuple(notes),
    )


def _common_time(estimates: Mapping[str, xr.Dataset]) -> tuple[NDArray[np.float64], list[NDArray[np.intp]]]:
    ticks = [np.rint(dataset["time"].values / CLOCK_S).astype(np.int64) for dataset in estimates.values()]
    common = ticks[0]
    for other in ticks[1:]:
        common = np.intersect1d(common, other, assume_unique=True)
    if len(common) < 2:
        raise SignalError(
            f"{' and '.join(estimates)} have no time in common",
            way_out="Compare estimates of the same recording at the same rate",
        )
    return common.astype(np.float64) * CLOCK_S, [np.searchsorted(each, common) for each in ticks]


def _common_muscles(estimates: Mapping[str, xr.Dataset]) -> tuple[tuple[str, ...], dict[str, str]]:
    left_out: dict[str, str] = {}
    for name, dataset in estimates.items():
        names = [str(each) for each in dataset["muscle"].values]
        by_muscle = np.ascontiguousarray(dataset["activation"].transpose("muscle", "time").values)
        for muscle, values in zip(names, by_muscle, strict=True):
            finite = values[np.isfinite(values)]
            if not finite.size:
                left_out.setdefault(muscle, "unusable EMG: nothing was estimated")
            elif np.ptp(finite) <= 1e-9 * max(abs(float(finite[0])), 1e-30):
                left_out.setdefault(muscle, f"{name} does not vary")
            for other, another in estimates.items():
                if muscle not in another["muscle"].values:
                    left_out.setdefault(muscle, f"not in {other}")
    first = next(iter(estimates.values()))
    muscles = tuple(str(muscle) for muscle in first["muscle"].values if str(muscle) not in left_out)
    if not muscles:
        raise SignalError(
            f"no muscle can be compared ({'; '.join(f'{name}: {why}' for name, why in left_out.items())})",
            way_out="Check the quality of the EMG: nwb-autolfads inspect FILE",
        )
    return muscles, left_out


def estimator_window(estimates: Mapping[str, xr.Dataset]) -> float:
    """Return the longest time (s) over which EMG goes into one value of any of the estimates, as far as they say."""
    windows = [DEFAULT_WINDOW_S]
    for dataset in estimates.values():
        config = json.loads(dataset.attrs.get("config", "{}"))
        if isinstance(config.get("window_ms"), int | float):
            windows.append(config["window_ms"] / 1000)
        if isinstance(config.get("cutoff_hz"), int | float) and config["cutoff_hz"] > 0:
            windows.append(2 / config["cutoff_hz"])  # beyond, a fourth-order zero-phase filter passes under 0.1 %
    return max(windows)
