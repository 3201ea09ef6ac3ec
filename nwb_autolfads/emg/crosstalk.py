"""What muscles share that they should not, and how far their bursts rise: duplicates, cross-talk, signal to noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.filters import sections_at
from nwb_autolfads.emg.missing import bridged, excerpts, quantiles_of_known
from nwb_autolfads.sources.recording import EmgRecording

_DUPLICATE = 0.9999  # correlation of raw samples from which two channels are one
_ENOUGH_HZ = 2000.0  # surface EMG has next to nothing above 1 kHz
_SHIFT_S = 0.010  # cross-talk travels within this time
_RMS_S = 0.1  # bursts are told from rest by the root mean square over this time


def find_duplicates(recording: EmgRecording) -> list[str]:
    """Return for each muscle the earlier muscle that it repeats, in at most 64 s of raw samples; "" where none."""
    n_muscles = len(recording.muscles)
    products, sums, n_samples = np.zeros((n_muscles, n_muscles)), np.zeros(n_muscles), 0
    reference = None
    for part in excerpts(recording):
        samples = bridged(part.astype(np.float64))
        reference = samples[0] if reference is None else reference  # keeps large offsets out of the sums
        samples -= reference
        products += samples.T @ samples
        sums += samples.sum(axis=0)
        n_samples += len(samples)
    correlation = _correlation(products - np.outer(sums, sums) / max(n_samples, 1))
    found = []
    for muscle in range(n_muscles):
        twins = np.flatnonzero(correlation[muscle, :muscle] > _DUPLICATE)
        found.append(recording.muscles[twins[0]] if twins.size else "")
    return found


def find_crosstalk(recording: EmgRecording, config: PreprocessingConfig) -> tuple[NDArray[np.float64], list[str]]:
    """Find for each muscle the one it has most in common with.

    Parameters
    ----------
    recording : EmgRecording
    config : PreprocessingConfig
        For the high-pass, without which movement artefacts would be taken for cross-talk.

    Returns
    -------
    peak : ndarray, (n_muscles,)
        Largest absolute cross-correlation with another muscle at shifts up to 10 ms: 0 nothing in common, 1 the same;
        NaN where the EMG is rectified already or too short or slow to tell.
    muscle : list of str
        The muscle it is reached with; "" where there is no other.
    """
    n_muscles = len(recording.muscles)
    total: NDArray | None = None
    for samples, _, rate in filtered_excerpts(recording, config):
        shift = int(_SHIFT_S * rate)
        length = 1 << (len(samples) + shift - 1).bit_length()
        spectrum = np.fft.rfft(samples - samples.mean(axis=0), length, axis=0)
        lags = np.zeros((n_muscles, n_muscles, 2 * shift + 1))
        for muscle in range(n_muscles):
            crossed = np.fft.irfft(spectrum[:, muscle : muscle + 1].conj() * spectrum, length, axis=0)
            lags[muscle] = np.concatenate([crossed[-shift:], crossed[: shift + 1]]).T
        total = lags if total is None else total + lags
    if total is None:
        return np.full(n_muscles, np.nan), [""] * n_muscles
    power = np.einsum("iil->il", total)[:, total.shape[2] // 2]
    size = np.sqrt(np.outer(power, power))[:, :, None]
    peak = np.divide(np.abs(total), size, out=np.zeros_like(total), where=size > 0).max(axis=2)
    np.fill_diagonal(peak, 0.0)
    partner = [recording.muscles[int(other)] if n_muscles > 1 else "" for other in peak.argmax(axis=1)]
    return peak.max(axis=1), partner


def burst_snr(recording: EmgRecording, config: PreprocessingConfig) -> NDArray[np.float64]:
    """Return the signal-to-noise ratio of each muscle's bursts (dB).

    Power in bursts over power at rest: the 0.95 over the 0.05 quantile of the mean square over 100 ms, high-passed.
    NaN for a muscle without any signal.
    """
    powers = []
    for samples, known, rate in filtered_excerpts(recording, config):
        width = max(1, int(_RMS_S * rate))
        whole = len(samples) // width * width
        power, seen = ((each[:whole]).reshape(-1, width, each.shape[1]) for each in (samples**2, known))
        powers.append(np.where(seen.all(axis=1), power.mean(axis=1), np.nan))
    if not powers:
        return np.full(len(recording.muscles), np.nan)
    rest, burst = quantiles_of_known(np.concatenate(powers), (0.05, 0.95))
    ratio = np.divide(burst, rest, out=np.full_like(burst, np.nan), where=rest > 0)
    return 10 * np.log10(ratio)


def filtered_excerpts(
    recording: EmgRecording,
    config: PreprocessingConfig,
    frequencies: Sequence[float] = (),
    *,
    enough_hz: float = _ENOUGH_HZ,
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_], float]]:
    """Yield excerpts without movement artifacts, (samples, muscles), what of them is known, and their rate.

    The rate is below twice ``enough_hz``, without aliasing. Of ``frequencies`` (Hz) those are removed that are below
    half of it.
    """
    slower = max(1, int(recording.rate // enough_hz))
    rate = recording.rate / slower
    if recording.rectified or config.highpass_hz >= rate / 2:
        return
    sections = sections_at(rate, [each for each in frequencies if each + config.notch_bandwidth_hz < rate / 2], config)
    for part in excerpts(recording):
        if len(part) < recording.rate:
            continue
        samples, known = bridged(part.astype(np.float64)), np.isfinite(part)
        if slower > 1:
            samples = signal.resample_poly(samples - samples.mean(axis=0), 1, slower, axis=0)
        yield signal.sosfiltfilt(sections, samples, axis=0), known[::slower], rate


def _correlation(covariance: NDArray) -> NDArray:
    spread = np.sqrt(np.maximum(np.diag(covariance), 0))
    size = np.outer(spread, spread)
    return np.divide(covariance, size, out=np.zeros_like(covariance), where=size > 0)
