"""What the table of channels says, with the electrodes and the sidecar of the recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nwb_autolfads.sources.names import normalise_unit, repeated
from nwb_autolfads.sources.neo.bids.electrodes import Electrodes
from nwb_autolfads.sources.neo.bids.files import is_bids, rows_of, that_hold, value
from nwb_autolfads.sources.neo.bids.sidecar import Sidecar
from nwb_autolfads.sources.neo.streams import Channel

_PLACEMENT = ("placement", "placement_description", "placement_scheme")
_REFERENCE = ("reference", "reference_electrode")


def described(channels: Sequence[Channel], path: Path) -> tuple[list[Channel], tuple[str, ...]]:
    """Return channels with what the files beside them say of them, and a sentence on each thing that these say.

    Parameters
    ----------
    channels : sequence of Channel
    path : Path
        The recording, ``<entities>_emg.edf`` or ``.bdf``.

    Raises
    ------
    SourceError
        If there is such a file and it cannot be read.
    """
    if not is_bids(path):
        return list(channels), ()
    sidecar, electrodes = Sidecar.of(path), Electrodes.of(path)
    tables = that_hold(path, "channels.tsv")
    if not tables:
        known = [replace(each, about=_about({}, each, electrodes, sidecar)) for each in channels]
        return known, (*electrodes.notes, *sidecar.notes(channels, referenced=False))
    found = rows_of(tables[0], ("name", "type"), "the table of channels", "the channels are then taken by their names")
    rows = {value(row, ("name",)): row for row in found}
    known = [_known(each, rows[each.name], electrodes, sidecar) if each.name in rows else each for each in channels]
    emg = [each for each in known if each.emg]
    named = [value(rows[each.name], ("target_muscle",)) for each in emg]
    if all(named) and not repeated(named) and not any(set(name) & set(",;") for name in named):
        emg = [replace(each, muscle=name) for each, name in zip(emg, named, strict=True)]
    by_name = {each.name: each for each in emg}
    referenced = any(value(rows[each.name], _REFERENCE) for each in emg)
    notes = (*_notes(tables[0], emg, rows), *electrodes.notes, *sidecar.notes(emg, referenced=referenced))
    return [by_name.get(each.name, each) for each in known], notes


def _known(channel: Channel, row: dict[str, str], electrodes: Electrodes, sidecar: Sidecar) -> Channel:
    emg = value(row, ("type",)).upper() == "EMG"
    return replace(channel, emg=emg, about=_about(row, channel, electrodes, sidecar))


def _about(row: dict[str, Any], channel: Channel, electrodes: Electrodes, sidecar: Sidecar) -> dict[str, str]:
    said = [value(row, _PLACEMENT) or sidecar.placement, electrodes.places_of(channel.name, row)]
    return {"full_name": value(row, ("target_muscle",)), "placement": "; ".join(filter(None, said))}


def _notes(table: Path, emg: Sequence[Channel], rows: dict[str, dict[str, str]]) -> Iterator[str]:
    yield f"EMG channels are those of type EMG in {table.name}"
    references = list(dict.fromkeys(value(rows[each.name], _REFERENCE) for each in emg))
    if any(references):
        yield f"recorded against the reference {', '.join(filter(None, references))}; nothing was subtracted"
    for each in emg:
        unit = normalise_unit(value(rows[each.name], ("units",)))
        if unit not in ("a.u.", normalise_unit(each.unit)):
            yield f"{each.name}: {table.name} says {unit}; {each.unit}, as the recording itself says, was taken"
    bad = [each.name for each in emg if value(rows[each.name], ("status",)).lower() == "bad"]
    if bad:
        yield f"{table.name} says that these are bad: {', '.join(bad)}"
