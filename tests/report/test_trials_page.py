"""Figures of estimates of trials beside estimates of all of the recording: placed by time, broken at gaps."""

import re

import numpy as np
import pytest
from report_examples import RATE, made_up_emg, made_up_estimate

from nwb_autolfads.emg.trials import cut_trials
from nwb_autolfads.report.content import SHOWN_SECONDS, Page
from nwb_autolfads.report.figures import busiest_excerpt
from nwb_autolfads.report.training import plot_latents
from nwb_autolfads.report.zoom import HEIGHT, zoom_lines

STARTS = 0.1 + 0.6 * np.arange(12)


@pytest.fixture(scope="module")
def estimates():
    emg, _ = made_up_emg()
    cut = cut_trials(emg, STARTS, from_ms=0, to_ms=200)
    return {"AutoLFADS": made_up_estimate(cut), "LowPass": made_up_estimate(emg, "LowPass", history=False)}


def points(path):
    """Return x and y of every point, and the x at which the pen is put down anew."""
    found = [(pen, int(x), int(y)) for pen, x, y in re.findall(r"([ML])(\d+) (\d+)", path)]
    return {x: y for _, x, y in found}, [x for pen, x, _ in found if pen == "M"]


def test_lines_of_unequal_length_are_placed_by_time_and_broken_at_gaps(estimates):
    emg, _ = made_up_emg()
    zoom = zoom_lines(estimates, emg, 4.0)
    top = {line.label: line.path for line in zoom.rows[0][2]}
    of_trials, begins = points(top["AutoLFADS"])
    of_all, _ = points(top["LowPass"])
    assert zoom.start == 0.0
    assert begins == [round(start * RATE) for start in STARTS]
    assert len(of_trials) == 12 * 100
    # Both estimates of the example are the EMG itself, so at the same time they are at the same height.
    assert all(of_all[x] == y for x, y in of_trials.items())
    assert max(of_all) == zoom.n_bins - 1
    assert 0 <= min(of_all.values()) < HEIGHT


def test_excerpts_are_as_long_as_they_say_whatever_gaps_there_are(estimates):
    trials = estimates["AutoLFADS"]
    start, stop = busiest_excerpt(trials["activation"], SHOWN_SECONDS)
    assert SHOWN_SECONDS - 0.6 < stop - start <= SHOWN_SECONDS
    start, stop = Page(estimates, "t").random
    assert stop - start <= SHOWN_SECONDS
    assert start in trials["time"].values


def test_factors_are_not_joined_across_gaps(estimates):
    trials = estimates["AutoLFADS"]
    factors = np.random.default_rng(0).normal(size=(trials.sizes["time"], 2))
    figure = plot_latents(trials.assign(factors=(("time", "factor"), factors)), "factors")
    for axis in figure.axes:
        time, drawn = axis.lines[0].get_data()
        joined = np.isfinite(drawn[1:]) & np.isfinite(drawn[:-1]) & (np.diff(time) > 1.5 / RATE)
        assert not joined.any()
        assert np.isfinite(drawn).sum() == trials.sizes["time"]
