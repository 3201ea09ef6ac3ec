"""Raw EMG to rectified, scaled EMG at the analysis rate: in blocks, without delay, gap-free segments apart."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.emg.blocks import rectified_blocks
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.crosstalk import find_duplicates
from nwb_autolfads.emg.filters import filter_sections, lowpass, notch_frequencies, resample, resampling_ratio
from nwb_autolfads.emg.mains import find_mains
from nwb_autolfads.emg.missing import absurd_as_infinite, averaged, quantiles_of_known
from nwb_autolfads.emg.quality import QualityTally, as_configured
from nwb_autolfads.errors import NwbAutolfadsWarning, SignalError
from nwb_autolfads.segments import Segments
from nwb_autolfads.sources.recording import EmgRecording

_MOST_FOR_QUANTILES = 2_000_000  # samples of each muscle
_NOTHING_LEFT = "nothing is left after the high-pass"
_TOO_LITTLE_KNOWN = "too little is known of it: missing samples reach into {share:.0%} of its bins"


def preprocess(recording: EmgRecording, config: PreprocessingConfig | None = None) -> xr.DataArray:
    """Turn raw EMG into the input of every estimator.

    Notch at the mains and its harmonics, high-pass, rectify, resample with anti-aliasing, absolute value again (the
    resampling rings below zero), clip and scale each muscle, and lift it off zero. All filters run in both directions,
    so nothing is delayed; the result in blocks equals that of filtering each segment at once. EMG that is rectified
    already skips notch, high-pass and rectification; EMG slower than the analysis rate keeps its rate. Samples that are
    missing (not finite, or absurdly large: `nwb_autolfads.emg.missing`) stay missing: bins in which they are, or that
    the filters cannot tell because of them, are NaN.

    Parameters
    ----------
    recording : EmgRecording
    config : PreprocessingConfig, optional
        Every number; the defaults follow Wimalasena et al. 2022.

    Returns
    -------
    DataArray, (time, muscle), float32
        Named ``emg``, without unit: multiply by the coordinate ``scale`` to get back the unit in attrs ``unit``.
        Coordinates ``time`` (s, session clock), ``muscle``, ``segment`` (along time), ``scale`` and ``usable`` (per
        muscle), and each mask of the recording (along time), which is carried and not applied. attrs ``rate`` (Hz),
        ``unit``, ``origin``, and ``preprocessing``: a JSON list of all steps.

    Raises
    ------
    SignalError
        If no muscle is usable, or the rate is too low for the high-pass.

    Warns
    -----
    UserWarning
        Naming the muscles of which samples are missing, and those which are not usable; all are kept as columns.
    """
    config = config or PreprocessingConfig()
    recording = absurd_as_infinite(as_configured(recording, config))
    ratio = resampling_ratio(recording.rate, config.analysis_rate_hz)
    segments = recording.segments.resampled(ratio)
    rate = segments.rate
    mains, mains_share = find_mains(recording, config)
    sections, steps = _design(recording, mains, config)

    clip = np.full(len(recording.muscles), np.inf)
    if config.clip_first:
        clip, scale = _limits_before(recording, sections, config)
    tally = QualityTally(len(recording.muscles))
    emg = np.empty((segments.n_samples, len(recording.muscles)), dtype=np.float32)
    for segment, rows in zip(recording.segments, segments.slices, strict=True):
        part = emg[rows]
        for block, muscle, samples in rectified_blocks(recording, segment, sections, ratio, tally):
            np.minimum(samples, clip[muscle], out=samples)
            part[block.new, muscle] = np.abs(averaged(partial(resample, ratio=ratio), samples)[block.new_inner])
        if config.lowpass_hz is not None:
            part[:] = np.abs(averaged(partial(lowpass, rate=rate, cutoff=config.lowpass_hz), part))
    if config.clip_first:
        emg /= np.where(scale > 0, scale, 1.0)
    else:
        scale = _clip_and_scale_after(emg, config)
    np.maximum(emg, config.floor, out=emg)

    quality = tally.result(recording, mains_share, find_duplicates(recording), config)
    lost = np.isnan(emg).sum(axis=0)
    usable = quality["usable"].values & (scale > 0) & (lost <= config.missing_share_limit * len(emg))
    unusable = {
        str(muscle): str(reason) or _why_unusable(n / len(emg), config)
        for muscle, reason, n, good in zip(recording.muscles, quality["reason"].values, lost, usable, strict=True)
        if not good
    }
    _say_unusable(recording, unusable)
    steps += _missing_step(recording, tally, lost)
    limits = [{"step": "clip", "quantile": config.clip_quantile}, {"step": "scale", "quantile": config.scale_quantile}]
    slower: list[dict[str, Any]] = [
        {
            "step": "resample",
            "from_hz": recording.rate,
            "to_hz": rate,
            "up": ratio.numerator,
            "down": ratio.denominator,
        },
        {"step": "absolute value"},
    ]
    if config.lowpass_hz is not None:
        slower += [
            {"step": "low-pass", "filter": "Butterworth", "cutoff_hz": config.lowpass_hz, "order": 4},
            {"step": "absolute value"},
        ]
    steps += [
        *(limits + slower if config.clip_first else slower + limits),
        {"step": "floor", "value": config.floor},
        {
            "step": "quality",
            "saturated_share_limit": config.saturated_share_limit,
            "mains_share_limit": config.mains_share_limit,
            "unusable": unusable,
        },
    ]
    return xr.DataArray(
        emg,
        name="emg",
        dims=("time", "muscle"),
        coords={
            "time": segments.times,
            "muscle": list(recording.muscles),
            "segment": ("time", segments.numbers),
            "scale": ("muscle", np.where(scale > 0, scale, 1.0)),
            "usable": ("muscle", usable),
            **{
                name: ("time", _resampled_mask(mask, recording, segments, ratio))
                for name, mask in recording.masks.items()
            },
        },
        attrs={
            "rate": rate,
            "unit": recording.unit,
            "origin": recording.origin.to_json(),
            "preprocessing": json.dumps(steps),
        },
    )


def _resampled_mask(
    mask: Callable[[int, int], NDArray[np.bool_]], recording: EmgRecording, new: Segments, ratio: Fraction
) -> NDArray[np.bool_]:
    """Return a mask at the new rate: each new sample has that of the old sample nearest in time."""
    parts = []
    for segment, count in zip(recording.segments, new.lengths, strict=True):
        values = mask(segment.first_sample, segment.stop)
        nearest = np.rint(np.arange(count) / float(ratio)).astype(int)
        parts.append(values[np.minimum(nearest, segment.n_samples - 1)])
    return np.concatenate(parts)


def _design(
    recording: EmgRecording, mains: int | None, config: PreprocessingConfig
) -> tuple[NDArray | None, list[dict[str, Any]]]:
    """Return the filters a recording needs (none where it is rectified already) and their steps."""
    if recording.rectified:
        return None, [{"step": "taken as rectified", "skipped": ["notch", "high-pass", "rectify"]}]
    frequencies, left_out = notch_frequencies(mains, recording.rate, config)
    return filter_sections(frequencies, recording, config), [
        {
            "step": "notch",
            "mains_hz": mains,
            "mains_from": "spectrum" if config.mains_hz is None and not config.notch_hz else "configuration",
            "frequencies_hz": frequencies,
            "above_nyquist_hz": left_out,
            "bandwidth_hz": config.notch_bandwidth_hz,
        },
        {"step": "high-pass", "filter": "Butterworth", "cutoff_hz": config.highpass_hz, "order": config.highpass_order},
        {"step": "rectify"},
    ]


def _limits_before(
    recording: EmgRecording, sections: NDArray | None, config: PreprocessingConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where to clip each muscle and what to divide it by, at the recording's own rate.

    Quantiles of long recordings are taken of evenly spaced samples, so that memory stays bounded.
    """
    stride = -(-recording.n_samples // _MOST_FOR_QUANTILES)
    tally = QualityTally(len(recording.muscles))
    seen: list[list[NDArray[np.float32]]] = [[] for _ in recording.muscles]
    for segment in recording.segments:
        for block, muscle, samples in rectified_blocks(recording, segment, sections, Fraction(1), tally):
            seen[muscle].append(samples[block.inner][::stride].astype(np.float32))
    values = [np.concatenate(parts) for parts in seen]
    clip, scale = np.concatenate(
        [quantiles_of_known(each[:, None], (config.clip_quantile, config.scale_quantile)) for each in values], axis=1
    )
    return np.where(np.isnan(clip), np.inf, clip), np.nan_to_num(np.minimum(clip, scale))


def _clip_and_scale_after(emg: NDArray[np.float32], config: PreprocessingConfig) -> NDArray[np.float64]:
    """Clip and scale every muscle at the new rate, in place; return the divisors, 0 where a muscle has no signal."""
    scale = np.zeros(emg.shape[1])
    for muscle in range(emg.shape[1]):
        values = emg[:, muscle].astype(np.float64)
        known = ~np.isnan(values)
        if not known.any():
            continue
        np.minimum(values, np.quantile(values[known], config.clip_quantile), out=values)
        scale[muscle] = np.quantile(values[known], config.scale_quantile)
        emg[:, muscle] = values / (scale[muscle] or 1.0)
    return scale


def _why_unusable(lost_share: float, config: PreprocessingConfig) -> str:
    return _TOO_LITTLE_KNOWN.format(share=lost_share) if lost_share > config.missing_share_limit else _NOTHING_LEFT


def _missing_step(recording: EmgRecording, tally: QualityTally, lost: NDArray[np.intp]) -> list[dict[str, Any]]:
    """Return the step that says what was missing, and warn of it; none where nothing was."""
    having = np.flatnonzero(tally.n_missing)
    if not having.size:
        return []
    said = []
    for muscle in having:
        absurd = f", {tally.n_infinite[muscle]} of them infinite or absurdly large" if tally.n_infinite[muscle] else ""
        at = recording.segments.time_of(int(tally.first_missing[muscle]))
        said.append(f"{recording.muscles[muscle]} {tally.n_missing[muscle]}{absurd}, the first at {at:g} s")
    warnings.warn(
        f"{recording.origin.object_path}: of {tally.n_samples} samples some are missing, and are left out: "
        + "; ".join(said),
        NwbAutolfadsWarning,
        stacklevel=3,
    )
    counts = {"samples": tally.n_missing, "absurd": tally.n_infinite, "bins": lost}
    return [
        {"step": "missing"}
        | {name: {recording.muscles[muscle]: int(of[muscle]) for muscle in having} for name, of in counts.items()}
    ]


def _say_unusable(recording: EmgRecording, unusable: dict[str, str]) -> None:
    said = "; ".join(f"{muscle} ({reason})" for muscle, reason in unusable.items())
    if len(unusable) == len(recording.muscles):
        raise SignalError(
            f"no muscle is usable: {said}",
            file=recording.origin.file,
            obj=recording.origin.object_path,
            way_out="Check the recording, or choose another series with --emg PATH",
        )
    if unusable:
        warnings.warn(
            f"{recording.origin.object_path}: left out as not usable: {said}", NwbAutolfadsWarning, stacklevel=3
        )
