"""The recording behind an estimate, where it is in the file that the estimate is written into."""

from __future__ import annotations

from typing import Any

from pynwb import NWBFile, ProcessingModule, TimeSeries
from pynwb.core import NWBDataInterface

from nwb_autolfads.results.inside import parse_origin


def recording_in(nwbfile: NWBFile, origin: str | None) -> NWBDataInterface | None:
    """Return the recording that an estimate was made from.

    Parameters
    ----------
    nwbfile : NWBFile
        The file that the estimate goes into.
    origin : str or None
        JSON of `nwb_autolfads.sources.recording.Origin`; the ids of several series are separated by commas.

    Returns
    -------
    NWBDataInterface or None
        The series, or the container that holds all of several series and nothing else; None where the file holds
        neither.
    """
    named = str(parse_origin(origin).get("object_id", "")).split(",")
    found = [series for each in named if (series := series_in(nwbfile, each)) is not None]
    if len(found) < len(named) or len(found) == 1:
        return found[0] if len(found) == len(named) else None
    container = found[0].parent
    if not isinstance(container, NWBDataInterface) or isinstance(container, NWBFile | ProcessingModule):
        return None
    return container if {id(each) for each in container.children} == {id(each) for each in found} else None


def series_in(nwbfile: NWBFile, object_id: str) -> TimeSeries | None:
    """Return the series that has this object id; None where the file holds none, or only links to it in another."""
    found: Any = nwbfile.objects.get(object_id)
    return found if isinstance(found, TimeSeries) and found.container_source == nwbfile.container_source else None
