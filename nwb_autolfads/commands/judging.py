"""The verdict on the estimates of a command, beside those in the file already, and by the truth where it is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from nwb_autolfads.errors import SignalError, SourceError
from nwb_autolfads.results.outputs import Target
from nwb_autolfads.results.read import list_estimates, read_activation
from nwb_autolfads.results.recorded_in import holds
from nwb_autolfads.simulate.truth import TRUE_ACTIVATION, read_true_activation

if TYPE_CHECKING:
    from nwb_autolfads.report.verdict import Verdict


def judged(estimates: Mapping[str, xr.Dataset], emg: xr.DataArray, file: str | Path, target: Target) -> Verdict:
    """Judge estimates.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        By their names, as they go into the file.
    emg : DataArray, (time, muscle)
        The rectified EMG that they were made from.
    file : str or Path
        The recording; where it was simulated, it holds the truth.
    target : Target
        Where they go; estimates that are there already are judged with them.
    """
    from nwb_autolfads.evaluation.scores.unseen import score_on_unseen
    from nwb_autolfads.report.verdict import judge

    every = {**_already_there(target, estimates), **estimates}
    try:
        scores, missing = {"emg": score_on_unseen(every, emg)}, {}
    except (SourceError, SignalError) as error:
        scores, missing = {}, {"emg": error.problem}
    return judge(every, emg=emg, comparisons=scores, missing=missing, truth=known_truth(every, file)[1])


def _already_there(target: Target, replacing: Collection[str]) -> dict[str, xr.Dataset]:
    """Return what is in the file and stays; what cannot be read costs no new estimate."""
    if not target.in_place:
        return {}
    found = {}
    for name in list_estimates(target.file):
        if name not in replacing:
            with suppress(SourceError):
                found[name] = read_activation(target.file, name)
    return found


def known_truth(estimates: Mapping[str, xr.Dataset], file: str | Path) -> tuple[xr.DataArray | None, xr.Dataset | None]:
    """Return the true activation of a simulated session, and ``r2`` to it at the times that all estimates cover.

    None where the file holds none, or not of these muscles.
    """
    from nwb_autolfads.evaluation.truth import score_against_truth

    if not holds(file, f"scratch/{TRUE_ACTIVATION}"):
        return None, None
    try:
        truth = read_true_activation(file)
        return truth, score_against_truth(_in_common(estimates), truth)
    except (SourceError, SignalError):
        return None, None


def _in_common(estimates: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Return the estimates at the times (to a microsecond) that all of them have."""
    ticks = {name: np.rint(each["time"].values * 1e6).astype(np.int64) for name, each in estimates.items()}
    common = set.intersection(*(set(each.tolist()) for each in ticks.values()))
    return {
        name: each.isel(time=np.isin(ticks[name], np.fromiter(common, np.int64))) for name, each in estimates.items()
    }
