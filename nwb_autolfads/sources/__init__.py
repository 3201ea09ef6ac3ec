"""Signals in: whatever holds EMG becomes an `EmgRecording`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pynwb import NWBFile

    from nwb_autolfads.sources.recording import EmgRecording


def open_emg(
    source: str | Path | NWBFile, *, path: str | None = None, muscles: Sequence[str] | None = None
) -> EmgRecording:
    """Open the EMG of a recording, lazily.

    Parameters
    ----------
    source : str, Path or pynwb.NWBFile
        An NWB file on this machine, or one that is open already (it stays open).
    path : str, optional
        Where the EMG is in the file, such as ``"acquisition/EMG"``: a series, a container of 1-D series, or a pattern
        (``"acquisition/EMG_*"``). Found by itself where one series is clearly EMG.
    muscles : sequence of str, optional
        Names for all columns, in order; or, where the file names its muscles, the ones to read.

    Returns
    -------
    EmgRecording
        Close it, or use it in a ``with`` block.

    Raises
    ------
    SourceError
        If there is no such file, it is not NWB, no or more than one EMG is found, or its timing cannot be used.
    """
    from nwb_autolfads.sources.nwb import open_nwb_emg

    return open_nwb_emg(source, path=path, muscles=muscles)
