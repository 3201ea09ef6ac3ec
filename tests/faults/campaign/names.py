"""Names of files, folders, homes and terminals that are odd: bytes that are no text, long names, ASCII, read-only."""

from __future__ import annotations

import os
from pathlib import Path

from faults.campaign.cases import FILE, REPORT, Kind, Step, either, refused, works
from faults.campaign.commands import Place
from faults.campaign.recordings import write_series

CASES = Kind("names")
LOWPASS = ("--estimator", "lowpass", "--name", "New")
RUN = ("run", FILE, *LOWPASS)
NOT_TEXT = os.fsdecode(b"caf\xe9.nwb")
ODD_FILE, ODD_TABLE = os.fsdecode(b"\xff.nwb"), os.fsdecode(b"\xff.csv")
LONG = "x" * 251 + ".nwb"


def named(name: str, *steps: Step, title: str = "", **more: object) -> None:
    """Add a case of a good recording under an odd name."""
    CASES.case(title or f"a recording called {name[:30]!r}", *steps, **more)(
        lambda place: os.rename(place.copy("result.nwb"), place.work / name)
    )


ODD_NAMES = {
    "in Greek": "μυς.nwb",
    "with a newline": "a\nb.nwb",
    "with a quote": "a'b\".nwb",
    "with an escape code": "\x1b[2Ja.nwb",
    "with HTML": "<b>a.nwb",
    "with direction marks": "a\u202eb.nwb",
    "without a suffix": "session",
    "with brackets": "[red]a.nwb",
}
for _title, _name in ODD_NAMES.items():
    _stem = Path(_name).stem
    named(
        _name,
        works(("inspect", _name)),
        works(("run", _name, *LOWPASS), makes=(f"{_stem}_activation.nwb",)),
        works(("report", _name), makes=(str(Path(_name).with_suffix(".html")),)),
        title=f"a recording with a name {_title}",
    )
named(
    "-x.nwb",
    refused(("inspect", "-x.nwb")),
    works(("inspect", "./-x.nwb")),
    title="a recording with a dash before its name",
)
named(
    LONG,
    works(("inspect", LONG)),
    refused(("run", LONG, *LOWPASS), "x" * 90),
    title="a recording with a name of 255 letters",
)
named(LONG, refused(("report", LONG, "--out", "y" * 254 + ".html")), title="a page with a name of 259 letters")
named(
    "y" * 200 + ".nwb",
    works(("run", "y" * 200 + ".nwb", *LOWPASS), makes=("y" * 200 + "_activation.nwb",)),
    title="a recording with a name of 204 letters",
)
named("session.nwb", works((*RUN, "--out", LONG)), title="a result with a name of 255 letters")
named("session.nwb", refused((*RUN, "--out", "z" * 252 + ".nwb")), title="a result with a name of 256 letters")
named("session.nwb", refused(("inspect", "a" * 5000)), title="a recording with a name of 5,000 letters")
TEXT_OF_IT = "caf"
named(
    NOT_TEXT,
    either(("inspect", NOT_TEXT)),
    either(("run", NOT_TEXT, *LOWPASS, "--out", "new.nwb")),
    title="a recording with a name that is no text",
)
named(
    NOT_TEXT,
    either(("run", NOT_TEXT, *LOWPASS), makes=(os.fsdecode(b"caf\xe9_activation.nwb"),)),
    title="a result with a name that is no text beside it",
)
named(
    NOT_TEXT,
    either(("report", NOT_TEXT), makes=(os.fsdecode(b"caf\xe9.html"),)),
    title="a page with a name that is no text",
)
named(NOT_TEXT, either(("inspect", NOT_TEXT)), title="a recording with a name that is no text, freshly", fresh=True)
named("session.nwb", either((*RUN, "--out", ODD_FILE)), title="a result with a name that is no text")
named(
    "session.nwb",
    either(("compare", FILE, "--csv", ODD_TABLE), makes=(ODD_TABLE,)),
    title="a table with a name that is no text",
)
named(
    "session.nwb",
    either(("simulate", ODD_FILE, "--duration", "6"), makes=(ODD_FILE,)),
    title="a simulation with a name that is no text",
)
named(
    "session.nwb", refused((*RUN, "--config", os.fsdecode(b"\xff.yaml"))), title="settings with a name that is no text"
)

# --- a terminal that knows no letters but ASCII ----------------------------------------------------------------------
ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def foreign(place: Place) -> None:
    """Write a recording whose muscles and names are not in ASCII."""
    from h5py import File

    with File(place.copy("result.nwb"), "r+") as file:
        file["general/extracellular_ephys/electrodes/label"][:] = ["μ", "肌肉", "É"]
        file["general/extracellular_ephys/electrodes/location"][:] = ["μ", "肌肉", "É"]
        file["session_description"][()] = "Ходьба"


for _arguments in (("inspect", FILE), (*RUN, "--overwrite"), ("compare", FILE), ("inspect", FILE, "--json"), REPORT):
    CASES.case(f"{_arguments[0]} {len(_arguments)} on an ASCII terminal", works(_arguments), how={"encoding": "ascii"})(
        foreign
    )
CASES.case("a terminal of ASCII, freshly", works(("inspect", FILE)), fresh=True, how=ASCII)(foreign)
CASES.case("an error on a terminal of ASCII, freshly", refused(("inspect", "ничего.nwb")), fresh=True, how=ASCII)(
    foreign
)
CASES.case("muscles that are not in ASCII", works(("inspect", FILE)), works(RUN), works(REPORT))(foreign)

# --- a home that cannot be written -----------------------------------------------------------------------------------
HOMES = {
    "is gone": "/nonexistent",
    "is a file": "/dev/null",
    "is in /proc": "/proc",
    "is empty": "",
    "is no text": os.fsdecode(b"/\xff"),
}
for _title, _home in HOMES.items():
    _environment = {"HOME": _home, "XDG_CACHE_HOME": _home and f"{_home}/.cache", "XDG_CONFIG_HOME": _home}
    for _step in (works(("inspect", FILE, "--picture", "new.png"), makes=("new.png",)), works(RUN), works(REPORT)):
        CASES.case(
            f"{_step.arguments[0]} where the home {_title}",
            _step,
            fresh=True,
            how=_environment,
            slow=_title != "is gone" or _step.arguments[0] != "run",
        )(lambda place: place.copy("result.nwb"))
CASES.case(
    "no folder for temporary files", either(RUN), either(REPORT), how={"environment": {"TMPDIR": "/nonexistent"}}
)(lambda place: place.copy("result.nwb"))
CASES.case(
    "doctor where the home is gone",
    either(("doctor",)),
    fresh=True,
    how={"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent/c"},
    slow=True,
)(lambda place: None)
CASES.case("a folder that is gone", refused(("inspect", "../gone/session.nwb")))(lambda place: None)
CASES.case("a file as folder", refused(("inspect", "session.nwb/session.nwb")))(lambda place: place.copy("result.nwb"))
CASES.case("a read-only file in place", either((*RUN, "--in-place", "--overwrite")))(
    lambda place: place.copy("recording.nwb").chmod(0o444)
)
CASES.case(
    "a limit on the size of files",
    refused(RUN),
    refused(("simulate", "new.nwb", "--duration", "30")),
    how={"file_bytes": 100_000},
)(lambda place: place.copy("recording.nwb"))
CASES.case(
    "muscles named like a path", works(RUN), works(("report", "session.nwb", "--out", "new.html"), makes=("new.html",))
)(lambda place: place.copy("result.nwb") and None)
CASES.case("a plain series", works(("inspect", FILE)), works(RUN))(lambda place: write_series(place.work / FILE))
