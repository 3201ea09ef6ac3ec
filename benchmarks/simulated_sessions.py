"""Time the simulator, and say how far the low-pass filter gets on its sessions.

``python benchmarks/simulated_sessions.py`` prints two lines for each EMG generator. Uses nothing of the package but
the simulator: the filtering here is plain scipy, after the paper's preprocessing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from pynwb import NWBHDF5IO
from scipy import signal

from nwb_autolfads.simulate import SimulationConfig, read_true_activation, simulate_session

CUTOFFS_HZ = (5, 7, 10, 14, 20, 28, 40)


def rectified_emg(path: Path, rate: float = 500.0) -> np.ndarray:
    """Notch the mains, high-pass at 65 Hz, rectify, resample, clip at the 0.999 quantile; (time, muscle)."""
    with NWBHDF5IO(path, "r") as io:
        series = io.read().acquisition["EMG"]
        emg, emg_rate = series.data[:] * series.conversion, series.rate
    for harmonic in (60, 120, 180, 240, 300, 360, 420):
        b, a = signal.iirnotch(harmonic, harmonic / 2, fs=emg_rate)
        emg = signal.filtfilt(b, a, emg, axis=0)
    emg = signal.sosfiltfilt(signal.butter(4, 65, "high", fs=emg_rate, output="sos"), emg, axis=0)
    emg = np.abs(signal.resample_poly(np.abs(emg), int(rate), int(emg_rate), axis=0))
    return np.minimum(emg, np.quantile(emg, 0.999, axis=0))


def r2_affine(estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Share of each muscle's true variance explained by an affine map of its estimate: the squared correlation."""
    return np.array([np.corrcoef(e, t)[0, 1] ** 2 for e, t in zip(estimate.T, truth.T, strict=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--duration", type=float, default=120.0, help="length for the filters (s)")
    parser.add_argument("--speed-duration", type=float, default=600.0, help="length for the clock (s); 0 skips it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.nwb"
        for generator in ("am", "motor_units"):
            config = SimulationConfig(emg_generator=generator)
            scores = []
            for seed in range(options.seeds):
                simulate_session(path, seed=seed, duration=options.duration, config=config, overwrite=True)
                emg, truth = rectified_emg(path), read_true_activation(path).values
                filters = [signal.butter(4, cutoff, fs=500.0, output="sos") for cutoff in CUTOFFS_HZ]
                scores.append([r2_affine(signal.sosfiltfilt(f, emg, axis=0), truth).mean() for f in filters])
            means = np.mean(scores, axis=0)
            print(
                f"{generator}: mean R2 of a zero-phase low-pass over {options.seeds} seeds of {options.duration:g} s:",
                ", ".join(f"{cutoff} Hz {r2:.3f}" for cutoff, r2 in zip(CUTOFFS_HZ, means, strict=True)),
                flush=True,
            )
            if options.speed_duration:
                start, start_cpu = time.perf_counter(), time.process_time()
                simulate_session(path, duration=options.speed_duration, config=config, overwrite=True)
                print(
                    f"{generator}: {options.speed_duration:g} s simulated in {time.perf_counter() - start:.1f} s",
                    f"({time.process_time() - start_cpu:.1f} s of CPU), {path.stat().st_size / 1e6:.0f} MB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
