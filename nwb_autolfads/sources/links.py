"""Links out of an HDF5 file: what they point to must be there, and beside the file, not elsewhere on the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

from nwb_autolfads.errors import SourceError


def require_safe_links(file: h5py.File, path: Path) -> None:
    """Refuse a file that reads from outside its own folder, or whose links lead nowhere.

    A file from somebody else could otherwise make any file of this machine part of a result that is shared.

    Raises
    ------
    SourceError
        Naming the object and the target.
    """
    folder = path.resolve().parent
    for obj, target in _targets(file):
        where = (folder / target).resolve()
        if not where.is_relative_to(folder):
            raise SourceError(
                f"reads its data from {target}, outside the folder of the file",
                file=str(path),
                obj=obj,
                way_out="If you trust it, copy that file beside this one and point the link there",
            )
        if not where.is_file():
            raise SourceError(
                f"reads its data from {target}, which is not there",
                file=str(path),
                obj=obj,
                way_out="Put that file beside this one",
            )


def _targets(group: h5py.Group) -> Iterator[tuple[str, str]]:
    """Yield each object that lies in another file, and that file: links, external storage, virtual data sets."""
    for name in group:
        path = f"{group.name.rstrip('/')}/{name}"
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            yield path, link.filename
        elif isinstance(link, h5py.HardLink):
            child = group[name]
            if isinstance(child, h5py.Group):
                yield from _targets(child)
            elif isinstance(child, h5py.Dataset):
                yield from ((path, storage[0]) for storage in child.external or ())
                if child.is_virtual:
                    yield from ((path, each.file_name) for each in child.virtual_sources() if each.file_name != ".")
