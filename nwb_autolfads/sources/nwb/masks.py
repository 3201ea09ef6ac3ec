"""Masks over the samples of the EMG, such as FALCON's ``eval_mask``: found, and carried along without being applied."""

from __future__ import annotations

from typing import Any

import numpy as np

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.nwb.candidates import Candidate, array_of, walk_series
from nwb_autolfads.sources.nwb.timebase import TimeBase, read_time_base
from nwb_autolfads.sources.opening.nwb import OpenedFile
from nwb_autolfads.sources.recording import Origin, Reader, guarded


def find_masks(opened: OpenedFile, candidate: Candidate, base: TimeBase) -> tuple[dict[str, Reader], list[str]]:
    """Return the masks in a file that have the clock of the EMG, by name, and a sentence on each.

    A mask is a series with "mask" in its name and one true or false (1 or 0) per sample of the EMG.
    """
    masks: dict[str, Reader] = {}
    notes = []
    for path, series in walk_series(opened.nwbfile):
        data = array_of(series)
        if "mask" not in series.name.lower() or series in candidate.series or np.ndim(data) != 1:
            continue
        if np.asarray(data[:1]).dtype.kind not in "biu" or len(data) != candidate.shape[0]:
            notes.append(f"{path} was left aside: it has not one true or false for each sample of the EMG")
            continue
        try:
            same = _same_clock(read_time_base(series, len(data), file=opened.name, obj=path), base)
        except SourceError:
            same = False
        if not same:
            notes.append(f"{path} was left aside: it has not the clock of the EMG")
            continue
        masks[series.name] = guarded(_reader(data), Origin(opened.name, "", path, series.object_id))
        notes.append(f"{path} is carried along as the mask {series.name!r}, and not applied")
    return masks, notes


def _same_clock(one: TimeBase, other: TimeBase) -> bool:
    if len(one.segments) != len(other.segments) or abs(one.rate - other.rate) > 1e-6 * other.rate:
        return False
    return all(
        mine.n_samples == theirs.n_samples and abs(mine.start_time - theirs.start_time) * other.rate < 0.5
        for mine, theirs in zip(one.segments, other.segments, strict=True)
    )


def _reader(data: Any) -> Reader:
    return lambda start, stop: np.asarray(data[start:stop]).astype(bool)
