"""What is taken off a recording besides its filters: found once, from excerpts, and then done to every chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.emg.cleaning.artifacts import CommonArtifacts, find_artifacts
from nwb_autolfads.emg.cleaning.mixing import find_mixing
from nwb_autolfads.emg.cleaning.whitening import Whitening, find_whitening
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.crosstalk import filtered_excerpts, find_duplicates
from nwb_autolfads.emg.missing import bridged, excerpts
from nwb_autolfads.emg.quality import QualityTally
from nwb_autolfads.sources.recording import EmgRecording

Floats = NDArray[np.float64]

WHITENED_AT_HZ = 5000.0
"""Rate at which spectra of faster recordings are found: EMG of fine wires has frequencies above 1 kHz."""


@dataclass(frozen=True)
class Unmixing:
    """Cross-talk and common artifacts of a recording.

    Attributes
    ----------
    mixing : array, (electrode, muscle)
        How much of each muscle each electrode sees, ones on the diagonal.
    taking_part : array of int
        Muscles whose electrodes are good enough to tell of others.
    artifacts : CommonArtifacts or None
        Of these.
    share : float
        Of the time that artifacts take.
    """

    mixing: Floats
    taking_part: NDArray[np.intp]
    artifacts: CommonArtifacts | None = None
    share: float = 0.0

    @property
    def inverse(self) -> Floats:
        """From electrodes to muscles, (muscle, electrode)."""
        return np.asarray(np.linalg.inv(self.mixing), np.float64)

    @property
    def does_nothing(self) -> bool:
        """Whether there is nothing to take off."""
        return self.artifacts is None and bool((self.mixing == np.eye(len(self.mixing))).all())

    def columns(self, raw: NDArray[np.float32]) -> Iterator[Floats]:
        """Give each muscle of raw EMG (samples, electrode) without cross-talk; what is missing is bridged."""
        known = bridged(raw)
        for weights in self.inverse:
            yield np.asarray(known @ weights, np.float64)

    def remove_artifacts(self, filtered: NDArray[np.float32], rate: float) -> None:
        """Take common artifacts off filtered EMG (samples, muscle), in place."""
        if self.artifacts is not None:
            some = filtered[:, self.taking_part]
            self.artifacts.remove(some, rate)
            filtered[:, self.taking_part] = some

    def step(self, muscles: Sequence[str], config: PreprocessingConfig) -> dict[str, Any]:
        """Return it as a step of preprocessing: what was asked for, and what was taken off each muscle."""
        off = np.argwhere(self.mixing != np.eye(len(self.mixing)))
        seen: dict[str, dict[str, float]] = {}
        for electrode, muscle in off:
            seen.setdefault(muscles[electrode], {})[muscles[muscle]] = round(float(self.mixing[electrode, muscle]), 4)
        gains = {} if self.artifacts is None else zip(self.taking_part, self.artifacts.gains, strict=True)
        return {
            "step": "unmix",
            "crosstalk": config.crosstalk,
            "common_artifacts": config.common_artifacts,
            "seen_of_others": seen,
            "artifact_gains": {muscles[muscle]: round(float(gain), 4) for muscle, gain in gains} if gains else {},
            "artifact_share": round(self.share, 4),
        }


def find_unmixing(
    recording: EmgRecording, mains_share: Floats, frequencies: Sequence[float], config: PreprocessingConfig
) -> Unmixing:
    """Find cross-talk and common artifacts in at most 64 s of raw EMG, spread over the recording.

    Parameters
    ----------
    recording : EmgRecording
        Raw.
    mains_share : array, (muscle,)
        Share of its power that is mains (`find_mains`).
    frequencies : sequence of float
        Which the notches remove (Hz).
    config : PreprocessingConfig
    """
    tally = QualityTally(len(recording.muscles))
    for part in excerpts(recording):
        tally.add(part)
    quality = tally.result(recording, mains_share, find_duplicates(recording), config)
    taking_part = np.flatnonzero(quality["usable"].values)
    mixing = np.eye(len(recording.muscles))
    if len(taking_part) < 2:
        return Unmixing(mixing, taking_part)
    found = [(samples[:, taking_part], rate) for samples, _, rate in filtered_excerpts(recording, config, frequencies)]
    if not found:
        return Unmixing(mixing, taking_part)
    parts, rate = [samples for samples, _ in found], found[0][1]
    if config.crosstalk == "remove":
        mixing[np.ix_(taking_part, taking_part)] = own = find_mixing(parts, rate)
        parts = [samples @ np.linalg.inv(own).T for samples in parts]
    artifacts = find_artifacts(parts, rate) if config.common_artifacts == "remove" else None
    return Unmixing(mixing, taking_part, *(artifacts or ()))


def find_weights(
    recording: EmgRecording, unmixing: Unmixing | None, frequencies: Sequence[float], config: PreprocessingConfig
) -> Whitening:
    """Find how to weight frequencies, in the same excerpts without cross-talk.

    Artifacts stay in them: not all are found, and those that are left must not be raised. Parameters are as for
    `find_unmixing`.
    """
    weights = np.eye(len(recording.muscles)) if unmixing is None else unmixing.inverse
    found = list(filtered_excerpts(recording, config, frequencies, enough_hz=WHITENED_AT_HZ))
    parts = [np.where(known, samples @ weights.T, np.nan) for samples, known, _ in found]
    return find_whitening(parts, found[0][2] if found else recording.rate, len(recording.muscles))
