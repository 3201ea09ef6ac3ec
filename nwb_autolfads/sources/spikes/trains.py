"""Spike trains of sorted units, from NWB or SpikeInterface: what activation is compared with in the cortex."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.border import border
from nwb_autolfads.sources.nwb.arrays import require_loadable, require_numbers
from nwb_autolfads.sources.opening.nwb import reading_nwb

if TYPE_CHECKING:
    from spikeinterface import BaseSorting

_WAY_OUT = "Give a sorting whose files are there and whole"


@dataclass(frozen=True)
class SpikeTrains:
    """Spike trains on the session's clock.

    Attributes
    ----------
    units : tuple of str
        Names.
    times : tuple of ndarray of float64
        Spike times of each unit (s), ascending.
    observed : tuple of ndarray, (n_intervals, 2)
        When each unit was observed (s): no spike outside means nothing. Empty where the source does not say.
    file_identifier : str
        Identifier of the NWB file; "" for anything else.
    """

    units: tuple[str, ...]
    times: tuple[NDArray[np.float64], ...]
    observed: tuple[NDArray[np.float64], ...]
    file_identifier: str

    def counts(self, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return spikes per bin.

        Parameters
        ----------
        edges : ndarray, (n_bins + 1,)
            Edges of the bins (s); each bin holds its lower edge and not its upper one.

        Returns
        -------
        ndarray of int, (n_bins, n_units)
        """
        n_bins = len(edges) - 1
        counts = np.zeros((n_bins, len(self.times)), dtype=np.int64)
        for unit, times in enumerate(self.times):
            within = times[slice(*np.searchsorted(times, edges[[0, -1]]))]
            counts[:, unit] = np.bincount(np.searchsorted(edges, within, side="right") - 1, minlength=n_bins)
        return counts


def read_spikes(source: str | Path | NWBFile | BaseSorting) -> SpikeTrains:
    """Read the sorted units of a session.

    Parameters
    ----------
    source : str, Path, pynwb.NWBFile or spikeinterface.BaseSorting
        An NWB file with a units table (a path or address, or open already), or a sorting of any kind.

    Raises
    ------
    SourceError
        If the file cannot be opened or holds no units, or a train holds times that are not finite.
    """
    if not isinstance(source, str | Path | NWBFile):
        with border("", type(source).__name__, problem="SpikeInterface does not give what it has", way_out=_WAY_OUT):
            return _of_sorting(source)
    with reading_nwb(source) as opened:
        table = opened.nwbfile.units
        if table is None or "spike_times" not in table.colnames or len(table) == 0:
            raise SourceError(
                "holds no spike times of sorted units", file=opened.name, way_out="Choose a file with a units table"
            )
        rows = range(len(table))
        for column in ("spike_times", "obs_intervals"):
            if column in table.colnames:
                values = table[column].target if hasattr(table[column], "target") else table[column]
                require_numbers(values.data, file=opened.name, obj=f"units/{column}")
                require_loadable(values.data, file=opened.name, obj=f"units/{column}")
        times = [np.asarray(table["spike_times"][row], dtype=np.float64) for row in rows]
        observed = [np.empty((0, 2)) for _ in rows]
        if "obs_intervals" in table.colnames:
            observed = [np.asarray(table["obs_intervals"][row], dtype=np.float64).reshape(-1, 2) for row in rows]
        names = [str(name) for name in table.id[:]]
        return _checked(names, times, observed, opened.nwbfile.identifier, opened.name)


def _of_sorting(sorting: BaseSorting) -> SpikeTrains:
    segments = range(sorting.get_num_segments())
    times = [
        np.concatenate(
            [
                np.asarray(sorting.get_unit_spike_train(unit, segment_index=at, return_times=True), dtype=np.float64)
                for at in segments
            ]
        )
        for unit in sorting.unit_ids
    ]
    names = [str(unit) for unit in sorting.unit_ids]
    return _checked(names, times, [np.empty((0, 2)) for _ in names], "", type(sorting).__name__)


def _checked(
    names: list[str], times: list[NDArray], observed: list[NDArray], identifier: str, source: str
) -> SpikeTrains:
    for name, train in zip(names, times, strict=True):
        if not np.isfinite(train).all():
            raise SourceError(
                f"unit {name} has spike times that are not finite",
                file=source,
                way_out="Repair or remove the unit in the file",
            )
    return SpikeTrains(tuple(names), tuple(np.sort(train) for train in times), tuple(observed), identifier)
