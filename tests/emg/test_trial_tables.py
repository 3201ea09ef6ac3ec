"""Options of `run` that are proposed for tables of trials give as many trials as the proposal says."""

import numpy as np
import pytest
import xarray as xr

from nwb_autolfads.emg.trial_tables import trial_tables
from nwb_autolfads.emg.trials import cut_trials
from nwb_autolfads.segments import Segments

RATE = 1000.0


def recording(*stretches):
    """Segments of (start, length) in s."""
    lengths = [round(length * RATE) for _, length in stretches]
    return Segments.of_lengths(lengths, RATE, [start for start, _ in stretches])


def cut_as_proposed(found, tables, segments):
    words = found.options.split()
    said = dict(zip(words[::2], words[1::2], strict=True))
    emg = xr.DataArray(
        np.ones((segments.n_samples, 1)), dims=("time", "muscle"), attrs={"rate": RATE},
        coords={"time": segments.times, "segment": ("time", segments.numbers), "muscle": ["TA"]},
    )  # fmt: skip
    start, stop = tables[said["--trials"].partition(":")[0]].T
    until = stop if "--until" in said else None
    to_ms = float(said["--trial-to"]) if "--trial-to" in said else None
    return cut_trials(emg, start, until=until, from_ms=float(said["--trial-from"]), to_ms=to_ms)


SHORTER = [(0.5 + 0.4 * k, 0.2) for k in range(40)]
OWN_LENGTHS = np.linspace(0.08, 0.18, 60)


@pytest.mark.parametrize(
    ("starts", "length", "stretches", "n_trials", "length_ms", "options"),
    [
        (0.5 + 0.4 * np.arange(189), 0.224, [(0.0, 80.0)], 189, 224, "--trial-from 0 --trial-to 224"),
        (0.5 + 0.4 * np.arange(40), 0.224, SHORTER, 40, 224, "--trial-from 0 --trial-to 200"),
        (0.5 + 0.4 * np.arange(40), 0.3, [(0.0, 8.0), (9.0, 20.0)], 37, 300, "--trial-from 0 --trial-to 300"),
        (0.5 + 0.2 * np.arange(60), OWN_LENGTHS, [(0.0, 20.0)], 60, 130, "--until trials:stop_time --trial-from 0"),
    ],
    ids=["whole", "recorded shorter than the table says", "with a gap", "of lengths of their own"],
)
def test_the_proposal_fits(starts, length, stretches, n_trials, length_ms, options):
    tables, segments = {"trials": np.stack([starts, starts + length], axis=1)}, recording(*stretches)
    (found,) = trial_tables(tables, segments)
    about = "about " if "--until" in options else ""
    assert str(found) == f"{n_trials} trials of {about}{length_ms} ms: --trials trials:start_time {options}"
    cut = cut_as_proposed(found, tables, segments)
    assert cut["segment"].values[-1] + 1 == n_trials


@pytest.mark.parametrize(
    "intervals",
    [
        np.array([[k, k + 0.2] for k in range(9)]),  # too few
        np.array([[20.0 * k, 20.0 * k + 8.0] for k in range(30)]),  # bouts
        np.array([[k + 1000.0, k + 1000.2] for k in range(30)]),  # elsewhere
        np.array([[k, k] for k in range(30)], dtype=float),
        np.full((30, 2), np.nan),
        np.empty((0, 2)),
    ],
)
def test_what_cannot_be_trials_is_not_proposed(intervals):
    assert trial_tables({"t": intervals}, recording((0.0, 900.0))) == []


def test_the_table_with_the_most_trials_is_first_and_names_are_quoted():
    many, few = (np.stack([t, t + 0.2], axis=1) for t in (np.arange(40.0), np.arange(20.0)))
    found = trial_tables({"few": few, "my trials": many}, recording((0.0, 100.0)))
    assert [each.table for each in found] == ["my trials", "few"]
    assert "--trials 'my trials:start_time'" in found[0].options
