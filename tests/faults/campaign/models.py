"""Trained models that are broken or hostile: safetensors, their cards, and what calls itself a model."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from typing import Any

from faults.campaign.cases import APPLY, FILE, Kind, Step, either, refused, works
from faults.campaign.commands import Place

CASES = Kind("models")
MODEL = "model.safetensors"


def model(name: str, change: Callable[[bytes], bytes], *steps: Step) -> None:
    """Add a case in which the bytes of a good model are changed."""

    def prepare(place: Place) -> None:
        place.copy("recording.nwb")
        path = place.copy(MODEL, MODEL)
        path.write_bytes(change(path.read_bytes()))

    CASES.case(name, *(steps or (refused(APPLY, MODEL),)))(prepare)


def header(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    """Return what changes the header of a model, parsed."""

    def changed(data: bytes) -> bytes:
        (size,) = struct.unpack("<Q", data[:8])
        values = json.loads(data[8 : 8 + size])
        change(values)
        packed = json.dumps(values).encode()
        return struct.pack("<Q", len(packed)) + packed + data[8 + size :]

    return changed


def card(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    """Return what changes the card of a model, parsed; Python's JSON writes NaN and Infinity as they are."""

    def changed(values: dict[str, Any]) -> None:
        found = json.loads(values["__metadata__"]["card"])
        change(found)
        values["__metadata__"]["card"] = json.dumps(found)

    return header(changed)


def first_tensor(values: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of the first tensor of a header."""
    return values[next(name for name in values if name != "__metadata__")]


model("empty", lambda d: b"")
model("seven bytes", lambda d: d[:7])
model("cut in half", lambda d: d[: len(d) // 2])
model("one byte short", lambda d: d[:-1])
model("noise", lambda d: bytes(range(256)) * 40)
model("a header of 2^63 bytes", lambda d: struct.pack("<Q", 2**63) + d[8:])
model("a header that is no JSON", lambda d: d[:8] + b"x" * 200 + d[208:])
model("a header nested 50,000 deep", lambda d: struct.pack("<Q", 100_000) + b"[" * 50_000 + b"]" * 50_000)
model("a header that is a list", lambda d: struct.pack("<Q", 2) + b"[]")
model("metadata that are a number", header(lambda h: h.update(__metadata__=5)))
model("metadata that are null", header(lambda h: h.update(__metadata__=None)))
model("a card that is a number", header(lambda h: h["__metadata__"].update(card=5)))
model("no metadata", header(lambda h: h.pop("__metadata__")))
model("no card", header(lambda h: h["__metadata__"].pop("card")))
model("another format", header(lambda h: h["__metadata__"].update(format="model 9")))
model("a format of 100,000 letters", header(lambda h: h["__metadata__"].update(format="x" * 100_000)))
model("a format that moves the cursor", header(lambda h: h["__metadata__"].update(format="\x1b[2J")))
model("a tensor of a petabyte", header(lambda h: first_tensor(h).update(shape=[10**15])))
model("a tensor of negative size", header(lambda h: first_tensor(h).update(shape=[-1])))
model("a tensor of another type", header(lambda h: first_tensor(h).update(dtype="F64")))
model("a tensor beyond the end", header(lambda h: first_tensor(h).update(data_offsets=[0, 10**12])))
model(
    "tensors in each other",
    header(lambda h: [each.update(data_offsets=[0, 384]) for name, each in h.items() if name != "__metadata__"]),
)
model("a tensor less", header(lambda h: h.pop(next(name for name in h if name != "__metadata__"))))
model(
    "a tensor by another name",
    header(lambda h: h.update(Quux=h.pop(next(name for name in h if name != "__metadata__")))),
)
model("weights that are NaN", lambda d: d[:-2000] + b"\xff\xff\xff\x7f" * 500)
model("weights that are infinite", lambda d: d[:-2000] + b"\x00\x00\x80\x7f" * 500)
model("weights that are huge", lambda d: d[:-2000] + b"\xff\xff\x7f\x7f" * 500, either(APPLY))

ODD_CARDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a rate that is infinite": lambda c: c["sessions"][0].update(rate=float("inf")),
    "a rate that is NaN": lambda c: c["sessions"][0].update(rate=float("nan")),
    "a rate of 0": lambda c: c["sessions"][0].update(rate=0),
    "a rate of 1e308": lambda c: c["sessions"][0].update(rate=1e308),
    "a rate of 1e-300": lambda c: c["sessions"][0].update(rate=1e-300),
    "another rate": lambda c: c["sessions"][0].update(rate=123.0),
    "a seed of 2^200": lambda c: c.update(seed=2**200),
    "a seed of -1": lambda c: c.update(seed=-1),
    "a seed in text": lambda c: c.update(seed="zero"),
    "no muscles": lambda c: c["sessions"][0].update(muscles=[]),
    "other muscles": lambda c: c["sessions"][0].update(muscles=["a", "b", "c"]),
    "the same muscle thrice": lambda c: c["sessions"][0].update(muscles=["TA"] * 3),
    "a muscle more": lambda c: c["sessions"][0].update(muscles=["TA", "SOL", "VL", "x"]),
    "muscles with names of 50,000 letters": lambda c: c["sessions"][0].update(muscles=["x" * 50_000, "b", "c"]),
    "muscles with names that move the cursor": lambda c: c["sessions"][0].update(muscles=["\x1b[2J", "b", "c"]),
    "a million muscles": lambda c: c["sessions"][0].update(muscles=["m"] * 100_000),
    "no scores": lambda c: c.update(scores=[]),
    "scores that are NaN": lambda c: c.update(scores=[float("nan")] * len(c["scores"])),
    "scores that are infinite": lambda c: c.update(scores=[float("-inf")] * len(c["scores"])),
    "too many scores": lambda c: c.update(scores=[0.1] * 900),
    "no rate": lambda c: c["sessions"][0].pop("rate"),
    "no configuration": lambda c: c.pop("config"),
    "a configuration that is a list": lambda c: c.update(config=[]),
    "other sizes": lambda c: c["config"].update(generator=4096),
    "a window of 1 minute": lambda c: c["config"].update(window_ms=60_000),
    "a window of 1e-300 ms": lambda c: c["config"].update(window_ms=1e-300),
    "10,000 posterior samples": lambda c: c["config"].update(posterior_samples=10_000),
    "1,000 passes": lambda c: c["config"].update(inference_passes=1000, inference_folds=100),
    "blocks of 10 s": lambda c: c.update(block_ms=10_000),
    "blocks that are NaN": lambda c: c.update(block_ms=float("nan")),
    "an unknown key": lambda c: c.update(quux=1),
    "1,000 unknown keys": lambda c: c.update({f"quux{at}": "x" * 100 for at in range(1000)}),
    "an origin that is no JSON": lambda c: c["sessions"][0].update(trained_on="{"),
    "an origin that is a list": lambda c: c["sessions"][0].update(trained_on="[]"),
    "an origin of 60,000 lists in each other": lambda c: c["sessions"][0].update(trained_on="[" * 60_000),
    "no sessions": lambda c: c.update(sessions=[]),
    "sessions that are a number": lambda c: c.update(sessions=5),
    "a session that is a list": lambda c: c.update(sessions=[[]]),
    "a session twice": lambda c: c.update(sessions=c["sessions"] * 2),
    "a session without a name": lambda c: c["sessions"][0].update(name=""),
    "a session with an unknown key": lambda c: c["sessions"][0].update(quux=1),
    "a session more": lambda c: c["sessions"].append({**c["sessions"][0], "name": "more"}),
    "a preprocessing that is no JSON": lambda c: c["sessions"][0].update(preprocessing="{"),
    "a preprocessing of numbers": lambda c: c["sessions"][0].update(preprocessing="[1, 2]"),
    "components of 4,096": lambda c: c.update(components=4096),
}  # fmt: skip
MAY_WORK = {"another rate", "scores that are infinite", "blocks of 10 s", "too many scores"}
for _name, _change in ODD_CARDS.items():
    _step = either(APPLY) if _name in MAY_WORK else refused(APPLY, MODEL)
    model(f"a card with {_name}", card(_change), _step)


class _Opens:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch pickled",))


model("a pickle that runs a command", lambda d: pickle.dumps(_Opens()))
model("the recording", lambda d: d, refused(("apply", FILE, FILE), FILE))
model("a model that fits", lambda d: d, works(APPLY))


@CASES.case("a folder", refused(APPLY, MODEL))
def _(place: Place) -> None:
    place.copy("recording.nwb")
    (place.work / MODEL).mkdir()


@CASES.case("nothing", refused(APPLY, MODEL))
def _(place: Place) -> None:
    place.copy("recording.nwb")


@CASES.case("a pipe", refused(APPLY, MODEL))
def _(place: Place) -> None:
    place.copy("recording.nwb")
    os.mkfifo(place.work / MODEL)


@CASES.case("a device that never ends", refused(("apply", "/dev/zero", FILE), "/dev/zero"))
def _(place: Place) -> None:
    place.copy("recording.nwb")
