"""Signals whose clock is wrong: rates, starts and timestamps that no recording has."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from faults.campaign.cases import COMPARE, INSPECT, RUN, Kind, either, refused, replace, works
from faults.campaign.recordings import RATE_HZ, SECONDS
from faults.campaign.structure import EMG, attribute

CASES = Kind("timing")
START = f"{EMG}/starting_time"
N_SAMPLES = int(RATE_HZ * SECONDS)
CLOCK = np.arange(N_SAMPLES) / RATE_HZ


def timestamps(values: Any, **how: Any):
    """Put timestamps in the place of rate and start."""

    def change(file: h5py.File) -> None:
        del file[START]
        made = file[EMG].create_dataset("timestamps", data=values, **how)
        made.attrs.update({"interval": np.int32(1), "unit": "seconds"})

    return change


def with_values(at: slice | int, value: float) -> np.ndarray:
    """Return a good clock with other values somewhere."""
    found = CLOCK.copy()
    found[at] = value
    return found


ODD_RATES = {
    "NaN": np.nan,
    "infinite": np.inf,
    "0": 0.0,
    "-1000 Hz": -1000.0,
    "1e308 Hz": 1e308,
    "1e9 Hz": 1e9,
    "5e-324 Hz": 5e-324,
    "0.001 Hz": 1e-3,
    "text": "fast",
    "two numbers": [1000.0, 500.0],
}
for _name, _value in ODD_RATES.items():
    CASES.patch(f"a rate of {_name}", attribute(START, "rate", _value), either(INSPECT), refused(RUN, "rate"))
CASES.patch("no rate", lambda f: f[START].attrs.__delitem__("rate"), either(INSPECT), refused(RUN, "EMG"))
CASES.patch("a rate of 20 Hz", attribute(START, "rate", 20.0), either(INSPECT), refused(RUN, "20 Hz"))
for _name, _value in {"NaN": np.nan, "infinite": np.inf, "-infinite": -np.inf}.items():
    CASES.patch(
        f"a start at {_name}",
        lambda f, v=_value: replace(f, START, data=v),
        either(INSPECT),
        refused(RUN, "starting_time"),
    )
CASES.patch(
    "a start at 1e300 s", lambda f: replace(f, START, data=1e300), either(INSPECT), refused(RUN, "starting_time")
)
CASES.patch("a start in text", lambda f: replace(f, START, data="noon"), either(INSPECT), refused(RUN, "starting_time"))
CASES.patch(
    "a start that is a list",
    lambda f: replace(f, START, data=[0.0, 1.0]),
    either(INSPECT),
    refused(RUN, "starting_time"),
)
CASES.patch("neither rate nor timestamps", lambda f: f.__delitem__(START), either(INSPECT), refused(RUN, "EMG"))
CASES.patch(
    "rate and timestamps",
    lambda f: f[EMG].create_dataset("timestamps", data=CLOCK) and None,
    either(INSPECT),
    either(RUN),
)

ODD_TIMESTAMPS = {
    "with one NaN": with_values(500, np.nan),
    "all NaN": np.full(N_SAMPLES, np.nan),
    "with infinity at the end": with_values(-1, np.inf),
    "with infinity in the middle": with_values(5000, np.inf),
    "all infinite": np.full(N_SAMPLES, np.inf),
    "all the same": np.zeros(N_SAMPLES),
    "backwards": CLOCK[::-1],
    "with a step back": np.r_[CLOCK[:8000], CLOCK[:8000]],
    "in no order": np.random.default_rng(0).permutation(CLOCK),
    "too few": CLOCK[:-10],
    "too many": np.r_[CLOCK, 17, 18],
    "none": np.zeros(0),
    "of two columns": np.stack([CLOCK, CLOCK], 1),
    "that are complex": CLOCK.astype("c16"),
    "of 1e300 s": CLOCK * 1e300,
    "of denormal steps": CLOCK * 1e-320,
    "that jump by years": np.r_[CLOCK[:8000], CLOCK[8000:] * 1e9],
}
for _name, _value in ODD_TIMESTAMPS.items():
    CASES.patch(f"timestamps {_name}", timestamps(_value), either(INSPECT), refused(RUN, "timestamps"))
CASES.patch("timestamps in text", timestamps([str(t) for t in CLOCK[:50]]), either(INSPECT), refused(RUN, "timestamps"))
CASES.patch(
    "timestamps that are references",
    timestamps(None, shape=(N_SAMPLES,), dtype=h5py.ref_dtype),
    either(INSPECT),
    refused(RUN, "timestamps"),
)
CASES.patch("a timestamp for all", timestamps(3.0), either(INSPECT), refused(RUN, "timestamps"))
CASES.patch("timestamps with a gap", timestamps(np.r_[CLOCK[:8000], CLOCK[8000:] + 3]), works(INSPECT), works(RUN))
CASES.patch(
    "timestamps with a gap after each sample",
    timestamps(CLOCK**1.5 + 0.01 * np.arange(N_SAMPLES) ** 1.3),
    either(INSPECT),
    refused(RUN, "timestamps"),
)


@CASES.case("timestamps that are those of a series that is gone", either(INSPECT), refused(RUN, "EMG"))
def _(place):
    with h5py.File(place.copy("recording.nwb"), "r+") as file:
        del file[START]
        file[f"{EMG}/timestamps"] = h5py.SoftLink("/acquisition/gone/timestamps")


UNITS, TRIALS = "units/spike_times", "intervals/trials/start_time"
result = Kind("timing", "result.nwb")
result.patch("spikes at NaN", lambda f: replace(f, UNITS, data=np.full(f[UNITS].shape, np.nan)), either(COMPARE))
result.patch("spikes at 1e300 s", lambda f: replace(f, UNITS, data=np.full(f[UNITS].shape, 1e300)), either(COMPARE))
result.patch("spikes that are text", lambda f: replace(f, UNITS, data=["now"] * 40), either(COMPARE))
result.patch(
    "spikes beyond their list", lambda f: replace(f, "units/spike_times_index", data=[5, 2**31, 3, 9]), either(COMPARE)
)
result.patch("trials at NaN", lambda f: replace(f, TRIALS, data=np.full(f[TRIALS].shape, np.nan)), either(COMPARE))
result.patch("trials at infinity", lambda f: replace(f, TRIALS, data=np.full(f[TRIALS].shape, np.inf)), either(COMPARE))
result.patch("trials in text", lambda f: replace(f, TRIALS, data=["now"] * len(f[TRIALS])), either(COMPARE))
