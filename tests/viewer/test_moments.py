"""Moments worth a look: where a difference was put, it is found, and first where it is largest."""

from threading import Event

import numpy as np
import pytest

from nwb_autolfads.segments import Segments
from nwb_autolfads.viewer.moments import MOST_MOMENTS, WINDOW_S, disagreements, misfits
from nwb_autolfads.viewer.session import Session
from nwb_autolfads.viewer.signals.signal import Signal

RATE, SECONDS = 500.0, 120  # more windows than moments are looked at


def session_of(signals, muscles=("TA", "SOL")):
    session = Session("made up", estimates={key.partition("/")[2]: None for key in signals if "/" in key})
    for key, values in signals.items():
        segments = Segments.of_lengths([len(values)], RATE)
        session.add(key, Signal(muscles, segments, lambda start, stop, of=values: (of[start:stop], of[start:stop])))
    for each in session.signals.values():
        each.build(Event())
    return session


def flat(level=2.0):
    return np.full((round(RATE * SECONDS), 2), level, np.float32)


def within(values, start, stop, column, factor):
    values = values.copy()
    values[round(start * RATE) : round(stop * RATE), column] *= factor
    return values


def test_two_estimates_disagree_where_one_was_changed_and_most_where_it_was_changed_most():
    changed = within(within(flat(), 20, 22, 1, 1.5), 41, 43, 0, 3.0)
    found = disagreements(session_of({"activation/A": flat(), "activation/B": changed}))
    assert [(each.muscle, each.names) for each in found[:2]] == [("TA", ("A", "B")), ("SOL", ("A", "B"))]
    assert 41 <= found[0].time <= 43
    assert 20 <= found[1].time <= 22
    usual = (2.0 + changed[:, 0].mean()) / 2
    # A window in which the change is whole: a block at its edge may belong to the window beside it.
    assert found[0].size == pytest.approx(4.0 / usual / 2, rel=0.02)
    assert found[2].size == pytest.approx(0.0, abs=0.1)


def test_an_estimate_fits_worst_where_it_is_not_the_mean_of_the_emg():
    generator = np.random.default_rng(0)
    emg = within(np.abs(generator.standard_normal(flat().shape)).astype(np.float32), 30, 32, 1, 4.0)
    estimate = np.full_like(emg, np.sqrt(2 / np.pi))
    found = misfits(session_of({"emg": emg, "activation/A": estimate}), "A")
    assert 30 <= found[0].time <= 32
    assert (found[0].muscle, found[0].names) == ("SOL", ("A",))
    assert found[0].size == pytest.approx(np.log(4) / 2, rel=0.1)
    assert found[1].size < 0.1 or abs(found[1].time - found[0].time) < 3


def test_moments_are_apart_and_not_too_many():
    generator = np.random.default_rng(1)
    noisy = (2 + generator.random(flat().shape)).astype(np.float32)
    found = disagreements(session_of({"activation/A": flat(), "activation/B": noisy}))
    times = np.sort([each.time for each in found])
    assert len(found) == MOST_MOMENTS
    assert np.diff(times).min() >= 1.5 * WINDOW_S
    assert [each.size for each in found] == sorted((each.size for each in found), reverse=True)


def test_without_a_second_estimate_or_emg_nothing_is_compared():
    session = session_of({"activation/A": flat()})
    assert disagreements(session) == []
    assert misfits(session, "A") == []


def test_muscles_without_values_compare_with_nothing():
    gone = flat()
    gone[:, 0] = np.nan
    changed = within(flat(), 20, 22, 1, 2.0)
    found = disagreements(session_of({"activation/A": gone, "activation/B": changed}))
    assert found[0].muscle == "SOL"
    assert all(np.isfinite(each.size) for each in found)
