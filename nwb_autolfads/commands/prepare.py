"""From what a command was given to rectified EMG: opened, copied into an NWB file where it is in none, preprocessed."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import xarray as xr

from nwb_autolfads.config import RunOptions, RunSettings, Source
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.emg.trials import cut_trials
from nwb_autolfads.errors import ConfigError
from nwb_autolfads.files.atomic import new_version
from nwb_autolfads.results.new_session import EMG_PATH, require_session, write_session
from nwb_autolfads.results.outputs import Target
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.nwb.events import read_events
from nwb_autolfads.sources.recording import EmgRecording

Tell = Callable[[str], None]
"""Takes one line for the user at a time."""


@contextlib.contextmanager
def nwb_file_for(
    source: Source, target: Target, settings: RunSettings, tell: Tell
) -> Iterator[tuple[Callable[[], EmgRecording], str | Path, Target]]:
    """Yield what opens the EMG, the NWB file that it is in, and where results go.

    EMG that is in no NWB file on this machine is first written as one, under a name that becomes the target's when the
    block ends well; where results only name their source, that may be an NWB file anywhere.
    """
    file = source.nwb_file() or (source.file if target.link else None)
    if file is not None:
        yield source.open, file, target
        return
    given = settings.session
    if source.muscles is None and given.muscles is not None:
        source = replace(source, muscles=given.muscles)
    with source.open() as recording:
        known = recording.session
        start, subject = given.start or known.start, {**known.subject, **given.subject()}
        require_session(recording, start, subject, target.file)
        assumptions = recording.assumptions
        with new_version(target.file, may_exist=target.overwrite) as partial:
            description = given.description or known.description
            write_session(recording, partial, start=start, subject=subject, description=description)
            recording.close()
            tell(f"Copied the EMG of {source.file} into {target.file}")

            def open_copy() -> EmgRecording:
                copy = open_emg(partial, path=EMG_PATH)
                origin = replace(copy.origin, file=str(target.file))
                return replace(copy, origin=origin, assumptions=assumptions)

            yield open_copy, partial, Target(partial, True, target.name, False)


def rectified(recording: EmgRecording, settings: RunSettings, tell: Tell) -> xr.DataArray:
    """Preprocess the EMG and tell what was assumed, done and found."""
    tell(f"Read {recording.origin.file}: {len(recording.muscles)} muscles, {recording.duration:.1f} s")
    for assumption in recording.assumptions:
        tell(f"  assumed: {assumption}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        emg = preprocess(recording, settings.preprocessing)
    steps = json.loads(emg.attrs["preprocessing"])
    tell(f"Preprocessed to {emg.attrs['rate']:g} Hz: {', '.join(str(step['step']) for step in steps)}")
    for warning in caught:
        tell(f"  {warning.message}")
    return emg


def trials_of(emg: xr.DataArray, source: Source, options: RunOptions, tell: Tell) -> xr.DataArray:
    """Cut the EMG into trials, where these are asked for."""
    if options.trials is None:
        if options.until is not None:
            raise ConfigError(f"--until {options.until} without trials", way_out="Say where they begin: --trials")
        return emg
    begins = read_events(str(source.file), options.trials)
    ends = None if options.until is None else read_events(str(source.file), options.until)
    assert begins is not None  # a place was named
    trials = cut_trials(
        emg,
        begins.times,
        until=None if ends is None else ends.times,
        from_ms=options.trial_from,
        to_ms=options.trial_to,
        name=options.trials,
        until_name=options.until or "",
    )
    lengths = f"{'' if ends is None else 'up to '}{trials.attrs['trial_ms']:g} ms"
    tell(f"Cut {trials['segment'].values[-1] + 1} trials of {lengths} around {begins.name}")
    return trials
