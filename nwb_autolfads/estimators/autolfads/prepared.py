"""From the rectified EMG of one or several sessions to what a population learns from: windows, masking, data."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr

from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.estimators.autolfads.card import MOST_SESSIONS, SessionCard
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.masking import block_length, masking_of
from nwb_autolfads.estimators.autolfads.windows import bins, long_segments, padded
from nwb_autolfads.estimators.observed import check_rectified, unfit, usable_muscles
from nwb_autolfads.lfads.masking import Masking
from nwb_autolfads.search.sessions import SessionData
from nwb_autolfads.segments import FEWEST_TRIALS, Segments

MOST_COMPONENTS = 64
"""Components that the sessions' read-ins make at most: of muscles there are fewer, of electrode grids more."""


@dataclass(frozen=True)
class Prepared:
    """What a population learns from.

    Attributes
    ----------
    settings : AutoLFADSConfig
        With the length of window that is used.
    emgs : dict of str to DataArray, each (time, muscle)
        Usable muscles of each session.
    block_ms : float
        Length of masked blocks, 0 where there are none: what the session with the longest noise needs.
    masking : Masking
    sessions : tuple of SessionData
        Their segments that are long enough.
    components : int
        Of the read-ins; 0 for a session by itself, which needs none.
    started_from : str
        Whose principal components maps start from; see `ModelCard`.
    """

    settings: AutoLFADSConfig
    emgs: dict[str, xr.DataArray]
    block_ms: float
    masking: Masking
    sessions: tuple[SessionData, ...]
    components: int
    started_from: Literal["", "trial averages", "covariance"]

    @classmethod
    def of(
        cls,
        settings: AutoLFADSConfig,
        given: Mapping[str, xr.DataArray],
        *,
        block_ms: float | None = None,
        components: int | None = None,
    ) -> Prepared:
        """Prepare sessions by their names; see `AutoLFADS.fit` for what is raised.

        ``block_ms`` and ``components`` are those of a model that is there already.
        """
        several = len(given) > 1
        emgs = {}
        for name, emg in given.items():
            with naming(name, several):
                check_rectified(emg)
                emgs[name] = emg[:, usable_muscles(emg)]
        as_trials = {name: _short_segments_as_trials(emg, settings) for name, emg in emgs.items()}
        emgs = as_trials if all(map(_are_trials, as_trials.values())) else emgs
        _check_together(emgs)
        settings = _with_windows_of(emgs, settings)
        rate = float(next(iter(emgs.values())).attrs["rate"])
        window = bins(settings.window_ms, rate)
        if block_ms is None:
            block_ms = 0.0
            for name, emg in emgs.items():
                with naming(name, several):
                    segments = long_segments(emg, window, settings.observation)
                    block_ms = max(block_ms, block_length(settings, emg, segments))
        masking = masking_of(settings, rate, block_ms)
        common = several and _common_events(emgs)
        sessions = []
        for name, emg in emgs.items():
            with naming(name, several):
                sessions.append(_data(emg, window, masking, settings, name if several else "", common))
        most = max(emg.sizes["muscle"] for emg in emgs.values())
        started_from: Any = ("trial averages" if common else "covariance") if several else ""
        if components is None:
            components = min(most, MOST_COMPONENTS) if several else 0
        return cls(settings, emgs, block_ms, masking, tuple(sessions), components, started_from)

    @property
    def rate(self) -> float:
        """Of the EMG of all sessions (Hz)."""
        return float(next(iter(self.emgs.values())).attrs["rate"])

    @property
    def are_trials(self) -> bool:
        """Whether the windows are trials."""
        return _are_trials(next(iter(self.emgs.values())))

    def cards(self) -> tuple[SessionCard, ...]:
        """Return what a model says of each session."""
        return tuple(card_of(name, emg) for name, emg in self.emgs.items())

    def windows_of_trials(self) -> str:
        """Say, in a sentence, how long windows are that are trials."""
        between_gaps = any("between_gaps" in emg.attrs for emg in self.emgs.values())
        what = "what was recorded between gaps, up to" if between_gaps else "the trials,"
        message = f"Windows are {what} {self.settings.window_ms:g} ms, whatever window_ms says"
        beyond = "; what is shifted in from beyond them counts as missing"
        return message + (beyond if self.masking.margin else "")


def card_of(name: str, emg: xr.DataArray, **more: Any) -> SessionCard:
    """Return what a model says of a session that it was trained on; what was missing there is no step to do again."""
    steps = json.loads(emg.attrs.get("preprocessing") or "null")
    kept = [step for step in steps or [] if step.get("step") not in ("missing", "quality")]
    return SessionCard(
        name=name,
        muscles=tuple(str(muscle) for muscle in emg["muscle"].values),
        rate=float(emg.attrs["rate"]),
        preprocessing="" if steps is None else json.dumps(kept),
        trained_on=str(emg.attrs.get("origin", "")),
        **more,
    )


@contextlib.contextmanager
def naming(name: str, several: bool = True) -> Iterator[None]:
    """Let what is wrong with EMG name its session, where there are several."""
    try:
        yield
    except SignalError as error:
        if not several:
            raise
        raise SignalError(error.problem, way_out=error.way_out, file=error.file, obj=f"session {name!r}") from error


def _check_together(emgs: Mapping[str, xr.DataArray]) -> None:
    """Refuse sessions that cannot be learnt from together."""
    if not emgs or not all(isinstance(name, str) and name for name in emgs):
        raise ConfigError("sessions need names", obj="AutoLFADS.fit", way_out='Give {"monday": emg1, "tuesday": emg2}')
    if len(emgs) > MOST_SESSIONS:
        raise ConfigError(f"{len(emgs)} sessions", obj="AutoLFADS.fit", way_out=f"Give at most {MOST_SESSIONS}")
    rates = {name: float(emg.attrs["rate"]) for name, emg in emgs.items()}
    if not np.allclose(list(rates.values()), next(iter(rates.values()))):
        said, lowest = ", ".join(f"{name} {rate:g} Hz" for name, rate in rates.items()), min(rates.values())
        raise SignalError(
            f"the sessions have different rates: {said}",
            way_out=f"Preprocess all of them to one, with preprocessing: {{analysis_rate_hz: {lowest:g}}} in the "
            "settings file (--config)",
        )
    seen: dict[bytes, str] = {}
    for name, emg in emgs.items():
        same = seen.setdefault(emg.values.tobytes(), name) if len(emgs) > 1 else name
        if same != name:
            raise unfit(emg, f"the sessions {same!r} and {name!r} are the same EMG", "Give each session once")
    if len({_are_trials(emg) for emg in emgs.values()}) > 1:
        names = [name for name, emg in emgs.items() if not _are_trials(emg)]
        raise SignalError(
            f"the EMG of some sessions is cut into trials, that of {', '.join(names)} is not",
            way_out="Cut all of them, or none",
        )


def _common_events(emgs: Mapping[str, xr.DataArray]) -> bool:
    """Return whether all sessions are cut into trials around the same kind of event."""
    cuts = []
    for emg in emgs.values():
        steps = json.loads(emg.attrs.get("preprocessing") or "[]")
        cut = [step for step in steps if step.get("step") == "trials"]
        if not cut or not cut[-1].get("events"):
            return False
        cuts.append({key: value for key, value in cut[-1].items() if key != "n_trials"})
    return all(cut == cuts[0] for cut in cuts)


def _data(
    emg: xr.DataArray, window: int, masking: Masking, settings: AutoLFADSConfig, name: str, common: bool
) -> SessionData:
    # A trial is a window: what the shift finds beyond it is not known.
    beyond = masking.margin if _are_trials(emg) else 0
    segments = long_segments(emg, window, settings.observation, margin=masking.margin - beyond)
    parts = [padded(emg[rows], window + 2 * masking.margin, before=beyond) for rows in segments.slices]
    channels = tuple(str(muscle) for muscle in emg["muscle"].values)
    return SessionData(torch.cat(parts), tuple(len(part) for part in parts), channels, name, common)


def _are_trials(emg: xr.DataArray) -> bool:
    return "trial_ms" in emg.attrs


def _short_segments_as_trials(emg: xr.DataArray, settings: AutoLFADSConfig) -> xr.DataArray:
    """Take what was recorded between gaps for trials, where there are many and none is as long as a window."""
    segments = Segments.of(emg)
    if _are_trials(emg) or len(segments) < FEWEST_TRIALS:
        return emg
    longest_ms = 1000 * segments.longest.n_samples / segments.rate
    return emg if longest_ms >= settings.window_ms else emg.assign_attrs(trial_ms=longest_ms, between_gaps=True)


def _with_windows_of(emgs: Mapping[str, xr.DataArray], settings: AutoLFADSConfig) -> AutoLFADSConfig:
    """Let windows be as long as the longest trial, where the EMG is cut into trials (`cut_trials`)."""
    trials = [float(emg.attrs["trial_ms"]) for emg in emgs.values() if _are_trials(emg)]
    if not trials:
        return settings
    longest = max(trials)
    overlap = min(settings.window_overlap_ms, longest / 2)
    changed: dict[str, Any] = {"window_ms": longest, "window_overlap_ms": float(overlap)}
    return AutoLFADSConfig.model_validate(settings.model_dump() | changed)
