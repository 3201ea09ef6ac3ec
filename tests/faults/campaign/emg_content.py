"""EMG whose samples are not what EMG is: missing, huge, flat, clipped, envelopes, copies, the wrong unit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from faults.campaign.cases import INSPECT, RUN, Kind, Step, either, refused, works
from faults.campaign.commands import Place
from faults.campaign.recordings import RATE_HZ, raw_emg, write_series
from numpy.typing import NDArray

CASES = Kind("emg content")


def samples(name: str, change: Callable[[NDArray], NDArray], *steps: Step, **fields: object) -> None:
    """Add a case of a plain series whose samples are changed."""

    def prepare(place: Place) -> None:
        data = raw_emg(6)
        changed = change(data)
        write_series(place.work / "session.nwb", data if changed is None else changed, **fields)

    CASES.case(name, *steps)(prepare)


def put(where: object, value: object) -> Callable[[NDArray], NDArray]:
    """Put a value into the samples."""

    def change(data: NDArray) -> NDArray:
        data[where] = value
        return data

    return change


def envelope(data: NDArray, rate: float = 20.0) -> NDArray:
    """Return what a laboratory keeps that has thrown the raw EMG away: its envelope at a low rate."""
    step = round(RATE_HZ / rate)
    return np.abs(data[: len(data) // step * step]).reshape(-1, step, data.shape[1]).mean(axis=1)


def dented(data: NDArray) -> NDArray:
    """Return envelopes with a few negative values, as a filter that rings leaves them."""
    found = np.tile(envelope(data), (10, 1))
    found[::40] *= -0.1
    return found


MISSING = works(RUN)
samples("one NaN", put((500, 1), np.nan), works(INSPECT), MISSING)
samples("a hundred NaN in one muscle", put((slice(500, 600), 1), np.nan), works(INSPECT), MISSING)
samples("a hundred NaN in all muscles", put(slice(500, 600), np.nan), works(INSPECT), MISSING)
samples("NaN at the start", put(slice(0, 50), np.nan), works(INSPECT), MISSING)
samples("NaN at the end", put(slice(-50, None), np.nan), works(INSPECT), MISSING)
samples("one infinite sample", put((500, 1), np.inf), works(INSPECT), MISSING)
samples("infinite of both signs", put((slice(500, 502), 1), [-np.inf, np.inf]), works(INSPECT), MISSING)
samples("one muscle of NaN", put((slice(None), 1), np.nan), works(INSPECT), works(RUN))
samples("half of a muscle of NaN", put((slice(0, 3000), 1), np.nan), works(INSPECT), works(RUN))
samples("all NaN", put(slice(None), np.nan), works(INSPECT), refused(RUN, "EMG"))
samples("all but a hundred NaN", put(slice(100, None), np.nan), works(INSPECT), refused(RUN, "EMG"))
samples("every second sample NaN", put(slice(0, None, 2), np.nan), works(INSPECT), refused(RUN, "EMG"))
samples("one sample of 1e30", put((500, 1), 1e30), works(INSPECT), either(RUN, "1e+30"))
samples("one sample of 1e30 in every muscle", put(500, 1e30), works(INSPECT), either(RUN, "1e+30"))
samples("the largest number there is", put((500, 1), np.finfo("f4").max), works(INSPECT), works(RUN))
samples("a sample of 1 V", put((500, 1), 1.0), works(INSPECT), either(RUN))
samples("denormal numbers", lambda d: d * 1e-36, works(INSPECT), either(RUN))
samples("zeros", put(slice(None), 0.0), works(INSPECT), refused(RUN, "flat"))
samples("one muscle of zeros", put((slice(None), 1), 0.0), works(INSPECT), works(RUN))
samples("ones", put(slice(None), 1.0), works(INSPECT), refused(RUN, "flat"))
samples("one spike in zeros", lambda d: put((500, 1), 1e-4)(d * 0), works(INSPECT), refused(RUN, "EMG"))
samples("105 mV that claim to be volts", lambda d: d * 1000 * 105, works(INSPECT), either(RUN, "--unit"))
samples("microvolts that claim to be volts", lambda d: d * 1e6, works(INSPECT), either(RUN, "--unit"))
samples("volts that claim to be microvolts", lambda d: d, works(INSPECT), either(RUN, "--unit"), unit="uV")
samples("counts of a converter", lambda d: (d * 1e8).astype("i2"), works(INSPECT), either(RUN, "--unit"))
samples(
    "counts at the rails",
    lambda d: np.clip(d * 1e9, -32768, 32767).astype("i2"),
    works(INSPECT),
    refused(RUN, "EMG"),
    unit="a.u.",
)
samples(
    "unsigned counts", lambda d: (d * 1e8 + 32768).clip(0, 65535).astype("u2"), works(INSPECT), either(RUN), unit="a.u."
)
samples("64-bit counts", lambda d: (d * 1e22).astype("i8"), works(INSPECT), either(RUN), unit="a.u.")
samples("a large offset", lambda d: d + 5.0, works(INSPECT), either(RUN))
samples("envelopes at 20 Hz with negative values", dented, works(INSPECT), either(RUN, "20 Hz"), rate=20.0)
samples("envelopes at 20 Hz", lambda d: np.tile(envelope(d), (10, 1)), works(INSPECT), either(RUN), rate=20.0)
samples("envelopes at 1000 Hz", lambda d: np.repeat(envelope(d, 10.0), 100, axis=0), works(INSPECT), either(RUN))
samples("a sine", lambda d: 5e-5 * np.sin(np.arange(len(d)) / 3)[:, None] * [1, 2, 3], works(INSPECT), either(RUN))
samples(
    "mains hum",
    lambda d: 5e-4 * np.sin(2 * np.pi * 50 * np.arange(len(d)) / RATE_HZ)[:, None] * [1, 2, 3],
    works(INSPECT),
    refused(RUN, "mains"),
)
samples("one muscle three times", lambda d: d[:, [0, 0, 0]], works(INSPECT), works(RUN))
samples("a muscle and its negative", lambda d: np.stack([d[:, 0], -d[:, 0]], 1), works(INSPECT), either(RUN))
samples("clipped at half", lambda d: d.clip(-1e-6, 1e-6), works(INSPECT), refused(RUN, "rail"))
samples("a step of 1 V in the middle", lambda d: d + (np.arange(len(d)) > 3000)[:, None], works(INSPECT), either(RUN))
samples("half a second", lambda d: d[:500], works(INSPECT), either(RUN))
samples("a tenth of a second", lambda d: d[:100], works(INSPECT), refused(RUN, "EMG"))
samples("one sample", lambda d: d[:1], either(INSPECT), refused(RUN, "EMG"))
samples("two samples", lambda d: d[:2], either(INSPECT), refused(RUN, "EMG"))
samples("512 muscles", lambda d: np.tile(d[:2000], (1, 171)), works(INSPECT), either(RUN))
samples("big-endian numbers", lambda d: d.astype(">f8"), works(INSPECT), works(RUN))
samples("16-bit floats", lambda d: (d * 1e6).astype("f2"), works(INSPECT), works(RUN), unit="uV")
samples("a unit of bananas", lambda d: d, either(INSPECT), either(RUN, "--unit"), unit="bananas")
samples("no unit", lambda d: d, works(INSPECT, "arbitrary units"), works(RUN), unit="")
samples("a series of positions called EMG", lambda d: d, either(INSPECT), refused(RUN, "EMG"), unit="degrees")
