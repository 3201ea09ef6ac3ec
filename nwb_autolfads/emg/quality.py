"""Quality of each muscle before any filter: flat, missing, saturated, drowned in mains hum, a copy of another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.emg.advice import advise, peaks
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.crosstalk import burst_snr, find_crosstalk, find_duplicates
from nwb_autolfads.emg.mains import find_mains, movement_share
from nwb_autolfads.emg.missing import absurd_as_infinite
from nwb_autolfads.sources.recording import EmgRecording

_CHUNK_VALUES = 4_000_000  # values (samples x muscles) read at once


def as_configured(recording: EmgRecording, config: PreprocessingConfig) -> EmgRecording:
    """Return the recording as raw or rectified where the configuration says which it is."""
    return recording if config.rectified is None else replace(recording, rectified=config.rectified)


class QualityTally:
    """Counts what tells the quality of each muscle while chunks of samples pass by."""

    def __init__(self, n_muscles: int) -> None:
        self.n_samples = 0
        self.n_missing = np.zeros(n_muscles, dtype=int)
        self.n_infinite = np.zeros(n_muscles, dtype=int)
        self.first_missing = np.full(n_muscles, -1)
        self.lowest = np.full(n_muscles, np.inf)
        self.highest = np.full(n_muscles, -np.inf)
        self.at_lowest = np.zeros(n_muscles, dtype=int)
        self.at_highest = np.zeros(n_muscles, dtype=int)

    def add(self, chunk: NDArray) -> None:
        """Count one chunk, (samples, muscles); no sample may be given twice."""
        samples = np.ascontiguousarray(chunk.T)  # several times faster than across rows of few muscles
        finite = np.isfinite(samples)
        lower = upper = samples
        if not finite.all():
            begins = (self.first_missing < 0) & ~finite.all(axis=1)
            self.first_missing[begins] = self.n_samples + finite.argmin(axis=1)[begins]
            self.n_missing += (~finite).sum(axis=1)
            self.n_infinite += np.isinf(samples).sum(axis=1)
            lower, upper = np.where(finite, samples, np.inf), np.where(finite, samples, -np.inf)
        for extreme, count, of, better in (
            (self.lowest, self.at_lowest, lower.min(axis=1, initial=np.inf), np.less),
            (self.highest, self.at_highest, upper.max(axis=1, initial=-np.inf), np.greater),
        ):
            new = better(of, extreme)
            extreme[new] = of[new]
            count[new] = 0
            count += ((samples == extreme[:, None]) & finite).sum(axis=1)
        self.n_samples += len(chunk)

    def result(
        self, recording: EmgRecording, mains_share: NDArray, duplicate_of: list[str], config: PreprocessingConfig
    ) -> xr.Dataset:
        """Judge what was counted, and what spectrum and correlations say; see `assess_quality`."""
        flat = ~(self.highest > self.lowest)
        # Zero is no rail of rectified EMG, so its floor is not counted.
        at_rails = self.at_highest - 1 + (0 if recording.rectified else self.at_lowest - 1)
        saturated = np.where(flat, 0.0, at_rails / max(self.n_samples, 1))
        missing_share = self.n_missing / max(self.n_samples, 1)
        reasons: list[list[str]] = [[] for _ in recording.muscles]
        for muscle, found in enumerate(reasons):
            if missing_share[muscle] > config.missing_share_limit:
                found.append(f"{missing_share[muscle]:.1%} of samples missing")
            elif flat[muscle]:
                found.append("flat")
            if saturated[muscle] > config.saturated_share_limit:
                found.append(f"{saturated[muscle]:.1%} of samples at a rail")
            if mains_share[muscle] > config.mains_share_limit:
                found.append(f"{mains_share[muscle]:.0%} of its power is mains")
            if duplicate_of[muscle]:
                found.append(f"the same signal as {duplicate_of[muscle]}")
        return xr.Dataset(
            {
                "flat": ("muscle", flat),
                "missing_share": ("muscle", missing_share),
                "missing_samples": ("muscle", self.n_missing.copy()),
                "absurd_samples": ("muscle", self.n_infinite.copy()),
                "saturated_share": ("muscle", saturated),
                "mains_share": ("muscle", mains_share),
                "duplicate_of": ("muscle", np.array(duplicate_of)),
                "usable": ("muscle", np.array([not found for found in reasons])),
                "reason": ("muscle", np.array(["; ".join(found) for found in reasons])),
            },
            coords={"muscle": list(recording.muscles)},
            attrs={"origin": recording.origin.to_json(), "unit": recording.unit},
        )


def assess_quality(recording: EmgRecording, config: PreprocessingConfig | None = None) -> xr.Dataset:
    """Judge every muscle of a recording, reading it once in chunks.

    Parameters
    ----------
    recording : EmgRecording
    config : PreprocessingConfig, optional
        For the limits, and the mains frequency where it is known.

    Returns
    -------
    Dataset, (muscle,)
        ``flat``; ``missing_share``, share of samples that are not finite or absurd (`nwb_autolfads.emg.missing`);
        ``missing_samples`` and, of these, ``absurd_samples``, how many; ``saturated_share``, share at the highest or
        lowest value beyond one sample each; ``mains_share``, share of mains in the power above 20 Hz;
        ``duplicate_of``, the earlier muscle with the same signal; ``usable``; ``reason``, why a muscle is not; and
        ``advice``, what is wrong, also with muscles that are usable, and what to do.
        For the user to judge, without a verdict: ``movement_share``, share of the power below 20 Hz; ``crosstalk``,
        the largest cross-correlation, and ``crosstalk_with``, with which muscle; ``snr_db``, bursts over rest.
    """
    config = config or PreprocessingConfig()
    recording = absurd_as_infinite(as_configured(recording, config))
    tally = QualityTally(len(recording.muscles))
    step = max(1, _CHUNK_VALUES // len(recording.muscles))
    for start in range(0, recording.n_samples, step):
        tally.add(recording.read(start, min(start + step, recording.n_samples)))
    _, mains_share = find_mains(recording, config)
    quality = tally.result(recording, mains_share, find_duplicates(recording), config)
    crosstalk, crosstalk_with = find_crosstalk(recording, config)
    return quality.assign(
        advice=("muscle", np.array(advise(quality, peaks(recording)))),
        movement_share=("muscle", movement_share(recording)),
        crosstalk=("muscle", crosstalk),
        crosstalk_with=("muscle", crosstalk_with),
        snr_db=("muscle", burst_snr(recording, config)),
    )


def middle_excerpt(recording: EmgRecording, seconds: float) -> xr.DataArray:
    """Return the signal as it was recorded, from the middle of the longest gap-free segment.

    Returns
    -------
    DataArray, (time, muscle)
        Coordinates ``time`` (s, session clock) and ``muscle``; attr ``unit``. Shorter, where the segment is.
    """
    segment = recording.segments.longest
    count = min(segment.n_samples, round(seconds * recording.rate))
    skipped = (segment.n_samples - count) // 2
    start = segment.first_sample + skipped
    return xr.DataArray(
        recording.read(start, start + count),
        dims=("time", "muscle"),
        coords={
            "time": segment.start_time + (skipped + np.arange(count)) / recording.rate,
            "muscle": list(recording.muscles),
        },
        attrs={"unit": recording.unit},
    )
