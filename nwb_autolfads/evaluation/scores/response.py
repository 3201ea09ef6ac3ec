"""What an estimator does to each frequency of the rectified EMG, in each phase of behaviour."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.errors import ConfigError, SignalError, SourceError
from nwb_autolfads.evaluation.decoding.binning import Bins, bin_activation
from nwb_autolfads.evaluation.score import Score
from nwb_autolfads.evaluation.scores.spectra import (
    coherence_limit,
    coherence_of,
    cross_spectra,
    in_enough_windows,
    independent_windows,
    windows_in,
)
from nwb_autolfads.evaluation.session import (
    Estimates,
    Session,
    inside,
    opened_estimates,
    read_rectified_of_each,
    required,
)
from nwb_autolfads.evaluation.tables import Row, number
from nwb_autolfads.given import over_time
from nwb_autolfads.segments import Segments
from nwb_autolfads.sources.nwb.phases import read_phases

Floats = NDArray[np.float64]

LONGEST_WINDOW_S, SHORTEST_WINDOW_S = 2.0, 0.2
WHOLE = "all"
_DECIBELS = 3.0


def transfer_function(
    estimates: Mapping[str, xr.Dataset],
    emg: xr.DataArray | Mapping[str, xr.DataArray],
    phases: Mapping[str, Floats] | None = None,
    *,
    window: float | None = None,
    level: float = 0.05,
) -> xr.Dataset:
    """Return gain and coherence from rectified EMG to activation in each phase of behaviour.

    ``H1 = |sum conj(X) Y| / sum |X|^2`` over Hann windows (the mean of each taken away) that overlap by half and lie
    in the phase; around the middle of intervals that are shorter than a window. A filter has the same gain in all
    phases; an estimator that adapts has not (Wimalasena et al. 2022).

    Parameters
    ----------
    estimates : mapping of str to Dataset
        ``activation`` ``(time, muscle)`` by the name of its estimate.
    emg : DataArray, (time, muscle), or mapping of str to DataArray
        Rectified EMG that they were made from, at the same times; by the name of each where they were made of EMG that
        was preprocessed in several ways.
    phases : mapping of str to ndarray, (interval, 2), optional
        Start and stop (s) of the intervals of each phase; by default all of the recording is one.
    window : float, optional
        Length (s). By default the median interval of the shortest phase, within 0.2 and 2 s, and no longer than
        gap-free segments, as trials, are: the longer, the finer the frequencies.
    level : float
        Of ``coherence_limit``.

    Returns
    -------
    Dataset
        ``gain`` and ``coherence`` ``(estimator, phase, muscle, frequency)``, from the lowest frequency of a window on,
        coherence NaN in a phase of one window, where it would be 1 whatever the signals;
        ``corner`` ``(estimator, phase, muscle)``, the frequency (Hz) at which the gain has fallen by 3 dB from its
        lowest one, NaN where it never does; ``n_windows`` and ``coherence_limit`` ``(phase,)``, what the coherence of
        unrelated signals exceeds with the probability ``level``. attrs: ``config``, ``excluded_muscles``, ``notes``
        (JSON): phases of which no window was recorded are left out.

    Raises
    ------
    SignalError
        If EMG and estimates have no time in common, or no phase has a whole window.
    ConfigError
        If the window is shorter than eight samples.
    """
    bins, own = _binned(estimates, emg)
    rate = round(1 / bins.width, 6)
    intervals = {WHOLE: np.array([[bins.time[0], bins.time[-1]]])} if phases is None else phases
    window = _default_window(intervals, bins.segments) if window is None else window
    length = round(window * rate)
    if length < 8:
        raise ConfigError(f"a window of {window:g} s is {length} samples", way_out="Give a longer one", obj="window")
    bins = in_enough_windows(bins, list(intervals.values()), length)
    known = bins.segments.where(np.asarray(np.isfinite(bins.values).all(axis=(0, 2))))
    gain, coherence, counts, found, notes = [], [], [], [], []
    for name, phase in intervals.items():
        rows = windows_in(phase, bins.time, known, length)
        if not len(rows):
            notes.append(f"no window of {window:g} s is recorded in the {len(phase)} intervals of phase {name}")
            continue
        found.append(name)
        spectra = [cross_spectra(bins.values[x], y, rows) for x, y in zip(own, bins.values, strict=False)]
        gain.append([np.abs(xy) / xx for xx, _, xy in spectra])
        if len(rows) == 1:
            notes.append(f"one window of {window:g} s is recorded in phase {name}: coherence needs two")
        coherence.append([coherence_of(*each) * (1.0 if len(rows) > 1 else np.nan) for each in spectra])
        counts.append(len(rows))
    if not found:
        raise SignalError("; ".join(notes), way_out="Give a shorter window, or other phases")
    frequency: Floats = np.fft.rfftfreq(length, 1 / rate)[1:].astype(np.float64)
    dims = ("phase", "estimator", "frequency", "muscle")
    result = xr.Dataset(
        {
            "gain": (dims, np.array(gain)),
            "coherence": (dims, np.array(coherence)),
            "n_windows": ("phase", counts),
            "coherence_limit": ("phase", [coherence_limit(independent_windows(count), level) for count in counts]),
        },
        coords={
            "phase": found,
            "estimator": list(estimates),
            "muscle": list(bins.muscles),
            "frequency": ("frequency", frequency, {"units": "Hz"}),
        },
        attrs={
            "config": json.dumps({"window_s": length / rate, "rate_hz": rate, "level": level}),
            "excluded_muscles": json.dumps(bins.left_out),
            "notes": json.dumps(notes),
        },
    ).transpose("estimator", "phase", "muscle", "frequency")
    corner = xr.apply_ufunc(
        lambda each: _corner(each, frequency), result["gain"], input_core_dims=[["frequency"]], vectorize=True
    )
    return result.assign(corner=corner.assign_attrs(units="Hz"))


def _binned(
    estimates: Mapping[str, xr.Dataset], emg: xr.DataArray | Mapping[str, xr.DataArray]
) -> tuple[Bins, list[int]]:
    """Return estimates and, after them, their EMG on common samples, and for each estimate where its own EMG is."""
    of_each = [emg[name] for name in estimates] if isinstance(emg, Mapping) else [emg] * len(estimates)
    once = {id(each): each for each in of_each}
    inputs = {f"\0{key}": each.to_dataset(name="activation") for key, each in once.items()}
    places = {key: len(estimates) + index for index, key in enumerate(once)}
    return bin_activation({**estimates, **inputs}, 0.0), [places[id(each)] for each in of_each]


def _default_window(intervals: Mapping[str, Floats], segments: Segments) -> float:
    lengths = [float(np.nanmedian(np.diff(each, axis=1))) for each in intervals.values() if len(each)]
    asked = float(np.clip(min(lengths, default=LONGEST_WINDOW_S), SHORTEST_WINDOW_S, LONGEST_WINDOW_S))
    return min(asked, segments.usual_length / segments.rate)


def _corner(gain: Floats, frequency: Floats) -> float:
    with np.errstate(divide="ignore"):
        decibels = 20 * np.log10(gain / gain[0])
    below = np.flatnonzero(decibels <= -_DECIBELS)
    if not below.size:
        return float("nan")
    after = int(below[0])
    return float(np.interp(_DECIBELS, -decibels[after - 1 : after + 1], frequency[after - 1 : after + 1]))


def frequency_response(
    estimates: Estimates,
    emg: xr.DataArray | Mapping[str, xr.DataArray] | None = None,
    *,
    phases: str | Mapping[str, NDArray[np.float64]] | None = None,
    preprocessing: PreprocessingConfig | None = None,
    **settings: Any,
) -> xr.Dataset:
    """Return what each estimate does to each frequency of the rectified EMG, in each phase of behaviour.

    Parameters
    ----------
    estimates : path, Dataset or mapping of str to Dataset
        A file with estimates, all of which are taken, or estimates.
    emg : DataArray, (time, muscle), or mapping of str to DataArray, optional
        Rectified EMG that they were made from, by the name of each where that differs; by default made again from the
        EMG in the file, for each estimate with its own settings.
    phases : str or mapping of str to ndarray, (interval, 2), optional
        ``TABLE:COLUMN`` of the file, see `nwb_autolfads.sources.nwb.phases.read_phases`, or intervals (s) by phase; by
        default what the file tells, or all of the recording as one.
    preprocessing : PreprocessingConfig, optional
        With which the EMG was preprocessed, where not with the defaults.
    **settings
        Of `transfer_function`: ``window``, ``level``.

    Returns
    -------
    Dataset
        See `transfer_function`.

    Raises
    ------
    SourceError
        If the file holds no estimates, or its EMG cannot be read or was preprocessed otherwise.
    SignalError
        If EMG and estimates have no time in common, or all phases are too short.
    """
    with opened_estimates(estimates) as (named, file):
        if emg is None:
            emg = read_rectified_of_each(required(file, "emg"), named, preprocessing)
        emg = _of_each(emg, named)
        if file is not None and (phases is None or isinstance(phases, str)):
            found = read_phases(file, phases)
            phases = None if found is None else inside(found.intervals, _first(emg))
    if isinstance(phases, str):
        raise SourceError("there is no file to read phases from", way_out="Give the intervals", obj=phases)
    return transfer_function(named, emg, phases, **settings)


def _of_each(
    emg: xr.DataArray | Mapping[str, xr.DataArray], estimates: Mapping[str, xr.Dataset]
) -> xr.DataArray | dict[str, xr.DataArray]:
    """Return the EMG, or that of each estimate, if it is any."""
    if not isinstance(emg, Mapping) or isinstance(emg, xr.Dataset):
        return over_time(emg)
    if gone := [name for name in estimates if name not in emg]:
        raise SignalError("there is no EMG of this estimate", way_out="Give that of each", obj=", ".join(gone))
    return {str(name): over_time(each) for name, each in emg.items()}


def _compare(session: Session) -> xr.Dataset:
    emg = session.rectified_of_each()
    phases = None if session.phases is None else inside(session.phases, _first(emg))
    return transfer_function(session.estimates, emg, phases)


def _first(emg: xr.DataArray | Mapping[str, xr.DataArray]) -> xr.DataArray:
    return next(iter(emg.values())) if isinstance(emg, Mapping) else emg


def _rows(response: xr.Dataset) -> list[Row]:
    """Return one row per phase and estimate, the corner's median and range over muscles."""
    rows: list[Row] = []
    for phase in response["phase"].values:
        for name in response["estimator"].values:
            corner = response["corner"].sel(phase=phase, estimator=name)
            rows.append(
                (
                    str(phase),
                    str(name),
                    str(int(response["n_windows"].sel(phase=phase))),
                    *(number(each, 1) for each in (corner.median(), corner.min(), corner.max())),
                )
            )
    return rows


SCORE = Score(
    key="response",
    compare=_compare,
    asked_by="phases",
    title="Frequency response, rectified EMG to activation: median over muscles",
    columns=("phase", "estimate", "windows", "-3 dB at (Hz)", "lowest", "highest"),
    rows=_rows,
    contents="Frequencies",
    heading="What each estimate does to each frequency",
    explanation=(
        "Above, gain from rectified EMG to activation: 0 dB lets a frequency pass as it is, -20 dB a tenth of "
        "it; median over muscles and their range, in each phase of behaviour. A filter does the same in every "
        "phase; a model can let fast changes pass where there are any. Below, coherence: how far activation "
        "at a frequency follows this muscle's own EMG and nothing else; a filter has 1, a model that uses all "
        "muscles less. Under the dotted line it could be chance. The table has the frequency at which the "
        "gain has fallen by 3 dB."
    ),
)
