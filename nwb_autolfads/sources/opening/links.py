"""Links out of an HDF5 file: what they point to must be there, and beside the file, not elsewhere on the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

from nwb_autolfads.errors import SourceError


def require_safe_links(file: h5py.File, path: Path, *, outside: bool = False) -> None:
    """Refuse a file that reads from outside its own folder, or whose links lead nowhere or in a circle.

    A file from somebody else could otherwise make any file of this machine part of a result that is shared.

    Parameters
    ----------
    file : h5py.File
        The open file.
    path : Path
        Where it is.
    outside : bool
        Whether the user trusts the file to read from outside its folder.

    Raises
    ------
    SourceError
        Naming the object and the target.
    """
    folder = path.resolve().parent
    for obj, target in outer_targets(file, str(path)):
        where = (folder / target).resolve()
        if not outside and not where.is_relative_to(folder):
            raise SourceError(
                f"reads its data from {target}, outside the folder of the file",
                file=str(path),
                obj=obj,
                way_out="If you trust it, say so with --outside-links (in Python: outside_links=True)",
            )
        if not where.is_file():
            raise SourceError(
                f"reads its data from {target}, which is not there",
                file=str(path),
                obj=obj,
                way_out="Put that file beside this one",
            )


def outer_targets(file: h5py.File, name: str) -> Iterator[tuple[str, str]]:
    """Yield each object whose data lie in another file, and that file: links, external storage, virtual data sets.

    Raises
    ------
    SourceError
        If a link leads to nothing in this file, or a group contains itself.
    """
    yield from _targets(file, name, ())


def _targets(group: h5py.Group, file: str, above: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    above = (*above, h5py.h5o.get_info(group.id).addr)
    for name in group:
        path = f"{group.name.rstrip('/')}/{name}"
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            yield path, link.filename
            continue
        child = group.get(name)
        if child is None:
            raise SourceError(
                f"links to {link.path}, which is not in the file",
                file=file,
                obj=path,
                way_out="Remove the link, or get a complete copy of the file",
            )
        if isinstance(child, h5py.Group) and h5py.h5o.get_info(child.id).addr in above:
            raise SourceError(
                "is a link back to a group that it lies in, so the file never ends",
                file=file,
                obj=path,
                way_out="Remove the link",
            )
        if isinstance(link, h5py.SoftLink):
            continue  # what it leads to is met in its own place
        if isinstance(child, h5py.Group):
            yield from _targets(child, file, above)
        elif isinstance(child, h5py.Dataset):
            yield from ((path, storage[0]) for storage in child.external or ())
            if child.is_virtual:
                yield from ((path, each.file_name) for each in child.virtual_sources() if each.file_name != ".")
