"""Estimates beside cortex, behaviour and the EMG they came from: what a file holds, brought together and scored."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBFile

from nwb_autolfads.compare.behavior import score_against_behavior
from nwb_autolfads.compare.cortex import score_against_cortex
from nwb_autolfads.compare.events import Events
from nwb_autolfads.compare.spectra import transfer_function
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.errors import OutputError, SignalError, SourceError
from nwb_autolfads.nwb.comparison import write_comparison
from nwb_autolfads.nwb.read import list_estimates, read_activation
from nwb_autolfads.placing import check_new_file, write_bytes, write_text
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.behavior import read_behavior, read_events, read_phases
from nwb_autolfads.sources.binned import read_binned_spikes
from nwb_autolfads.sources.spikes import SpikeTrains, read_spikes

if TYPE_CHECKING:
    from spikeinterface import BaseSorting

Estimates = str | PathLike[str] | xr.Dataset | Mapping[str, xr.Dataset]
"""A file with estimates, one estimate, or several by their names."""

AROUND_S = (0.1, 0.25)
"""Before and after an event: what Wimalasena et al. 2022 take around foot-off."""

_IN_THE_FILE = ("estimator", "muscle", "target", "fold", "lag")


def compare_with_cortex(
    estimates: Estimates,
    spikes: str | Path | NWBFile | BaseSorting | SpikeTrains | xr.DataArray | None = None,
    *,
    counts: str | None = None,
    events: str | Events | None = None,
    around: tuple[float, float] = AROUND_S,
    **settings: Any,
) -> xr.Dataset:
    """Score estimates by how well spikes of motor cortex predict them, and they the spikes.

    Parameters
    ----------
    estimates : path, Dataset or mapping of str to Dataset
        A file with estimates, all of which are compared, or estimates.
    spikes : str, Path, pynwb.NWBFile, spikeinterface.BaseSorting, SpikeTrains or DataArray, optional
        Where the sorted units are, or counts ``(time, unit)`` in bins of their own by the middle of each (s); by
        default the file with the estimates.
    counts : str, optional
        Where in that file spikes are as counts in bins, instead of its units; see
        `nwb_autolfads.sources.binned.read_binned_spikes`.
    events : str or Events, optional
        ``TABLE:COLUMN`` of the file with times (s) of what repeats, to tell it from what does not; by default the
        starts of the table of intervals with the most rows.
    around : tuple of float
        Time (s) before and after each event that counts.
    **settings
        Of `nwb_autolfads.compare.cortex.score_against_cortex`: ``bin_width``, ``smoothing``, ``lags``, ``n_folds``,
        ``guard``, ``min_rate``, ``n_shuffles``, ``seed``.

    Returns
    -------
    Dataset
        See `nwb_autolfads.compare.cortex.score_against_cortex`.

    Raises
    ------
    SourceError
        If the file holds no estimates or no units.
    SignalError
        If spikes and estimates have too little in common to be compared.
    """
    named, file = _read_estimates(estimates)
    if spikes is None:
        spikes = _required(file, "spikes")
    return score_against_cortex(
        named, _read_spikes(spikes, counts), events=_read_events(file, events, around), **settings
    )


def compare_with_behavior(
    estimates: Estimates,
    behavior: str | Path | NWBFile | Sequence[xr.DataArray] | None = None,
    *,
    series: Sequence[str] | None = None,
    events: str | Events | None = None,
    around: tuple[float, float] = AROUND_S,
    **settings: Any,
) -> xr.Dataset:
    """Score estimates by how well they predict angles, forces, positions and their derivatives.

    Parameters
    ----------
    estimates : path, Dataset or mapping of str to Dataset
        A file with estimates, all of which are compared, or estimates.
    behavior : str, Path, pynwb.NWBFile or sequence of DataArray, optional
        Where the behaviour is, or series ``(time, column)``; by default the file with the estimates.
    series : sequence of str, optional
        Paths or patterns of the series in the file; by default all of ``processing/behavior`` that is not EMG.
    events, around
        See `compare_with_cortex`.
    **settings
        Of `nwb_autolfads.compare.behavior.score_against_behavior`: ``derivatives``, ``bin_width``, ``lags``,
        ``n_folds``, ``guard``, ``n_shuffles``, ``seed``.

    Returns
    -------
    Dataset
        See `nwb_autolfads.compare.behavior.score_against_behavior`.

    Raises
    ------
    SourceError
        If the file holds no estimates or no behaviour.
    SignalError
        If behaviour and estimates have too little in common to be compared.
    """
    named, file = _read_estimates(estimates)
    if behavior is None:
        behavior = _required(file, "behavior")
    found = read_behavior(behavior, series) if isinstance(behavior, str | Path | NWBFile) else list(behavior)
    return score_against_behavior(named, found, events=_read_events(file, events, around), **settings)


def frequency_response(
    estimates: Estimates,
    emg: xr.DataArray | None = None,
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
    emg : DataArray, (time, muscle), optional
        Rectified EMG that they were made from; by default made again from the EMG in the file.
    phases : str or mapping of str to ndarray, (interval, 2), optional
        ``TABLE:COLUMN`` of the file, see `nwb_autolfads.sources.behavior.read_phases`, or intervals (s) by phase; by
        default what the file tells, or all of the recording as one.
    preprocessing : PreprocessingConfig, optional
        With which the EMG was preprocessed, where not with the defaults.
    **settings
        Of `nwb_autolfads.compare.spectra.transfer_function`: ``window``, ``level``.

    Returns
    -------
    Dataset
        See `nwb_autolfads.compare.spectra.transfer_function`.

    Raises
    ------
    SourceError
        If the file holds no estimates, or its EMG cannot be read or was preprocessed otherwise.
    SignalError
        If EMG and estimates have no time in common, or a phase is too short.
    """
    named, file = _read_estimates(estimates)
    if emg is None:
        emg = _read_emg(_required(file, "emg"), next(iter(named.values())), preprocessing)
    if file is not None and (phases is None or isinstance(phases, str)):
        found = read_phases(file, phases)
        phases = None if found is None else _inside(found.intervals, emg)
    if isinstance(phases, str):
        raise SourceError("there is no file to read phases from", way_out="Give the intervals", obj=phases)
    return transfer_function(named, emg, phases, **settings)


@dataclass(frozen=True)
class Comparison:
    """All that a file tells about its estimates; None what it does not, and why in ``missing``; what repeats."""

    cortex: xr.Dataset | None
    behavior: xr.Dataset | None
    response: xr.Dataset | None
    missing: dict[str, str]
    events: Events | None

    @property
    def parts(self) -> dict[str, xr.Dataset]:
        """What there is, by name."""
        named = {"cortex": self.cortex, "behavior": self.behavior, "response": self.response}
        return {name: part for name, part in named.items() if part is not None}

    @property
    def notes(self) -> list[str]:
        """What was done otherwise than one may expect, and what was left out and why."""
        notes: dict[str, None] = {}
        for part in self.parts.values():
            notes |= dict.fromkeys(json.loads(part.attrs.get("notes", "[]")))
            for kind in ("units", "muscles", "targets"):
                for name, why in json.loads(part.attrs.get(f"excluded_{kind}", "{}")).items():
                    notes[f"{kind[:-1]} {name} was left out: {why}"] = None
        return list(notes)

    def summary(self) -> dict[str, Any]:
        """Return everything for a program, JSON-serialisable."""
        parts = {
            # Gain and coherence at every frequency are for --csv and --netcdf.
            name: {
                "config": json.loads(part.attrs["config"]),
                "scores": list(score_rows(part.drop_dims("frequency", errors="ignore"))),
            }
            for name, part in self.parts.items()
        }
        return {**parts, "missing": self.missing, "notes": self.notes}


def compare_file(
    file: Path,
    *,
    counts: str | None = None,
    series: Sequence[str] | None = None,
    events: str | None = None,
    phases: str | None = None,
    n_folds: int = 10,
    n_shuffles: int = 1,
    seed: int = 0,
    preprocessing: PreprocessingConfig | None = None,
    emg: xr.DataArray | None = None,
) -> Comparison:
    """Compare every estimate in a file with whatever else the file holds.

    Parameters
    ----------
    file : Path
        With estimates.
    counts, series, events, phases, preprocessing, emg
        See `compare_with_behavior`, `compare_with_cortex`, `frequency_response`.
    n_folds, n_shuffles, seed
        See `nwb_autolfads.compare.cortex.score_against_cortex`.

    Returns
    -------
    Comparison

    Raises
    ------
    SourceError
        If the file cannot be read, holds no estimates, or what was named is not in it.
    """
    named, _ = _read_estimates(file)
    found, found_phases = read_events(file, events), read_phases(file, phases)
    repeats = None if found is None else Events(found.name, found.times, *AROUND_S)
    missing: dict[str, str] = {}

    def attempt(what: str, make: Callable[[], xr.Dataset], *, asked_for: bool) -> xr.Dataset | None:
        try:
            return make()
        except (SourceError, SignalError) as error:
            if asked_for:
                raise
            missing[what] = error.problem
            return None

    settings: dict[str, Any] = {"events": repeats, "n_folds": n_folds, "n_shuffles": n_shuffles, "seed": seed}
    cut = None if found_phases is None else found_phases.intervals

    def respond() -> xr.Dataset:
        rectified = _read_emg(file, next(iter(named.values())), preprocessing) if emg is None else emg
        return transfer_function(named, rectified, None if cut is None else _inside(cut, rectified))

    return Comparison(
        cortex=attempt(
            "cortex",
            lambda: score_against_cortex(named, _read_spikes(file, counts), **settings),
            asked_for=counts is not None,
        ),
        behavior=attempt(
            "behavior",
            lambda: score_against_behavior(named, read_behavior(file, series), **settings),
            asked_for=series is not None,
        ),
        response=attempt("response", respond, asked_for=phases is not None),
        missing=missing,
        events=repeats,
    )


def write_scores(scores: xr.Dataset, file: str | PathLike[str], *, overwrite: bool = False) -> Path:
    """Write the scores of a comparison into the file of the estimates, in a table named after what was compared.

    What has no place in the table (single units, shuffles, tests between pairs) is left to the other formats.
    """
    other = json.loads(scores.attrs["config"])["compared_with"]
    fitting = [name for name, score in scores.data_vars.items() if "estimator" in score.dims]
    fitting = [name for name in fitting if set(scores[name].dims) <= set(_IN_THE_FILE)]
    return write_comparison(
        scores[fitting],
        file,
        name=f"{other}_comparison",
        description=f"How well estimates of muscle activation go with {other}, in time held out from the fit.",
        overwrite=overwrite,
    )


def write_tables(found: Comparison, file: str | PathLike[str], *, overwrite: bool = False) -> list[str]:
    """Write the scores with cortex and behaviour into the file; return what was written."""
    scored = {name: part for name, part in found.parts.items() if name != "response"}
    if not scored:
        raise SourceError(
            "neither cortex nor behaviour could be compared, so there is no score to write",
            way_out="Leave out --write",
            file=str(file),
        )
    for part in scored.values():
        write_scores(part, file, overwrite=overwrite)
    return [f"processing/behavior/{name}_comparison" for name in scored]


def score_rows(scores: xr.Dataset) -> Iterator[dict[str, Any]]:
    """Yield all scores in long form: one row per value, with its name and whatever it depends on."""
    for name, score in scores.data_vars.items():
        along = [_places(scores, str(dim)) for dim in score.dims]
        for places, value in zip(itertools.product(*along), score.values.ravel().tolist(), strict=True):
            yield {"score": str(name), **{key: at for place in places for key, at in place.items()}, "value": value}


def _places(scores: xr.Dataset, dim: str) -> list[dict[str, Any]]:
    """Return what to call each place along a dimension: its coordinate, or the two estimators of a pair."""
    keys = ("first", "second") if dim == "pair" else (dim,)
    return [dict(zip(keys, at, strict=True)) for at in zip(*(scores[key].values.tolist() for key in keys), strict=True)]


def write_csv(parts: Mapping[str, xr.Dataset], file: Path, *, overwrite: bool = False) -> Path:
    """Write comparisons as one table in long form, the first column what was compared with.

    Raises
    ------
    OutputError
        If the file exists already, or cannot be written.
    """
    check_new_file(file, 0, may_exist=overwrite)
    rows = [{"compared_with": part, **row} for part, scores in parts.items() for row in score_rows(scores)]
    columns = dict.fromkeys(key for row in rows for key in row if key != "value")
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, "value"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(file, text.getvalue())
    return file


def write_netcdf(parts: Mapping[str, xr.Dataset], folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write each comparison as a netCDF file of its own into a folder, which is made if it is missing.

    Raises
    ------
    OutputError
        If a file exists already, or cannot be written.
    """
    files = {name: folder / f"{name}.nc" for name in parts}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder cannot be made: {error.strerror}", way_out="Choose another folder", file=str(folder)
        ) from error
    for file in files.values():
        check_new_file(file, 0, may_exist=overwrite)
    for name, file in files.items():
        write_bytes(file, bytes(parts[name].to_netcdf(engine="scipy")))
    return list(files.values())


def _read_estimates(estimates: Estimates) -> tuple[dict[str, xr.Dataset], Path | None]:
    if isinstance(estimates, xr.Dataset):
        return {str(estimates.attrs.get("estimator", "estimate")): estimates}, None
    if not isinstance(estimates, str | PathLike):
        return dict(cast("Mapping[str, xr.Dataset]", estimates)), None
    file = Path(estimates)
    names = list_estimates(file)
    if not names:
        raise SourceError(
            "holds no estimate of activation", way_out="Make one first: nwb-autolfads run FILE", file=str(file)
        )
    return {name: read_activation(file, name=name) for name in names}, file


def _required(file: Path | None, what: str) -> Path:
    if file is None:
        raise SourceError(
            "estimates alone do not say what to compare them with", way_out=f"Give {what} too, or a file", obj=what
        )
    return file


def _read_spikes(
    spikes: str | Path | NWBFile | BaseSorting | SpikeTrains | xr.DataArray, counts: str | None
) -> SpikeTrains | xr.DataArray:
    if isinstance(spikes, SpikeTrains | xr.DataArray):
        return spikes
    if counts is None:
        return read_spikes(spikes)
    if not isinstance(spikes, str | Path | NWBFile):
        raise SourceError(f"{type(spikes).__name__} has no paths", way_out="Give counts of an NWB file", obj=counts)
    return read_binned_spikes(spikes, counts)


def _read_events(file: Path | None, events: str | Events | None, around: tuple[float, float]) -> Events | None:
    if isinstance(events, Events):
        return events
    if file is None:
        if events is not None:
            raise SourceError("there is no file to read events from", way_out="Give an Events object", obj=events)
        return None
    found = read_events(file, events)
    return None if found is None else Events(found.name, found.times, *around)


def _read_emg(file: Path, estimate: xr.Dataset, config: PreprocessingConfig | None) -> xr.DataArray:
    path = json.loads(estimate.attrs.get("origin", "{}")).get("object_path")
    with open_emg(file, path=path) as recording:
        emg = preprocess(recording, config)
    if emg.attrs["preprocessing"] != estimate.attrs.get("preprocessing"):
        raise SourceError(
            "the EMG was preprocessed with other settings than these",
            way_out="Give the settings file of that run with --config (in Python: preprocessing=)",
            file=str(file),
        )
    return emg


def _inside(phases: Mapping[str, NDArray[np.float64]], emg: xr.DataArray) -> dict[str, NDArray[np.float64]]:
    """Return the intervals cut to the time of the EMG, without phases that are not in it."""
    start, stop = float(emg["time"][0]), float(emg["time"][-1])
    cut = {name: np.clip(each, start, stop) for name, each in phases.items()}
    left = {name: each[each[:, 1] > each[:, 0]] for name, each in cut.items()}
    left = {name: each for name, each in left.items() if len(each)}
    if not left:
        raise SignalError(
            f"no phase lies in the time of the EMG, {start:g} to {stop:g} s", way_out="Choose other phases"
        )
    return left
