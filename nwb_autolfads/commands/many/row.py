"""What became of one recording among many: a row of the table, kept on the disk so that a later run can go on."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from nwb_autolfads.files.address import is_address
from nwb_autolfads.files.atomic import write_text
from nwb_autolfads.files.regular import require_regular_file

DONE, KEPT, FAILED = "done", "kept", "failed"
"""Estimated now; found as an earlier run left it; not estimated."""
MAX_NOTE_BYTES = 1 << 20


@dataclass(frozen=True)
class Row:
    """What became of one recording.

    Attributes
    ----------
    recording : str
        As it was given.
    status : str
        ``done``, ``kept`` (an earlier run had done it with the same settings) or ``failed``.
    estimates : list of str
        Names of those in the result.
    verdict : str
        On the estimate that was trained.
    n_usable, n_muscles : int
        Muscles that passed quality control, of all.
    unusable : list of str
        Those that did not.
    r2_movement : float or None
        Share of movement's variance that ``judged`` explains in held-out time, mean over targets (see
        `nwb_autolfads.compare_with_behavior`); None where there is no movement.
    judged : str
        The estimate of verdict and R2: the trained one, else the first.
    seconds : float
        How long it took, reading, estimating, comparing and the page together.
    result, page : str
        Names of the NWB file and the report in the folder.
    error : str
        Why it failed.
    """

    recording: str
    status: str = FAILED
    estimates: list[str] = field(default_factory=list)
    verdict: str = ""
    n_usable: int = 0
    n_muscles: int = 0
    unusable: list[str] = field(default_factory=list)
    r2_movement: float | None = None
    judged: str = ""
    seconds: float = 0.0
    result: str = ""
    page: str = ""
    error: str = ""

    @property
    def quality(self) -> str:
        """How many muscles are usable, in words."""
        return f"{self.n_usable} of {self.n_muscles}" if self.n_muscles else "-"

    def line(self) -> str:
        """Say in one line what became of it."""
        if self.status == FAILED:
            return f"{self.recording} failed: {self.error}"
        if self.status == KEPT:
            return f"{self.recording}: done before, with the same settings"
        return f"{self.recording}: {self.verdict} ({time_of(self.seconds)})"

    def cells(self) -> tuple[str, ...]:
        """Return what `COLUMNS` names, for a terminal."""
        r2 = "-" if self.r2_movement is None else f"{self.r2_movement:.3f}"
        said = f"failed: {self.error}" if self.status == FAILED else self.verdict
        return self.recording, said, self.quality, r2, time_of(self.seconds)


COLUMNS = ("recording", "verdict", "muscles usable", "R² to movement", "time")


def time_of(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def write_csv(rows: Sequence[Row], file: Path, *, may_exist: bool) -> None:
    """Write a table with a column for each attribute of `Row`; lists with semicolons between, None left empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([each.name for each in fields(Row)])
    for row in rows:
        values = asdict(row).values()
        writer.writerow(["; ".join(value) if isinstance(value, list) else value for value in values])
    write_text(file, text.getvalue(), may_exist=may_exist)


@dataclass(frozen=True)
class Note:
    """What is kept of one recording between runs: which it was, what was asked for, and the row once all is done.

    Attributes
    ----------
    recording : str
        Its `fingerprint`.
    asked : dict of str to str
        By the name of each estimate, JSON of `nwb_autolfads.results.asked.Asked`.
    row : Row or None
        None while it is not done.
    """

    recording: str
    asked: dict[str, str]
    row: Row | None = None

    def key(self) -> str:
        """Return a short name for recording and settings together."""
        return hashlib.sha256(json.dumps([self.recording, self.asked], sort_keys=True).encode()).hexdigest()[:12]

    def of_the_same(self, other: Note | None) -> bool:
        """Return whether another note is of the same recording and settings."""
        return other is not None and (self.recording, same(self.asked)) == (other.recording, same(other.asked))

    def write(self, file: Path) -> None:
        """Keep it."""
        write_text(file, json.dumps(asdict(self)))

    def with_row(self, row: Row) -> Note:
        """Return it with the row."""
        return replace(self, row=row)

    @classmethod
    def read(cls, file: Path) -> Note | None:
        """Return what `write` kept; None where there is nothing, or nothing that can be understood."""
        try:
            if require_regular_file(file).stat().st_size > MAX_NOTE_BYTES:
                return None
            found = json.loads(file.read_text(encoding="utf-8"))
            row = None if found["row"] is None else _checked(Row(**found["row"]))
            return cls(str(found["recording"]), {str(k): str(v) for k, v in found["asked"].items()}, row)
        except Exception:  # whatever somebody put there
            return None


def same(asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what was asked for so that it can be compared: the order of its keys says nothing."""
    return {name: json.loads(text) for name, text in asked.items()}


def _checked(row: Row) -> Row:
    for each in fields(Row):
        value, default = getattr(row, each.name), getattr(Row(""), each.name)
        wanted = (int, float) if each.name in ("seconds", "r2_movement") else type(default)
        if value is not None and not isinstance(value, wanted):
            raise TypeError(each.name)
    if not math.isfinite(row.seconds + (row.r2_movement or 0.0)):
        raise ValueError("seconds")
    return row


def fingerprint(recording: str) -> str:
    """Return what tells a recording from any other, whatever it is called and wherever it lies.

    That is the SHA-256 of a file; of a folder (Zarr), that of the names, sizes and times of what is in it; an address
    stands for itself.

    Raises
    ------
    SourceError
        If there is no such file.
    """
    if is_address(recording):
        return recording
    path = Path(recording)
    if path.is_dir():
        within = sorted(each for each in path.rglob("*") if each.is_file())
        facts = [(each.relative_to(path).as_posix(), each.stat().st_size, each.stat().st_mtime_ns) for each in within]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    with require_regular_file(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
