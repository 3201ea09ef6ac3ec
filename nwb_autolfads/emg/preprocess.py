"""Raw EMG to rectified, scaled EMG at the analysis rate: in blocks, without delay, gap-free segments apart."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.filters import (
    filter_both_ways,
    filter_sections,
    memory_of,
    notch_frequencies,
    resample,
    resampling_memory,
    resampling_ratio,
)
from nwb_autolfads.emg.likeness import find_duplicates
from nwb_autolfads.emg.mains import find_mains
from nwb_autolfads.emg.quality import QualityTally
from nwb_autolfads.errors import SignalError
from nwb_autolfads.sources.recording import EmgRecording, Segment

_BLOCK_VALUES = 8_000_000  # values (samples x muscles) read at once, margins not counted


def preprocess(recording: EmgRecording, config: PreprocessingConfig | None = None) -> xr.DataArray:
    """Turn raw EMG into the input of every estimator.

    Notch at the mains and its harmonics, high-pass, rectify, resample with anti-aliasing, absolute value again (the
    resampling rings below zero), clip and scale each muscle, and lift it off zero. All filters run in both directions,
    so nothing is delayed; the result in blocks equals that of filtering each segment at once. EMG that is rectified
    already skips notch, high-pass and rectification; EMG slower than the analysis rate keeps its rate.

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
        If samples are not finite, no muscle is usable, or the rate is too low for the high-pass.

    Warns
    -----
    UserWarning
        Naming the muscles which are not usable; they are kept as columns.
    """
    config = config or PreprocessingConfig()
    ratio = resampling_ratio(recording.rate, config.analysis_rate_hz)
    rate = float(recording.rate * ratio)
    mains, mains_share = find_mains(recording, config)
    sections, steps = _design(recording, mains, config)

    tally = QualityTally(len(recording.muscles))
    counts = [-(-segment.n_samples * ratio.numerator // ratio.denominator) for segment in recording.segments]
    emg = np.empty((sum(counts), len(recording.muscles)), dtype=np.float32)
    first = 0
    for segment, count in zip(recording.segments, counts, strict=True):
        _fill(emg[first : first + count], recording, segment, sections, ratio, tally)
        first += count

    scale = _clip_and_scale(emg, config)
    quality = tally.result(recording, mains_share, find_duplicates(recording), config)
    usable = quality["usable"].values & (scale > 0)
    unusable = {
        str(muscle): str(reason) or "nothing is left after the high-pass"
        for muscle, reason, good in zip(recording.muscles, quality["reason"].values, usable, strict=True)
        if not good
    }
    _say_unusable(recording, unusable)
    steps += [
        {
            "step": "resample",
            "from_hz": recording.rate,
            "to_hz": rate,
            "up": ratio.numerator,
            "down": ratio.denominator,
        },
        {"step": "absolute value"},
        {"step": "clip", "quantile": config.clip_quantile},
        {"step": "scale", "quantile": config.scale_quantile},
        {"step": "floor", "value": config.floor},
        {
            "step": "quality",
            "saturated_share_limit": config.saturated_share_limit,
            "mains_share_limit": config.mains_share_limit,
            "unusable": unusable,
        },
    ]
    time = [segment.start_time + np.arange(n) / rate for segment, n in zip(recording.segments, counts, strict=True)]
    return xr.DataArray(
        emg,
        name="emg",
        dims=("time", "muscle"),
        coords={
            "time": np.concatenate(time),
            "muscle": list(recording.muscles),
            "segment": ("time", np.repeat(np.arange(len(counts)), counts)),
            "scale": ("muscle", np.where(scale > 0, scale, 1.0)),
            "usable": ("muscle", usable),
            **{
                name: ("time", _resampled_mask(mask, recording, counts, ratio))
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
    mask: Callable[[int, int], NDArray[np.bool_]], recording: EmgRecording, counts: list[int], ratio: Fraction
) -> NDArray[np.bool_]:
    """Return a mask at the new rate: each new sample has that of the old sample nearest in time."""
    parts = []
    for segment, count in zip(recording.segments, counts, strict=True):
        values = mask(segment.first_sample, segment.first_sample + segment.n_samples)
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
            "mains_from": "spectrum" if config.mains_hz is None else "configuration",
            "frequencies_hz": frequencies,
            "above_nyquist_hz": left_out,
            "bandwidth_hz": config.notch_bandwidth_hz,
        },
        {"step": "high-pass", "filter": "Butterworth", "cutoff_hz": config.highpass_hz, "order": config.highpass_order},
        {"step": "rectify"},
    ]


def _fill(
    emg: NDArray[np.float32],
    recording: EmgRecording,
    segment: Segment,
    sections: NDArray | None,
    ratio: Fraction,
    tally: QualityTally,
) -> None:
    """Write one segment's rectified EMG at the new rate into ``emg``, (new samples, muscles)."""
    margin = resampling_memory(ratio) + (0 if sections is None else memory_of(sections))
    for start, stop, read_start, read_stop in _blocks(segment.n_samples, len(recording.muscles), margin, ratio):
        raw = recording.read(segment.first_sample + read_start, segment.first_sample + read_stop)
        tally.add(raw[start - read_start : stop - read_start])
        if tally.n_nan.any():
            raise _not_finite(recording)
        written = slice(*(_new_index(at, ratio) for at in (start, stop)))
        skipped = _new_index(start, ratio) - _new_index(read_start, ratio)
        for muscle in range(raw.shape[1]):
            samples = raw[:, muscle].astype(np.float64)
            if sections is not None:
                samples = filter_both_ways(samples, sections)
            slower = resample(np.abs(samples), ratio)[skipped : skipped + written.stop - written.start]
            emg[written, muscle] = np.abs(slower)


def _blocks(n_samples: int, n_muscles: int, margin: int, ratio: Fraction) -> Iterator[tuple[int, int, int, int]]:
    """Yield first and last sample of each block, without and with margins, where old and new samples coincide."""
    step = -(-max(_BLOCK_VALUES // n_muscles, 4 * margin) // ratio.denominator) * ratio.denominator
    margin = -(-margin // ratio.denominator) * ratio.denominator
    for start in range(0, n_samples, step):
        stop = min(start + step, n_samples)
        yield start, stop, max(0, start - margin), min(stop + margin, n_samples)


def _new_index(sample: int, ratio: Fraction) -> int:
    return -(-sample * ratio.numerator // ratio.denominator)


def _clip_and_scale(emg: NDArray[np.float32], config: PreprocessingConfig) -> NDArray[np.float64]:
    """Clip, scale and lift every muscle off zero, in place; return the divisors, 0 where a muscle has no signal."""
    scale = np.zeros(emg.shape[1])
    for muscle in range(emg.shape[1]):
        values = emg[:, muscle].astype(np.float64)
        np.minimum(values, np.quantile(values, config.clip_quantile), out=values)
        scale[muscle] = np.quantile(values, config.scale_quantile)
        emg[:, muscle] = np.maximum(values / (scale[muscle] or 1.0), config.floor)
    return scale


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
        warnings.warn(f"{recording.origin.object_path}: left out as not usable: {said}", stacklevel=3)


def _not_finite(recording: EmgRecording) -> SignalError:
    """Count what is not finite and say where the first of it is."""
    count = np.zeros(len(recording.muscles), dtype=int)
    first: dict[int, float] = {}
    step = max(1, _BLOCK_VALUES // len(recording.muscles))
    for segment in recording.segments:
        for start in range(0, segment.n_samples, step):
            stop = min(start + step, segment.n_samples)
            bad = ~np.isfinite(recording.read(segment.first_sample + start, segment.first_sample + stop))
            count += bad.sum(axis=0)
            for muscle in np.flatnonzero(bad.any(axis=0)):
                at = segment.start_time + (start + int(bad[:, muscle].argmax())) / recording.rate
                first.setdefault(int(muscle), at)
    said = "; ".join(
        f"{recording.muscles[muscle]} has {count[muscle]}, the first at {at:g} s" for muscle, at in first.items()
    )
    return SignalError(
        f"has samples that are NaN or infinite: {said}",
        file=recording.origin.file,
        obj=recording.origin.object_path,
        way_out="Choose the other muscles with --muscles, or repair these samples in the file",
    )
