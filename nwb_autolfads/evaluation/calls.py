"""Estimates beside cortex, behaviour, force and the EMG they came from: one call each, on what a file holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBFile

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.errors import SourceError
from nwb_autolfads.evaluation.reading import (
    AROUND_S,
    Estimates,
    inside,
    opened_estimates,
    read_any_spikes,
    read_event_times,
    read_rectified,
    required,
)
from nwb_autolfads.evaluation.scores.behavior import score_against_behavior
from nwb_autolfads.evaluation.scores.cortex import score_against_cortex
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.evaluation.scores.force import coherence_with_force
from nwb_autolfads.evaluation.scores.spectra import transfer_function
from nwb_autolfads.sources.nwb.behavior import read_behavior, read_forces
from nwb_autolfads.sources.nwb.phases import read_phases
from nwb_autolfads.sources.spikes.trains import SpikeTrains

if TYPE_CHECKING:
    from spikeinterface import BaseSorting


def compare_with_cortex(
    estimates: Estimates,
    spikes: str | Path | NWBFile | BaseSorting | SpikeTrains | xr.DataArray | None = None,
    *,
    counts: str | None = None,
    events: str | Events | None = None,
    around: tuple[float, float] = AROUND_S,
    **settings: Any,
) -> xr.Dataset:
    """Score estimates by how well spikes of motor cortex predict them, and they the spikes.

    Parameters
    ----------
    estimates : path, Dataset or mapping of str to Dataset
        A file with estimates, all of which are compared, or estimates.
    spikes : str, Path, pynwb.NWBFile, spikeinterface.BaseSorting, SpikeTrains or DataArray, optional
        Where the sorted units are, or counts ``(time, unit)`` in bins of their own by the middle of each (s); by
        default the file with the estimates.
    counts : str, optional
        Where in that file spikes are as counts in bins, instead of its units; see
        `nwb_autolfads.sources.spikes.binned.read_binned_spikes`.
    events : str or Events, optional
        ``TABLE:COLUMN`` or ``PATH`` of the file with times (s) of what repeats, to tell it from what does not; see
        `nwb_autolfads.sources.nwb.events.read_events`. By default the starts of the table with the most rows.
    around : tuple of float
        Time (s) before and after each event that counts.
    **settings
        Of `nwb_autolfads.evaluation.scores.cortex.score_against_cortex`: ``bin_width``, ``smoothing``, ``lags``,
        ``n_folds``, ``guard``, ``min_rate``, ``n_shuffles``, ``seed``.

    Returns
    -------
    Dataset
        See `nwb_autolfads.evaluation.scores.cortex.score_against_cortex`.

    Raises
    ------
    SourceError
        If the file holds no estimates or no units.
    SignalError
        If spikes and estimates have too little in common to be compared.
    """
    with opened_estimates(estimates) as (named, file):
        if spikes is None:
            spikes = required(file, "spikes")
        trains, repeats = read_any_spikes(spikes, counts), read_event_times(file, events, around)
    return score_against_cortex(named, trains, events=repeats, **settings)


def compare_with_behavior(
    estimates: Estimates,
    behavior: str | Path | NWBFile | Sequence[xr.DataArray] | None = None,
    *,
    series: Sequence[str] | None = None,
    events: str | Events | None = None,
    around: tuple[float, float] = AROUND_S,
    **settings: Any,
) -> xr.Dataset:
    """Score estimates by how well they predict angles, forces, positions and their derivatives.

    Parameters
    ----------
    estimates : path, Dataset or mapping of str to Dataset
        A file with estimates, all of which are compared, or estimates.
    behavior : str, Path, pynwb.NWBFile or sequence of DataArray, optional
        Where the behaviour is, or series ``(time, column)``; by default the file with the estimates.
    series : sequence of str, optional
        Paths or patterns of the series in the file; by default all of ``processing/behavior`` that is not EMG.
    events, around
        See `compare_with_cortex`.
    **settings
        Of `nwb_autolfads.evaluation.scores.behavior.score_against_behavior`: ``derivatives``, ``bin_width``, ``lags``,
        ``n_folds``, ``guard``, ``n_shuffles``, ``seed``.

    Returns
    -------
    Dataset
        See `nwb_autolfads.evaluation.scores.behavior.score_against_behavior`.

    Raises
    ------
    SourceError
        If the file holds no estimates or no behaviour.
    SignalError
        If behaviour and estimates have too little in common to be compared.
    """
    with opened_estimates(estimates) as (named, file):
        if behavior is None:
            behavior = required(file, "behavior")
        found = read_behavior(behavior, series) if isinstance(behavior, str | Path | NWBFile) else list(behavior)
        repeats = read_event_times(file, events, around)
    return score_against_behavior(named, found, events=repeats, **settings)


def frequency_response(
    estimates: Estimates,
    emg: xr.DataArray | None = None,
    *,
    phases: str | Mapping[str, NDArray[np.float64]] | None = None,
    preprocessing: PreprocessingConfig | None = None,
    **settings: Any,
) -> xr.Dataset:
    """Return what each estimate does to each frequency of the rectified EMG, in each phase of behaviour.

    Parameters
    ----------
    estimates : path, Dataset or mapping of str to Dataset
        A file with estimates, all of which are taken, or estimates.
    emg : DataArray, (time, muscle), optional
        Rectified EMG that they were made from; by default made again from the EMG in the file.
    phases : str or mapping of str to ndarray, (interval, 2), optional
        ``TABLE:COLUMN`` of the file, see `nwb_autolfads.sources.nwb.phases.read_phases`, or intervals (s) by phase; by
        default what the file tells, or all of the recording as one.
    preprocessing : PreprocessingConfig, optional
        With which the EMG was preprocessed, where not with the defaults.
    **settings
        Of `nwb_autolfads.evaluation.scores.spectra.transfer_function`: ``window``, ``level``.

    Returns
    -------
    Dataset
        See `nwb_autolfads.evaluation.scores.spectra.transfer_function`.

    Raises
    ------
    SourceError
        If the file holds no estimates, or its EMG cannot be read or was preprocessed otherwise.
    SignalError
        If EMG and estimates have no time in common, or a phase is too short.
    """
    with opened_estimates(estimates) as (named, file):
        if emg is None:
            emg = read_rectified(required(file, "emg"), next(iter(named.values())), preprocessing)
        if file is not None and (phases is None or isinstance(phases, str)):
            found = read_phases(file, phases)
            phases = None if found is None else inside(found.intervals, emg)
    if isinstance(phases, str):
        raise SourceError("there is no file to read phases from", way_out="Give the intervals", obj=phases)
    return transfer_function(named, emg, phases, **settings)


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
        Of `nwb_autolfads.evaluation.scores.force.coherence_with_force`: ``derivatives``, ``window``, ``level``.

    Returns
    -------
    Dataset
        See `nwb_autolfads.evaluation.scores.force.coherence_with_force`.

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
        found = read_forces(force, series) if isinstance(force, str | Path | NWBFile) else list(force)
    return coherence_with_force(named, found, **settings)
