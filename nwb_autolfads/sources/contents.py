"""What is in a file, for `inspect`, whatever its format."""

from __future__ import annotations

from pathlib import Path

from pynwb import NWBFile

from nwb_autolfads.sources import room_of
from nwb_autolfads.sources.found import Contents
from nwb_autolfads.sources.nwb.contents import list_objects


def list_contents(source: str | Path | NWBFile, *, io: str | None = None, outside_links: bool = False) -> Contents:
    """List what a file holds for this package, reading timestamps but no signals (over a network, neither).

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        The file, its address, or an NWB file that is open already.
    io, outside_links
        See `nwb_autolfads.open_emg`.

    Raises
    ------
    SourceError
        If it cannot be opened.
    """
    if isinstance(source, str | Path) and room_of(source, io) == "neo":
        from nwb_autolfads.sources.neo.contents import list_channels

        return list_channels(Path(source), io)
    return list_objects(source, outside_links=outside_links)
