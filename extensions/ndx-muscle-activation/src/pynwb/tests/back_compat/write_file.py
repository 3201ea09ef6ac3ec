"""Write the file that later versions must be able to read: ``python write_file.py``, once for every release."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ndx_muscle_activation import MusclesTable
from ndx_muscle_activation.testing import mock_ActivationComparisonTable, mock_ActivationEstimate
from pynwb import NWBHDF5IO, NWBFile, TimeSeries


def session() -> NWBFile:
    """Return a session with every type and every optional field the mocks have, and its recording."""
    nwbfile = NWBFile("A session.", "a-session", datetime(2026, 1, 1, tzinfo=UTC))
    recorded = TimeSeries(name="EMG", data=np.ones((200, 2)), unit="volts", rate=1000.0, description="EMG.")
    nwbfile.add_acquisition(recorded)
    leg = nwbfile.create_electrode_group("leg", "Over the leg.", "leg", nwbfile.create_device("amplifier"))
    for muscle in ("TA", "TA", "SOL"):
        nwbfile.add_electrode(location=muscle, group=leg)
    muscles = MusclesTable(name="muscles", description="Muscles.", target_tables={"electrodes": nwbfile.electrodes})
    known = {"side": "left", "placement": "belly", "unit": "volts", "scale": 1e-4, "source_series": recorded}
    muscles.add_row(muscle_name="TA", full_name="tibialis anterior", electrodes=[0, 1], **known)
    muscles.add_row(muscle_name="SOL", full_name="soleus", electrodes=[2], **known)
    module = nwbfile.create_processing_module("behavior", "Behavior.")
    module.add(muscles)
    force = TimeSeries(name="force", data=np.ones((100, 2)), unit="newtons", rate=500.0, description="Forces.")
    estimate = mock_ActivationEstimate(muscles=muscles, source_object=recorded, more_series=[force])
    module.add(estimate)
    scores = mock_ActivationComparisonTable()
    scores.add_column(name="estimate", description="What was scored.", data=[estimate] * len(scores))
    module.add(scores)
    return nwbfile


def main(folder: Path) -> Path:
    """Write the session into ``folder``."""
    path = folder / f"{version('ndx-muscle-activation')}.nwb"
    with NWBHDF5IO(path, "w") as io:
        io.write(session())
    return path


if __name__ == "__main__":
    print(main(Path(__file__).parent))
