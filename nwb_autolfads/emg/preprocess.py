"""Raw EMG to rectified, scaled EMG at the analysis rate: in chunks, without delay, gap-free segments apart."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.emg.chunks import Cleaning, rectified_chunks
from nwb_autolfads.emg.cleaning.found import find_unmixing, find_weights
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.crosstalk import find_duplicates
from nwb_autolfads.emg.filters import filter_sections, lowpass, notch_frequencies, resample, resampling_ratio
from nwb_autolfads.emg.mains import find_mains
from nwb_autolfads.emg.missing import absurd_as_infinite, averaged, quantiles_of_known
from nwb_autolfads.emg.quality import QualityTally, as_configured
from nwb_autolfads.emg.steps.done import (
    Step,
    filter_steps,
    missing_step,
    quality_step,
    rate_and_scale_steps,
    say_implausible,
    say_unusable,
    why_nothing_is_left,
)
from nwb_autolfads.errors import SignalError, shown
from nwb_autolfads.labels import labelled
from nwb_autolfads.segments import Segments
from nwb_autolfads.sources.recording import EmgRecording

SHORTEST_S = 0.2
"""Of EMG: in less, neither rest nor bursts tell how large it is."""
_MOST_FOR_QUANTILES = 2_000_000  # samples of each muscle


def preprocess(recording: EmgRecording, config: PreprocessingConfig | None = None) -> xr.DataArray:
    """Turn raw EMG into the input of every estimator.

    Notch at the mains and its harmonics, high-pass, take off cross-talk and artifacts that all electrodes see, weight
    frequencies by what they tell of the amplitude, rectify, resample with anti-aliasing, absolute value again (the
    resampling rings below zero), clip and scale each muscle, and lift it off zero. No filter delays anything, and the
    result in chunks equals that of filtering each segment at once. EMG that is rectified already skips all before
    resampling; EMG slower than the analysis rate keeps its rate. Samples that are missing (not finite, or absurdly
    large: `nwb_autolfads.emg.missing`) stay missing: bins in which they are, or that the filters cannot tell because of
    them, are NaN.

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
        muscle), what the recording says of each muscle (`EmgRecording.about`), and each mask of it (along time), which
        is carried and not applied. attrs ``rate`` (Hz), ``unit``, ``origin``, and ``preprocessing``: a JSON list of all
        steps.

    Raises
    ------
    SignalError
        If it is no recording, no muscle is usable, the rate is too low for the high-pass, or there is next to no EMG.

    Warns
    -----
    UserWarning
        Naming the muscles of which samples are missing, those which are not usable, and those whose values are not
        plausible in the recording's unit; all are kept as columns.
    """
    if not isinstance(recording, EmgRecording):
        raise SignalError(
            f"raw EMG is an EmgRecording, not {shown(type(recording).__name__)}", way_out="Read it with nal.open_emg"
        )
    config = config or PreprocessingConfig()
    recorded = as_configured(recording, config)
    _require_some_length(recorded)
    recording = absurd_as_infinite(recorded)
    ratio = resampling_ratio(recording.rate, config.analysis_rate_hz)
    segments = recording.segments.resampled(ratio)
    mains, mains_share = find_mains(recording, config)
    cleaning, steps = _design(recording, mains, mains_share, config)

    emg, scale, tally = _rectified_and_scaled(recording, cleaning, ratio, config)
    lost = np.isnan(emg).sum(axis=0)
    unusable = _unusable(recording, tally, mains_share, lost / len(emg), scale, config)
    usable = np.array([muscle not in unusable for muscle in recording.muscles])
    say_unusable(recording, unusable)
    say_implausible(recording, usable)
    steps = [
        *steps,
        *missing_step(recorded, tally, lost),
        *rate_and_scale_steps(recording.rate, segments.rate, ratio, config),
        quality_step(config, unusable),
    ]
    array = xr.DataArray(
        emg,
        name="emg",
        dims=("time", "muscle"),
        coords={
            "time": segments.times,
            "muscle": list(recording.muscles),
            "segment": ("time", segments.numbers),
            "scale": ("muscle", np.where(scale > 0, scale, 1.0)),
            "usable": ("muscle", usable),
            **{name: ("muscle", list(values)) for name, values in recording.about.items()},
        },
        attrs={"rate": segments.rate, "unit": recording.unit, "origin": recording.origin.to_json()},
    )
    array = array.assign_coords(_masks(recording, segments, ratio)).assign_attrs(preprocessing=json.dumps(steps))
    return labelled(array)


def _require_some_length(recording: EmgRecording) -> None:
    if recording.duration < SHORTEST_S:
        raise SignalError(
            f"is {recording.duration:g} s long, too short to filter and scale",
            file=recording.origin.file,
            obj=recording.origin.object_path,
            way_out=f"Give at least {SHORTEST_S:g} s of EMG",
        )


def _unusable(
    recording: EmgRecording,
    tally: QualityTally,
    mains_share: NDArray[np.float64],
    lost_share: NDArray[np.float64],
    scale: NDArray[np.float64],
    config: PreprocessingConfig,
) -> dict[str, str]:
    """Return the muscles that are not usable, as recorded or as the filters left them, with the reason."""
    quality = tally.result(recording, mains_share, find_duplicates(recording), config)
    left = (scale > 0) & (lost_share <= config.missing_share_limit)
    return {
        muscle: str(reason) or why_nothing_is_left(share, config)
        for muscle, reason, share, good in zip(
            recording.muscles, quality["reason"].values, lost_share, quality["usable"].values & left, strict=True
        )
        if not good
    }


def _rectified_and_scaled(
    recording: EmgRecording, cleaning: Cleaning, ratio: Fraction, config: PreprocessingConfig
) -> tuple[NDArray[np.float32], NDArray[np.float64], QualityTally]:
    """Return the EMG at the new rate, what each muscle was divided by (0 without a signal), and what was counted."""
    segments = recording.segments.resampled(ratio)
    clip, scale = np.full(len(recording.muscles), np.inf), np.ones(len(recording.muscles))
    if config.clip_first:
        clip, scale = _limits_before(recording, cleaning, config)
    tally = QualityTally(len(recording.muscles))
    emg = np.empty((segments.n_samples, len(recording.muscles)), dtype=np.float32)
    for segment, rows in zip(recording.segments, segments.slices, strict=True):
        part = emg[rows]
        for chunk, muscle, samples in rectified_chunks(recording, segment, cleaning, ratio, tally):
            np.minimum(samples, clip[muscle], out=samples)
            part[chunk.new, muscle] = np.abs(averaged(partial(resample, ratio=ratio), samples)[chunk.new_inner])
        if config.lowpass_hz is not None:
            part[:] = np.abs(averaged(partial(lowpass, rate=segments.rate, cutoff=config.lowpass_hz), part))
    if config.clip_first:
        emg /= np.where(scale > 0, scale, 1.0)
    else:
        scale = _clip_and_scale_after(emg, config)
    return np.maximum(emg, config.floor, out=emg), scale, tally


def _masks(recording: EmgRecording, new: Segments, ratio: Fraction) -> dict[str, tuple[str, NDArray[np.bool_]]]:
    """Return the masks at the new rate: each new sample has that of the old sample nearest in time."""
    masks = {}
    for name, mask in recording.masks.items():
        parts = []
        for segment, count in zip(recording.segments, new.lengths, strict=True):
            values = mask(segment.first_sample, segment.stop)
            nearest = np.rint(np.arange(count) / float(ratio)).astype(int)
            parts.append(values[np.minimum(nearest, segment.n_samples - 1)])
        masks[name] = ("time", np.concatenate(parts))
    return masks


def _design(
    recording: EmgRecording, mains: int | None, mains_share: NDArray[np.float64], config: PreprocessingConfig
) -> tuple[Cleaning, list[Step]]:
    """Return what a recording has to be cleaned of (nothing where it is rectified already) and the steps of it."""
    if recording.rectified:
        return Cleaning(), [{"step": "taken as rectified", "skipped": ["notch", "high-pass", "rectify"]}]
    frequencies, left_out = notch_frequencies(mains, recording.rate, config)
    sections = filter_sections(frequencies, recording, config)
    cleaning = Cleaning(sections)
    *filters, rectify = filter_steps(mains, frequencies, left_out, config, recording.rate)
    if "remove" in (config.crosstalk, config.common_artifacts):
        unmixing = find_unmixing(recording, mains_share, frequencies, config)
        filters.append(unmixing.step(recording.muscles, config))
        cleaning = cleaning._replace(unmixing=None if unmixing.does_nothing else unmixing)
    if config.spectrum == "whiten":
        whitening = find_weights(recording, cleaning.unmixing, frequencies, config)
        filters.append(whitening.step(recording.muscles))
        cleaning = cleaning._replace(whitening=None if whitening.does_nothing else whitening)
    return cleaning, [*filters, rectify]


def _limits_before(
    recording: EmgRecording, cleaning: Cleaning, config: PreprocessingConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where to clip each muscle and what to divide it by, at the recording's own rate.

    Quantiles of long recordings are taken of evenly spaced samples, so that memory stays bounded.
    """
    stride = -(-recording.n_samples // _MOST_FOR_QUANTILES)
    tally = QualityTally(len(recording.muscles))
    seen: list[list[NDArray[np.float32]]] = [[] for _ in recording.muscles]
    for segment in recording.segments:
        for chunk, muscle, samples in rectified_chunks(recording, segment, cleaning, Fraction(1), tally):
            seen[muscle].append(samples[chunk.inner][::stride].astype(np.float32))
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
