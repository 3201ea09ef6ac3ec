"""A file of an acquisition system as channels, with what a table beside it says of them."""

from __future__ import annotations

from pathlib import Path

from nwb_autolfads.sources.border import border
from nwb_autolfads.sources.neo.bdf import channels_of_bdf
from nwb_autolfads.sources.neo.bids.channels import described
from nwb_autolfads.sources.neo.streams import Channel, open_file


def open_channels(path: Path, io: str | None) -> tuple[list[Channel], str, tuple[str, ...]]:
    """Open a file with the reader that is right for it.

    Parameters
    ----------
    path : Path
        A file, or the folder of a recording.
    io : str, optional
        Name of a Neo class; see `nwb_autolfads.sources.neo.streams.open_file`.

    Returns
    -------
    channels : list of Channel
    reader : str
        What read it.
    notes : tuple of str
        What the reader warned of, and what a table of channels says, for the user to check.

    Raises
    ------
    SourceError
        If nothing can read it, or there is a table of channels that cannot be read.
    """
    if path.suffix.lower() == ".bdf":
        with border(str(path), problem="pyedflib cannot read it", way_out="Check that the file is complete") as warned:
            channels = channels_of_bdf(path)
        reader, notes = "pyedflib", tuple(warned)
    else:
        channels, chosen, notes = open_file(path, io)
        reader = f"Neo's {chosen}"
    channels, said = described(channels, path)
    return channels, reader, (*notes, *said)
