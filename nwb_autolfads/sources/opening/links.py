"""Links of HDF5 files: what they lead to must be there, beside the file, and must end somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import h5py

from nwb_autolfads.errors import SourceError
from nwb_autolfads.files.limits import MAX_DEPTH, MAX_FILES
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.sources.border import one_line, short
from nwb_autolfads.sources.opening.heaps import require_whole_heaps
from nwb_autolfads.sources.opening.walk import SOFT, STORAGE, VIRTUAL, Link, Walk, walk_file

Node = tuple[int, int]
"""An object: number of its file in this process, and its address there."""
Graph = dict[Node, list[tuple[Node, str]]]
"""What each object leads to, with the path for messages."""


def require_safe_links(file: h5py.File, path: Path, name: str, *, outside: bool = False) -> None:
    """Refuse a file that reads from outside its own folder, or whose links lead nowhere or in a circle.

    A file from somebody else could otherwise make any file of this machine part of a result that is shared. The files
    that it reads from are held to the same rule, and those that they read from, at any depth. Nothing is read through
    a link before all of them are known.

    Parameters
    ----------
    file : h5py.File
        The open file.
    path : Path
        Where it is, symbolic links resolved.
    name : str
        What to call it in messages.
    outside : bool
        Whether the user trusts the file to read from outside its folder.

    Raises
    ------
    SourceError
        Naming the object and the target.
    """
    with ExitStack() as opened:
        _require_ends(_gather(file, path, name, outside, opened), name)


def require_safe_itself(file: h5py.File, path: Path, name: str) -> None:
    """Refuse a file that is not safe to open, though nothing is read through its links, which may lead nowhere.

    Parameters
    ----------
    file, path, name
        See `require_safe_links`.

    Raises
    ------
    SourceError
        If it is damaged, beyond the limits, or links what is no file: a pipe would block for ever.
    """
    for link in _walk_local(file, name).links:
        if link.file and (target := path.parent / link.file).exists():
            require_regular_file(target)


def require_self_contained(file: h5py.File, address: str) -> None:
    """Refuse a file at an address that reads from other files, or whose links lead nowhere or in a circle.

    Raises
    ------
    SourceError
        Naming the object and the target.
    """
    walk = _known(walk_file(file, address), address)
    for link in walk.links:
        if link.kind == STORAGE or link.file:
            raise SourceError(
                f"reads its data from {link.file}, which an address cannot bring along",
                file=address,
                obj=link.obj,
                way_out="Download the files together",
            )
    _require_ends(_graph(file, walk, {}, address), address)


def _walk_local(file: h5py.File, name: str, n_before: int = 0) -> Walk:
    """Walk through a file of this machine, whose heaps can be looked through too."""
    walk = walk_file(file, name, n_before)
    require_whole_heaps(file, walk.large, name)
    return walk


def _known(walk: Walk, name: str) -> Walk:
    """Refuse data sets of types that NWB has not."""
    for obj, what in walk.unknown:
        raise SourceError(
            f"holds {what}, which NWB does not know", file=name, obj=obj, way_out="Remove it from the file"
        )
    return walk


def _gather(file: h5py.File, path: Path, name: str, outside: bool, opened: ExitStack) -> Graph:
    """Walk through a file and all that it reads from, and return what leads to what."""
    files, walks = {path: file}, {path: _known(_walk_local(file, name), name)}
    targets: dict[Path, dict[str, h5py.File]] = {path: {}}
    waiting = [path]
    while waiting:
        here = waiting.pop()
        for link in walks[here].links:
            if link.kind != STORAGE and not link.file:
                continue
            where = _place(link, here, path, name, outside)
            if link.kind == STORAGE:
                continue
            if where not in files:
                if len(files) > MAX_FILES:
                    raise _refused(f"reads from more than {MAX_FILES} files", "Copy the data into one file", link, name)
                files[where] = opened.enter_context(_open(where, link, name))
                n_before = sum(walk.n_links for walk in walks.values())
                walks[where] = _walk_local(files[where], f"{name}, {where.name}", n_before)
                targets[where] = {}
                waiting.append(where)
            targets[here][link.file] = files[where]
    graph: Graph = {}
    for each, walk in walks.items():
        graph |= _graph(files[each], walk, targets[each], name)
    return graph


def _place(link: Link, here: Path, recording: Path, name: str, outside: bool) -> Path:
    """Return where the other file of a link is, refusing one that is not there or outside the recording's folder."""
    # HDF5 takes the names of external storage from the folder that the program runs in, all others from the file's.
    base = Path.cwd() if link.kind == STORAGE else here.parent
    try:
        where = base / link.file
        where = where.parent.resolve() / where.name
        inside = where.resolve().is_relative_to(recording.parent)
    except (OSError, RuntimeError, ValueError) as error:
        raise _refused(f"reads its data from {link.file!r} ({one_line(error)})", "Remove it", link, name) from error
    if not inside and not outside:
        aside = " (external storage is looked for where you are)" if link.kind == STORAGE else ""
        raise _refused(
            f"reads its data from {link.file}, outside the folder of the file{aside}",
            "If you trust it, say so with --outside-links (in Python: outside_links=True)",
            link,
            name,
        )
    try:
        return require_regular_file(where)
    except SourceError as error:
        missing = "is not there" if error.problem == "there is no such file" else error.problem
        raise _refused(
            f"reads its data from {link.file}, which {missing}", "Put that file beside this one", link, name
        ) from error


def _open(where: Path, link: Link, name: str) -> h5py.File:
    try:
        return h5py.File(where, "r")
    except OSError as error:
        raise _refused(
            f"reads its data from {link.file}, which is no HDF5, or damaged", "Get a complete copy of it", link, name
        ) from error


def _graph(file: h5py.File, walk: Walk, targets: dict[str, h5py.File], name: str) -> Graph:
    number = h5py.h5o.get_info(file.id, b"/").fileno
    graph: Graph = {}
    for source, target, obj in walk.hard:
        graph.setdefault((number, source), []).append(((number, target), obj))
    for link in walk.links:
        if link.kind != STORAGE:
            found = _node(targets[link.file] if link.file else file, link, name)
            graph.setdefault((number, link.source), []).append((found, link.obj))
    return graph


def _node(file: h5py.File, link: Link, name: str) -> Node:
    place = link.obj.encode("utf-8", "surrogateescape") if link.kind == SOFT else link.target
    try:
        info = h5py.h5o.get_info(file.id, place)
    except (RuntimeError, KeyError, ValueError, OSError) as error:
        target = link.target.decode("utf-8", "replace")
        if "too many links" in str(error):
            raise _refused("is in a ring of links, which leads nowhere", "Remove the link", link, name) from error
        made = "is made of" if link.kind == VIRTUAL else "links to"
        raise _refused(
            f"{made} {target}, which is not in the file",
            "Remove the link, or get a complete copy of the file",
            link,
            name,
        ) from error
    return info.fileno, info.addr


def _require_ends(graph: Graph, name: str) -> None:
    """Refuse objects that lead back to themselves, and chains that are too long for the readers, which recurse."""
    depth: dict[Node, int] = {}
    for start in graph:
        trail: list[tuple[Node, Iterator[tuple[Node, str]]]] = []
        if start not in depth:
            trail.append((start, iter(graph[start])))
        above = {start}
        while trail:
            node, rest = trail[-1]
            found, obj = next(rest, (None, ""))
            if found is None:
                depth[node] = 1 + max((depth[each] for each, _ in graph.get(node, ())), default=0)
                above.discard(node)
                trail.pop()
                if depth[node] > MAX_DEPTH:
                    at = graph[node][0][1]
                    raise _too_deep(name, at)
            elif found in above:
                raise SourceError(
                    "is a link back to a group that it lies in, or made of itself, so the file never ends",
                    file=name,
                    obj=obj,
                    way_out="Remove the link",
                )
            elif found not in depth:
                above.add(found)
                trail.append((found, iter(graph.get(found, ()))))


def _too_deep(name: str, obj: str) -> SourceError:
    shown = obj if len(obj) <= 80 else f"{obj[:77]}..."
    return SourceError(
        f"groups and links lie more than {MAX_DEPTH} deep in each other",
        file=name,
        obj=shown,
        way_out="Make a file with fewer; docs/reading-emg.md has the limits",
    )


def _refused(problem: str, way_out: str, link: Link, name: str) -> SourceError:
    return SourceError(
        problem.replace(link.file, short(link.file)) if link.file else problem, file=name, obj=link.obj, way_out=way_out
    )
