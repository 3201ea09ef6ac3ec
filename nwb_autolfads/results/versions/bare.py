"""A new NWB file about the same session without its data, for results that only name their source."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import h5py
from pynwb import NWBHDF5IO, NWBFile
from pynwb.file import Subject

from nwb_autolfads.results.inside import SourceFacts
from nwb_autolfads.sources.opening.nwb import OpenedFile

_SESSION = (
    "session_description",
    "session_start_time",
    "timestamps_reference_time",
    "session_id",
    "experimenter",
    "experiment_description",
    "institution",
    "lab",
    "keywords",
    "protocol",
    "related_publications",
)
_SUBJECT = ("subject_id", "species", "sex", "age", "date_of_birth", "description", "genotype", "strain", "weight")


def bare_session(known: NWBFile) -> NWBFile:
    """Return a session with an identifier of its own that says of session and subject what another one says.

    The clock of the session is the same, so times mean the same in both files. Nothing of the other one is needed
    any longer.
    """
    session = NWBFile(identifier=str(uuid4()), **_known(known, _SESSION))
    if known.subject is not None:
        subject = _known(known.subject, _SUBJECT)
        if "age" in subject:
            subject |= _known(known.subject, ("age__reference",))
        session.subject = Subject(**subject)
    return session


def look_inside_opened(opened: OpenedFile) -> SourceFacts:
    """Return what must be known of a file before a result that only names it is written: one at an address, or Zarr."""
    module = opened.nwbfile.processing.get("behavior")
    found = {} if module is None else dict(module.data_interfaces)
    made_from = {
        str(each.source_identifier): str(getattr(each, "source_file", None) or "")
        for each in found.values()
        if each.neurodata_type == "ActivationEstimate" and getattr(each, "source_identifier", None)
    }
    behavior = {name: each.neurodata_type for name, each in found.items()}
    return SourceFacts(opened.name, str(opened.nwbfile.identifier), made_from, behavior, {})


def write_bare_session(session: NWBFile, target: Path) -> None:
    """Write a session without data as a new file."""
    made = BytesIO()  # in memory, so that HDF5 never meets a disk that is full
    with h5py.File(made, "w") as file, NWBHDF5IO(file=file, mode="w") as io:
        io.write(session)
    target.write_bytes(made.getvalue())


def _known(container: Any, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(container, name) for name in names}
    return {name: _in_memory(value) for name, value in values.items() if value is not None}


def _in_memory(value: Any) -> Any:
    return [str(element) for element in value[:]] if hasattr(value, "shape") and value.shape else value
