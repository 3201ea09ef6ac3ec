"""Time and memory of preprocessing a long recording, beside plain scipy on the same data in memory.

``python benchmarks/preprocessing.py`` makes an hour of 16 channels at 30 kHz, int16 (3.5 GB), in a temporary folder,
and prints how long `nwb_autolfads.preprocess` takes, how much memory it holds, and how long scipy takes for the same
steps when everything is in memory: channel by channel, so that scipy itself needs little room.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
from hdmf.backends.hdf5.h5_utils import H5DataIO
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from scipy import signal

N_MUSCLES, RATE = 16, 30000.0


def make(path: Path, minutes: float) -> None:
    nwbfile = NWBFile("Noise in bursts", "benchmark", datetime(2024, 1, 1, tzinfo=UTC))
    empty = np.empty((0, N_MUSCLES), dtype=np.int16)
    data = H5DataIO(empty, maxshape=(None, N_MUSCLES), chunks=(32768, N_MUSCLES))
    nwbfile.add_acquisition(TimeSeries(name="EMG", data=data, unit="volts", conversion=0.195e-6, rate=RATE))
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    generator = np.random.default_rng(0)
    second = np.arange(round(RATE)) / RATE
    with h5py.File(path, "r+") as file:
        stored = file["acquisition/EMG/data"]
        stored.resize(round(minutes * 60) * len(second), axis=0)
        for at in range(round(minutes * 60)):
            size = 200 * (0.2 + np.sin(np.pi * second[:, None] * (1 + np.arange(N_MUSCLES) / 8)) ** 2)
            hum = 20 * np.sin(2 * np.pi * 60 * (second[:, None] + at))
            samples = size * generator.standard_normal((len(second), N_MUSCLES), dtype=np.float32) + hum
            stored[at * len(second) : (at + 1) * len(second)] = samples.astype(np.int16)


def ours(path: Path) -> None:
    from nwb_autolfads.emg.config import PreprocessingConfig
    from nwb_autolfads.emg.preprocess import preprocess
    from nwb_autolfads.sources import open_emg

    with open_emg(path) as recording:
        before = _peak_mb()
        clock = time.perf_counter(), time.process_time()
        as_scipy = PreprocessingConfig(mains_hz=60, crosstalk="keep", common_artifacts="keep", spectrum="keep")
        preprocess(recording, as_scipy)
        _say("nwb_autolfads.preprocess", clock)
    print(f"  of which {before:.0f} MB resident before it began")


def plain(path: Path) -> None:
    with h5py.File(path) as file:
        data = file["acquisition/EMG/data"][:]
    clock = time.perf_counter(), time.process_time()
    notches = [signal.tf2sos(*signal.iirnotch(60 * k, 60 * k / 2, fs=RATE)) for k in range(1, 8)]
    sections = np.concatenate([*notches, signal.butter(4, 65, "highpass", fs=RATE, output="sos")])
    for channel in range(data.shape[1]):
        filtered = signal.sosfiltfilt(sections, data[:, channel] * 0.195e-6)
        slower = np.abs(signal.resample_poly(np.abs(filtered), 1, 60))
        clipped = np.minimum(slower, np.quantile(slower, 0.999))
        clipped / np.quantile(clipped, 0.95)
    _say("plain scipy in memory", clock)


def _say(what: str, clock: tuple[float, float]) -> None:
    wall, cpu = time.perf_counter() - clock[0], time.process_time() - clock[1]
    print(f"{what:25} {wall:8.1f} s  ({cpu:.1f} s of a processor)   peak resident {_peak_mb():6.0f} MB")


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the recording")
    parser.add_argument("--part", choices=["ours", "plain"], help="used by the benchmark itself")
    parser.add_argument("--file", type=Path, help="used by the benchmark itself")
    arguments = parser.parse_args()
    if arguments.part:
        {"ours": ours, "plain": plain}[arguments.part](arguments.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.nwb"
        make(path, arguments.minutes)
        print(f"{arguments.minutes:g} min, {N_MUSCLES} channels at {RATE:g} Hz: {path.stat().st_size / 1e9:.2f} GB")
        for part in ("ours", "plain"):  # a process each, so that each has its own peak
            subprocess.run([sys.executable, __file__, "--part", part, "--file", str(path)], check=True)


if __name__ == "__main__":
    main()
