"""Links that end nowhere: rings, files that are gone or are none, devices and pipes."""

from __future__ import annotations

import os

import h5py
from faults.campaign.cases import INSPECT, RUN, Kind, refused
from faults.campaign.commands import Place
from faults.campaign.links import OUTSIDE, external, link, neighbour, virtual
from faults.campaign.structure import DATA

CASES = Kind("links")


@CASES.case("two files that link each other", refused(INSPECT), refused(RUN))
def _(place: Place) -> None:
    with h5py.File(place.work / "hop.h5", "w") as file:
        file["emg"] = h5py.ExternalLink("session.nwb", f"/{DATA}")
    link(place, "hop.h5")


@CASES.case("a file that links itself", refused(INSPECT), refused(RUN))
def _(place: Place) -> None:
    link(place, "session.nwb", f"/{DATA}")


@CASES.case("a map of itself", refused(INSPECT), refused(RUN))
def _(place: Place) -> None:
    virtual(place.copy("recording.nwb"), ".", obj=DATA)


@CASES.case("a map of itself by its name", refused(INSPECT), refused(RUN))
def _(place: Place) -> None:
    virtual(place.copy("recording.nwb"), "session.nwb", obj=DATA)


@CASES.case("two maps of each other", refused(INSPECT), refused(RUN))
def _(place: Place) -> None:
    with h5py.File(place.work / "hop.h5", "w"):
        pass
    virtual(place.work / "hop.h5", "session.nwb", "emg", DATA)
    virtual(place.copy("recording.nwb"), "hop.h5")


@CASES.case("a link to a file that is gone", refused(INSPECT, "gone.h5"), refused(RUN, "gone.h5"))
def _(place: Place) -> None:
    link(place, "gone.h5")


@CASES.case("a link to an object that is gone", refused(INSPECT), refused(RUN))
def _(place: Place) -> None:
    neighbour(place.work)
    link(place, "neighbour.h5", "/gone")


@CASES.case("a link to what is no HDF5 file", refused(INSPECT), refused(RUN))
def _(place: Place) -> None:
    (place.work / "neighbour.h5").write_text("text")
    link(place, "neighbour.h5")


@CASES.case("a link to a folder", refused(INSPECT), refused(RUN))
def _(place: Place) -> None:
    (place.work / "folder").mkdir()
    link(place, "folder")


@CASES.case("a link to a name of 10,000 letters", refused(INSPECT), refused(RUN))
def _(place: Place) -> None:
    link(place, "x" * 10_000)


@CASES.case("a link to a name that moves the cursor", refused(INSPECT), refused(RUN))
def _(place: Place) -> None:
    link(place, "\x1b[2Jgone\n.h5")


@CASES.case("a map of a file that is gone", refused(INSPECT, "gone.h5"), refused(RUN, "gone.h5"))
def _(place: Place) -> None:
    virtual(place.copy("recording.nwb"), "gone.h5")


@CASES.case("bytes of a file that is gone", refused(INSPECT, "gone.bin"), refused(RUN, "gone.bin"))
def _(place: Place) -> None:
    external(place.copy("recording.nwb"), "gone.bin")


for _device in ("/dev/zero", "/dev/urandom", "/dev/stdin", "/proc/self/environ"):

    @CASES.case(f"bytes of {_device}", refused(INSPECT), refused(RUN), refused((*RUN, *OUTSIDE)))
    def _(place: Place, device: str = _device) -> None:
        external(place.copy("recording.nwb"), device)


@CASES.case("bytes of a pipe beside the file", refused(INSPECT), refused(RUN))
def _(place: Place) -> None:
    os.mkfifo(place.work / "pipe")
    external(place.copy("recording.nwb"), "pipe")


@CASES.case("a link to a pipe beside the file", refused(INSPECT), refused(RUN))
def _(place: Place) -> None:
    os.mkfifo(place.work / "pipe.h5")
    link(place, "pipe.h5")
