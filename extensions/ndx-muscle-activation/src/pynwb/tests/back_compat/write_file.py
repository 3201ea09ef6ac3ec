"""Write the file that later versions must be able to read: ``python write_file.py``, once for every release."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ndx_muscle_activation.testing import mock_ActivationComparisonTable, mock_ActivationEstimate, mock_MusclesTable
from pynwb import NWBHDF5IO, NWBFile


def main(folder: Path) -> Path:
    """Write a file with every type and every optional field the mocks have into ``folder``."""
    nwbfile = NWBFile("A session.", "a-session", datetime(2026, 1, 1, tzinfo=UTC))
    module = nwbfile.create_processing_module("behavior", "Behavior.")
    module.add(muscles := mock_MusclesTable())
    module.add(mock_ActivationEstimate(muscles=muscles, weights=np.arange(50, dtype=np.uint8)))
    module.add(mock_ActivationComparisonTable())
    path = folder / f"{version('ndx-muscle-activation')}.nwb"
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    return path


if __name__ == "__main__":
    print(main(Path(__file__).parent))
