"""Results whose estimates are broken: attributes, shapes, tables and texts that this package never wrote."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np
from faults.campaign.cases import COMPARE, REPORT, RUN, Kind, either, refused, replace
from faults.campaign.commands import Place
from faults.campaign.structure import attribute, without

CASES = Kind("results", "result.nwb")
TRAINED = Kind("results", "weights.nwb")
LOW = "processing/behavior/LowPass"
NET = "processing/behavior/AutoLFADS"
ODD_TEXTS = {
    "no JSON": "{",
    "a list": "[1]",
    "a number": "5",
    "null": "null",
    "nested 60,000 deep": "[" * 60_000,
    "empty": "",
    "NaN": "NaN",
    "a number of 10,000 digits": "9" * 10_000,
    "other keys": json.dumps({"cutoff": "high", "x": {"y": [1] * 50}}),
    "HTML": "<script>alert(1)</script>",
    "a control character": "\x1b[2J",
}

with_attribute: dict[str, dict[str, Any]] = {
    "configuration": ODD_TEXTS,
    "preprocessing": {name: ODD_TEXTS[name] for name in ("no JSON", "a list", "null", "nested 60,000 deep", "NaN")},
    "estimator": {"another": "Quux", "empty": "", "HTML": "<script>", "5,000 letters": "x" * 5_000, "a number": 5},
    "seed": {"2^63": np.uint64(2**63), "text": "s", "NaN": np.nan, "a list": [1, 2]},
    "source_object_path": {"nowhere": "acquisition/gone", "up": "../../x", "5,000 letters": "x" * 5_000, "a number": 5},
    "source_identifier": {"another": "other", "empty": "", "a number": 5},
}
for _attribute, _values in with_attribute.items():
    for _name, _value in _values.items():
        CASES.patch(
            f"{_attribute} that is {_name}",
            attribute(LOW, _attribute, _value),
            either(REPORT),
            either(COMPARE),
        )
    CASES.patch(f"no {_attribute}", lambda f, a=_attribute: f[LOW].attrs.pop(a, None) and None, either(REPORT))

ACTIVATION, MUSCLES = f"{LOW}/activation", "processing/behavior/muscles"
DATA, START = f"{ACTIVATION}/data", f"{ACTIVATION}/starting_time"
ODD_VALUES = {
    "none": np.zeros((0, 3), "f4"),
    "of one row": np.zeros((1, 3), "f4"),
    "of no columns": np.zeros((50, 0), "f4"),
    "of other columns": np.zeros((8000, 5), "f4"),
    "of one dimension": np.zeros(50, "f4"),
    "of text": np.full((50, 3), b"a"),
    "of NaN": np.full((8000, 3), np.nan, "f4"),
    "of infinity": np.full((8000, 3), np.inf, "f4"),
    "negative": np.full((8000, 3), -1, "f4"),
    "of 1e38": np.full((8000, 3), 1e38, "f4"),
    "complex": np.zeros((50, 3), "c8"),
    "constant": np.ones((8000, 3), "f4"),
}
for _name, _value in ODD_VALUES.items():
    CASES.patch(
        f"activation that is {_name}", lambda f, v=_value: replace(f, DATA, data=v), either(REPORT), either(COMPARE)
    )
for _name, _value in {
    "0": 0.0,
    "NaN": np.nan,
    "infinite": np.inf,
    "1e308": 1e308,
    "-500": -500.0,
    "1e-9": 1e-9,
    "text": "fast",
}.items():
    CASES.patch(f"a rate of {_name}", attribute(START, "rate", _value), refused(REPORT), refused(COMPARE))
for _name, _value in {"NaN": np.nan, "infinite": np.inf, "1e300": 1e300}.items():
    CASES.patch(f"a start at {_name}", lambda f, v=_value: replace(f, START, data=v), refused(REPORT), refused(COMPARE))
CASES.patch("no activation", without(ACTIVATION), refused(REPORT), refused(COMPARE))
CASES.patch("no data", without(DATA), refused(REPORT), refused(COMPARE))
CASES.patch("no muscles", without(MUSCLES), refused(REPORT), refused(COMPARE))
CASES.patch(
    "muscles out of range",
    lambda f: f[f"{ACTIVATION}/muscles"].__setitem__(..., [0, 1, 4_000_000]),
    refused(REPORT),
    refused(COMPARE),
)
CASES.patch(
    "the same muscle thrice", lambda f: f[f"{ACTIVATION}/muscles"].__setitem__(..., 1), either(REPORT), either(COMPARE)
)
CASES.patch("a link in a ring", lambda f: f[LOW].__setitem__("ring", h5py.SoftLink(f"/{LOW}/ring")), either(REPORT))
CASES.patch(
    "an estimate that holds itself", lambda f: f[LOW].__setitem__("itself", f[LOW]), either(REPORT), either(COMPARE)
)
CASES.patch(
    "an estimate of another type", attribute(LOW, "neurodata_type", "MusclesTable"), refused(REPORT), refused(COMPARE)
)
CASES.patch(
    "an estimate called <script>", lambda f: f.move(LOW, "processing/behavior/<script>alert(1)"), either(REPORT)
)
CASES.patch("an estimate called ..", lambda f: f.move(LOW, "processing/behavior/.. "), either(REPORT), either(COMPARE))
CASES.patch(
    "an estimate with a name that moves the cursor",
    lambda f: f.move(LOW, "processing/behavior/\x1b[2J"),
    either(REPORT),
    either(COMPARE),
)


def column(name: str, value: Any):
    """Put other values into a column of the muscles table, where it is there."""

    def change(file: h5py.File) -> None:
        if f"{MUSCLES}/{name}" not in file:
            raise KeyError(f"no column {name}: {list(file[MUSCLES])}")
        replace(file, f"{MUSCLES}/{name}", data=value)

    return change


for _name, _value in {
    "of NaN": [np.nan] * 3,
    "infinite": [np.inf] * 3,
    "0": [0.0] * 3,
    "negative": [-1.0] * 3,
    "text": ["a"] * 3,
    "too few": [1.0],
}.items():
    CASES.patch(f"scales that are {_name}", column("scale", _value), either(REPORT), either(COMPARE))
for _name, _value in {
    "the same": ["TA"] * 3,
    "empty": [""] * 3,
    "HTML": ["<script>"] * 3,
    "numbers": [1, 2, 3],
    "too few": ["TA"],
    "unprintable": ["\x1b[2J", "a\nb", "\u202e"],
    "of 50,000 letters": ["x" * 50_000, "b", "c"],
}.items():
    CASES.patch(f"names of muscles that are {_name}", column("muscle_name", _value), either(REPORT), either(COMPARE))

# --- of a trained estimate -------------------------------------------------------------------------------------------
TRAINED.patch(
    "a search history without rows",
    lambda f: [
        replace(f, f"{NET}/search_history/{name}", data=f[f"{NET}/search_history/{name}"][:0])
        for name in f[f"{NET}/search_history"]
    ],
    either(REPORT),
)
TRAINED.patch(
    "a search history of NaN",
    lambda f: [
        f[f"{NET}/search_history/{name}"].__setitem__(..., np.nan)
        for name in f[f"{NET}/search_history"]
        if f[f"{NET}/search_history/{name}"].dtype.kind == "f"
    ],
    either(REPORT),
)
TRAINED.patch("no search history", without(f"{NET}/search_history"), either(REPORT))
TRAINED.patch(
    "initial conditions without rows",
    lambda f: [
        replace(f, f"{NET}/initial_conditions/{name}", data=f[f"{NET}/initial_conditions/{name}"][:0])
        for name in f[f"{NET}/initial_conditions"]
    ],
    either(REPORT),
)
TRAINED.patch(
    "factors of another length",
    lambda f: replace(f, f"{NET}/factors/data", data=np.zeros((3, 2), "f4")),
    either(REPORT),
)
TRAINED.patch("weights that are text", lambda f: replace(f, f"{NET}/model/weights", data="weights"), either(REPORT))
TRAINED.patch(
    "weights that are none", lambda f: replace(f, f"{NET}/model/weights", data=np.zeros(0, "u1")), either(REPORT)
)
TRAINED.patch("no weights", without(f"{NET}/model/weights"), either(REPORT))


@CASES.case("a result cut in half", refused(REPORT), refused(COMPARE), refused(RUN))
def _(place: Place) -> None:
    path = place.copy("result.nwb")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@CASES.case("no estimates", refused(REPORT, "estimate"), refused(COMPARE, "estimate"))
def _(place: Place) -> None:
    place.copy("recording.nwb")
