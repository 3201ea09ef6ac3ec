"""HDF5 files whose structure is not that of an NWB file: rings, depth, types, shapes, references, specifications."""

from __future__ import annotations

import json
from collections.abc import Callable

import h5py
import numpy as np
from faults.campaign.cases import COMPARE, INSPECT, REPORT, RUN, Kind, either, refused, replace, works
from faults.campaign.recordings import RATE_HZ, SECONDS

CASES = Kind("structure")
EMG = "acquisition/EMG"
DATA = f"{EMG}/data"
N_SAMPLES = int(RATE_HZ * SECONDS)


def ring(place: str, length: int) -> Callable[[h5py.File], None]:
    """Add soft links that lead to each other in a ring."""

    def change(file: h5py.File) -> None:
        for at in range(length):
            file[f"{place}/ring{at}"] = h5py.SoftLink(f"/{place}/ring{(at + 1) % length}")

    return change


def nest(place: str, depth: int) -> Callable[[h5py.File], None]:
    """Nest groups in each other."""

    def change(file: h5py.File) -> None:
        group = file[place]
        for _ in range(depth):
            group = group.create_group("g")

    return change


def specification(text: str, source: str = "namespace") -> Callable[[h5py.File], None]:
    """Put another text in the place of one of the cached specifications of NWB."""

    def change(file: h5py.File) -> None:
        (version,) = file["specifications/core"]
        replace(file, f"specifications/core/{version}/{source}", data=text, dtype=h5py.string_dtype())

    return change


def stored(place: str, **how: object) -> Callable[[h5py.File], None]:
    """Put another data set in the place of one."""
    return lambda file: replace(file, place, **how) and None


def without(*places: str) -> Callable[[h5py.File], None]:
    """Take objects out."""

    def change(file: h5py.File) -> None:
        for place in places:
            del file[place]

    return change


def attribute(place: str, name: str, value: object) -> Callable[[h5py.File], None]:
    """Give an attribute another value."""

    def change(file: h5py.File) -> None:
        if name in file[place].attrs:
            del file[place].attrs[name]
        file[place].attrs[name] = value

    return change


for _length in (1, 2, 20):
    CASES.patch(
        f"{_length} soft links in a ring among signals", ring("acquisition", _length), either(INSPECT), either(RUN)
    )
    CASES.patch(f"{_length} soft links in a ring in the EMG", ring(EMG, _length), either(INSPECT), either(RUN))
CASES.patch("a soft link to itself at the root", ring("/", 1), either(INSPECT), either(RUN))
CASES.patch("a soft link to itself in a result", ring("processing/behavior", 1), either(REPORT), either(COMPARE))
for _depth in (100, 3000):
    CASES.patch(f"groups {_depth} deep among signals", nest("acquisition", _depth), either(INSPECT), either(RUN))
    CASES.patch(f"groups {_depth} deep at the root", nest("/", _depth), either(INSPECT), either(RUN))
CASES.patch("groups 3000 deep in scratch", lambda f: nest("scratch", 3000)(f.create_group("scratch").file), either(RUN))


@CASES.case("a group that holds itself", either(INSPECT), either(RUN))
def _(place):
    with h5py.File(place.copy("recording.nwb"), "r+") as file:
        file[f"{EMG}/itself"] = file[EMG]
        file["acquisition/all"] = file["/"]


@CASES.case("5,000 series", either(INSPECT), either(RUN))
def _(place):
    with h5py.File(place.copy("recording.nwb"), "r+") as file:
        for at in range(5_000):
            file[f"acquisition/series{at}"] = file[EMG]


@CASES.case("1,000 notes on the EMG", either(INSPECT), either(RUN))
def _(place):
    with h5py.File(place.copy("recording.nwb"), "r+", libver="latest") as file:
        for at in range(1_000):
            file[EMG].attrs[f"note{at}"] = "x" * 20


# --- what stands where the samples should be -------------------------------------------------------------------------
PAIR = np.dtype([("left", "f4"), ("right", "f4")])
ODD_SAMPLES = {
    "compound": {"data": np.zeros((N_SAMPLES, 3), PAIR)},
    "complex": {"data": np.zeros((N_SAMPLES, 3), "c8")},
    "text": {"data": np.full((50, 3), "loud", object), "dtype": h5py.string_dtype()},
    "bytes": {"data": np.full((50, 3), b"12")},
    "references": {"shape": (50, 3), "dtype": h5py.ref_dtype},
    "region references": {"shape": (50, 3), "dtype": h5py.regionref_dtype},
    "opaque": {"data": np.zeros((50, 3), "V7")},
    "booleans": {"data": np.zeros((N_SAMPLES, 3), bool)},
    "an enumeration": {"data": np.zeros((N_SAMPLES, 3), "i1"), "dtype": h5py.enum_dtype({"off": 0, "on": 1}, "i1")},
    "ragged rows": {"shape": (N_SAMPLES,), "dtype": h5py.vlen_dtype("f4")},
    "little arrays": {"shape": (N_SAMPLES,), "dtype": np.dtype(("f4", (3,)))},
    "a scalar": {"data": 1.0},
    "nothing": {"data": h5py.Empty("f4")},
    "no rows": {"shape": (0, 3), "dtype": "f4"},
    "no columns": {"shape": (N_SAMPLES, 0), "dtype": "f4"},
    "three dimensions": {"data": np.ones((N_SAMPLES, 3, 2), "f4")},
    "thirty dimensions": {"shape": (1,) * 30, "dtype": "f4"},
    "20,000 columns": {"data": np.ones((10, 20_000), "f4")},
    "columns as rows": {"data": np.ones((3, N_SAMPLES), "f4")},
    "one sample": {"data": np.ones((1, 3), "f4")},
    "128-bit floats": {"data": np.ones((50, 3), np.longdouble)},
}
for _name, _how in ODD_SAMPLES.items():
    CASES.patch(f"samples that are {_name}", stored(DATA, **_how), either(INSPECT), refused(RUN, "EMG"))
CASES.patch(
    "a group where samples are", lambda f: (without(DATA)(f), f.create_group(DATA)), either(INSPECT), refused(RUN)
)
CASES.patch("no samples", without(DATA), either(INSPECT), refused(RUN))
CASES.patch(
    "a data set where the series is",
    lambda f: (without(EMG)(f), f.create_dataset(EMG, data=1.0)),
    either(INSPECT),
    refused(RUN),
)
CASES.patch(
    "a named type where the series is",
    lambda f: (without(EMG)(f), f.__setitem__(EMG, np.dtype("f4"))),
    either(INSPECT),
    refused(RUN),
)

# --- attributes and tables -----------------------------------------------------------------------------------------
ODD_CONVERSIONS = {
    "of two channels": np.ones(2),
    "of none": np.ones(0),
    "of text": "loud",
    "that are NaN": np.full(3, np.nan),
    "of zero": np.zeros(3),
    "that are infinite": np.full(3, np.inf),
    "that are huge": np.full(3, 1e300),
}
for _name, _value in ODD_CONVERSIONS.items():
    CASES.patch(
        f"channel conversions {_name}",
        lambda f, v=_value: f[EMG].create_dataset("channel_conversion", data=v).attrs.update({"axis": 1}) or None,
        either(INSPECT),
        refused(RUN, "conversion"),
    )
for _name, _value in {
    "NaN": np.nan,
    "infinite": np.inf,
    "0": 0.0,
    "1e308": 1e308,
    "text": "loud",
    "a list": [1.0, 2.0],
}.items():
    CASES.patch(
        f"a conversion of {_name}", attribute(DATA, "conversion", _value), either(INSPECT), refused(RUN, "conversion")
    )
CASES.patch("an offset of NaN", attribute(DATA, "offset", np.nan), either(INSPECT), refused(RUN, "offset"))
CASES.patch("a unit that is a number", attribute(DATA, "unit", 3), either(INSPECT), either(RUN))
CASES.patch(
    "a unit of 100,000 letters",
    lambda f: replace(f, DATA, data=f[DATA][:]).attrs.modify("unit", "v" * 60_000),
    either(INSPECT),
    either(RUN),
)
CASES.patch("no unit", lambda f: f[DATA].attrs.__delitem__("unit"), either(INSPECT), either(RUN))
for _name, _value in {
    "out of range": [0, 1, 99],
    "negative": [0, 1, -1],
    "too few": [0, 1],
    "huge": [0, 1, 2**31 - 1],
}.items():
    CASES.patch(
        f"electrodes {_name}",
        stored(f"{EMG}/electrodes", data=np.array(_value)),
        either(INSPECT),
        refused(RUN, "electrodes"),
    )
CASES.patch(
    "electrodes that are text",
    stored(f"{EMG}/electrodes", data=["a", "b", "c"]),
    either(INSPECT),
    refused(RUN, "electrodes"),
)
CASES.patch("electrodes of no table", attribute(f"{EMG}/electrodes", "table", "nowhere"), either(INSPECT), either(RUN))
CASES.patch(
    "a table of electrodes with columns of other lengths",
    stored("general/extracellular_ephys/electrodes/location", data=["a"]),
    either(INSPECT),
    either(RUN),
)
CASES.patch(
    "muscles of the same name",
    stored("general/extracellular_ephys/electrodes/label", data=["TA"] * 3),
    either(INSPECT),
    either(RUN),
)
CASES.patch(
    "muscles without names",
    stored("general/extracellular_ephys/electrodes/label", data=[""] * 3),
    works(INSPECT),
    works(RUN),
)
CASES.patch(
    "names of muscles that move the cursor",
    stored("general/extracellular_ephys/electrodes/label", data=["\x1b[2J", "a\nb", "\x07"]),
    works(INSPECT),
    works(RUN),
)
CASES.patch(
    "names of muscles of 50,000 letters",
    stored("general/extracellular_ephys/electrodes/label", data=["x" * 50_000, "b", "c"]),
    either(INSPECT),
    either(RUN),
)

# --- what the file says it is ---------------------------------------------------------------------------------------
CASES.patch("no type of the file", lambda f: f.attrs.__delitem__("neurodata_type"), refused(INSPECT), refused(RUN))
CASES.patch("another type of the file", attribute("/", "neurodata_type", "Units"), refused(INSPECT), refused(RUN))
CASES.patch("a type that nobody knows", attribute(EMG, "neurodata_type", "Quux"), either(INSPECT), either(RUN))
CASES.patch("a type that is a number", attribute(EMG, "neurodata_type", 5), either(INSPECT), either(RUN))
CASES.patch(
    "a type of a namespace that is not there", attribute(EMG, "namespace", "ndx-gone"), either(INSPECT), either(RUN)
)
CASES.patch("no identifier", without("identifier"), either(INSPECT), refused(RUN))
CASES.patch(
    "an identifier that is a group",
    lambda f: (without("identifier")(f), f.create_group("identifier")),
    either(INSPECT),
    refused(RUN),
)
CASES.patch("a start time that is none", stored("session_start_time", data="yesterday"), either(INSPECT), either(RUN))
CASES.patch(
    "a start time in the year 10000",
    stored("session_start_time", data="10000-01-01T00:00:00Z"),
    either(INSPECT),
    either(RUN),
)
CASES.patch("no start time", without("session_start_time"), either(INSPECT), either(RUN))
CASES.patch("a version of NWB from 1996", attribute("/", "nwb_version", "0.0.1"), either(INSPECT), either(RUN))
CASES.patch("a version of NWB that is none", attribute("/", "nwb_version", "latest!"), either(INSPECT), either(RUN))
CASES.patch("no specifications", without("specifications"), either(INSPECT), either(RUN))
CASES.patch("specifications that are nowhere", attribute("/", ".specloc", "nowhere"), either(INSPECT), either(RUN))
CASES.patch(
    "specifications that are empty",
    lambda f: (without("specifications/core")(f), f.create_group("specifications/core/2.9.0")),
    either(INSPECT),
    either(RUN),
)
NAMESPACE = {"doc": "d", "name": "core", "full_name": "c", "version": "2.9.0", "author": "a", "contact": "c"}
for _name, _text in {
    "no JSON": "{",
    "a list": "[]",
    "a number": "5",
    "nested 100,000 deep": "[" * 100_000,
    "without schema": json.dumps({"namespaces": [NAMESPACE]}),
    "that include themselves": json.dumps({"namespaces": [NAMESPACE | {"schema": [{"namespace": "core"}]}]}),
    "of a file on this machine": json.dumps({"namespaces": [NAMESPACE | {"schema": [{"source": "/etc/passwd"}]}]}),
}.items():
    CASES.patch(f"specifications {_name}", specification(_text), either(INSPECT), either(RUN))
CASES.patch("specifications whose sources are no JSON", specification("{", "nwb.base"), either(INSPECT), either(RUN))
