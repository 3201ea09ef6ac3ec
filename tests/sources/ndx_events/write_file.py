"""Write events with the classes of ndx-events 0.4: ``python write_file.py OUT.nwb``, with PyNWB 3.1 and ndx-events 0.4.

Its `NdxEventsNWBFile` cannot be made with PyNWB 4, which has events of its own, so the file that it wrote is kept here.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from ndx_events import EventsTable, NdxEventsNWBFile
from pynwb import NWBHDF5IO


def main(path: Path) -> None:
    """Write five foot strikes, not in the order of their times."""
    nwbfile = NdxEventsNWBFile(
        session_description="Walking.", identifier="events", session_start_time=datetime(2026, 1, 1, tzinfo=UTC)
    )
    table = EventsTable(name="foot_strikes", description="Foot strikes.")
    table.add_column(name="foot", description="Which foot.", data=[])
    for time, foot in ((3.0, "left"), (1.0, "left"), (2.0, "right"), (4.0, "right"), (5.0, "left")):
        table.add_row(timestamp=time, foot=foot)
    nwbfile.add_events_table(table)
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
