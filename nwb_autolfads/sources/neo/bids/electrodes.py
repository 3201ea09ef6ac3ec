"""Where the electrodes are, by the table of electrodes and the coordinate systems that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nwb_autolfads.sources.neo.bids.files import merged, rows_of, that_hold, value

_OF_CHANNEL = (("signal_electrode",), ("reference", "reference_electrode"))
_THEN = "the electrodes are then without their places"


@dataclass(frozen=True)
class Electrodes:
    """Places of electrodes, by name and group, and what was taken for granted."""

    places: Mapping[tuple[str, str], str]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path) -> Electrodes:
        """Return those of a recording; none where no table holds for it.

        Raises
        ------
        SourceError
            If there is a table, or a coordinate system, that cannot be read.
        """
        tables = that_hold(path, "electrodes.tsv")
        if not tables:
            return cls({})
        rows = rows_of(tables[0], ("name",), "the table of electrodes", _THEN)
        units = {name: _unit(path, name) for name in {value(row, ("coordinate_system",)) for row in rows}}
        places = {_key(row): _place(row, units[value(row, ("coordinate_system",))]) for row in rows}
        note = f"places of electrodes are those in {tables[0].name}, in the coordinates that it names"
        return cls(places, (note,) if any(places.values()) else ())

    def places_of(self, channel: str, row: Mapping[str, Any]) -> str:
        """Return where the electrodes of a channel are, as text.

        A device of two electrodes has one row under the name of its channel where its electrodes have none.
        """
        group = value(dict(row), ("group",))
        names = [name for columns in _OF_CHANNEL if (name := value(dict(row), columns))]
        found = [(name, self.places.get((name, group)) or self.places.get((name, ""))) for name in names]
        if not any(place for _, place in found):
            found = [(channel, self.places.get((channel, group)) or self.places.get((channel, "")))]
        return ", ".join(f"{name} at {place}" for name, place in found if place)


def _key(row: dict[str, str]) -> tuple[str, str]:
    return value(row, ("name",)), value(row, ("group",))


def _place(row: dict[str, str], unit: str) -> str:
    at = " ".join(f"{axis}={where}" for axis in ("x", "y", "z") if (where := value(row, (axis,))))
    system = value(row, ("coordinate_system",))
    return f"{at}{f' {unit}' if unit else ''}{f' ({system})' if system else ''}" if at else ""


def _unit(path: Path, system: str) -> str:
    """Return the unit of a coordinate system: of its own file, of its part in a file of several, or of the only one."""
    named = that_hold(path, f"space-{system}_coordsystem.json") if system.isalnum() else []
    said = merged([*named, *that_hold(path, "coordsystem.json")], "the coordinate system", _THEN)
    part = said.get(system)
    fields = part if isinstance(part, dict) else said
    return value(fields, ("EMGCoordinateUnits", "EMGCoordinateSystemUnits"))
