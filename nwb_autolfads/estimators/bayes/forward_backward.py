"""The recursions of a hidden Markov model, one step each, for many muscles and windows of time side by side.

With x_1..t the bins up to t, s_t the amplitude at t and K the probabilities of going from one amplitude to another:

    predict       p(s_t | x_1..t-1)  =  sum over s_(t-1) of  p(s_(t-1) | x_1..t-1) K(s_(t-1), s_t)
    condition     p(s_t | x_1..t)    =  p(s_t | x_1..t-1) p(x_t | s_t) / p(x_t | x_1..t-1)
    look back     p(x_t..T | s_(t-1))  =  sum over s_t of  K(s_(t-1), s_t) p(x_t | s_t) p(x_t+1..T | s_t)
    smooth        p(s_t | x_1..T)    ~  p(s_t | x_1..t) p(x_t+1..T | s_t)

(Rabiner 1989, Proc IEEE 77:257; Särkkä 2013, Bayesian Filtering and Smoothing). K is symmetric here. Arrays are
(muscle, window, G) over the G amplitudes; every step writes into arrays that the caller keeps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nwb_autolfads.estimators.bayes.amplitude_hmm import Float32


class Filtered(NamedTuple):
    """What is known at a bin from it and those before it."""

    state: Float32  # (muscle, window, G), p(s_t | x_1..t)
    evidence: Float32  # (muscle, window), p(x_t | x_1..t-1), relative to what the likelihood is relative to


def filter_step(state: Float32, kernel: Float32, likelihood: Float32, *, predicted: Float32, out: Float32) -> Filtered:
    """Go one bin forward.

    Parameters
    ----------
    state : array, (muscle, window, G)
        p(s_(t-1) | x_1..t-1).
    kernel : array, (muscle, G, G)
        K, rows sum to one.
    likelihood : array, (muscle, window, G)
        p(x_t | s_t), up to a factor.
    predicted, out : array, (muscle, window, G)
        Written over: with p(s_t | x_1..t-1) and with the state that is returned. ``out`` may be ``state``.
    """
    _predict(state, kernel, out=predicted)
    return _condition_on(predicted, likelihood, out=out)


def look_back(later: Float32, kernel: Float32, likelihood: Float32, *, work: Float32) -> None:
    """Go one bin backward, in place.

    Parameters
    ----------
    later : array, (muscle, window, G)
        p(x_t+1..T | s_t) up to a factor; becomes p(x_t..T | s_(t-1)) over its sum.
    kernel, likelihood
        As in `filter_step`.
    work : array, (muscle, window, G)
        Written over.
    """
    np.multiply(later, likelihood, out=work)
    np.matmul(work, kernel, out=later)
    _normalise(later)


def smooth_step(state: Float32, later: Float32, *, out: Float32) -> Float32:
    """Combine p(s_t | x_1..t) and p(x_t+1..T | s_t) into p(s_t | x_1..T), up to a factor."""
    return np.multiply(state, later, out=out)


def _predict(state: Float32, kernel: Float32, *, out: Float32) -> Float32:
    return np.matmul(state, kernel, out=out)


def _condition_on(predicted: Float32, likelihood: Float32, *, out: Float32) -> Filtered:
    joint = np.multiply(predicted, likelihood, out=out)  # p(s_t, x_t | x_1..t-1)
    evidence = _normalise(joint)
    return Filtered(joint, evidence)


def _normalise(message: Float32) -> Float32:
    """Divide by the sum over amplitudes, in place; return that."""
    total = message @ np.ones(message.shape[-1], np.float32)  # three times as fast as message.sum(axis=-1)
    message *= np.reciprocal(total)[..., None]
    return total
