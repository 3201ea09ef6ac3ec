"""What scores read of a file: its estimates, spikes, events, EMG and phases, and what was asked of the comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pynwb import NWBFile

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.emg.trials import without_trials
from nwb_autolfads.errors import SignalError, SourceError
from nwb_autolfads.evaluation.event_window import Around, read_event_times
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.given import named_estimates, path_of, series_of
from nwb_autolfads.results.asked import settings_of, source_of
from nwb_autolfads.results.read import read_activations
from nwb_autolfads.results.recorded_in import recording_of
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.nwb.phases import read_phases
from nwb_autolfads.sources.opening.nwb import open_nwb
from nwb_autolfads.sources.spikes.binned import read_binned_spikes
from nwb_autolfads.sources.spikes.trains import SpikeTrains, read_spikes

if TYPE_CHECKING:
    from spikeinterface import BaseSorting

Estimates = str | PathLike[str] | xr.Dataset | Mapping[str, xr.Dataset]
"""A file with estimates, one estimate, or several by their names."""


@dataclass(frozen=True)
class Asked:
    """What was asked of a comparison; None where the file decides.

    Attributes
    ----------
    counts : str, optional
        Where spikes are counts in bins, see `nwb_autolfads.compare_with_cortex`.
    series, forces : sequence of str, optional
        Paths or patterns of behaviour and of forces, see `nwb_autolfads.compare_with_behavior` and `force_coherence`.
    events : str, optional
        Where the times of what repeats are.
    around : tuple of float
        Time (s) before and after each event that counts, None where trials decide, see `read_event_times`.
    phases : str, optional
        Where the phases of behaviour are, see `nwb_autolfads.frequency_response`.
    bin_width, n_folds, n_shuffles, seed
        Of decoding, see `nwb_autolfads.evaluation.scores.cortex.score_against_cortex`.
    preprocessing : PreprocessingConfig, optional
        With which the EMG was preprocessed, where not with the defaults.
    emg : DataArray, (time, muscle), optional
        The rectified EMG, so that it need not be made again.
    outside_links : bool
        Whether the file may read from outside its own folder.
    """

    counts: str | None = None
    series: Sequence[str] | None = None
    forces: Sequence[str] | None = None
    events: str | None = None
    around: Around = (None, None)
    phases: str | None = None
    bin_width: float = 0.01
    n_folds: int = 10
    n_shuffles: int = 1
    seed: int = 0
    preprocessing: PreprocessingConfig | None = None
    emg: xr.DataArray | None = None
    outside_links: bool = False


@dataclass(frozen=True)
class Session:
    """What scores may read: the estimates of a file by their names, the open file, and what was asked of it."""

    estimates: dict[str, xr.Dataset]
    file: NWBFile
    asked: Asked
    events: Events | None
    phases: dict[str, NDArray[np.float64]] | None

    @property
    def decoding(self) -> dict[str, Any]:
        """Settings that all scores by decoding share."""
        given = {name: getattr(self.asked, name) for name in ("bin_width", "n_folds", "n_shuffles", "seed")}
        return {"events": self.events, **given}

    def rectified(self) -> xr.DataArray:
        """Return the rectified EMG that the estimates were made from."""
        if self.asked.emg is not None:
            return self.asked.emg
        return read_rectified(self.file, next(iter(self.estimates.values())), self.asked.preprocessing)

    def rectified_of_each(self) -> dict[str, xr.DataArray]:
        """Return the rectified EMG that each estimate was made from, by its name."""
        if self.asked.emg is not None:
            return dict.fromkeys(self.estimates, self.asked.emg)
        return read_rectified_of_each(self.file, self.estimates, self.asked.preprocessing)


@contextmanager
def opened_session(file: Path, asked: Asked) -> Iterator[Session]:
    """Open a file with estimates for all scores: opening takes longer than most reading.

    Raises
    ------
    SourceError
        If the file cannot be read, holds no estimate, or not the events or phases that were named.
    """
    with opened_file(file, outside_links=asked.outside_links) as (estimates, nwbfile):
        phases = read_phases(nwbfile, asked.phases)
        yield Session(
            estimates,
            nwbfile,
            asked,
            read_event_times(nwbfile, asked.events, asked.around, estimates),
            None if phases is None else phases.intervals,
        )


@contextmanager
def opened_file(file: Path, *, outside_links: bool = False) -> Iterator[tuple[dict[str, xr.Dataset], NWBFile]]:
    """Give the estimates in a file by their names, and the file of their recording, open: opening takes long.

    Raises
    ------
    SourceError
        If the file cannot be read or holds no estimate.
    """
    with open_nwb(require_regular_file(file), outside_links=outside_links) as opened:
        named = read_activations(opened.nwbfile)
        if not named:
            raise SourceError(
                "holds no estimate of activation", way_out="Make one first: nwb-autolfads run FILE", file=str(file)
            )
        recorded = recording_of(file)
        if recorded == file:
            yield named, opened.nwbfile
            return
        with open_nwb(recorded, outside_links=outside_links) as beside:
            yield named, beside.nwbfile


@contextmanager
def opened_estimates(estimates: Estimates) -> Iterator[tuple[dict[str, xr.Dataset], NWBFile | None]]:
    """Give estimates by their names, and the file they are in, open, where they are in one."""
    if isinstance(estimates, str | PathLike):
        with opened_file(path_of(estimates, SourceError)) as both:
            yield both
    else:
        yield named_estimates(estimates), None


def required(file: NWBFile | None, what: str) -> NWBFile:
    """Return the file, or say what estimates alone lack."""
    if file is None:
        raise SourceError(
            "estimates alone do not say what to compare them with", way_out=f"Give {what} too, or a file", obj=what
        )
    return file


def read_any_spikes(
    spikes: str | Path | NWBFile | BaseSorting | SpikeTrains | xr.DataArray, counts: str | None
) -> SpikeTrains | xr.DataArray:
    """Return spikes as they are given, or as a file or a sorting holds them."""
    if isinstance(spikes, xr.DataArray):
        return series_of(spikes, "spikes")[0]
    if isinstance(spikes, SpikeTrains):
        return spikes
    if counts is None:
        return read_spikes(spikes)
    if not isinstance(spikes, str | Path | NWBFile):
        raise SourceError(f"{type(spikes).__name__} has no paths", way_out="Give counts of an NWB file", obj=counts)
    return read_binned_spikes(spikes, counts)


def read_rectified(file: NWBFile, estimate: xr.Dataset, config: PreprocessingConfig | None) -> xr.DataArray:
    """Return the rectified EMG that an estimate was made from, made again from the file as it was made then."""
    source = source_of(str(file.container_source), estimate)
    with open_emg(file, path=source.emg, muscles=source.muscles, unit=source.unit) as recording:
        emg = preprocess(recording, config or settings_of(estimate).preprocessing)
    if gone := sorted(set(estimate["muscle"].values.tolist()) - set(emg["muscle"].values.tolist())):
        raise SourceError(
            f"no muscle of the EMG is called {', '.join(gone)}, as in the estimate",
            way_out="Make the estimate again, with the names that the file has now",
            file=str(file.container_source),
        )
    if without_trials(emg.attrs["preprocessing"]) != without_trials(estimate.attrs.get("preprocessing")):
        raise SourceError(
            "the EMG was preprocessed with other settings than these",
            way_out="Give the settings file of that run with --config (in Python: preprocessing=)",
            file=str(file.container_source),
        )
    return emg


def read_rectified_of_each(
    file: NWBFile, estimates: Mapping[str, xr.Dataset], config: PreprocessingConfig | None
) -> dict[str, xr.DataArray]:
    """Return the rectified EMG that each estimate was made from, by its name; what is the same is made once."""
    made: dict[tuple[str, str], xr.DataArray] = {}
    emg = {}
    for name, estimate in estimates.items():
        source, settings = source_of(str(file.container_source), estimate), settings_of(estimate).preprocessing
        key = (repr(source), repr(without_trials(estimate.attrs.get("preprocessing"))) + repr(settings))
        if key not in made:
            made[key] = read_rectified(file, estimate, config)
        emg[name] = made[key]
    return emg


def inside(phases: Mapping[str, NDArray[np.float64]], emg: xr.DataArray) -> dict[str, NDArray[np.float64]]:
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
