"""The commands as functions: `run`, `run_many`, `apply`, `inspect`, `report`, with the options of the command line."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_autolfads.commands.python.given import (
    PathLike,
    Settings,
    file_of,
    options_of,
    settings_of,
    shown_progress,
    source_of,
    target_of,
)
from nwb_autolfads.commands.python.result import Result
from nwb_autolfads.config import RunOptions
from nwb_autolfads.errors import ConfigError, shown
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.given import path_of

if TYPE_CHECKING:
    from nwb_autolfads.commands.inspect import Overview
    from nwb_autolfads.commands.many.run import ManyResults
    from nwb_autolfads.search.progress import ProgressCallback

log = logging.getLogger("nwb_autolfads")
"""Takes, at level INFO, what a command says line by line: what was assumed, done and written."""


def run(
    file: PathLike,
    out: PathLike | None = None,
    *,
    estimator: str = "autolfads",
    name: str | None = None,
    in_place: bool = False,
    link: bool = False,
    overwrite: bool = False,
    emg: str | None = None,
    muscles: Sequence[str] | None = None,
    unit: str | None = None,
    io: str | None = None,
    outside_links: bool = False,
    settings: Settings = None,
    progress: bool | ProgressCallback = True,
    **options: Any,
) -> Result:
    """Estimate muscle activation from the EMG of a file, and write it: the command ``nwb-autolfads run``.

    Parameters
    ----------
    file : path or str
        An NWB file, an address, or a file that Neo reads.
    out : path, optional
        NWB file to write; by default ``<stem>_activation.nwb`` beside ``file``.
    estimator : str
        Key of an estimator (``autolfads``, ``lowpass``, ``bayes``, ...), or ``all``.
    name : str, optional
        Of the estimate in the file; by default the estimator's.
    in_place : bool
        Whether the result is added to ``file`` itself.
    link : bool
        Whether a small file that names ``file`` is written instead of a copy of it.
    overwrite : bool
        Whether an existing file, or an estimate of this name, is replaced.
    emg, muscles, unit, io, outside_links
        Where and how the EMG is in the file: ``path`` and the others of `nwb_autolfads.open_emg`.
    settings : path, mapping or RunSettings, optional
        A settings file, or what it would say: ``{"preprocessing": {"rate_hz": 1000.0}}``.
    progress : bool or callable
        Whether the progress of training is shown, in a terminal or a notebook; or what is called with it.
    **options
        The other options of the command, such as ``preset``, ``seed``, ``minutes``, ``trials``, ``save_model``: the
        fields of `nwb_autolfads.config.RunOptions`.

    Returns
    -------
    Result
        With the estimates, the verdict, the file and the assumptions.

    Raises
    ------
    NwbAutolfadsError
        If the EMG cannot be read or used, an option is wrong, or the result cannot be written. No file is left then.
    """
    from nwb_autolfads.commands.run import run as command

    source = source_of(file, emg, muscles, unit, io, outside_links)
    target = target_of(source, out, in_place, name, overwrite, link)
    asked = options_of(RunOptions, {"estimator": estimator, **options}, "run")
    with shown_progress(progress) as show:
        return command(source, target, asked, settings_of(settings), tell=log.info, progress=show)


def run_many(
    files: Sequence[PathLike],
    out_dir: PathLike,
    *,
    jobs: int = 1,
    estimator: str = "autolfads",
    name: str | None = None,
    link: bool = False,
    overwrite: bool = False,
    emg: str | None = None,
    muscles: Sequence[str] | None = None,
    unit: str | None = None,
    io: str | None = None,
    outside_links: bool = False,
    settings: Settings = None,
    progress: bool | ProgressCallback = True,
    **options: Any,
) -> ManyResults:
    """Estimate activation of many recordings, each by itself: ``nwb-autolfads run FILE ... --out-dir DIR``.

    A script that asks for several ``jobs`` does so under ``if __name__ == "__main__":``, as new processes import it.

    Parameters
    ----------
    files : sequence of path or str
        Recordings; also patterns, ``@paths.txt`` and dandisets (see docs/many-files.md).
    out_dir : path
        Folder for the results, and the table of all.
    jobs : int
        Recordings at a time, each in a process of its own.
    estimator, name, link, overwrite, emg, muscles, unit, io, outside_links, settings, progress, **options
        See `run`; ``overwrite`` replaces results that were made with other settings.

    Returns
    -------
    ManyResults
        ``rows``, one for each recording, ``failed`` among them, and the files ``table`` and ``overview``.

    Raises
    ------
    NwbAutolfadsError
        If nothing can be run at all. What fails for one recording is in its row; ``require_all()`` raises then.
    """
    from nwb_autolfads.commands.many.item import Plan
    from nwb_autolfads.commands.many.run import run_many as command

    if isinstance(files, str | os.PathLike):
        files = [files]
    if not isinstance(files, Sequence | set | Iterator) or isinstance(files, bytes):
        raise ConfigError(f"files are {shown(files)}", obj="run_many", way_out="Give a list of paths")
    if not isinstance(jobs, int) or jobs < 1:
        raise ConfigError(f"jobs is {shown(jobs)}", obj="run_many", way_out="Give a whole number from 1")
    given = [str(file_of(each)) for each in files]
    source = source_of("", emg, muscles, unit, io, outside_links)
    asked = options_of(RunOptions, {"estimator": estimator, **options}, "run_many")
    plan = Plan(path_of(out_dir), asked, settings_of(settings), name, overwrite, link)
    with shown_progress(progress) as show:
        return command(given, source, plan, jobs=jobs, tell=log.info, progress=show)


def apply(
    model: PathLike,
    file: PathLike,
    out: PathLike | None = None,
    *,
    name: str | None = None,
    in_place: bool = False,
    link: bool = False,
    overwrite: bool = False,
    emg: str | None = None,
    muscles: Sequence[str] | None = None,
    unit: str | None = None,
    io: str | None = None,
    outside_links: bool = False,
    settings: Settings = None,
    progress: bool | ProgressCallback = True,
    **use: Any,
) -> Result:
    """Estimate activation of a recording with a trained model, and write it: the command ``nwb-autolfads apply``.

    Parameters
    ----------
    model : path
        A model that `run` kept (``save_model=...``), or an NWB file with one (``weights=True``).
    file, out, name, in_place, link, overwrite, emg, muscles, unit, io, outside_links, settings, progress
        See `run`.
    **use
        The other options of the command, such as ``adapt``, ``session``, ``reprocess``, ``correct``: the fields of
        `nwb_autolfads.commands.apply.Use`.

    Returns
    -------
    Result

    Raises
    ------
    NwbAutolfadsError
        As `run`, or if the model cannot be read or used on this recording.
    """
    from nwb_autolfads.commands.apply import Use
    from nwb_autolfads.commands.apply import apply as command

    source = source_of(file, emg, muscles, unit, io, outside_links)
    target = target_of(source, out, in_place, name, overwrite, link)
    asked = options_of(Use, use, "apply")
    with shown_progress(progress) as show:
        return command(path_of(model), source, target, settings_of(settings), asked, tell=log.info, progress=show)


def inspect(
    file: PathLike,
    *,
    emg: str | None = None,
    muscles: Sequence[str] | None = None,
    unit: str | None = None,
    io: str | None = None,
    outside_links: bool = False,
    picture: PathLike | None = None,
    settings: Settings = None,
) -> Overview:
    """Look at a file: what is in it, which EMG would be read, how good it is: the command ``nwb-autolfads inspect``.

    Parameters
    ----------
    file, emg, muscles, unit, io, outside_links, settings
        See `run`.
    picture : path, optional
        PNG to draw, of a stretch of each muscle beside its quality; it must not exist.

    Returns
    -------
    Overview
        ``contents``, ``quality`` (a Dataset over muscles), ``trials``, ``assumptions``, ``problem``; ``summary()``
        gives all as plain values.

    Raises
    ------
    NwbAutolfadsError
        If the file cannot be read.
    """
    from nwb_autolfads.commands.inspect import inspect_file

    source = source_of(file, emg, muscles, unit, io, outside_links)
    return inspect_file(source, settings_of(settings), picture=None if picture is None else path_of(picture))


def report(
    file: PathLike,
    out: PathLike | None = None,
    *,
    overwrite: bool = False,
    events: str | None = None,
    before: float | None = None,
    after: float | None = None,
    phases: str | None = None,
    outside_links: bool = False,
    settings: Settings = None,
) -> Path:
    """Write one HTML page on the estimates in a file: the command ``nwb-autolfads report``.

    Parameters
    ----------
    file : path
        An NWB file with estimates.
    out : path, optional
        Page to write; by default ``<stem>.html`` beside ``file``.
    overwrite : bool
        Whether an existing page is replaced.
    events : str, optional
        What repeats, ``TABLE:COLUMN`` or ``PATH[:LABEL]``; by default trials.
    before, after : float, optional
        Shown and compared around an event (s).
    phases : str, optional
        Phases of behaviour, ``TABLE:COLUMN``.
    outside_links : bool
        Whether the file may read from outside its own folder.
    settings : path, mapping or RunSettings, optional
        How the EMG was preprocessed; by default as the estimates say.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    NwbAutolfadsError
        If the file holds no estimate, or the page cannot be written.
    """
    from nwb_autolfads.commands.report import report as command

    path = require_regular_file(path_of(file))
    asked: dict[str, Any] = {"events": events, "before": before, "after": after, "phases": phases}
    given = {
        key: value for key, value in {**asked, "outside_links": outside_links or None}.items() if value is not None
    }
    page = path.with_suffix(".html") if out is None else path_of(out)
    return command(path, page, None if settings is None else settings_of(settings), given, overwrite=overwrite)
