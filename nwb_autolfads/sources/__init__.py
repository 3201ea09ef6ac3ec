"""Signals in: whatever holds EMG becomes an `EmgRecording`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.address import is_address

if TYPE_CHECKING:
    from nwb_autolfads.sources.recording import EmgRecording

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""With which nearly every file in HDF5 form begins."""


def open_emg(
    source: Any,
    *,
    path: str | None = None,
    muscles: Sequence[str] | None = None,
    unit: str | None = None,
    io: str | None = None,
    outside_links: bool = False,
) -> EmgRecording:
    """Open the EMG of a recording, lazily.

    Parameters
    ----------
    source : str, Path, or an object
        An NWB file (HDF5 or Zarr) on this machine or at an address (``https://``, ``s3://BUCKET/KEY``,
        ``dandi://DANDISET/PATH``); a file of an acquisition system that Neo reads; or an open ``pynwb.NWBFile`` (it
        stays open), a Neo block, segment or analog signal, or a SpikeInterface recording.
    path : str, optional
        Where the EMG is in the source. NWB: such as ``"acquisition/EMG"``, a series, a container of 1-D series, or a
        pattern (``"acquisition/EMG_*"``). Elsewhere: names or patterns of channels, separated by commas. Found by
        itself where it is clear.
    muscles : sequence of str, optional
        Names for all columns, in order; or, where the source names its muscles, the ones to read.
    unit : str, optional
        V, mV, uV or a.u., where the source gives a wrong unit or one that is not known here.
    io : str, optional
        The Neo class that reads the file, such as ``"Spike2IO"``; by default chosen by the file type; the
        recording's assumptions name it.
    outside_links : bool
        Whether an NWB file may read from outside its own folder; only for files that you trust.

    Returns
    -------
    EmgRecording
        Close it, or use it in a ``with`` block.

    Raises
    ------
    SourceError
        If there is no such file, nothing reads it, no or more than one EMG is found, or its unit or timing cannot be
        used.
    """
    room = room_of(source, io)
    if room == "neo":
        from nwb_autolfads.sources.neo.emg import open_neo_emg

        return open_neo_emg(source, path=path, muscles=muscles, unit=unit, io=io)
    if room == "spikeinterface":
        from nwb_autolfads.sources.spikeinterface import open_spikeinterface_emg

        return open_spikeinterface_emg(source, path=path, muscles=muscles, unit=unit)
    from nwb_autolfads.sources.nwb.emg import open_nwb_emg

    return open_nwb_emg(source, path=path, muscles=muscles, unit=unit, outside_links=outside_links)


def room_of(source: Any, io: str | None = None) -> str:
    """Return what reads a source: "nwb", "neo" or "spikeinterface".

    Raises
    ------
    SourceError
        If it is an object that nothing here reads.
    """
    if isinstance(source, str | Path):
        return "neo" if io is not None or not _may_be_nwb(str(source)) else "nwb"
    packages = {each.__module__.partition(".")[0] for each in type(source).__mro__}
    if "pynwb" in packages:
        return "nwb"
    if "spikeinterface" in packages:
        return "spikeinterface"
    if "neo" in packages or isinstance(source, list | tuple):
        return "neo"
    raise SourceError(
        f"{type(source).__name__} is nothing that EMG is read from",
        way_out="Give a path or address, a pynwb NWBFile, a Neo object or a SpikeInterface recording",
    )


def _may_be_nwb(name: str) -> bool:
    """Whether to try NWB first: an address, what says so in its name, HDF5, a folder, or what is not there."""
    path = Path(name)
    if is_address(name) or path.suffix.lower() in (".nwb", ".zarr", "") or not path.is_file():
        return True
    if path.suffix.lower() == ".nix":
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE
    except OSError:
        return True
