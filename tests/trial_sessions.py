"""A simulated session cut into short trials with gaps between them, as laboratories keep reaches and steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from builders import new_nwbfile, save
from hdmf.common import VectorData
from numpy.typing import NDArray
from pynwb import NWBHDF5IO, TimeSeries
from pynwb.behavior import BehavioralTimeSeries
from pynwb.epoch import TimeIntervals

from nwb_autolfads.simulate import SimulationConfig, simulate_session

TRIAL_S = 0.22
STEPS = SimulationConfig(
    locomotion_bout_s=60, burst_bout_s=0, isometric_bout_s=0, rest_s=0.2, cycle_duration_s=0.4, cycle_duration_cv=0.05,
    n_muscles=4, n_synergies=3, n_cortical_units=12, emg_rate_hz=1000.0,
)  # fmt: skip


def session_of_trials(path: Path, n_trials: int = 150, *, cut: bool = True, seed: int = 0) -> Path:
    """Write trials of 220 ms from each foot strike on, with EMG, joint angles, force, units, and the truth in scratch.

    Where it is ``cut``, signals were recorded in the trials only, so they have timestamps with gaps.
    """
    whole = simulate_session(
        path.with_name(f"whole_{path.name}"), seed=seed, duration=max(8.0, 0.45 * n_trials), config=STEPS
    )
    nwbfile = new_nwbfile("session-of-trials")
    with NWBHDF5IO(whole, "r") as io:
        source = io.read()
        starts = np.round(source.intervals["steps"]["start_time"][:n_trials], 3)
        assert len(starts) == n_trials
        behavior = source.processing["behavior"]["BehavioralTimeSeries"].time_series.values()
        nwbfile.add_acquisition(_kept(source.acquisition["EMG"], starts, cut))
        module = nwbfile.create_processing_module("behavior", "Joint angles and force.")
        module.add(BehavioralTimeSeries(time_series=[_kept(each, starts, cut) for each in behavior]))
        for unit in range(len(source.units)):
            nwbfile.add_unit(spike_times=_inside(source.units["spike_times"][unit], starts, cut))
        nwbfile.add_scratch(_kept(source.scratch["true_activation"], starts, False))
        trials = TimeIntervals(
            name="trials", description="From foot strike on.",
            columns=[VectorData(name="start_time", description="Start (s).", data=starts),
                     VectorData(name="stop_time", description="Stop (s).", data=np.round(starts + TRIAL_S, 3))],
        )  # fmt: skip
        nwbfile.trials = trials
        save(nwbfile, path)
    whole.unlink()
    return path


def _kept(series: TimeSeries, starts: NDArray, cut: bool) -> TimeSeries:
    time = np.arange(len(series.data)) / series.rate
    rows = np.flatnonzero(_in_trial(time, starts)) if cut else np.arange(len(time))
    timing = {"timestamps": time[rows]} if cut else {"rate": series.rate, "starting_time": 0.0}
    fields = {name: getattr(series, name) for name in ("name", "unit", "conversion", "comments", "description")}
    return TimeSeries(data=series.data[:][rows], **timing, **fields)


def _inside(times: NDArray, starts: NDArray, cut: bool) -> NDArray:
    return times[_in_trial(times, starts)] if cut else times


def _in_trial(times: NDArray, starts: NDArray) -> NDArray[np.bool_]:
    after = times - starts[np.maximum(np.searchsorted(starts, times + 1e-9, side="right") - 1, 0)]
    return (after > -1e-9) & (after < TRIAL_S - 1e-9)
