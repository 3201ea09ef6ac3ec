"""Limits when reading: what any file may claim or hold, in one place. docs/reading-emg.md states them."""

from __future__ import annotations

MAX_OBJECTS = 100_000
"""Links in a file and in all files that it reads from; a session of NWB has a few thousand."""
MAX_DEPTH = 50
"""Groups within groups, links and virtual data sets counted; NWB needs fewer than ten."""
MAX_NAME_BYTES = 1024
"""Of one name in a file."""
MAX_ATTRIBUTES = 200
"""Of one group or data set; those of NWB have fewer than twenty, and HDF5 writes many slowly."""
MAX_FILES = 200
"""Other files that a file reads from, and those that they read from."""

MAX_COMPRESSION = 1032
"""Bytes claimed for each byte stored: deflate, which gzip is made of, cannot compress more."""
FREE_BYTES = 64_000_000
"""What a data set may claim whatever is stored of it."""
MAX_CHUNK_BYTES = 256_000_000
"""Of one chunk, unpacked: it is read as a whole."""
MAX_ELEMENT_BYTES = 16_000_000
"""Of one element, such as a text of fixed length or a compound."""
MAX_METADATA_BYTES = 64_000_000
"""Of one file of metadata of Zarr."""

MAX_LOADED_VALUES = 200_000_000
"""Of anything else that is read as a whole: behaviour, spikes, columns of tables."""
MAX_EVENTS = 10_000_000
"""Times of one kind of event, and their labels."""
MAX_EMG_VALUES = 50_000_000_000
"""Samples times muscles of a recording; a day of 16 muscles at 30 kHz has 41 billion."""
MAX_TIMESTAMPS = 1_000_000_000
"""Of one series; all of them are read."""

MIN_RATE_HZ, MAX_RATE_HZ = 1.0, 1e6
"""Of a series of samples."""
MAX_DURATION_S = 7 * 86_400.0
"""Of a series of samples, gaps not counted."""
MAX_TIME_S = 1e10
"""Furthest time from the start of the session; seconds since 1970 are 1.8e9."""

MAX_DATASET_BYTES = 16_000_000_000
"""Of an estimate, read as a whole; a day of 16 muscles at 500 Hz has 2.8 GB."""
MAX_ORIGIN_CHARACTERS = 65_536
"""Of what an estimate says of the recording that it was made from."""
MAX_WEIGHTS_BYTES = 2_000_000_000
"""Of a model that is kept with an estimate."""
MAX_COUNTS = 500_000_000
"""Bins times units when spikes are counted."""

MAX_MODEL_BYTES = 1 << 30
"""Of the file of a model; those of this package have a few MB."""
MAX_HEADER_BYTES = 1 << 24
"""Of the names, shapes and card in the file of a model or of a search that goes on."""
MAX_SETTINGS_BYTES, MAX_SETTINGS_DEPTH = 1 << 16, 8
"""Of a file of settings, and of what lies within each other in it."""

INSPECT_BYTES = 256_000_000
"""Of EMG, as float32, that `inspect` reads; of longer recordings it reads excerpts."""
INSPECT_S = 20.0
"""After so long `inspect` reads no further excerpt."""
INSPECT_TIMESTAMPS = 50_000_000
"""More than so many are not read by `inspect`, so that gaps and quality are not looked at."""


def most_bytes(stored: int) -> int:
    """Return how many bytes a data set may claim of which so many are stored."""
    return stored * MAX_COMPRESSION + FREE_BYTES
