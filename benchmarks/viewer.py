"""The viewer on a long session: seconds until it is drawn, frames per second while it pans, memory of its server.

``OMP_NUM_THREADS=1 python benchmarks/viewer.py`` writes an hour of 16 muscles at 2 kHz, two estimates at 500 Hz, into
a temporary folder, opens it with ``nwb-autolfads view`` in a headless Chromium that runs already, and holds the right
arrow. A frame counts where the picture was drawn anew. ``--file FILE`` opens another file.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from hdmf.backends.hdf5.h5_utils import H5DataIO
from playwright.sync_api import Page, sync_playwright
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.misc import Units

import nwb_autolfads as nal

EMG_RATE, RATE = 2000, 500
VIEWS_S = (2.0, 10.0, 60.0, 600.0)
VIEW = [sys.executable, "-c", "import sys; from nwb_autolfads.cli import main; main(sys.argv[1:])", "view"]


def long_session(folder: Path, minutes: float, n_muscles: int) -> Path:
    """Write a session of noise in bursts, forty units, and two estimates of it."""
    generator = np.random.default_rng(0)
    seconds = 10 * round(6 * minutes)
    rhythm = 0.3 + np.sin(np.pi * np.arange(RATE * 10)[:, None] / RATE * (0.5 + 0.1 * np.arange(n_muscles))) ** 2

    slow = 200 * np.repeat(rhythm.astype(np.float32), EMG_RATE // RATE, axis=0)
    emg = np.empty((seconds * EMG_RATE, n_muscles), np.int16)
    for start in range(0, len(emg), len(slow)):
        emg[start : start + len(slow)] = slow * generator.standard_normal(slow.shape, dtype=np.float32)

    nwbfile = NWBFile("Noise in bursts", str(uuid.uuid4()), datetime(2024, 1, 1, tzinfo=UTC))
    names = [f"muscle {index}" for index in range(n_muscles)]
    stored = H5DataIO(emg, compression="gzip", compression_opts=1, shuffle=True, chunks=(8192, n_muscles))
    nwbfile.add_acquisition(
        TimeSeries(
            name="EMG", data=stored, unit="volts", conversion=1e-6, rate=float(EMG_RATE), comments=", ".join(names)
        )
    )
    nwbfile.units = Units(name="units", description="made up")
    for _ in range(40):
        nwbfile.add_unit(spike_times=np.sort(generator.uniform(0, seconds, 10 * seconds)))
    source = folder / "session.nwb"
    with NWBHDF5IO(source, "w") as io:
        io.write(nwbfile)
    with nal.open_emg(source, path="acquisition/EMG", muscles=names) as recording:
        origin = recording.origin.to_json()
    activation = np.tile(rhythm.astype(np.float32), (seconds // 10, 1))
    noise = generator.random(activation.shape, dtype=np.float32)
    coords = {
        "time": np.arange(len(activation)) / RATE,
        "muscle": names,
        "scale": ("muscle", np.full(n_muscles, 1.6e-4)),
        "usable": ("muscle", np.full(n_muscles, True)),
        "segment": ("time", np.zeros(len(activation), int)),
    }
    attrs: dict[str, Any] = {"estimator": "AutoLFADS", "rate": float(RATE), "unit": "V", "origin": origin}
    dims = ("time", "muscle")
    model = xr.Dataset(
        {"activation": (dims, activation), "activation_std": (dims, 0.1 * activation + 0.02 * noise)}, coords, attrs
    )
    model["factors"] = (("time", "factor"), activation[:, :8] + noise[:, :8])
    lowpass = xr.Dataset({"activation": (dims, activation * (0.8 + 0.4 * noise))}, coords, attrs)
    result = folder / "result.nwb"
    nal.write_activation(model, source, result)
    nal.write_activation(lowpass.assign_attrs(estimator="LowPass"), result, in_place=True)
    return result


@contextmanager
def served(file: Path) -> Iterator[tuple[str, int, float]]:
    """Give the address of the viewer on a file, the number of its process, and when that was started."""
    begun = time.monotonic()
    process = subprocess.Popen([*VIEW, str(file), "--no-browser"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address, "the viewer did not say where it is"
        yield address.group(), process.pid, begun
    finally:
        process.terminate()
        process.wait()


def opened(page: Page, address: str, process: int, begun: float, rows: dict[str, float]) -> None:
    """Open the page; keep how long it took where it took less than before."""
    took = {"until the address is there (s)": time.monotonic() - begun}
    page.goto(address)
    page.wait_for_selector("#session[data-complete=true]", timeout=120_000)
    took["until all in view is drawn (s)"] = time.monotonic() - begun
    took["processor time of the server until then (s)"] = processor_seconds(process)
    rows.update({what: min(seconds, rows.get(what, float("inf"))) for what, seconds in took.items()})


def processor_seconds(process: int) -> float:
    """Return the processor time that a process has used (s); NaN where the system does not say."""
    status = Path(f"/proc/{process}/stat")
    if not status.exists():
        return float("nan")
    used = status.read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def frames_per_second(page: Page, span: float, seconds: float) -> tuple[float, float]:
    """Return how often the picture was drawn anew while it panned, and the longest time between two (ms)."""
    page.evaluate("async ([start, span]) => (await nwb.view).go(start, span)", [0.0, span])
    page.wait_for_selector("#session[data-complete=true]", timeout=60_000)
    page.evaluate("""() => {
      window.drawn = [];
      let last = -1;
      const look = (now) => {
        const frames = Number(document.getElementById("session").dataset.frames);
        if (frames !== last) window.drawn.push(now);
        last = frames;
        window.looking = requestAnimationFrame(look);
      };
      look(performance.now());
    }""")
    page.focus("#session")
    page.keyboard.down("ArrowRight")
    page.wait_for_timeout(1000 * seconds)
    page.keyboard.up("ArrowRight")
    drawn = np.array(page.evaluate("() => { cancelAnimationFrame(window.looking); return window.drawn; }")[1:])
    steps = np.diff(drawn)
    return 1000 * len(steps) / (drawn[-1] - drawn[0]), float(steps.max())


def peak_memory(process: int) -> float:
    """Return the most memory that a process has held (MB); NaN where the system does not say."""
    status = Path(f"/proc/{process}/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found.group(1)) / 1000 if found else float("nan")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--muscles", type=int, default=16)
    parser.add_argument("--file", type=Path, help="open this one")
    parser.add_argument("--browser", default="/usr/bin/chromium")
    parser.add_argument("--rounds", type=int, default=3, help="of opening, of which the least counts")
    parser.add_argument("--seconds", type=float, default=5.0, help="of panning, each time")
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--json", type=Path, help="also keep the numbers in this file")
    options = parser.parse_args()
    rows: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = options.file or long_session(Path(folder), options.minutes, options.muscles)
        browser = playwright.chromium.launch(executable_path=options.browser, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": options.width, "height": 900})
        page.goto("about:blank")
        for _ in range(options.rounds - 1):
            with served(file) as (address, process, begun):
                opened(page, address, process, begun, rows)
        with served(file) as (address, process, begun):
            opened(page, address, process, begun, rows)
            first, last = page.evaluate("async () => (await nwb.view).session.span")
            for span in (each for each in VIEWS_S if 6 * each <= last - first):
                rate, longest = frames_per_second(page, span, options.seconds)
                rows[f"frames per second, {span:g} s in view"] = rate
                rows[f"longest frame, {span:g} s in view (ms)"] = longest
            page.keyboard.press("0")
            page.wait_for_timeout(300)
            page.wait_for_selector("#session[data-complete=true]", timeout=300_000)
            rows["until all of the session is known (s)"] = time.monotonic() - begun
            rows["most memory of the server (MB)"] = peak_memory(process)
        browser.close()
    print("| what | |\n|---|---|\n" + "\n".join(f"| {name} | {value:.1f} |" for name, value in rows.items()))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
