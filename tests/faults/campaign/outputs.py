"""Outputs that are sources, folders, devices, links, or cannot be: refused before anything is computed or opened."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
from faults.campaign.cases import APPLY, COMPARE, FILE, INSPECT, REPORT, RUN, Kind, Step, refused, works
from faults.campaign.commands import Place
from faults.campaign.recordings import TINY_MODEL

CASES = Kind("outputs")
OVERWRITE = ("--overwrite",)
TINY = ("run", FILE, "--config", "tiny.yaml")  # trains, and so is asked what is refused before it would


def files(place: Place) -> None:
    """Put a result, its recording, a model and settings into the folder."""
    place.copy("result.nwb")
    place.copy("recording.nwb", "recording.nwb")
    place.copy("model.safetensors", "model.safetensors")
    (place.work / "tiny.yaml").write_text(TINY_MODEL)


def case(name: str, *steps: Step) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Add a case in which the decorated function adds to the files of a usual folder."""

    def add(more: Callable[[Path], None]) -> Callable[[Path], None]:
        def prepare(place: Place) -> None:
            files(place)
            more(place.work)

        CASES.case(name, *steps)(prepare)
        return more

    return add


# Every way to name an output, as (command and its options, option that names the output).
OUTPUTS = {
    "run --out": (*RUN, *OVERWRITE, "--out"),
    "run --save-model": (*TINY, *OVERWRITE, "--out", "new.nwb", "--save-model"),
    "apply --out": (*APPLY, *OVERWRITE, "--out"),
    "compare --csv": (*COMPARE, *OVERWRITE, "--csv"),
    "report --out": (*REPORT, *OVERWRITE, "--out"),
    "inspect --picture": (*INSPECT, "--picture"),
}
SOURCES = {
    "the recording": FILE,
    "a hard link to the recording": "hard.nwb",
    "a symbolic link to the recording": "soft.nwb",
    "the recording through a linked folder": "folder/session.nwb",
}


def names(folder: Path) -> None:
    """Give the recording more names."""
    os.link(folder / FILE, folder / "hard.nwb")
    (folder / "soft.nwb").symlink_to(FILE)
    (folder / "folder").symlink_to(".")


for _option, _arguments in OUTPUTS.items():
    for _source, _name in SOURCES.items():
        case(f"{_option} is {_source}", refused((*_arguments, _name), Path(_name).name))(names)
case("apply --out is the model", refused((*OUTPUTS["apply --out"], "model.safetensors"), "model.safetensors"))(names)
case("run --save-model is the settings", refused((*OUTPUTS["run --save-model"], "tiny.yaml"), "tiny.yaml"))(names)
case("run --save-model is --out", refused((*TINY, "--out", "new.nwb", "--save-model", "new.nwb"), "new.nwb"))(names)
case(
    "run --save-model is the default output",
    refused((*TINY, "--save-model", "session_activation.nwb"), "session_activation.nwb"),
)(names)
case(
    "report --out is the settings",
    refused((*OUTPUTS["report --out"], "tiny.yaml", "--config", "tiny.yaml"), "tiny.yaml"),
)(names)
case("report of a page", refused(("report", "session.html", *OVERWRITE), "session.html"))(
    lambda folder: shutil.copy(folder / FILE, folder / "session.html")
)


def linked(folder: Path) -> None:
    """Let the recording have its samples in a file beside it."""
    with h5py.File(folder / FILE, "r+") as file, h5py.File(folder / "neighbour.h5", "w") as other:
        data = file["acquisition/EMG/data"]
        other["emg"] = data[:]
        other["emg"].attrs.update(data.attrs)
        del file["acquisition/EMG/data"]
        file["acquisition/EMG/data"] = h5py.ExternalLink("neighbour.h5", "/emg")


for _option in ("run --out", "compare --csv", "report --out", "inspect --picture"):
    case(f"{_option} is what the recording links", refused((*OUTPUTS[_option], "neighbour.h5"), "neighbour.h5"))(linked)


# --- what is no file -------------------------------------------------------------------------------------------------
def odd(folder: Path) -> None:
    """Make outputs that are no files."""
    os.mkfifo(folder / "pipe")
    (folder / "dangling").symlink_to("../elsewhere/made_by_a_link")
    (folder / "round").symlink_to("round")
    (folder / "a_folder").mkdir()
    try:  # one of its own: what is tested here must not be able to replace a device of this machine
        os.mknod(folder / "device", 0o020600, os.makedev(1, 3))
    except PermissionError:
        os.mkfifo(folder / "device")  # only root makes devices
    (folder / "null").symlink_to("device")


ODD = {
    "a pipe": "pipe",
    "a dangling link": "dangling",
    "a link to itself": "round",
    "a folder": "a_folder",
    "a link to a device": "null",
    "a device": "device",
    "nothing": "",
    "no folder": "gone/out",
    "a file as folder": "tiny.yaml/out",
    "a name of 300 letters": "x" * 300,
    "a name of 5,000 letters": "x/" * 2500,
}
SIMULATE = {"simulate": ("simulate", "--duration", "6", *OVERWRITE)}
for _option, _arguments in (OUTPUTS | SIMULATE).items():
    for _what, _name in ODD.items():
        if _option not in ("run --out", "report --out", "simulate") and _name not in ("pipe", "dangling", "device"):
            continue
        case(f"{_option} is {_what}", refused((*_arguments, _name)))(odd)
case("compare --netcdf is a file", refused((*COMPARE, *OVERWRITE, "--netcdf", FILE), FILE))(odd)
case("compare --netcdf is a pipe", refused((*COMPARE, *OVERWRITE, "--netcdf", "pipe"), "pipe"))(odd)
case("compare --netcdf is a dangling link", refused((*COMPARE, *OVERWRITE, "--netcdf", "dangling"), "dangling"))(odd)
case("demo into a file", refused(("demo", "--out", FILE, *OVERWRITE), FILE))(odd)
case("run --resume is a file", refused((*TINY, "--resume", FILE), FILE))(odd)

# --- what exists -----------------------------------------------------------------------------------------------------
for _option, _arguments in OUTPUTS.items():
    if _option != "inspect --picture":
        _plain = tuple(each for each in _arguments if each not in OVERWRITE)
        case(f"{_option} exists already", refused((*_plain, "precious"), "precious"))(
            lambda folder: (folder / "precious").write_text("precious")
        )
case("simulate on what exists", refused(("simulate", FILE), FILE))(odd)
case(
    "simulate over a recording by its hard link",
    works(("simulate", "hard.nwb", "--duration", "6", *OVERWRITE), makes=("hard.nwb",)),
)(names)
case(
    "in place into a symbolic link",
    works(("run", "soft.nwb", "--estimator", "lowpass", "--in-place", "--name", "New"), makes=(FILE,)),
)(names)
case("in place, an estimate of this name is there", refused((*RUN, "--in-place"), "LowPass"))(names)
case("in place and out", refused((*RUN, "--in-place", "--out", "new.nwb")))(names)
for _name in (
    "..",
    "a/b",
    "/",
    "",
    ".",
    "a\x00b".replace("\x00", "\x01"),
    "x" * 300,
    "\x1b[2J",
    "a\nb",
    "muscles",
    "Position",
):
    case(f"an estimate called {_name[:12]!r}", refused((*RUN, "--out", "new.nwb", "--name", _name)))(names)
