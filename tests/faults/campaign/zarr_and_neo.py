"""Recordings in Zarr, EDF and other formats that are broken: metadata, chunks, headers, lengths, names of files."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from faults.campaign.cases import Kind, Step, either, refused, works
from faults.campaign.commands import Place
from faults.campaign.recordings import raw_emg

ZARR = Kind("zarr")
NEO = Kind("neo")
FOLDER, EDF = "session.zarr", "session.edf"
NEW = ("--estimator", "lowpass", "--out", "new.nwb")
SESSION = ("--session-start", "2026-01-01T00:00:00Z", "--subject", "01", "--species", "Homo sapiens")
SEE, RUN = ("inspect", FOLDER), ("run", FOLDER, *NEW)
SEE_EDF, RUN_EDF = ("inspect", EDF), ("run", EDF, *NEW, *SESSION)
DATA = "acquisition/EMG/data"
REFUSED = (refused(SEE, FOLDER), refused(RUN, FOLDER))
# What is left of the EMG where only its samples are damaged can still be described.
UNREADABLE = (either(SEE), refused(RUN, FOLDER))


def zarr(name: str, change: Callable[[Path], Any], *steps: Step) -> None:
    """Add a case of a good recording in Zarr with a change."""

    def prepare(place: Place) -> None:
        change(Path(shutil.copytree(place.templates / "recording.zarr", place.work / FOLDER)))

    ZARR.case(name, *(steps or REFUSED))(prepare)


def metadata(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Return what changes the metadata of all objects, which lie in one file beside those of each."""

    def changed(folder: Path) -> None:
        values = json.loads((folder / ".zmetadata").read_text())
        change(values["metadata"])
        (folder / ".zmetadata").write_text(json.dumps(values))
        for key, value in values["metadata"].items():
            (folder / key).write_text(json.dumps(value))

    return changed


def array(**values: object) -> Callable[[Path], None]:
    """Return what changes how the samples are stored."""
    return metadata(lambda found: found[f"{DATA}/.zarray"].update(values))


def text(name: str, content: str) -> Callable[[Path], Any]:
    """Return what puts another text into a file, and takes out what would be read in its place."""

    def changed(folder: Path) -> None:
        if name != ".zmetadata":
            (folder / ".zmetadata").unlink()
        (folder / name).write_text(content)

    return changed


def chunk(folder: Path) -> Path:
    """Return the file of the samples."""
    return folder / DATA / "0.0"


zarr("a good one", lambda folder: None, works(SEE), works(RUN))
zarr(
    "one and no place for the result", lambda folder: None, refused(("run", FOLDER, "--estimator", "lowpass"), "--out")
)
for _name in (".zmetadata", f"{DATA}/.zarray", ".zattrs"):
    zarr(f"{_name} that is no JSON", text(_name, "{"))
    zarr(f"{_name} that is a list", text(_name, "[]"))
    zarr(f"{_name} nested 100,000 deep", text(_name, "[" * 100_000))
for _kind, _values in {
    "shape": [[10**15, 3], [-1, 3], "text"],
    "chunks": [[0, 3], [10**12, 3]],
    "dtype": ["|O", "quux", "<U10"],
    "compressor": [{"id": "quux"}, {"id": "pickle"}],
    "filters": [[{"id": "pickle", "protocol": 5}], 5],
    "zarr_format": [3],
}.items():
    for _value in _values:
        zarr(f"samples with {_kind} {json.dumps(_value)}", array(**{_kind: _value}), *UNREADABLE)
zarr("samples that are cut", lambda folder: chunk(folder).write_bytes(chunk(folder).read_bytes()[:1000]), *UNREADABLE)
zarr("samples that are noise", lambda folder: chunk(folder).write_bytes(b"\xff" * 5000), *UNREADABLE)
zarr("samples that are gone", lambda folder: chunk(folder).unlink(), *UNREADABLE)
zarr(
    "samples in another folder",
    lambda folder: (
        chunk(folder).rename(folder.parents[1] / "elsewhere/x"),
        chunk(folder).symlink_to("../../../../../elsewhere/x"),
    ),
    *UNREADABLE,
)
zarr("samples in a pipe", lambda folder: (chunk(folder).unlink(), os.mkfifo(chunk(folder))), *UNREADABLE)
zarr("samples in a device", lambda folder: (chunk(folder).unlink(), chunk(folder).symlink_to("/dev/zero")), *UNREADABLE)
zarr("an empty folder", lambda folder: (shutil.rmtree(folder), folder.mkdir()))
zarr("a folder of text", lambda folder: (shutil.rmtree(folder), folder.mkdir(), (folder / "a.txt").write_text("a")))
zarr("a file where the folder is", lambda folder: (shutil.rmtree(folder), folder.write_text("text")))
zarr(
    "no specifications",
    lambda folder: (shutil.rmtree(folder / "specifications"), (folder / ".zmetadata").unlink()),
    either(SEE),
    either(RUN),
)
zarr(
    "links to another file",
    metadata(
        lambda found: found.setdefault("acquisition/.zattrs", {}).update(
            zarr_link=[{"source": "/etc", "path": "/passwd", "name": "x"}]
        )
    ),
)


def edf(**fields: Any) -> bytes:
    """Return a recording in EDF, of 3 channels in records of 1 s, with fields of its header replaced."""
    data = np.rint(raw_emg(8) * 1e6 / 3200 * 32768).clip(-32768, 32767).astype("<i2")
    usual: dict[str, Any] = {
        "version": "0",
        "patient": "X X X X",
        "recording": "Startdate 01-JAN-2026 X X X",
        "date": "01.01.26",
        "time": "00.00.00",
        "size": 256 * 4,
        "reserved": "",
        "records": 8,
        "seconds": 1,
        "signals": 3,
        "label": "EMG",
        "unit": "uV",
        "low": -3200,
        "high": 3200,
        "digital_low": -32768,
        "digital_high": 32767,
        "samples": 1000,
    }
    f = usual | fields
    head = [
        (f["version"], 8),
        (f["patient"], 80),
        (f["recording"], 80),
        (f["date"], 8),
        (f["time"], 8),
        (f["size"], 8),
        (f["reserved"], 44),
        (f["records"], 8),
        (f["seconds"], 8),
        (f["signals"], 4),
    ]
    for name, width in (
        ("label", 16),
        ("", 80),
        ("unit", 8),
        ("low", 8),
        ("high", 8),
        ("digital_low", 8),
        ("digital_high", 8),
        ("", 80),
        ("samples", 8),
        ("", 32),
    ):
        head += [(f"{f[name]}{channel}" if name == "label" else f.get(name, ""), width) for channel in range(3)]
    header = b"".join(str(value).encode("latin-1").ljust(width)[:width] for value, width in head)
    return header + b"".join(data[start : start + 1000].T.tobytes() for start in range(0, len(data), 1000))


def neo(name: str, content: bytes, *steps: Step, file: str = EDF) -> None:
    """Add a case of a file that Neo would read."""
    NEO.case(name, *(steps or (refused(SEE_EDF, EDF), refused(RUN_EDF, EDF))))(
        lambda place: (place.work / file).write_bytes(content)
    )


neo("a good one", edf(), works(SEE_EDF), works(RUN_EDF))
neo("one without a session", edf(), refused(("run", EDF, *NEW), "--session-start"))
ODD = (either(SEE_EDF), either(RUN_EDF))
for _name, _value in {
    "records": ["-1", "99999999", "text"],
    "seconds": ["0", "1e308", "nan"],
    "signals": ["0", "9999"],
    "samples": ["0", "99999999"],
    "size": ["99999999"],
    "low": ["3200", "nan"],
    "digital_low": ["32767"],
    "date": ["99.99.99"],
    "label": ["", "\xff\xfe", "\x1b[2J"],
    "unit": ["bananas", ""],
    "version": ["9"],
}.items():
    for _odd in _value:
        neo(f"EDF with {_name} {_odd!r}", edf(**{_name: _odd}), *ODD)
neo("EDF cut in its header", edf()[:300])
neo("EDF cut in its samples", edf()[:20_000], *ODD)
neo("EDF of nothing", b"")
neo("EDF of noise", np.random.default_rng(0).bytes(20_000))
for _suffix in ("smr", "nev", "rhd", "abf", "plx", "nwb", "h5", "nix", "mat", "xyz"):
    _file, _content = f"session.{_suffix}", np.random.default_rng(1).bytes(20_000)
    _steps = refused(("inspect", _file), _file), refused(("run", _file, *NEW, *SESSION), _file)
    neo(f"{_suffix} of noise", _content, *_steps, file=_file)
neo(
    "Intan with a header of lies",
    struct.pack("<IHH", 0xC6912702, 3, 0) + b"\xff" * 2000,
    refused(("inspect", "session.rhd")),
    file="session.rhd",
)
