"""Which tables of a file are trials that windows can be cut from, and the options of `run` that fit them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.segments import FEWEST_TRIALS, Segments

SHORTEST_S, LONGEST_S = 0.05, 3.0
"""Of trials as windows: in shorter ones there are no dynamics, and longer ones are many windows each."""

_ALIKE = 0.1  # lengths that spread no more than this, relative, are one length
_MOST = 0.9  # share of trials that one length must fit
_CLOCK_S = 1e-3  # a trial may end so much (s) after its recording


@dataclass(frozen=True)
class TrialTable:
    """A table of which the rows can be trials: how many, their median length (ms), and the options that cut them."""

    table: str
    n_trials: int
    length_ms: float
    options: str

    def __str__(self) -> str:
        about = "" if "--until" not in self.options else "about "
        return f"{self.n_trials} trials of {about}{self.length_ms:g} ms: {self.options}"


def trial_tables(tables: Mapping[str, NDArray[np.float64]], segments: Segments) -> list[TrialTable]:
    """Return the tables whose rows can be trials of a recording, those with the most trials first.

    Parameters
    ----------
    tables : mapping of str to ndarray, (row, 2)
        Start and stop (s) of the rows of each table of intervals, by its name.
    segments : Segments
        Of the recording.
    """
    found = (_trials_in(name, intervals, segments) for name, intervals in tables.items())
    return sorted((each for each in found if each is not None), key=lambda each: -each.n_trials)


def _trials_in(name: str, intervals: NDArray[np.float64], segments: Segments) -> TrialTable | None:
    start, stop = intervals[np.isfinite(intervals).all(axis=1)].T
    lengths = stop - start
    if len(start) < FEWEST_TRIALS or not SHORTEST_S <= np.median(lengths) <= LONGEST_S:
        return None
    options = ["--trials", f"{name}:start_time"]
    shortest, usual = np.quantile(lengths, [1 - _MOST, 0.5])
    if usual - shortest <= _ALIKE * usual:
        recorded = np.minimum(lengths, _recorded_from(start, segments))
        recorded = recorded[recorded >= SHORTEST_S]
        if len(recorded) < FEWEST_TRIALS:
            return None
        to_ms = round(1000 * float(np.quantile(recorded, 1 - _MOST, method="lower")), 1)
        stop = start + to_ms / 1000
        options += ["--trial-from", "0", "--trial-to", f"{to_ms:g}"]
    else:
        options += ["--until", f"{name}:stop_time", "--trial-from", "0"]
    order = np.argsort(start)
    whole = stop - start <= _recorded_from(start, segments) + _CLOCK_S
    apart = np.append(start[order][1:] - stop[order][:-1], 0.0) >= -_CLOCK_S
    n_trials = int(np.count_nonzero(whole[order] & apart))
    if n_trials < FEWEST_TRIALS:
        return None
    return TrialTable(name, n_trials, round(1000 * float(usual), 1), shlex.join(options))


def _recorded_from(start: NDArray[np.float64], segments: Segments) -> NDArray[np.float64]:
    """Return how long (s) the recording goes on without a gap from each time; 0 from times in none."""
    begins = segments.start_times
    ends = begins + segments.lengths / segments.rate
    at = np.searchsorted(begins, start + _CLOCK_S, side="right") - 1
    return np.where(at >= 0, np.maximum(ends[at] - start, 0.0), 0.0)
