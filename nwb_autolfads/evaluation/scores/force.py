"""What activation and force share at each frequency: coherence with confidence limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBFile

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.evaluation.decoding.binning import Bins, bin_activation
from nwb_autolfads.evaluation.score import Score
from nwb_autolfads.evaluation.scores.common import as_json, nothing_left
from nwb_autolfads.evaluation.scores.derivatives import (
    binned_derivative,
    check_orders,
    derivative_name,
    derivative_unit,
    is_constant,
    names_repeat,
    rate_of,
    unusable_notes,
)
from nwb_autolfads.evaluation.scores.spectra import (
    above_up_to,
    coherence_limit,
    coherence_of,
    confidence_interval,
    cross_spectra,
    in_enough_windows,
    independent_windows,
    windows_in,
)
from nwb_autolfads.evaluation.session import Estimates, opened_estimates, required
from nwb_autolfads.evaluation.tables import Row, number
from nwb_autolfads.given import series_of
from nwb_autolfads.segments import Segments
from nwb_autolfads.sources.nwb.behavior import read_forces

Floats = NDArray[np.float64]

LONGEST_WINDOW_S = 1.0
_FEWEST_SAMPLES = 8  # of a window


def coherence_with_force(
    estimates: Mapping[str, xr.Dataset],
    forces: Sequence[xr.DataArray],
    *,
    derivatives: Sequence[int] = (0, 1),
    window: float | None = None,
    level: float = 0.05,
) -> xr.Dataset:
    """Return the coherence of activation with force and its derivative, with confidence limits.

    ``|sum conj(X) Y|^2 / (sum |X|^2 sum |Y|^2)`` over Hann windows (the mean of each taken away) that overlap by half:
    the share of one signal's power at a frequency that a linear system would give from the other. It does not change
    with the gain of an estimate, only with what the estimate adds or loses.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        ``activation`` ``(time, muscle)`` by the name of its estimate.
    forces : sequence of DataArray, (time, column)
        Coordinates ``time`` (s) and, where there are gaps, ``segment``; named, attrs ``rate`` (Hz) and ``unit``. If
        one is sampled more slowly than activation, the slowest sets the rate. NaN is left out.
    derivatives : sequence of int
        Orders, 0 the force itself; see `nwb_autolfads.evaluation.scores.derivatives.differentiate`.
    window : float, optional
        Length (s): frequencies are one over it apart. By default 1 s, or as long as gap-free segments, as trials, are
        where they are shorter.
    level : float
        Probability with which ``coherence_limit`` is exceeded by chance; the interval from ``lower`` to ``upper``
        holds the true coherence with the probability ``1 - level`` (Rosenberg et al. 1989).

    Returns
    -------
    Dataset
        ``coherence``, ``lower``, ``upper`` ``(estimator, muscle, target, frequency)``; ``coherence_limit``,
        ``best_limit``, which the highest of all muscles and frequencies exceeds by chance, and ``n_windows``
        ``(target,)``. ``peak_coherence``, ``peak_frequency`` (Hz), and ``coherent_up_to`` (Hz)
        ``(estimator, muscle, target)``: up to there, coherence is above the limit at every frequency; NaN where it is
        not at the lowest. Coordinates ``target_unit`` and ``series`` along ``target``. attrs: ``config``,
        ``excluded_targets``, ``excluded_muscles`` and ``notes`` (JSON).

    Raises
    ------
    SignalError
        If no force varies and is known in two windows.
    ConfigError
        If a derivative is not 0, 1, ... or the window is shorter than eight samples.
    """
    check_orders(derivatives)
    bins = bin_activation(estimates, 1 / min((rate_of(force) for force in forces), default=1.0))
    targets = list(_targets(forces, derivatives, bins))
    window = _default_window(bins.segments, [values for *_, values in targets]) if window is None else window
    length = round(window / bins.width)
    if length < _FEWEST_SAMPLES:
        raise ConfigError(f"a window of {window:g} s is {length} samples", way_out="Give a longer one", obj="window")
    everything = np.array([[bins.time[0], bins.time[-1]]])
    bins = in_enough_windows(bins, [everything], length)
    estimated = np.isfinite(bins.values).all(axis=(0, 2))
    excluded: dict[str, str] = {}
    found: list[xr.Dataset] = []
    for name, unit, series, values in targets:
        known = estimated & np.isfinite(values)
        rows = windows_in(everything, bins.time, bins.segments.where(known), length)
        if len(rows) < 2:
            excluded[name] = f"known in {len(rows)} windows of {window:g} s"
        elif is_constant(values[known]):
            excluded[name] = "does not vary"
        else:
            target = _one_target(bins, values, rows, level).expand_dims(target=[name])
            found.append(target.assign_coords(target_unit=("target", [unit]), series=("target", [series])))
    if not found:
        raise nothing_left("no force can be used", excluded, "Give a shorter window, or another series", obj="force")
    config = {
        "compared_with": "force",
        "window_s": length * bins.width,
        "rate_hz": round(1 / bins.width, 6),
        "level": level,
        "derivatives": list(derivatives),
    }
    result = xr.concat(found, dim="target").assign_coords(
        target=[str(each["target"].item()) for each in found],
        estimator=list(bins.estimators),
        muscle=list(bins.muscles),
        frequency=("frequency", np.fft.rfftfreq(length, 1 / round(1 / bins.width, 6))[1:], {"units": "Hz"}),
    )
    return _with_summary(result).assign_attrs(
        as_json(
            config=config,
            excluded_targets=excluded,
            excluded_muscles=bins.left_out,
            notes=[*bins.notes, *unusable_notes(forces)],
        )
    )


def _targets(
    forces: Sequence[xr.DataArray], derivatives: Sequence[int], bins: Bins
) -> Iterator[tuple[str, str, str, Floats]]:
    """Yield name, unit, series and values ``(bin,)`` of each column of the forces and of its derivatives."""
    with_series = names_repeat(forces)
    for force in forces:
        prefix = f"{str(force.name).split('/')[-1]} " if with_series else ""
        for order in derivatives:
            unit = derivative_unit(str(force.attrs.get("unit", "")), order)
            for column, values in zip(force["column"].values, binned_derivative(force, order, bins).T, strict=True):
                yield prefix + derivative_name(str(column), order), unit, str(force.name), values


def _default_window(segments: Segments, targets: Sequence[Floats]) -> float:
    """Return how long a window (s) fits into segments, without what a derivative loses at their ends."""
    whole = segments.usual_length
    known = [segments.where(np.isfinite(values)).usual_length for values in targets if np.isfinite(values).any()]
    return min([LONGEST_WINDOW_S, *(length / segments.rate for length in (whole, *known) if length >= whole / 2)])


def _one_target(bins: Bins, values: Floats, rows: NDArray[np.intp], level: float) -> xr.Dataset:
    spectra = [cross_spectra(activation, values[:, None], rows) for activation in bins.values]
    coherence = np.stack([coherence_of(*each).T for each in spectra])
    n = independent_windows(len(rows))
    lower, upper = confidence_interval(coherence, n, level)
    dims = ("estimator", "muscle", "frequency")
    return xr.Dataset(
        {
            "coherence": (dims, coherence),
            "lower": (dims, lower),
            "upper": (dims, upper),
            "coherence_limit": coherence_limit(n, level),
            "best_limit": coherence_limit(n, 1 - (1 - level) ** (1 / (coherence.shape[1] * coherence.shape[2]))),
            "n_windows": len(rows),
        }
    )


def _with_summary(result: xr.Dataset) -> xr.Dataset:
    """Return the result with what it says in one number for each estimate, muscle and target."""
    result = result.transpose("estimator", "muscle", "target", "frequency", missing_dims="ignore")
    coherence, hertz = result["coherence"], {"units": "Hz"}
    chance = coherence <= result["coherence_limit"]
    n_above = xr.where(chance.any("frequency"), chance.argmax("frequency"), coherence.sizes["frequency"])
    last = result["frequency"].values[np.maximum(n_above.values - 1, 0)]
    peak = result["frequency"].values[coherence.argmax("frequency").values]
    return result.assign(
        peak_coherence=coherence.max("frequency"),
        peak_frequency=(n_above.dims, peak, hertz),
        coherent_up_to=(n_above.dims, np.where(n_above.values > 0, last, np.nan), hertz),
    )


def force_coherence(
    estimates: Estimates,
    force: str | Path | NWBFile | Sequence[xr.DataArray] | None = None,
    *,
    series: Sequence[str] | None = None,
    **settings: Any,
) -> xr.Dataset:
    """Return what each estimate shares with force, and with its derivative, at each frequency.

    Parameters
    ----------
    estimates : path, Dataset or mapping of str to Dataset
        A file with estimates, all of which are taken, or estimates.
    force : str, Path, pynwb.NWBFile or sequence of DataArray, optional
        Where the force is, or series ``(time, column)``; by default the file with the estimates.
    series : sequence of str, optional
        Paths or patterns of the series in the file; by default those of ``processing/behavior`` that are a force or a
        torque by name or unit.
    **settings
        Of `coherence_with_force`: ``derivatives``, ``window``, ``level``.

    Returns
    -------
    Dataset
        See `coherence_with_force`.

    Raises
    ------
    SourceError
        If the file holds no estimates or no force.
    SignalError
        If force and estimates have too little in common.
    """
    with opened_estimates(estimates) as (named, file):
        if force is None:
            force = required(file, "force")
        found = read_forces(force, series) if isinstance(force, str | Path | NWBFile) else series_of(force, "force")
    return coherence_with_force(named, found, **settings)


def _rows(force: xr.Dataset) -> list[Row]:
    """Return one row per target and estimate, of the muscle that shares most with it.

    "from" and "to" are the confidence limits of the highest coherence; the last column is the median over muscles.
    """
    rows: list[Row] = []
    for target in [str(name) for name in force["target"].values]:
        muscle = closest_muscle(force, target)
        for name in force["estimator"].values:
            every = force.sel(target=target, estimator=name)
            one = every.sel(muscle=muscle)
            at_peak = one.sel(frequency=one["peak_frequency"])
            rows.append(
                (
                    target,
                    str(name),
                    muscle,
                    number(one["peak_coherence"], 2),
                    number(one["peak_frequency"], 1),
                    number(at_peak["lower"], 2),
                    number(at_peak["upper"], 2),
                    number(one["best_limit"], 2),
                    number(above_up_to(one["coherence"], float(one["best_limit"])), 1),
                    number(every["coherent_up_to"].fillna(0.0).median(), 1),
                )
            )
    return rows


def closest_muscle(force: xr.Dataset, target: str) -> str:
    """Return the muscle whose coherence with a target is highest, averaged over frequencies and estimates."""
    mean = force["coherence"].sel(target=target).mean(("estimator", "frequency"))
    return str(mean["muscle"].values[int(mean.argmax("muscle"))])


SCORE = Score(
    key="force",
    compare=lambda session: coherence_with_force(session.estimates, read_forces(session.file, session.asked.forces)),
    asked_by="forces",
    title="Force: coherence with the muscle that shares most with it, and up to where it is above chance",
    columns=(
        "target",
        "estimate",
        "muscle",
        "highest coherence",
        "at (Hz)",
        "from",
        "to",
        "chance",
        "above it up to (Hz)",
        "all muscles (Hz)",
    ),
    rows=_rows,
    description="Coherence of estimates of muscle activation with force: its peak, and up to where it is above chance.",
    contents="Force",
    heading="What activation and force share",
    explanation=(
        "Coherence: the share of the force's changes at one frequency that a muscle's activation accounts "
        "for, 0 to 1, whatever their sizes. The line is the estimate of it, the band its 95 % confidence "
        "interval, and what lies under the dotted line could be chance; the table compares the best of all "
        "muscles and frequencies with the chance of as many. An estimate that stays higher at fast "
        "frequencies has kept more of what the muscle did."
    ),
)
