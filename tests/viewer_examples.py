"""A session with all that the viewer draws, of which the true values are known, for its tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from builders import emg_series, new_nwbfile, raw_emg, save
from pynwb import TimeSeries
from pynwb.behavior import BehavioralTimeSeries
from pynwb.epoch import TimeIntervals

import nwb_autolfads as nal

HOSTILE = "<img src=x onerror=document.title='taken'>"
MUSCLES = ("TA", HOSTILE, "GM")
HOSTILE_KIND = "<b onclick=alert(1)>strides"
SECONDS = 30.0
TRIALS = np.arange(2.0, 27.0, 5.0)
STRIDES = np.arange(4.5, 28.0, 5.0)


def _strides() -> TimeIntervals:
    """Intervals of another kind, with a name that is hostile."""
    table = TimeIntervals(name=HOSTILE_KIND, description="Of one leg.")
    for start in STRIDES:
        table.add_row(start_time=start, stop_time=start + 0.5)
    return table


def recorded_session(path: Path) -> Path:
    """Thirty seconds of EMG at 1 kHz with trials, four units and two joint angles."""
    nwbfile = new_nwbfile()
    data = raw_emg(round(SECONDS * 1000), len(MUSCLES)) * 1e-4
    nwbfile.add_acquisition(emg_series(data, comments=f"columns: {', '.join(MUSCLES)}"))
    for start in TRIALS:
        nwbfile.add_trial(start_time=start, stop_time=start + 2.0)
    nwbfile.add_time_intervals(_strides())
    generator = np.random.default_rng(1)
    for _ in range(4):
        nwbfile.add_unit(spike_times=np.sort(generator.uniform(0, SECONDS, 200)))
    time = np.arange(round(SECONDS * 100)) / 100
    angles = np.stack([np.sin(time), np.cos(time)], axis=1)
    series = TimeSeries(name="joint_angles", data=angles, unit="rad", rate=100.0, comments="columns: knee, ankle")
    module = nwbfile.create_processing_module("behavior", "movement")
    module.add(BehavioralTimeSeries(time_series=series, name="angles"))
    return save(nwbfile, path)


def estimated_session(folder: Path) -> Path:
    """The same session with two estimates, one of them with all that a model has."""
    source = recorded_session(folder / "session.nwb")
    with nal.open_emg(source, muscles=MUSCLES) as recording:
        emg = nal.preprocess(recording)
    lowpass = nal.LowPass().fit(emg).estimate(emg)
    generator = np.random.default_rng(2)
    activation = lowpass["activation"]
    factors = generator.normal(size=(activation.sizes["time"], 5)).astype(np.float32)
    model = lowpass.assign(
        activation=activation * 1.2,
        activation_std=xr.full_like(activation, 0.1),
        factors=(("time", "factor"), factors),
        inputs=(("time", "input"), factors[:, :2]),
        inputs_std=(("time", "input"), np.abs(factors[:, 2:4])),
    ).assign_attrs(estimator="AutoLFADS")
    result = folder / "result.nwb"
    nal.write_activation(lowpass, source, result)
    nal.write_activation(model, result, in_place=True)
    return result
