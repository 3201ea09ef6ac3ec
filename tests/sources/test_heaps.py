"""Heaps of HDF5 whose objects lead nowhere: found wherever they are, and nowhere else."""

import h5py
import numpy as np
import pytest

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.opening.heaps import require_whole_heaps
from nwb_autolfads.sources.opening.walk import walk_file

SIGNATURE = b"GCOL\x01\0\0\0"


@pytest.fixture
def path(tmp_path):
    """A file with texts in many heaps, between data sets that hold what looks like a damaged heap."""
    path = tmp_path / "file.h5"
    decoy = np.frombuffer(SIGNATURE + (4096).to_bytes(8, "little") + bytes(4080), np.uint8)
    with h5py.File(path, "w") as file:
        for number in range(3):
            file[f"texts{number}"] = [f"text {each} " * (each % 50) for each in range(1000)]
            file.create_dataset(f"whole{number}", data=np.tile(decoy, 300))
            file.create_dataset(f"pieces{number}", data=np.tile(decoy, (300, 1)), chunks=(7, 4096))
            file.attrs[f"attribute{number}"] = "a text"
    return path


def require_whole(path):
    with h5py.File(path, "r") as file:
        require_whole_heaps(file, walk_file(file, "file.h5").large, "file.h5")


def heaps(path):
    """Return where HDF5 keeps the heaps: what the texts refer to."""
    with h5py.File(path, "r") as file:
        places = set()
        for number in range(3):
            texts = file[f"texts{number}"]
            raw = path.read_bytes()[texts.id.get_offset() :][: 16 * len(texts)]
            found = np.frombuffer(raw, [("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])["heap"]
            places |= set(found[found > 0].tolist())
    return sorted(places)


def test_a_file_as_it_was_written_is_whole(path):
    assert len(heaps(path)) > 10
    assert path.read_bytes().count(SIGNATURE) == 2 * 3 * 300 + len(heaps(path))
    require_whole(path)


@pytest.mark.parametrize("which", [0, 5, -1])
@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 2**64 - 16), (1, 10**9)])
def test_an_object_that_leads_nowhere_is_found(path, which, index, size):
    data, at = bytearray(path.read_bytes()), heaps(path)[which]
    data[at + 16 : at + 32] = index.to_bytes(8, "little") + size.to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(SourceError) as error:
        require_whole(path)
    assert str(error.value) == f"file.h5: is HDF5, but damaged (the heap at byte {at}). Copy or download the file again"


def test_a_heap_of_a_size_beyond_the_file_is_none(path):
    data, at = bytearray(path.read_bytes()), heaps(path)[0]
    data[at + 8 : at + 16] = (2**63).to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(SourceError):
        require_whole(path)
