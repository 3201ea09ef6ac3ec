"""Files whose data lie in other files: beside them, in other folders, behind two hops, in devices, or nowhere."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import h5py
import numpy as np
from faults.campaign.cases import APPLY, COMPARE, INSPECT, REPORT, RUN, Kind, either, refused, replace, works
from faults.campaign.commands import Place
from faults.campaign.recordings import raw_emg
from faults.campaign.structure import DATA, EMG

CASES = Kind("links")
OUTSIDE = ("--outside-links",)
SHAPE = raw_emg().shape


def neighbour(folder: Path, name: str = "neighbour.h5") -> Path:
    """Write a plain HDF5 file of EMG, and return it."""
    with h5py.File(folder / name, "w") as file:
        file["emg"] = raw_emg()
    return folder / name


def samples(folder: Path, name: str = "samples.bin") -> Path:
    """Write the samples of EMG as bytes, and return the file."""
    raw_emg().tofile(folder / name)
    return folder / name


def link(place: Place, target: str, obj: str = "/emg", file: Path | None = None, at: str = DATA) -> Path:
    """Put an external link in the place of the samples, or of another object of a file."""
    path = file or place.copy("recording.nwb")
    with h5py.File(path, "r+") as hdf5:
        attrs = dict(hdf5[at].attrs) if file is None else {}
        del hdf5[at]
        hdf5[at] = h5py.ExternalLink(target, obj)
        with contextlib.suppress(KeyError, OSError), h5py.File(path.parent / target, "r+") as other:
            other[obj].attrs.update(attrs)
    return path


def external(path: Path, target: str, at: str = DATA) -> None:
    """Store the samples of a data set in another file, as plain bytes."""
    with h5py.File(path, "r+") as file:
        replace(file, at, shape=SHAPE, dtype="f4", external=[(target, 0, int(np.prod(SHAPE)) * 4)])


def virtual(path: Path, target: str, at: str = DATA, obj: str = "emg") -> None:
    """Map the samples of another file into a data set."""
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[:] = h5py.VirtualSource(target, obj, SHAPE)
    with h5py.File(path, "r+") as file:
        attrs = dict(file[at].attrs) if at in file else {}
        if attrs:
            del file[at]
        made = file.create_virtual_dataset(at, layout)
        made.attrs.update(attrs)


# --- beside the file: allowed, and only read -------------------------------------------------------------------------
@CASES.case("samples linked from a neighbour", works(INSPECT), works(RUN))
def _(place: Place) -> None:
    neighbour(place.work)
    link(place, "neighbour.h5")


@CASES.case("samples linked from a neighbour that is read-only", works(INSPECT), works(RUN))
def _(place: Place) -> None:
    path = neighbour(place.work)
    link(place, path.name)
    path.chmod(0o444)


@CASES.case("samples linked from the neighbour's neighbour", works(INSPECT), works(RUN))
def _(place: Place) -> None:
    neighbour(place.work, "far.h5")
    with h5py.File(place.work / "neighbour.h5", "w") as file:
        file["emg"] = h5py.ExternalLink("far.h5", "/emg")
    link(place, "neighbour.h5")


@CASES.case("samples stored in a neighbour", works(INSPECT), works(RUN))
def _(place: Place) -> None:
    external(place.copy("recording.nwb"), samples(place.work).name)


@CASES.case("samples mapped from a neighbour", works(INSPECT), works(RUN))
def _(place: Place) -> None:
    virtual(place.copy("recording.nwb"), neighbour(place.work).name)


@CASES.case("samples linked by a full path to a neighbour", works(INSPECT), works(RUN))
def _(place: Place) -> None:
    link(place, str(neighbour(place.work)))


@CASES.case("a neighbour linked and written in place", works((*RUN, "--in-place"), makes=("session.nwb",)))
def _(place: Place) -> None:
    neighbour(place.work)
    link(place, "neighbour.h5")


# --- another folder: refused, at any depth ---------------------------------------------------------------------------
OUTSIDE_STEPS = (refused(INSPECT, "--outside-links"), refused(RUN, "--outside-links"), works((*RUN, *OUTSIDE)))


@CASES.case("samples linked from another folder", *OUTSIDE_STEPS)
def _(place: Place) -> None:
    neighbour(place.elsewhere)
    link(place, "../elsewhere/neighbour.h5")


@CASES.case("samples linked by a full path to another folder", *OUTSIDE_STEPS)
def _(place: Place) -> None:
    link(place, str(neighbour(place.elsewhere)))


@CASES.case("samples stored in another folder", *OUTSIDE_STEPS)
def _(place: Place) -> None:
    samples(place.elsewhere)
    external(place.copy("recording.nwb"), "../elsewhere/samples.bin")


@CASES.case("samples mapped from another folder", *OUTSIDE_STEPS)
def _(place: Place) -> None:
    neighbour(place.elsewhere)
    virtual(place.copy("recording.nwb"), "../elsewhere/neighbour.h5")


@CASES.case("samples behind a symbolic link that leads elsewhere", *OUTSIDE_STEPS)
def _(place: Place) -> None:
    neighbour(place.elsewhere)
    (place.work / "neighbour.h5").symlink_to("../elsewhere/neighbour.h5")
    link(place, "neighbour.h5")


TWO_HOPS = (refused(INSPECT, "--outside-links"), refused(RUN, "--outside-links"))


@CASES.case("two hops, the second a link to another folder", *TWO_HOPS, works((*RUN, *OUTSIDE)))
def _(place: Place) -> None:
    neighbour(place.elsewhere)
    with h5py.File(place.work / "hop.h5", "w") as file:
        file["emg"] = h5py.ExternalLink("../elsewhere/neighbour.h5", "/emg")
    link(place, "hop.h5")


@CASES.case("two hops, the second stores in another folder", *TWO_HOPS)
def _(place: Place) -> None:
    samples(place.elsewhere)
    with h5py.File(place.work / "hop.h5", "w") as file:
        file["emg"] = 0
    external(place.work / "hop.h5", "../elsewhere/samples.bin", "emg")
    link(place, "hop.h5")


@CASES.case("two hops, the second maps from another folder", *TWO_HOPS)
def _(place: Place) -> None:
    neighbour(place.elsewhere)
    with h5py.File(place.work / "hop.h5", "w"):
        pass
    virtual(place.work / "hop.h5", "../elsewhere/neighbour.h5", "emg")
    link(place, "hop.h5")


@CASES.case("a map of a map of another folder", *TWO_HOPS)
def _(place: Place) -> None:
    neighbour(place.elsewhere)
    with h5py.File(place.work / "hop.h5", "w"):
        pass
    virtual(place.work / "hop.h5", "../elsewhere/neighbour.h5", "emg")
    virtual(place.copy("recording.nwb"), "hop.h5")


@CASES.case("a map of a link to another folder", *TWO_HOPS)
def _(place: Place) -> None:
    neighbour(place.elsewhere)
    with h5py.File(place.work / "hop.h5", "w") as file:
        file["emg"] = h5py.ExternalLink("../elsewhere/neighbour.h5", "/emg")
    virtual(place.copy("recording.nwb"), "hop.h5")


@CASES.case("a map of bytes of another folder", *TWO_HOPS)
def _(place: Place) -> None:
    samples(place.elsewhere)
    with h5py.File(place.work / "hop.h5", "w") as file:
        file["emg"] = 0
    external(place.work / "hop.h5", "../elsewhere/samples.bin", "emg")
    virtual(place.copy("recording.nwb"), "hop.h5")


@CASES.case("five hops to another folder", *TWO_HOPS)
def _(place: Place) -> None:
    neighbour(place.elsewhere)
    for at in range(5):
        target = f"hop{at + 1}.h5" if at < 4 else "../elsewhere/neighbour.h5"
        with h5py.File(place.work / f"hop{at}.h5", "w") as file:
            file["emg"] = h5py.ExternalLink(target, "/emg")
    link(place, "hop0.h5")


@CASES.case("a soft link of a neighbour to what it links elsewhere", *TWO_HOPS)
def _(place: Place) -> None:
    neighbour(place.elsewhere)
    with h5py.File(place.work / "hop.h5", "w") as file:
        file["out"] = h5py.ExternalLink("../elsewhere/neighbour.h5", "/")
        file["emg"] = h5py.SoftLink("/out/emg")
    link(place, "hop.h5")


@CASES.case("a whole group of a file elsewhere", *TWO_HOPS)
def _(place: Place) -> None:
    shutil.copy(place.copy("recording.nwb"), place.elsewhere / "other.nwb")
    link(place, "../elsewhere/other.nwb", f"/{EMG}", place.work / "session.nwb", EMG)


# --- in a result -----------------------------------------------------------------------------------------------------
ACTIVATION = "processing/behavior/LowPass/activation/data"


@CASES.case("activation of another folder", refused(REPORT), refused(COMPARE))
def _(place: Place) -> None:
    neighbour(place.elsewhere)
    link(place, "../elsewhere/neighbour.h5", file=place.copy("result.nwb"), at=ACTIVATION)


@CASES.case("spikes of another folder", either(COMPARE), either(REPORT))
def _(place: Place) -> None:
    with h5py.File(place.elsewhere / "neighbour.h5", "w") as file:
        file["emg"] = np.arange(1280) / 80
    link(place, "../elsewhere/neighbour.h5", file=place.copy("result.nwb"), at="units/spike_times")


@CASES.case("weights of another folder", refused(("apply", "model.nwb", "session.nwb")))
def _(place: Place) -> None:
    place.copy("recording.nwb")
    with h5py.File(place.elsewhere / "neighbour.h5", "w") as file:
        file["emg"] = np.frombuffer((place.templates / "model.safetensors").read_bytes(), np.uint8)
    at = "processing/behavior/AutoLFADS/model/weights"
    link(place, "../elsewhere/neighbour.h5", file=place.copy("weights.nwb", "model.nwb"), at=at)


@CASES.case("a model that is a symbolic link to itself", refused(APPLY))
def _(place: Place) -> None:
    place.copy("recording.nwb")
    (place.work / "model.safetensors").symlink_to("model.safetensors")
