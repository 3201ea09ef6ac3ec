"""A real contraction whose motor units are known: what activation says of their discharges, and of force.

A ramp and hold of the vastus lateralis, recorded with a grid of 64 electrodes and decomposed: ``otb_testfile.mat`` of
the package openhdemg 0.1.2. One electrode of a grid sees what all see; pairs of neighbours are what a lab would take.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from scipy import signal
from scipy.io import loadmat

import nwb_autolfads as nal
from nwb_autolfads.errors import ConfigError

Floats = NDArray[np.float64]

N_ELECTRODES, EVERY = 64, 6
"""Electrodes of the grid, and how many pairs of neighbours make room for one that is taken."""
VOLTS_PER_UNIT = 1e-6
DISCHARGES_HZ = 5.0
"""Discharges are low-passed at this: faster, those of a few units are not what their motoneurons were told."""


@dataclass(frozen=True)
class Contraction:
    """Raw EMG (sample, pair) in microvolts, all units' discharges and force (sample,), and the rate (Hz)."""

    emg: Floats
    discharges: Floats
    force: Floats
    rate: float

    @classmethod
    def read(cls, path: Path) -> Contraction:
        """Read the file of openhdemg; its last column is force, and units are between electrodes and their sources."""
        file = loadmat(path)
        data, rate = file["Data"][0, 0], float(file["SamplingFrequency"][0, 0])
        is_unit = ["Decomposition" in title and "Source" not in title for title in map(str, file["Description"][:, 0])]
        grid = np.asarray(data[:, :N_ELECTRODES], float)
        units = np.asarray(data[:, np.array(is_unit)], float)
        return cls(np.diff(grid, axis=1)[:, ::EVERY], units.sum(axis=1), np.asarray(data[:, -1], float), rate)

    def preprocessed(self) -> xr.DataArray:
        """Return the EMG as a lab's file gives it to estimators."""
        nwbfile = NWBFile("A contraction.", "contraction", datetime(2000, 1, 1, tzinfo=UTC))
        data = VOLTS_PER_UNIT * self.emg
        nwbfile.add_acquisition(TimeSeries(name="EMG", data=data, unit="volts", rate=self.rate, starting_time=0.0))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "contraction.nwb"
            with NWBHDF5IO(path, "w") as io:
                io.write(nwbfile)
            return nal.preprocess(nal.open_emg(path, path="acquisition/EMG")).load()

    def r2(self, estimate: xr.Dataset) -> dict[str, float]:
        """Square the correlations of the mean over electrodes, each by its own mean, with discharges and force."""
        activation = estimate["activation"].dropna("muscle", how="all").dropna("time")
        common = (activation / activation.mean("time")).mean("muscle").values
        low_pass = signal.butter(2, DISCHARGES_HZ, fs=self.rate, output="sos")
        own = np.arange(len(self.force)) / self.rate
        targets = {"discharges": signal.sosfiltfilt(low_pass, self.discharges), "force": self.force}
        at = {name: np.interp(activation["time"].values, own, target) for name, target in targets.items()}
        return {name: float(np.corrcoef(common, target)[0, 1] ** 2) for name, target in at.items()}


def score_contraction(path: Path, makers: Mapping[str, Callable[[], Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """Score every estimator on the contraction, but for those that refuse it; see `Contraction.r2`."""
    contraction = Contraction.read(path)
    emg = contraction.preprocessed()
    scores: dict[str, dict[str, float]] = {}
    for name, make in makers.items():
        try:
            scores[name] = contraction.r2(make().fit(emg).estimate(emg))
        except ConfigError as refused:
            print(f"{name}: {refused}", flush=True)
    return {"electrodes over one muscle, R2": scores}
