"""Exact filter and smoother of the amplitude model, many windows of time side by side.

Forward and backward recursions are exact, but each step must wait for the one before. They also forget where they
started. So time is cut into windows that run side by side, each warmed up on the bins around it; where two neighbours
do not agree at their border to `TOLERANCE`, the warm-up is doubled and the run repeated, in the worst case until every
window starts where its gap-free segment does. A bin outside a window's segment, like one that is hidden, has
likelihood one for every amplitude, and the uniform belief that a segment starts from stays uniform there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.estimators.bayes.amplitude_hmm import AmplitudeModel, Float32, likelihood
from nwb_autolfads.estimators.bayes.forward_backward import filter_step, look_back, smooth_step
from nwb_autolfads.segments import Segment, Segments

TOLERANCE = 2e-6
"""Largest total variation distance between the beliefs of two windows at their border (float32 resolves 1e-6)."""
WINDOW_BINS = 2048
WARM_UP_BINS = 256
BELIEFS_AT_ONCE = 64_000_000
"""Probabilities and likelihoods held at a time: 256 MB."""


class Beliefs(NamedTuple):
    """What is believed about the amplitude in each bin, arrays ``(time, muscle)``.

    Attributes
    ----------
    mean, std, mode : array
        Of the posterior over sigma; the mode is NaN unless it was asked for.
    log_predictive : array
        log p(x_t | earlier x) of the seen bins, up to the observation's constant; zero where unseen.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    mode: NDArray[np.float64]
    log_predictive: NDArray[np.float64]


def infer(
    model: AmplitudeModel,
    x: NDArray[np.float64],
    segments: Segments,
    *,
    visible: NDArray[np.bool_] | None = None,
    smooth: bool = False,
    mode: bool = False,
) -> Beliefs:
    """Filter, or smooth forward and backward, rectified EMG.

    Memory is bounded: beside the result, about `BELIEFS_AT_ONCE` numbers are held at a time.

    Parameters
    ----------
    model : AmplitudeModel
    x : array, (time, muscle)
        Rectified, scaled EMG.
    segments : Segments
        Each starts afresh from the uniform belief.
    visible : array of bool, (time,) or (time, muscle), optional
        Bins that may be used; all when not given.
    smooth : bool
        Condition on the whole segment, not only on the past.
    mode : bool
        Find the modes too.

    Returns
    -------
    Beliefs
    """
    seen = np.ones(x.shape, bool) if visible is None else np.broadcast_to(visible.reshape(len(x), -1), x.shape)
    length = min(WINDOW_BINS, segments.longest.n_samples)
    windows = [
        _Window(first, min(first + length, segment.stop), segment)
        for segment in segments
        for first in range(segment.first_sample, segment.stop, length)
    ]
    n_muscles, n_grid = model.grid.shape
    pairs = max(1, BELIEFS_AT_ONCE // (2 * length * n_grid))  # of a muscle and a window, run side by side
    pairs = min(pairs, n_muscles * len(windows))
    # Allocated once: fresh pages for every batch would cost as much time as the matrix products.
    room = np.empty((2, (length if smooth else 1) * pairs * n_grid), np.float32)
    beliefs = Beliefs(*(np.empty(x.shape) for _ in Beliefs._fields))
    muscles_at_once = max(1, pairs // len(windows))
    for start in range(0, n_muscles, muscles_at_once):
        some = slice(start, start + muscles_at_once)
        found = _infer_muscles(
            model.of_muscles(some), x[:, some], seen[:, some], windows, room, smooth=smooth, mode=mode
        )
        for whole, values in zip(beliefs, found, strict=True):
            whole[:, some] = values
    return beliefs


class _Window(NamedTuple):
    """Bins ``first`` to ``stop`` of a gap-free segment."""

    first: int
    stop: int
    segment: Segment


class _Batch(NamedTuple):
    """Windows side by side: ``before`` bins of warm-up, ``length`` bins of their own, ``after`` bins of warm-up."""

    windows: list[_Window]
    features: Float32  # (step, muscle, window, 3)
    offset: NDArray[np.float64]  # (step, muscle, window)
    before: int
    length: int
    after: int


class _Kept(NamedTuple):
    """What the recursions write into. The filter writes over one bin; the smoother keeps what it needs again."""

    states: Float32  # (own bin, muscle, window, G), p(s_t | x_1..t)
    likelihoods: Float32  # (own bin, muscle, window, G), p(x_t | s_t) over its largest value
    uniform: Float32  # (muscle, window, G), what a segment starts from, and ends with
    work: Float32  # (muscle, window, G)

    @classmethod
    def within(cls, room: Float32, bins: int, shape: tuple[int, int, int]) -> _Kept:
        size = bins * shape[0] * shape[1] * shape[2]
        states, likelihoods = room[:, :size].reshape(2, bins, *shape)
        return cls(states, likelihoods, np.full(shape, 1 / shape[2], np.float32), np.empty(shape, np.float32))


class _Borders(NamedTuple):
    """Beliefs ``(muscle, window, G)`` at the ends of each window's own bins."""

    forward_entry: Float32  # p(s_t | x_1..t) before the first own bin, from the warm-up
    forward_exit: Float32  # the same at the last own bin
    backward_entry: Float32  # p(later x | s_t) at the last own bin, from the warm-up
    backward_exit: Float32  # the same before the first own bin


def _lay_out(
    model: AmplitudeModel,
    x: NDArray[np.float64],
    seen: NDArray[np.bool_],
    windows: list[_Window],
    length: int,
    warm_up: int,
) -> _Batch:
    first, stop, begin, end = np.array([(w.first, w.stop, w.segment.first_sample, w.segment.stop) for w in windows]).T
    before, after = min(warm_up, int((first - begin).max())), min(warm_up, int((end - stop).max()))
    time = first + np.arange(-before, length + after)[:, None]  # (step, window)
    inside = (time >= begin) & (time < end)
    time = np.where(inside, time, first)
    features, offset = model.features(x.T[:, time], inside & seen.T[:, time])
    return _Batch(windows, np.ascontiguousarray(features.swapaxes(0, 1)), offset.swapaxes(0, 1), before, length, after)


def _infer_muscles(
    model: AmplitudeModel,
    x: NDArray[np.float64],
    seen: NDArray[np.bool_],
    windows: list[_Window],
    room: Float32,
    *,
    smooth: bool,
    mode: bool,
) -> Beliefs:
    """Run all windows of some muscles, batch by batch, with a warm-up that is long enough for neighbours to agree."""
    length = max(window.stop - window.first for window in windows)
    longest = max(window.segment.n_samples for window in windows)
    at_once = max(1, room.shape[1] // ((length if smooth else 1) * model.grid.size))
    beliefs = Beliefs(*(np.empty_like(x) for _ in Beliefs._fields))
    warm_up = WARM_UP_BINS
    while True:
        borders = []
        for start in range(0, len(windows), at_once):
            batch = _lay_out(model, x, seen, windows[start : start + at_once], length, warm_up)
            borders.append(_infer_batch(model, batch, room, beliefs, smooth=smooth, mode=mode))
        if warm_up >= longest or _disagreement(windows, borders) <= TOLERANCE:
            return beliefs
        warm_up *= 2


def _infer_batch(
    model: AmplitudeModel, batch: _Batch, room: Float32, beliefs: Beliefs, *, smooth: bool, mode: bool
) -> _Borders:
    """Run the recursions over a batch and write its windows' own bins into ``beliefs``."""
    shape = (len(model.grid), len(batch.windows), model.grid.shape[1])
    kept = _Kept.within(room, batch.length if smooth else 1, shape)
    summary = _Summary(model, batch, mode=mode)
    forward = _forward(model, batch, kept, summary, smooth=smooth)
    backward = _backward(model, batch, kept, summary) if smooth else (kept.uniform, kept.uniform)
    summary.write(beliefs)
    return _Borders(*forward, *backward)


def _forward(
    model: AmplitudeModel, batch: _Batch, kept: _Kept, summary: _Summary, *, smooth: bool
) -> tuple[Float32, Float32]:
    """Filter; return p(s_t | x_1..t) on entering the windows' own bins and on leaving them."""
    terms, state = model.terms(), kept.uniform
    entry = state
    for step in range(-batch.before, batch.length):
        if step == 0:
            entry = state.copy()
        at = step if smooth and step >= 0 else 0
        chance = likelihood(batch.features[batch.before + step], terms, out=kept.likelihoods[at])
        state, evidence = filter_step(state, model.kernel, chance, predicted=kept.work, out=kept.states[at])
        if step >= 0:
            summary.evidence[step] = evidence
            if not smooth:
                summary.add(step, state)
    return entry, state.copy()


def _backward(model: AmplitudeModel, batch: _Batch, kept: _Kept, summary: _Summary) -> tuple[Float32, Float32]:
    """Smooth; return p(later x | s_t) on entering the windows' own bins, from their end, and on leaving them."""
    terms, later, beyond = model.terms(), kept.uniform.copy(), np.empty_like(kept.work)
    entry = kept.uniform
    for step in reversed(range(batch.length + batch.after)):
        if step == batch.length - 1:
            entry = later.copy()
        if step < batch.length:
            summary.add(step, smooth_step(kept.states[step], later, out=kept.work))
            chance = kept.likelihoods[step]
        else:
            chance = likelihood(batch.features[batch.before + step], terms, out=beyond)
        look_back(later, model.kernel, chance, work=kept.work)
    return entry, later


class _Summary:
    """Moments, mode and evidence of every step of a batch."""

    def __init__(self, model: AmplitudeModel, batch: _Batch, *, mode: bool) -> None:
        self.model, self.batch = model, batch
        shape = (batch.length, len(model.grid), len(batch.windows))
        self.powers = (model.grid[:, :, None] ** np.arange(3)).astype(np.float32)  # (muscle, G, 3)
        self.moments = np.empty((*shape, 3), np.float32)
        self.mode = np.empty(shape, np.intp) if mode else None
        self.evidence = np.empty(shape, np.float32)

    def add(self, step: int, posterior: Float32) -> None:
        np.matmul(posterior, self.powers, out=self.moments[step])
        if self.mode is not None:
            posterior.argmax(axis=-1, out=self.mode[step])

    def _at_modes(self) -> NDArray[np.float64]:
        return self.model.grid[np.arange(len(self.model.grid))[:, None], self.mode]

    def write(self, beliefs: Beliefs) -> None:
        total, first, second = np.moveaxis(self.moments.astype(np.float64), -1, 0)
        mean = first / total
        values = (
            mean,
            np.sqrt(np.maximum(second / total - mean**2, 0)),
            np.full_like(mean, np.nan) if self.mode is None else self._at_modes(),
            np.log(self.evidence) + self.batch.offset[self.batch.before : self.batch.before + self.batch.length],
        )
        for kept, computed in zip(beliefs, values, strict=True):
            for index, window in enumerate(self.batch.windows):
                kept[window.first : window.stop] = computed[: window.stop - window.first, :, index]


def _disagreement(windows: list[_Window], borders: list[_Borders]) -> float:
    """Return the largest total variation distance between neighbours' beliefs at their common border."""
    forward_entry, forward_exit, backward_entry, backward_exit = (
        np.concatenate(each, axis=1) for each in zip(*borders, strict=True)
    )
    follows = np.array([w.first > w.segment.first_sample for w in windows[1:]], bool)
    ahead = np.abs(forward_entry[:, 1:] - forward_exit[:, :-1])[:, follows]
    back = np.abs(backward_exit[:, 1:] - backward_entry[:, :-1])[:, follows]
    return 0.5 * max(float(each.sum(axis=-1).max(initial=0)) for each in (ahead, back))
