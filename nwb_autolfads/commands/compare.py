"""`compare`: every estimate in a file beside cortex, behaviour, force and the EMG it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nwb_autolfads.commands.prepare import Tell
from nwb_autolfads.evaluation import Comparison, check_outputs, compare_file, write_csv, write_netcdf, write_tables


@dataclass(frozen=True)
class ScoreFiles:
    """Where scores go besides the screen: into the file of the estimates, a table, one netCDF file for each.

    ``settings`` is the file that the comparison's settings are read from, which no score may replace.
    """

    write: bool = False
    csv: Path | None = None
    netcdf: Path | None = None
    overwrite: bool = False
    settings: Path | None = None


def compare(file: Path, to: ScoreFiles, *, tell: Tell, show: Callable[[Comparison], None], **asked: Any) -> Comparison:
    """Compare, show, and write where it was asked for.

    Parameters
    ----------
    file : Path
        With estimates.
    to : ScoreFiles
        Looked at before anything is computed.
    tell : callable
        Takes what was written, line by line.
    show : callable
        Takes the comparison, before anything is written.
    **asked
        See `nwb_autolfads.evaluation.compare_file`.

    Returns
    -------
    Comparison

    Raises
    ------
    NwbAutolfadsError
        If the file cannot be read or a place cannot take what is written.
    """
    read = [] if to.settings is None else [to.settings]
    check_outputs(file, to.csv, to.netcdf, write=to.write, overwrite=to.overwrite, read=read)
    found = compare_file(file, **asked)
    show(found)
    if to.write:
        tell(f"Wrote {', '.join(write_tables(found.scores, file, overwrite=to.overwrite))} to {file}")
    if to.csv is not None:
        tell(f"Wrote {write_csv(found.scores, to.csv, overwrite=to.overwrite)}")
    if to.netcdf is not None:
        written = write_netcdf(found.scores, to.netcdf, overwrite=to.overwrite)
        tell(f"Wrote {', '.join(str(each) for each in written)}")
    return found
