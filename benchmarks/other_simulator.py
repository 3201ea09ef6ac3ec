"""How estimators do in sessions of another simulator, which shares no line with the package's own.

``python benchmarks/other_simulator.py --markdown docs/accuracy.md`` makes twelve sessions of a minute: commands are
smooth random processes, cycles of gait, or steps that come and go; EMG is modulated noise, or the sum of motor units.
Nothing was chosen by them, neither a default nor what the network of the amortized smoother learnt.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import argparse
import datetime
import json
import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from scipy import signal
from worlds import DOCS, ESTIMATORS, keep, make, put, score, table

import nwb_autolfads as nal

RATE, SECONDS = 1000.0, 60.0
FIRST_SEED = 77_000
VOLTS = 1e-4
Floats = NDArray[np.float64]
Rng = np.random.Generator


def _process(rng: Rng, n: int, how_many: int, seconds: float) -> Floats:
    """Gaussian processes of unit variance that are smooth over so many seconds, (process, sample)."""
    at = np.arange(-4 * seconds, 4 * seconds, 1 / RATE)
    window = np.exp(-0.5 * (at / seconds) ** 2)
    found = signal.fftconvolve(rng.standard_normal((how_many, n + len(at) - 1)), window[None], "valid", axes=1)
    return (found - found.mean(axis=1, keepdims=True)) / found.std(axis=1, keepdims=True)


def smooth_commands(rng: Rng, n: int, muscles: int) -> Floats:
    """Log-normal: some smooth processes that muscles share, and one of each muscle's own."""
    n_shared = int(rng.integers(2, 7))
    shared = _process(rng, n, n_shared, rng.uniform(0.02, 0.12))
    weights = rng.standard_normal((muscles, n_shared)) * rng.uniform(0.5, 1.0) / np.sqrt(n_shared) * 1.5
    own = _process(rng, n, muscles, rng.uniform(0.03, 0.15)) * rng.uniform(0, 0.5)
    commands = np.exp(weights @ shared + own)
    return np.minimum(commands, np.quantile(commands, 0.995, axis=1, keepdims=True))


def gait_commands(rng: Rng, n: int, muscles: int) -> Floats:
    """Bursts at phases of a cycle whose length and height vary."""
    n_bursts = int(rng.integers(2, 7))
    phase, first, period = np.zeros(n), 0, rng.uniform(0.35, 0.9)
    while first < n:
        length = int(RATE * period * np.exp(0.08 * rng.standard_normal()))
        phase[first : first + length] = (np.arange(length) / length)[: n - first]
        first += length
    height = np.exp(0.3 * _process(rng, n, n_bursts, 0.5))
    centre, width = rng.uniform(0, 1, (n_bursts, 1)), rng.uniform(0.02, 0.08, (n_bursts, 1))
    bursts = height * np.exp((np.cos(2 * np.pi * (phase - centre)) - 1) / (2 * np.pi * width) ** 2)
    return rng.gamma(0.7, 1, (muscles, n_bursts)) @ bursts * np.exp(0.2 * _process(rng, n, muscles, 0.1)) + 0.03


def step_commands(rng: Rng, n: int, muscles: int) -> Floats:
    """Levels that are held for some time, smoothed by a low-pass of 4 to 16 Hz."""
    n_shared = int(rng.integers(2, 7))
    levels = np.zeros((n_shared, n))
    for level in levels:
        first = 0
        while first < n:
            length = int(RATE * rng.gamma(2, 0.25)) + 1
            level[first : first + length] = rng.gamma(1, 1) * (rng.random() < 0.5)
            first += length
    low_pass = signal.butter(2, rng.uniform(4, 16), fs=RATE, output="sos")
    return rng.gamma(0.6, 1, (muscles, n_shared)) @ np.maximum(signal.sosfiltfilt(low_pass, levels), 0) + 0.04


def modulated_noise(rng: Rng, activation: Floats) -> Floats:
    """Noise of a band of each muscle's own, times the activation."""
    emg = np.empty_like(activation)
    for muscle, drive in enumerate(activation):
        band = [rng.uniform(25, 60), rng.uniform(90, 200)]
        noise = signal.sosfilt(signal.butter(2, band, "band", fs=RATE, output="sos"), rng.standard_normal(len(drive)))
        emg[muscle] = drive * noise / noise.std()
    return emg


def motor_units(rng: Rng, activation: Floats) -> Floats:
    """Trains of action potentials: larger units are recruited later, all fire faster with more drive."""
    n_units, variation = int(np.exp(rng.uniform(np.log(25), np.log(200)))), rng.uniform(0.1, 0.35)
    thresholds = np.exp(np.linspace(np.log(0.02), np.log(0.8), n_units))
    sizes = np.exp(np.linspace(0, np.log(10), n_units))
    emg = np.zeros_like(activation)
    for muscle, drive in enumerate(activation):
        width = rng.uniform(0.002, 0.006)
        at = np.arange(-4 * width, 4 * width, 1 / RATE)
        for threshold, size in zip(thresholds, sizes, strict=True):
            rate = np.where(drive > threshold, 8 + 25 * np.minimum(drive - threshold, 1), 0)
            phase = np.cumsum(rate) / RATE
            intervals = np.maximum(1 + variation * rng.standard_normal(int(phase[-1]) + 2), 0.3)
            fired = np.cumsum(intervals) + rng.random()
            train = np.bincount(np.searchsorted(phase, fired[fired < phase[-1]]), minlength=len(drive))[: len(drive)]
            u = at / (width * rng.uniform(0.7, 1.3))
            shape = (u if rng.random() < 0.5 else 1 - u**2) * np.exp(-(u**2) / 2)
            emg[muscle] += rng.choice([-1, 1]) * size * signal.fftconvolve(train, shape, "same")
    return emg / emg.std(axis=1, keepdims=True)


COMMANDS: dict[str, Callable[[Rng, int, int], Floats]] = {
    "smooth": smooth_commands,
    "gait": gait_commands,
    "steps": step_commands,
}
SOURCES: dict[str, Callable[[Rng, Floats], Floats]] = {"modulated noise": modulated_noise, "motor units": motor_units}
SESSIONS = [f"{commands}, {source}, {i}" for i, source, commands in product((1, 2), SOURCES, COMMANDS)]


def simulate(name: str) -> tuple[Floats, Floats]:
    """Return true activation and raw EMG (muscle, sample) of a session; the EMG has electrode noise and cross-talk."""
    commands, source, _ = name.split(", ")
    rng = np.random.default_rng(FIRST_SEED + SESSIONS.index(name))
    n, muscles = round(SECONDS * RATE), int(rng.integers(5, 15))
    activation = COMMANDS[commands](rng, n, muscles)
    activation /= np.quantile(activation, 0.95, axis=1, keepdims=True)
    emg = SOURCES[source](rng, activation)
    band = signal.butter(2, [20, 450], "band", fs=RATE, output="sos")
    emg += (
        rng.uniform(0.02, 0.12) * emg.std(axis=1, keepdims=True) * signal.sosfilt(band, rng.standard_normal(emg.shape))
    )
    return activation, emg + rng.uniform(0, 0.04) * (np.roll(emg, 1, axis=0) + np.roll(emg, -1, axis=0))


def recording(name: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the rectified EMG of a session, read from an NWB file as any other, and the truth."""
    activation, emg = simulate(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.nwb"
        start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        nwbfile = NWBFile(session_description=name, identifier=name, session_start_time=start)
        nwbfile.add_acquisition(TimeSeries(name="EMG", data=VOLTS * emg.T, unit="volts", rate=RATE))
        with NWBHDF5IO(path, "w") as io:
            io.write(nwbfile)
        prepared = nal.preprocess(nal.open_emg(path, path="acquisition/EMG")).load()
    coordinates = {"time": np.arange(activation.shape[1]) / RATE, "muscle": prepared["muscle"].values}
    return prepared, xr.DataArray(activation.T, coordinates, ("time", "muscle"))


def main() -> None:
    """Score what is not there yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--estimators", nargs="+", default=ESTIMATORS, metavar="KEY[:NAME=VALUE,...]")
    parser.add_argument("--sessions", nargs="+", choices=SESSIONS, default=SESSIONS)
    parser.add_argument("--seed", type=int, default=0, help="of the estimators")
    parser.add_argument("--again", action="store_true", help="run what is asked for anew, kept or not")
    parser.add_argument("--json", type=Path, default=DOCS / "worlds.json")
    parser.add_argument("--markdown", type=Path, help="page whose part is replaced")
    options = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = json.loads(options.json.read_text()) if options.json.exists() else {}
    rows: list[dict[str, Any]] = result.setdefault("other_simulator", [])
    for what in options.estimators:
        make(what, options.seed)  # a wrong name ends the run before anything is run
    for name in options.sessions:
        asked = [{"world": name, "estimator": what, "seed": options.seed} for what in options.estimators]
        if options.again:
            rows[:] = [row for row in rows if not any(row.items() >= who.items() for who in asked)]
        left = [who for who in asked if not any(row.items() >= who.items() for row in rows)]
        if not left:
            continue
        emg, truth = recording(name)
        for who in left:
            rows.append(who | score(who["estimator"], emg, truth, options.seed))
            print(name, who["estimator"], f"R2 {rows[-1]['r2']:.3f}", flush=True)
            keep(result, options.json)
    in_order = [
        row
        for what in options.estimators
        for name in SESSIONS
        for row in rows
        if (row["world"], row["estimator"], row["seed"]) == (name, what, options.seed)
    ]
    text = table(in_order)
    print("\n" + text)
    if options.markdown:
        put(options.markdown, "another simulator", text, by="other_simulator.py")


if __name__ == "__main__":
    main()
