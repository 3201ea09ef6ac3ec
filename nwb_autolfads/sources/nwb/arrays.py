"""Arrays of a file, looked at before memory is taken for them: stored, and numbers where these are expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.limits import MAX_LOADED_VALUES, most_bytes


def plain_array(data: Any) -> Any:
    """Return what holds the values: a data set in the file, or the array that is to be written."""
    if type(data).__name__.endswith("DataIO"):
        return data.data
    return getattr(data, "dataset", data)  # hdmf wraps data sets of text, references and compounds


def require_stored(data: Any, *, file: str, obj: str) -> None:
    """Refuse an array that claims far more than is stored of it: values that nobody wrote are fill values.

    Raises
    ------
    SourceError
        Naming what is claimed and what is stored.
    """
    data = plain_array(data)
    if isinstance(data, h5py.Dataset):
        claimed, stored = data.size * data.dtype.itemsize if data.shape is not None else 0, _stored(data)
    elif hasattr(data, "nbytes_stored"):  # Zarr
        found = data.nbytes_stored
        claimed, stored = int(data.nbytes), int(found() if callable(found) else found)
    else:
        return
    if claimed > most_bytes(stored):
        raise SourceError(
            f"{claimed / 1e6:.0f} MB are claimed, of which {stored / 1e6:.3f} MB are stored",
            file=file,
            obj=obj,
            way_out="Get a complete copy of the file, or choose another object",
        )


def load(data: Any, *, file: str, obj: str, most: int | None = None) -> NDArray[Any]:
    """Read an array as a whole.

    Raises
    ------
    SourceError
        If it claims more than is stored, or has more than ``most`` values.
    """
    require_loadable(data, file=file, obj=obj, most=most)
    return np.asarray(data[:])


def require_loadable(data: Any, *, file: str, obj: str, most: int | None = None) -> None:
    """Refuse an array that is not to be read as a whole.

    Raises
    ------
    SourceError
        If it claims more than is stored, or has more than ``most`` values.
    """
    require_stored(data, file=file, obj=obj)
    n_values, most = int(np.prod(np.shape(plain_array(data)), dtype=object)), most or MAX_LOADED_VALUES
    if n_values > most:
        raise SourceError(
            f"has {n_values} values, more than {most}", file=file, obj=obj, way_out="Choose another, or a shorter one"
        )


def load_numbers(data: Any, *, file: str, obj: str, most: int | None = None) -> NDArray[np.float64]:
    """Read numbers as a whole.

    Raises
    ------
    SourceError
        As `load`, or if they are no numbers.
    """
    require_numbers(data, file=file, obj=obj)
    return load(data, file=file, obj=obj, most=most).astype(np.float64)


def require_numbers(data: Any, *, file: str, obj: str) -> None:
    """Refuse text, references, compounds and whatever else is no number."""
    if not are_numbers(data):
        raise SourceError("holds no numbers", file=file, obj=obj, way_out="Write numbers, or choose another object")


def are_numbers(data: Any) -> bool:
    """Return whether an array is one of real numbers."""
    dtype = getattr(plain_array(data), "dtype", None)
    dtype = np.asarray(data[:1]).dtype if dtype is None else dtype
    return getattr(dtype, "kind", "O") in "iuf"  # compounds of hdmf have a list of types


def _stored(data: h5py.Dataset) -> int:
    """Return the bytes behind a data set: its own, or those of the files that it is made of."""
    files = {storage[0] for storage in data.external or ()}
    if data.is_virtual:
        files = {source.file_name for source in data.virtual_sources()}
    if not files:
        return data.id.get_storage_size()
    here = Path(data.file.filename)
    places = [here if name == "." else (Path.cwd() if data.external else here.parent) / name for name in files]
    return sum(place.stat().st_size for place in places)
