"""Quality of each muscle before any filter: flat, NaN, saturated, drowned in mains hum."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.mains import find_mains
from nwb_autolfads.sources.recording import EmgRecording

_BLOCK_VALUES = 4_000_000  # values (samples x muscles) read at once


class QualityTally:
    """Counts what tells the quality of each muscle while blocks of samples pass by."""

    def __init__(self, n_muscles: int) -> None:
        self.n_samples = 0
        self.n_nan = np.zeros(n_muscles, dtype=int)
        self.lowest = np.full(n_muscles, np.inf)
        self.highest = np.full(n_muscles, -np.inf)
        self.at_lowest = np.zeros(n_muscles, dtype=int)
        self.at_highest = np.zeros(n_muscles, dtype=int)

    def add(self, block: NDArray) -> None:
        """Count one block, (samples, muscles); no sample may be given twice."""
        finite = np.isfinite(block)
        self.n_samples += len(block)
        self.n_nan += (~finite).sum(axis=0)
        for extreme, count, of, better in (
            (self.lowest, self.at_lowest, np.where(finite, block, np.inf).min(axis=0, initial=np.inf), np.less),
            (self.highest, self.at_highest, np.where(finite, block, -np.inf).max(axis=0, initial=-np.inf), np.greater),
        ):
            new = better(of, extreme)
            extreme[new] = of[new]
            count[new] = 0
            count += (block == extreme).sum(axis=0)

    def result(self, recording: EmgRecording, mains_share: NDArray, config: PreprocessingConfig) -> xr.Dataset:
        """Judge what was counted; see `assess_quality`."""
        flat = ~(self.highest > self.lowest)
        # Zero is no rail of rectified EMG, so its floor is not counted.
        at_rails = self.at_highest - 1 + (0 if recording.rectified else self.at_lowest - 1)
        saturated = np.where(flat, 0.0, at_rails / max(self.n_samples, 1))
        nan_share = self.n_nan / max(self.n_samples, 1)
        reasons = [
            "; ".join(
                reason
                for holds, reason in (
                    (flat[muscle], "flat"),
                    (nan_share[muscle] > 0, f"{nan_share[muscle]:.2%} of samples not finite"),
                    (saturated[muscle] > config.saturated_share_limit, f"{saturated[muscle]:.1%} of samples at a rail"),
                    (
                        mains_share[muscle] > config.mains_share_limit,
                        f"{mains_share[muscle]:.0%} of its power is mains",
                    ),
                )
                if holds
            )
            for muscle in range(len(flat))
        ]
        return xr.Dataset(
            {
                "flat": ("muscle", flat),
                "nan_share": ("muscle", nan_share),
                "saturated_share": ("muscle", saturated),
                "mains_share": ("muscle", mains_share),
                "usable": ("muscle", np.array([not reason for reason in reasons])),
                "reason": ("muscle", np.array(reasons)),
            },
            coords={"muscle": list(recording.muscles)},
            attrs={"origin": recording.origin.to_json(), "unit": recording.unit},
        )


def assess_quality(recording: EmgRecording, config: PreprocessingConfig | None = None) -> xr.Dataset:
    """Judge every muscle of a recording, reading it once in blocks.

    Parameters
    ----------
    recording : EmgRecording
    config : PreprocessingConfig, optional
        For the limits, and the mains frequency where it is known.

    Returns
    -------
    Dataset, (muscle,)
        ``flat``; ``nan_share``, share of samples that are not finite; ``saturated_share``, share at the highest or
        lowest value beyond one sample each; ``mains_share``, share of mains in the power above 20 Hz; ``usable``; and
        ``reason``, why a muscle is not usable.
    """
    config = config or PreprocessingConfig()
    tally = QualityTally(len(recording.muscles))
    step = max(1, _BLOCK_VALUES // len(recording.muscles))
    for start in range(0, recording.n_samples, step):
        tally.add(recording.read(start, min(start + step, recording.n_samples)))
    _, share = find_mains(recording, config)
    return tally.result(recording, share, config)
