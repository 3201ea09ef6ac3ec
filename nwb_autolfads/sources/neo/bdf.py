"""BDF files (BioSemi): Neo's reader of EDF keeps 16 of their 24 bits, so they are read by pyedflib itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.sources.neo.streams import Channel


def channels_of_bdf(path: Path) -> list[Channel]:
    """Return the channels of a BDF file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        If it is no such file, or one with gaps, which pyedflib does not read.
    """
    from pyedflib import EdfReader

    with EdfReader(str(path)) as file:
        counts = file.getNSamples()
        return [
            Channel(
                file.getLabel(at).strip(),
                "BDF",
                file.getPhysicalDimension(at).strip(),
                float(file.getSampleFrequency(at)),
                (0.0,),
                (int(counts[at]),),
                _reader(path, at),
            )
            for at in range(file.signals_in_file)
        ]


def _reader(path: Path, at: int) -> Callable[[int, int, int], NDArray[np.float64]]:
    from pyedflib import EdfReader

    def read(_: int, start: int, stop: int) -> NDArray[np.float64]:
        with EdfReader(str(path)) as file:  # each time anew: edflib opens a file once in a process
            return np.asarray(file.readSignal(at, start, stop - start), dtype=np.float64)

    return read
