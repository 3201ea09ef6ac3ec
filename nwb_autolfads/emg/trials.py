"""Trials: windows of EMG around events, one window of AutoLFADS each."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.both_ways import BOTH_WAYS
from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.given import over_time, times_of
from nwb_autolfads.segments import FEWEST_TRIALS, Segments

TRIALS = "trials"
"""Name of the step, beside those of preprocessing."""


def cut_trials(
    emg: xr.DataArray,
    events: NDArray[np.float64],
    *,
    until: NDArray[np.float64] | None = None,
    from_ms: float = -100.0,
    to_ms: float | None = None,
    name: str = "",
    until_name: str = "",
) -> xr.DataArray:
    """Keep what lies around events, each trial a segment of its own.

    AutoLFADS takes each as one window, so that a window always starts at the same moment of the behaviour and its
    initial condition means the same thing in all of them (Wimalasena et al. 2022 use windows of this kind where
    movements are brief, continuous ones elsewhere).

    Parameters
    ----------
    emg : DataArray, (time, muscle)
        From `preprocess`.
    events : ndarray, (event,)
        Times (s, session clock).
    until : ndarray, (event,), optional
        Times (s) at which trials end, each at the first of them after its event, so that trials have lengths of their
        own; without, all end ``to_ms`` after their event.
    from_ms, to_ms : float
        Begin of a trial (ms after its event; negative: before), and its end, after its event (by default 400) or,
        with ``until``, after its end there (by default 0).
    name, until_name : str
        Where the events are from, kept with the data.

    Returns
    -------
    DataArray, (time, muscle)
        The bins of all trials; ``attrs["trial_ms"]`` is the length of the longest. A trial that would reach over a gap
        or an end of the recording, or into the trial before it, is left out. AutoLFADS estimates nothing in one of less
        than a quarter of the longest.

    Raises
    ------
    ConfigError
        If the trials would have no length, or events are no times.
    SignalError
        If it is no EMG ``(time, muscle)``, or fewer than ten trials are left.
    """
    emg, events = over_time(emg), np.sort(times_of(events, "cut_trials"))
    until = None if until is None else times_of(until, "cut_trials")
    rate = Segments.of(emg).rate
    to_ms = to_ms if to_ms is not None else 400.0 if until is None else 0.0
    length = round((to_ms - from_ms) * rate / 1000)
    if until is None and length < 2:
        problem = f"trials from {from_ms:g} to {to_ms:g} ms have no length"
        raise ConfigError(problem, obj=name, way_out="Let them end after they begin")
    time = emg["time"].values
    firsts = _bin_at(time, events + from_ms / 1000, rate)
    stops = firsts + length if until is None else _bin_at(time, _first_after(events, until) + to_ms / 1000, rate)
    trials = _apart(Segments.of(emg), firsts, stops)
    if len(trials) < FEWEST_TRIALS:
        span = f"{from_ms:g} to {to_ms:g} ms" if until is None else f"{from_ms:g} ms to {to_ms:g} ms after {until_name}"
        raise _too_few(emg, f"{len(trials)} of {len(events)} events leave a trial of {span}", name)
    cut = emg.isel(time=np.concatenate([np.arange(first, first + length) for first, length in trials]))
    cut["segment"] = ("time", np.repeat(np.arange(len(trials)), [length for _, length in trials]))
    step = {"step": TRIALS, "events": name, "from_ms": from_ms, "to_ms": to_ms, "n_trials": len(trials)}
    step |= {} if until is None else {"until": until_name}
    steps = [*json.loads(emg.attrs.get("preprocessing", "[]")), step]
    longest = max(length for _, length in trials)
    return cut.assign_attrs(preprocessing=json.dumps(steps), trial_ms=1000 * longest / rate)


def without_trials(preprocessing: str | None) -> list[dict[str, Any]]:
    """Return the settings of what was done to a whole recording, of the attribute ``preprocessing``: cutting is none.

    Nor is what filters are both ways: it follows from the numbers of one way, and older results do not say it.
    """
    steps = json.loads(preprocessing or "[]")  # results of other programs need not say it
    settings = [{k: v for k, v in step.items() if k != BOTH_WAYS} for step in steps if isinstance(step, dict)]
    return [step for step in settings if step.get("step") != TRIALS]


def _too_few(emg: xr.DataArray, what: str, name: str) -> SignalError:
    return SignalError(
        f"{what} that lies in the recording and apart from the one before",
        file=json.loads(emg.attrs.get("origin", "{}")).get("file", ""),
        obj=name,
        way_out=f"Give at least {FEWEST_TRIALS} such events, or shorter trials",
    )


def _first_after(events: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the first end after each event; infinity where there is none."""
    ends = np.sort(ends)
    return np.append(ends, np.inf)[np.searchsorted(ends, events, side="right")]


def _bin_at(time: NDArray[np.float64], moments: NDArray[np.float64], rate: float) -> NDArray[np.intp]:
    """Give the nearest bin to each moment, one past the end of a segment where it ends; far below 0 for none."""
    half = 0.5 / rate
    bins = np.searchsorted(time, moments - half)
    there = np.append(time, np.nan)[bins] <= moments + half
    ends_there = np.append(np.nan, time)[bins] >= moments - 3 * half
    return np.where(there | ends_there, bins, -len(time))


def _apart(segments: Segments, firsts: NDArray[np.intp], stops: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Keep the trials, first bin and number of bins, that lie within one segment and after the one before."""
    trials: list[tuple[int, int]] = []
    free = 0
    whole = segments.hold(firsts, stops - firsts)
    for first, stop, is_whole in zip(firsts.tolist(), stops.tolist(), whole.tolist(), strict=True):
        if free <= first <= stop - 2 and is_whole:
            trials.append((first, stop - first))
            free = stop
    return trials
