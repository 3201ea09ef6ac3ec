"""Files that claim far more than they hold, or take far more time or memory than their size says."""

from __future__ import annotations

import zlib
from pathlib import Path

import h5py
import numpy as np
from faults.campaign.cases import APPLY, COMPARE, INSPECT, REPORT, RUN, Kind, either, refused, replace, works
from faults.campaign.commands import Place
from faults.campaign.recordings import MUSCLES, RATE_HZ, SECONDS, raw_emg
from faults.campaign.structure import DATA, EMG

CASES = Kind("bombs")
RESULTS = Kind("bombs", "result.nwb")
ACTIVATION = "processing/behavior/LowPass/activation/data"
N = len(MUSCLES)
GIB = 1 << 30

CLAIMED = {
    "9 GB that were never written": {"shape": (750_000_000, N), "chunks": (100_000, N)},
    "400 GB that were never written": {"shape": (33_000_000_000, N), "chunks": (100_000, N)},
    "32 PB that were never written": {"shape": (2_700_000_000_000_000, N), "chunks": (1_000_000, N)},
    "9 GB of a fill value": {"shape": (750_000_000, N), "chunks": (100_000, N), "fillvalue": 1e-5},
    "the largest shape there is": {"shape": (2**62 // (4 * N), N), "chunks": (1_000_000, N)},
    "a chunk of 4 GB that was never written": {"shape": (333_000_000, N), "chunks": (333_000_000, N)},
    "400 GB in one piece": {"shape": (33_000_000_000, N), "early": False},
    "a million columns": {"shape": (16_000, 1_000_000), "chunks": (16, 1_000_000)},
}
for _name, _how in CLAIMED.items():
    _create = {"dtype": "f4"} | {key: value for key, value in _how.items() if key != "early"}
    CASES.patch(
        f"samples of {_name}",
        lambda file, how=_create: replace(file, DATA, **how),
        either(INSPECT),
        refused(RUN, "EMG"),
    )
    RESULTS.patch(
        f"activation of {_name}",
        lambda file, how=_create: replace(file, ACTIVATION, **how),
        refused(REPORT),
        refused(COMPARE),
    )


def deflated(n_bytes: int, level: int = 9) -> bytes:
    """Return so many zeros, compressed a piece at a time."""
    packer, found = zlib.compressobj(level), bytearray()
    for _ in range(n_bytes >> 20):
        found += packer.compress(bytes(1 << 20))
    found += packer.compress(bytes(n_bytes & ((1 << 20) - 1)))
    return bytes(found + packer.flush())


def squeeze(path: Path, place: str, chunk_bytes: int, n_chunks: int = 1) -> None:
    """Put a data set of compressed zeros into a file, of chunks that unpack to so many bytes each."""
    packed, rows = deflated(chunk_bytes), chunk_bytes // (4 * N)
    with h5py.File(path, "r+") as file:
        shape = (rows * n_chunks, N)
        made = replace(file, place, shape=shape, dtype="f4", chunks=(rows, N), compression="gzip")
        for at in range(n_chunks):
            made.id.write_direct_chunk((rows * at, 0), packed)


@CASES.case("a gzip chunk of 1 GiB", either(INSPECT), refused(RUN, "EMG"))
def _(place: Place) -> None:
    squeeze(place.copy("recording.nwb"), DATA, GIB // (4 * N) * 4 * N)


@CASES.case("a thousand gzip chunks of 12 MB", either(INSPECT), refused(RUN, "EMG"))
def _(place: Place) -> None:
    squeeze(place.copy("recording.nwb"), DATA, 12_000_000, 1000)


@CASES.case("gzip of a short stretch of zeros", works(INSPECT), refused(RUN, "flat"))
def _(place: Place) -> None:
    squeeze(place.copy("recording.nwb"), DATA, 240_000)


@CASES.case("a gzip chunk that unpacks to more than its size", either(INSPECT), refused(RUN))
def _(place: Place) -> None:
    with h5py.File(place.copy("recording.nwb"), "r+") as file:
        made = replace(file, DATA, shape=(16_000, N), dtype="f4", chunks=(16_000, N), compression="gzip")
        made.id.write_direct_chunk((0, 0), deflated(256 << 20))


@CASES.case("a gzip chunk that is noise", either(INSPECT), refused(RUN, "EMG"))
def _(place: Place) -> None:
    with h5py.File(place.copy("recording.nwb"), "r+") as file:
        made = replace(file, DATA, shape=(16_000, N), dtype="f4", chunks=(16_000, N), compression="gzip")
        made.id.write_direct_chunk((0, 0), np.random.default_rng(0).bytes(5_000))


@CASES.case("a filter that nobody has", either(INSPECT), refused(RUN, "EMG"))
def _(place: Place) -> None:
    with h5py.File(place.copy("recording.nwb"), "r+") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((16_000, N))
        plist.set_filter(h5py.h5z.FILTER_DEFLATE, 0, (1,))
        attrs = dict(file[DATA].attrs)
        del file[DATA]
        space = h5py.h5s.create_simple((16_000, N))
        made = h5py.Dataset(h5py.h5d.create(file[EMG].id, b"data", h5py.h5t.IEEE_F32LE, space, dcpl=plist))
        made.attrs.update(attrs)
        made.id.write_direct_chunk((0, 0), zlib.compress(raw_emg().tobytes()))
    path = place.work / "session.nwb"
    content = path.read_bytes()
    name = b"deflate\x00"
    assert name in content
    at = content.index(name)
    for back in range(4, 16):  # the filter's number stands shortly before its name
        if content[at - back : at - back + 2] == b"\x01\x00":
            path.write_bytes(content[: at - back] + b"\xff\x7f" + content[at - back + 2 :])
            return


@CASES.case("timestamps of 9 GB", either(INSPECT), refused(RUN, "EMG"))
def _(place: Place) -> None:
    with h5py.File(place.copy("recording.nwb"), "r+") as file:
        del file[f"{EMG}/starting_time"]
        made = file[EMG].create_dataset("timestamps", shape=(1_200_000_000,), dtype="f8", chunks=(1_000_000,))
        made.attrs.update({"interval": np.int32(1), "unit": "seconds"})


@CASES.case("electrodes of 9 GB", either(INSPECT), either(RUN))
def _(place: Place) -> None:
    with h5py.File(place.copy("recording.nwb"), "r+") as file:
        replace(file, f"{EMG}/electrodes", shape=(1_200_000_000,), dtype="i8", chunks=(1_000_000,))


@CASES.case("an electrode's name of 100 MB", either(INSPECT), either(RUN))
def _(place: Place) -> None:
    with h5py.File(place.copy("recording.nwb"), "r+") as file:
        replace(file, "general/extracellular_ephys/electrodes/label", data=["x" * 100_000_000, "b", "c"])


@CASES.case("a description of 100 MB", either(INSPECT), either(RUN))
def _(place: Place) -> None:
    with h5py.File(place.copy("recording.nwb"), "r+") as file:
        replace(file, "session_description", data="x" * 100_000_000)


@CASES.case("other signals of 32 PB that were never written", works(INSPECT), works(RUN))
def _(place: Place) -> None:
    with h5py.File(place.copy("recording.nwb"), "r+") as file:
        replace(
            file,
            "processing/behavior/Position/ankle/data",
            shape=(2_700_000_000_000_000, 2),
            dtype="f8",
            chunks=(10**6, 2),
        )


@CASES.case("a file of half a gigabyte with nothing in its end", either(INSPECT), either(RUN))
def _(place: Place) -> None:
    with place.copy("recording.nwb").open("r+b") as stream:
        stream.truncate(500_000_000)  # sparse, but the copy with the result takes that room


RESULTS.patch(
    "spikes of 9 GB",
    lambda f: replace(f, "units/spike_times", shape=(1_200_000_000,), dtype="f8", chunks=(10**6,)),
    either(COMPARE),
    either(REPORT),
)
RESULTS.patch(
    "spikes counted to 2^60",
    lambda f: replace(f, "units/spike_times_index", data=np.array([5, 9, 20, 2**60])),
    either(COMPARE),
)
RESULTS.patch(
    "a million units", lambda f: replace(f, "units/id", shape=(10**9,), dtype="i8", chunks=(10**6,)), either(COMPARE)
)
RESULTS.patch(
    "trials of 9 GB",
    lambda f: replace(f, "intervals/trials/start_time", shape=(1_200_000_000,), dtype="f8", chunks=(10**6,)),
    either(COMPARE),
)
RESULTS.patch(
    "movement of 9 GB",
    lambda f: replace(
        f, "processing/behavior/Position/ankle/data", shape=(600_000_000, 2), dtype="f8", chunks=(10**6, 2)
    ),
    either(COMPARE),
    either(REPORT),
)
RESULTS.patch(
    "names of muscles of 9 GB",
    lambda f: replace(
        f, "processing/behavior/muscles/muscle_name", shape=(500_000_000,), dtype=h5py.string_dtype(), chunks=(10**6,)
    ),
    refused(REPORT),
)


@RESULTS.case("a weight of 9 GB", refused(("apply", "model.nwb", "session.nwb")))
def _(place: Place) -> None:
    place.copy("recording.nwb")
    with h5py.File(place.copy("weights.nwb", "model.nwb"), "r+") as file:
        replace(file, "processing/behavior/AutoLFADS/model/weights", shape=(9 * 10**9,), dtype="u1", chunks=(10**6,))


@RESULTS.case("a model of 400 GB of zeros", refused(APPLY))
def _(place: Place) -> None:
    place.copy("recording.nwb")
    with (place.work / "model.safetensors").open("wb") as stream:
        stream.truncate(2_000_000_000)


LONG_S = 3600.0
CASES.patch(
    "an hour claimed of a clock",
    lambda f: f[f"{EMG}/starting_time"].attrs.modify("rate", RATE_HZ * SECONDS / LONG_S),
    either(INSPECT),
    refused(RUN, "Hz"),
)
