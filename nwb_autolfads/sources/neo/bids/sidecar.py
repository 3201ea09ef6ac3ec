"""What the sidecar of a recording (``_emg.json``) says that a user must know: reference, filters, mains, breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nwb_autolfads.sources.border import short
from nwb_autolfads.sources.neo.bids.files import merged, that_hold, value
from nwb_autolfads.sources.neo.streams import Channel

_SAYS_NOTHING = ("channelspecific", "other", "measured")


@dataclass(frozen=True)
class Sidecar:
    """Fields of the sidecar, those further up included, and the name of the nearest file."""

    fields: Mapping[str, Any]
    name: str = ""

    @classmethod
    def of(cls, path: Path) -> Sidecar:
        """Return that of a recording; empty where there is none.

        Raises
        ------
        SourceError
            If there is one that cannot be read.
        """
        files = that_hold(path, "emg.json")
        said = merged(files, "the sidecar of the recording", "the recording is then read without it")
        return cls(said, files[0].name if files else "")

    @property
    def placement(self) -> str:
        """How all electrodes were placed; "" where each channel has its own way."""
        return self._said("EMGPlacementSchemeDescription", "EMGPlacementScheme")

    def notes(self, emg: Sequence[Channel], *, referenced: bool) -> tuple[str, ...]:
        """Return a sentence on each thing that matters for the EMG.

        Parameters
        ----------
        emg : sequence of Channel
            Its channels.
        referenced : bool
            Whether the table of channels says their reference.
        """
        return tuple(self._notes(emg, referenced)) if self.fields else ()

    def _notes(self, emg: Sequence[Channel], referenced: bool) -> Iterator[str]:
        reference = self._said("EMGReference")
        if reference and not referenced:
            yield f"recorded against the reference {reference}; nothing was subtracted"
        rate = self.fields.get("SamplingFrequency")
        if isinstance(rate, int | float) and emg and rate not in {each.rate for each in emg}:
            yield f"{self.name} says {rate:g} Hz; {emg[0].rate:g} Hz, as the recording itself says, was taken"
        if mains := self._said("PowerLineFrequency"):
            yield f"{self.name} says mains of {mains} Hz; what is removed is found in the spectrum (or mains_hz)"
        for kind in ("HardwareFilters", "SoftwareFilters"):
            if filters := self._said(kind):
                yield f"{self.name} says that it is filtered ({kind}): {filters}"
        kind = self._said("RecordingType").lower()
        if kind in ("epoched", "discontinuous"):
            yield f"{self.name} says that it is {kind}, but not where its parts meet: it is read as one segment"

    def _said(self, *names: str) -> str:
        for name in names:
            found = self.fields.get(name)
            text = json.dumps(found) if isinstance(found, dict | list) else value({name: found}, (name,))
            if text and text.lower() not in _SAYS_NOTHING:
                return short(text)
        return ""
