"""Where results go: the place looked at before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_autolfads.errors import OutputError, SourceError
from nwb_autolfads.files.places import Output, check_outputs
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.results.neighbours import files_behind
from nwb_autolfads.results.read import list_estimates

if TYPE_CHECKING:
    from nwb_autolfads.config import Source


@dataclass(frozen=True)
class Target:
    """Where a result goes: a new file beside what was there, or into the source itself.

    Attributes
    ----------
    file : Path
        The file that will hold the result.
    in_place : bool
        Whether it is the source itself.
    name : str or None
        Name of the estimate in the file; by default the estimator's.
    overwrite : bool
        Whether an existing file, or an estimate of this name, is replaced.
    link : bool
        Whether the file only names the source instead of copying it.
    """

    file: Path
    in_place: bool = False
    name: str | None = None
    overwrite: bool = False
    link: bool = False

    def as_arguments(self) -> dict[str, Any]:
        """Return it as `nwb_autolfads.results.write.write_activations` takes it."""
        target = None if self.in_place else self.file
        return {"target": target, "in_place": self.in_place, "link": self.link, "overwrite": self.overwrite}

    @classmethod
    def of(
        cls,
        source: Source,
        out: Path | None,
        *,
        in_place: bool = False,
        name: str | None = None,
        overwrite: bool = False,
        link: bool = False,
    ) -> Target:
        """Return the target that the options ask for; ``<stem>_activation.nwb`` beside the source by default.

        Raises
        ------
        OutputError
            If no new file is named for a source that is no NWB file on this machine, or a link was asked for to one
            that is no NWB anywhere.
        """
        file = source.nwb_file()
        if file is None:
            if link and not source.is_nwb():
                raise OutputError(
                    "is no NWB file that the result could name",
                    way_out="Leave out --link: the EMG is copied into the new file",
                    file=str(source.file),
                )
            if in_place or out is None:
                raise OutputError(
                    "is no NWB file on this machine that the result could go into or beside",
                    way_out="Name a new NWB file with --out OUT.nwb",
                    file=str(source.file),
                )
            return cls(out, False, name, overwrite, link)
        result = file if in_place else out or file.with_name(f"{file.stem}_activation.nwb")
        return cls(result, in_place, name, overwrite, link)


def check_target(
    source: Source,
    target: Target,
    names: Sequence[str],
    *,
    also: Sequence[Output] = (),
    read: Sequence[Path | None] = (),
) -> None:
    """Refuse a target that cannot be written, before anything is computed for it.

    Parameters
    ----------
    source : Source
        The EMG.
    target : Target
        Where estimates go.
    names : sequence of str
        Of these estimates.
    also : sequence of Output
        What else the command writes.
    read : sequence of Path or None
        What else it reads: a model, settings.

    Raises
    ------
    OutputError
        As `check_outputs` of the file and ``also``, or if an estimate of the name exists in the source.
    """
    nwb_file = source.nwb_file()
    file = target.file.resolve() if target.in_place else target.file  # a link must not be replaced by a file
    copied = 0 if target.link or nwb_file is None else require_regular_file(nwb_file).stat().st_size
    output = Output(file, target.overwrite, target.in_place, copied)
    check_outputs([output, *also], [*files_behind(source.file), *(path for path in read if path is not None)])
    if nwb_file is None or target.overwrite or target.link:
        return
    try:
        there = list_estimates(nwb_file)
    except SourceError:  # said when the EMG is read
        return
    if taken := [name for name in names if name in there]:
        raise OutputError(
            f"an estimate called {taken[0]} is in the file already",
            way_out="Choose another --name, or --overwrite it",
            file=str(nwb_file),
        )
