"""What is in a file: the EMG that would be read, its quality per muscle, and what else is there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import xarray as xr

from nwb_autolfads.emg.quality import assess_quality
from nwb_autolfads.errors import NwbAutolfadsError
from nwb_autolfads.settings import RunSettings, Source
from nwb_autolfads.sources.contents import Contents, list_contents

QUALITY_COLUMNS = ("muscle", "usable", "mains share", "saturated share", "share not finite", "why not")


@dataclass(frozen=True)
class Overview:
    """What `inspect_file` finds: the contents, the EMG chosen and its quality per muscle, or why none was chosen."""

    contents: Contents
    assumptions: tuple[str, ...]
    quality: xr.Dataset | None
    problem: str

    def muscle_rows(self) -> list[tuple[str, ...]]:
        """Return muscle, usable, share of mains, of samples at a rail and not finite, and why it is not usable."""
        if self.quality is None:
            return []
        columns = ("mains_share", "saturated_share", "nan_share")
        return [
            (
                str(muscle.values),
                "yes" if quality["usable"] else "no",
                *(f"{float(quality[column]):.3f}" for column in columns),
                str(quality["reason"].values),
            )
            for muscle, quality in ((m, self.quality.sel(muscle=m)) for m in self.quality["muscle"])
        ]

    def summary(self) -> dict[str, Any]:
        """Return what a program wants to know, JSON-serialisable."""
        return {
            "file": self.contents.file,
            "identifier": self.contents.identifier,
            "emg": [
                {
                    "path": found.candidate.path,
                    "shape": found.candidate.shape,
                    "rate": found.candidate.rate,
                    "unit": found.candidate.unit,
                    "muscles": found.candidate.muscles,
                    "score": found.candidate.score,
                    "reasons": found.candidate.reasons,
                    "likely": found.likely,
                    "segments": [asdict(segment) for segment in found.segments],
                    "problem": found.problem,
                }
                for found in self.contents.emg
            ],
            "behavior": [asdict(found) for found in self.contents.behavior],
            "other": [asdict(found) for found in self.contents.other],
            "intervals": [asdict(found) for found in self.contents.intervals],
            "units": self.contents.n_units,
            "assumptions": self.assumptions,
            "quality": [dict(zip(QUALITY_COLUMNS, row, strict=True)) for row in self.muscle_rows()],
            "problem": self.problem,
            "note": self.contents.note,
        }


def inspect_file(source: Source, settings: RunSettings) -> Overview:
    """Look at a file: what is in it, which EMG would be read, and how good that is.

    Parameters
    ----------
    source : Source
        The EMG, or the file to look for it in.
    settings : RunSettings
        How the EMG would be preprocessed.

    Returns
    -------
    Overview

    Raises
    ------
    SourceError
        If the file cannot be read.
    """
    contents = list_contents(source.file, io=source.io, outside_links=source.outside_links)
    if contents.remote:
        return Overview(contents, (), None, "")
    try:
        with source.open() as recording:
            return Overview(contents, recording.assumptions, assess_quality(recording, settings.preprocessing), "")
    except NwbAutolfadsError as error:
        return Overview(contents, (), None, str(error))
