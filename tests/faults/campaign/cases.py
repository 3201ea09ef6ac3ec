"""What a case of the campaign is: files that are odd or hostile, commands on them, and what must come of each."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import h5py
from faults.campaign.commands import Place

FILE = "session.nwb"
INSPECT = ("inspect", FILE)
RUN = ("run", FILE, "--estimator", "lowpass")
REPORT = ("report", FILE)
COMPARE = ("compare", FILE)
APPLY = ("apply", "model.safetensors", FILE)
MADE = {"run": "session_activation.nwb", "apply": "session_activation.nwb", "report": "session.html"}


class Expected(enum.Enum):
    """What must come of a command."""

    REFUSED = "refused"  # exit 1 or 2 and one message
    WORKS = "works"  # exit 0 and the result
    EITHER = "either"  # what is damaged may or may not be needed: one of the two, and nothing else


@dataclass(frozen=True)
class Step:
    """A command, what must come of it, what its message must say, and the files that it may make or change."""

    arguments: tuple[str, ...]
    expected: Expected
    says: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()


def refused(arguments: tuple[str, ...], *says: str) -> Step:
    """Return a step that must be refused with a message that says certain words."""
    return Step(arguments, Expected.REFUSED, says)


def works(arguments: tuple[str, ...], *prints: str, makes: tuple[str, ...] | None = None) -> Step:
    """Return a step that must work, print certain words, and make the files that its command makes by default."""
    return Step(arguments, Expected.WORKS, prints, made_by(arguments) if makes is None else makes)


def either(arguments: tuple[str, ...], *says: str, makes: tuple[str, ...] | None = None) -> Step:
    """Return a step that may be refused or work, and says certain words in any case."""
    return Step(arguments, Expected.EITHER, says, made_by(arguments) if makes is None else makes)


def made_by(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Return the file that a command makes where it works."""
    if "--out" in arguments:
        return (arguments[arguments.index("--out") + 1],)
    return (MADE[arguments[0]],) if arguments[0] in MADE else ()


@dataclass(frozen=True)
class Case:
    """One input: what makes it, and the commands that are run on it in turn."""

    name: str
    kind: str
    prepare: Callable[[Place], Any]
    steps: tuple[Step, ...]
    how: dict[str, Any] = field(default_factory=dict)
    fresh: bool = False
    slow: bool = False


class Kind:
    """The cases of one kind, in the order in which they are added."""

    def __init__(self, name: str, template: str = "recording.nwb") -> None:
        self.name, self.template, self._cases = name, template, list[Case]()

    def __iter__(self) -> Iterator[Case]:
        return iter(self._cases)

    def case(self, name: str, *steps: Step, **more: Any) -> Callable[[Callable[[Place], Any]], Callable[[Place], Any]]:
        """Add the case whose files the decorated function makes."""

        def add(prepare: Callable[[Place], Any]) -> Callable[[Place], Any]:
            self._cases.append(Case(name, self.name, prepare, steps, **more))
            return prepare

        return add

    def patch(self, name: str, change: Callable[[h5py.File], Any], *steps: Step, **more: Any) -> None:
        """Add a case whose file is the good one of this kind with a change at the level of HDF5."""

        def prepare(place: Place) -> None:
            with h5py.File(place.copy(self.template), "r+") as file:
                change(file)

        self._cases.append(Case(name, self.name, prepare, steps, **more))

    def bytes(self, name: str, change: Callable[[bytes], bytes], *steps: Step, **more: Any) -> None:
        """Add a case whose file is the good one of this kind with other bytes."""

        def prepare(place: Place) -> None:
            path = place.copy(self.template)
            path.write_bytes(change(path.read_bytes()))

        self._cases.append(Case(name, self.name, prepare, steps, **more))


def replace(file: h5py.File, place: str, **how: Any) -> h5py.Dataset:
    """Put another data set in the place of one, with its attributes."""
    attrs = dict(file[place].attrs)
    del file[place]
    made = file.create_dataset(place, **how)
    for name, value in attrs.items():
        made.attrs[name] = value
    return made
