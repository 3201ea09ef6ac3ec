"""Files whose bytes are not as they were written: cut, overwritten, joined, flipped where it hurts."""

from __future__ import annotations

from collections.abc import Callable

from faults.campaign.cases import COMPARE, INSPECT, REPORT, RUN, Kind, either, refused

CASES = Kind("damaged")
RESULTS = Kind("damaged", "result.nwb")


def over(place: int | bytes, with_what: bytes, skip: int = 0) -> Callable[[bytes], bytes]:
    """Return what overwrites bytes at a place, or where certain bytes are found first."""

    def change(data: bytes) -> bytes:
        at = (place if isinstance(place, int) else data.index(place)) + skip
        return data[:at] + with_what + data[at + len(with_what) :]

    return change


ENDS = (refused(INSPECT), refused(RUN))
ODD = (either(INSPECT), either(RUN))
CASES.bytes("without its signature", over(0, bytes(8)), *ENDS)
CASES.bytes("a signature alone", lambda d: d[:8], *ENDS)
CASES.bytes("a signature and zeros", lambda d: d[:8] + bytes(5000), *ENDS)
CASES.bytes("a signature and noise", lambda d: d[:8] + b"\xff" * 5000, *ENDS)
CASES.bytes("after text", lambda d: b"text" * 128 + d, *ODD)
CASES.bytes("twice", lambda d: d + d, *ODD)
CASES.bytes("with text behind", lambda d: d + b"text" * 100, *ODD)
CASES.bytes("with lines of Windows", lambda d: d.replace(b"\n", b"\r\n"), *ENDS)
CASES.bytes("as text of Windows", lambda d: d.decode("cp1252", "replace").encode("utf-8", "replace"), *ENDS)
for _share in (0.01, 0.1, 0.5, 0.9, 0.99, 0.9999):
    CASES.bytes(f"cut to {_share:.2%}", lambda d, s=_share: d[: int(s * len(d))], either(INSPECT), refused(RUN))
    CASES.bytes(f"zeros from {_share:.2%} on", lambda d, s=_share: d[: int(s * len(d))].ljust(len(d), b"\0"), *ODD)
for _at in range(8, 96, 16):
    CASES.bytes(f"the superblock's bytes from {_at}", over(_at, b"\xff" * 8), *ODD)
for _name in (b"TREE", b"HEAP", b"GCOL"):
    _text = _name.decode()
    CASES.bytes(f"no signature of the first {_text}", over(_name, b"XXXX"), *ODD)
    CASES.bytes(f"large numbers in the first {_text}", over(_name, b"\xff" * 16, 8), *ODD)
    CASES.bytes(f"no {_text} at all", lambda d, n=_name: d.replace(n, b"XXXX"), *ODD)
    CASES.bytes(f"zeros in the first {_text}", over(_name, bytes(64), 4), *ODD)
    RESULTS.bytes(
        f"large numbers in the last {_text}",
        lambda d, n=_name: over(d.rindex(n), b"\xff" * 16, 8)(d),
        either(REPORT),
        either(COMPARE),
    )
# HDF5 follows the objects of a heap by their sizes, and never ends where one is zero or leads back.
_OBJECTS = {"no object": bytes(16), "an object of -16 bytes": b"\1" + bytes(7) + b"\xf0" + b"\xff" * 7}
for _what, _object in _OBJECTS.items():
    CASES.bytes(f"{_what} first in the first heap", over(b"GCOL", _object, 16), *ENDS)
    CASES.bytes(f"{_what} second in the first heap", over(b"GCOL", _object, 40), *ENDS)
    RESULTS.bytes(
        f"{_what} first in the last heap",
        lambda d, o=_object: over(d.rindex(b"GCOL"), o, 16)(d),
        refused(REPORT),
        refused(COMPARE),
    )
for _word in (b"neurodata_type", b"namespace", b"acquisition", b"ElectricalSeries"):
    CASES.bytes(f"{_word.decode()} misspelt", lambda d, w=_word: d.replace(w, w[:-1] + b"X"), *ODD)
    CASES.bytes(f"{_word.decode()} in other bytes", lambda d, w=_word: d.replace(w, b"\xff" * len(w)), *ODD)
RESULTS.bytes(
    "MuscleActivationSeries misspelt",
    lambda d: d.replace(b"MuscleActivationSeries", b"MuscleActivationSerieX"),
    either(REPORT),
    either(COMPARE),
)
RESULTS.bytes(
    "ndx-muscle-activation misspelt",
    lambda d: d.replace(b"ndx-muscle-activation", b"ndx-muscle-activatioX"),
    either(REPORT),
    either(COMPARE),
)
