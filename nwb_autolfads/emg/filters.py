"""Filters of the preprocessing: which ones a recording needs, and how far their memory reaches."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.errors import SignalError
from nwb_autolfads.sources.recording import EmgRecording

_FORGOTTEN = 1e-8  # a filter's response to the past counts as gone when it has decayed to this
_FIR_HALF_LENGTH = 10  # half length of the resampling filter, in samples of the slower rate (scipy's default)


def notch_frequencies(mains_hz: float | None, rate: float, config: PreprocessingConfig) -> tuple[list, list]:
    """Return the frequencies to remove, and those left out because they are not below the Nyquist frequency (Hz)."""
    wanted = sorted(config.notch_hz)
    if not wanted and mains_hz is not None:
        wanted = [float(mains_hz * number) for number in range(1, config.notch_harmonics + 1)]
    fitting = [each for each in wanted if each + config.notch_bandwidth_hz < rate / 2]
    return fitting, wanted[len(fitting) :]


def filter_sections(frequencies: list[float], recording: EmgRecording, config: PreprocessingConfig) -> NDArray:
    """Return notches and high-pass as second-order sections, to be run forward and backward.

    Raises
    ------
    SignalError
        If the recording is sampled too slowly to leave a band above the high-pass.
    """
    rate = recording.rate
    if config.highpass_hz > rate / 4:
        raise SignalError(
            f"is sampled at {rate:g} Hz, so its Nyquist frequency is {rate / 2:g} Hz: "
            f"too near the high-pass at {config.highpass_hz:g} Hz",
            file=recording.origin.file,
            obj=recording.origin.object_path,
            way_out=f"A rate of at least {4 * config.highpass_hz:g} Hz, or a lower highpass_hz, is needed",
        )
    return sections_at(rate, frequencies, config)


def sections_at(rate: float, frequencies: Sequence[float], config: PreprocessingConfig) -> NDArray:
    """Return notches and high-pass for EMG of a rate (Hz)."""
    notches = [signal.tf2sos(*signal.iirnotch(each, each / config.notch_bandwidth_hz, fs=rate)) for each in frequencies]
    highpass = signal.butter(config.highpass_order, config.highpass_hz, "highpass", fs=rate, output="sos")
    return np.concatenate([*notches, highpass])


def memory_of(sections: NDArray) -> int:
    """Return after how many samples the slowest pole of a filter has forgotten what came before."""
    poles = np.concatenate([np.roots(section[3:]) for section in sections])
    return int(np.ceil(np.log(_FORGOTTEN) / np.log(np.abs(poles).max())))


def filter_both_ways(samples: NDArray, sections: NDArray) -> NDArray[np.float64]:
    """Filter one muscle forward and backward, so that nothing is delayed; short segments are padded by less."""
    n_zeros = min((sections[:, 2] == 0).sum(), (sections[:, 5] == 0).sum())
    usual = 3 * (2 * len(sections) + 1 - int(n_zeros))  # scipy's own choice
    filtered = signal.sosfiltfilt(sections, samples, padlen=min(usual, len(samples) - 1))
    return np.asarray(filtered, np.float64)


def response_of(sections: NDArray) -> NDArray[np.float64]:
    """Return what a filter, run forward and backward, makes of a single 1, which lies in the middle."""
    reach = memory_of(sections)
    impulse = np.zeros(2 * reach + 1)
    impulse[reach] = 1.0
    return filter_both_ways(impulse, sections)


def resampling_ratio(rate: float, analysis_rate: float) -> Fraction:
    """Return new rate / old rate as a ratio of small integers; 1 where the recording is slower than asked."""
    if analysis_rate >= rate:
        return Fraction(1)
    return Fraction(analysis_rate / rate).limit_denominator(5000)


def resampling_memory(ratio: Fraction) -> int:
    """Return how many samples at the old rate the resampling filter reaches to either side."""
    return -(-_FIR_HALF_LENGTH * max(ratio.numerator, ratio.denominator) // ratio.numerator) + 1


def resample(samples: NDArray, ratio: Fraction) -> NDArray[np.float64]:
    """Resample one rectified muscle with anti-aliasing; its ends are mirrored, so that they do not fade out."""
    if ratio == 1:
        return samples
    return signal.resample_poly(samples, ratio.numerator, ratio.denominator, padtype="symmetric")


def lowpass(samples: NDArray, rate: float, cutoff: float) -> NDArray[np.float64]:
    """Smooth one segment, (samples, muscles), at the analysis rate; nothing is delayed.

    Raises
    ------
    SignalError
        If the cut-off is not below the Nyquist frequency.
    """
    if cutoff >= rate / 2:
        raise SignalError(
            f"a low-pass at {cutoff:g} Hz does not fit below the Nyquist frequency of {rate / 2:g} Hz",
            way_out="Choose a lower lowpass_hz, or a higher analysis_rate_hz",
        )
    sections = signal.butter(4, cutoff, fs=rate, output="sos")
    return signal.sosfiltfilt(sections, samples, axis=0, padlen=min(15, len(samples) - 1))
