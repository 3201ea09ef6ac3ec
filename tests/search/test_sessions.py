"""Windows of several sessions: how often each is drawn, what is held out, and that a score is nobody's alone."""

from dataclasses import replace

import pytest
import torch
from messages import assert_refused
from populations import SMALL, recording, small_engine

from nwb_autolfads.errors import TrainingError
from nwb_autolfads.lfads.loss import masked_nll
from nwb_autolfads.lfads.masking import CoordinatedDropout, TemporalShift
from nwb_autolfads.lfads.observations import Gamma
from nwb_autolfads.lfads.streams import Streams
from nwb_autolfads.search.engines.local import LocalEngine
from nwb_autolfads.search.sessions import SessionData, SessionWindows


def session(bins, channels=3, name="", seed=0):
    return SessionData(recording(bins, seed)[:, :channels], (bins,), tuple("abc"[:channels]), name)


def test_sessions_are_drawn_as_often_as_they_are_long_but_a_short_one_is_not_forgotten():
    sessions = [session(8000), session(4000), session(300)]
    windows = SessionWindows(sessions, 40)
    held = torch.tensor([len(starts) for starts in windows.training], dtype=torch.float64)
    raised = torch.maximum(held / held.sum(), torch.tensor(1 / 6))
    torch.testing.assert_close(windows.shares, raised / raised.sum())
    random = Streams.of([0], 1)
    drawn = torch.bincount(torch.tensor([number for number, _ in windows.draws(3000, 2, random)]), minlength=3)
    torch.testing.assert_close(drawn / 3000.0, windows.shares.float(), atol=0.03, rtol=0)


def test_windows_come_from_the_session_that_was_drawn_and_from_no_bin_that_is_held_out():
    sessions = [session(1500), session(900, channels=2, seed=4)]
    windows, random = SessionWindows(sessions, 40), Streams.of([0], 1)
    for number, drawn in windows.draws(20, 5, random):
        whole = sessions[number].data
        assert drawn.shape == (40, 5, whole.shape[1])
        held_out = {b for start in windows.held_out[number].tolist() for b in range(start, start + 40)}
        for window in drawn.unbind(1):
            (start,) = (whole.unfold(0, 40, 1) == window.T).all(-1).all(-1).nonzero()[0].tolist()
            assert not held_out & set(range(start, start + 40))


def test_the_score_is_the_mean_over_sessions_whatever_each_holds():
    sizes = replace(SMALL, others=(2,), components=3)
    config = small_engine().config
    sessions = [session(6000), session(600, channels=2, seed=4)]
    engine = LocalEngine(sessions, 40, sizes, Gamma(), CoordinatedDropout(TemporalShift(1.0, 2)), config, 0)
    engine.train(1)
    each = [masked_nll(engine.model.of_session(n), Gamma(), part) for n, part in enumerate(engine.validation)]
    torch.testing.assert_close(engine.score, (each[0] + each[1]) / 2)
    assert len(engine.validation[0].input[0, 0]) >= len(engine.validation[1].input[0, 0])


def test_each_session_more_adds_as_many_steps_to_an_epoch():
    sizes, config = replace(SMALL, others=(2,), components=3), small_engine(steps_per_epoch=4).config
    sessions = [session(1500), session(600, channels=2, seed=4)]
    engine = LocalEngine(sessions, 40, sizes, Gamma(), CoordinatedDropout(TemporalShift(1.0, 2)), config, 0)
    engine.train(2)
    assert engine.steps_done == 2 * 2 * 4


def test_a_session_that_is_too_short_is_named():
    with assert_refused(
        TrainingError,
        "session 'tuesday': 70 bins leave no room to train and to validate on windows of 40 bins that share none",
        "Give a longer recording, or a shorter window and shift in the configuration.",
    ):
        SessionWindows([session(1000, name="monday"), session(70, name="tuesday")], 40)


def test_a_member_that_became_a_copy_is_in_the_ensemble_once():
    engine = small_engine(members=4)
    engine.train(2)
    best = int(engine.best_score.argmin())
    loser = (best + 1) % 4
    engine.copy_member(best, loser)
    engine.explore(loser)
    kept = engine.best_members(100.0)
    assert sorted(kept) == sorted(set(range(4)) - {max(best, loser)})
    assert engine.best_members(0.0) == [min(best, loser)]


@pytest.mark.parametrize("path", ["model", "best"])
def test_two_members_with_one_score_but_other_weights_are_both_kept(path):
    engine = small_engine(members=2)
    engine.train(1)
    engine.best_score[:] = engine.best_score.min()
    assert engine.best_members(0.0) == [0, 1]
