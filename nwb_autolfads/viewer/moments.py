"""Where to look: the moments at which estimates disagree most, and at which an estimate fits the EMG worst."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.viewer.session import EMG, Session
from nwb_autolfads.viewer.signals.pyramid import Pyramid

WINDOW_S = 1.0
"""Over which signals are averaged before they are compared; longer where blocks are."""
MOST_MOMENTS = 20
_REST = 0.05  # of what a muscle usually does: added to both, so that rest over rest is no misfit


@dataclass(frozen=True)
class Moment:
    """A moment that is worth a look.

    Attributes
    ----------
    time : float
        Its middle (s).
    size : float
        How far apart the signals are then, averaged over muscles; see `disagreements` and `misfits`.
    muscle : str
        In which they are furthest apart.
    names : tuple of str
        Of the estimates that are.
    """

    time: float
    size: float
    muscle: str
    names: tuple[str, ...]


def disagreements(session: Session) -> list[Moment]:
    """Return the moments at which two estimates are furthest apart, the worst first.

    Estimates are averaged over windows of `WINDOW_S`. The size is their difference in units of what the muscle usually
    does, which is the mean of both over the session; averaged over muscles.

    Parameters
    ----------
    session : Session
        What of it is built so far is looked at.

    Returns
    -------
    list of Moment
        At most `MOST_MOMENTS`, no two in neighbouring windows; empty where there is one estimate or none.
    """
    found = {name: _averaged(session, f"activation/{name}") for name in session.estimates}
    moments: list[Moment] = []
    for one, other in combinations(found, 2):
        difference = np.abs(found[one] - found[other])
        usual = _usual((found[one] + found[other]) / 2)
        moments += _worst(session, difference / usual, (one, other))
    return _apart(moments, session)


def misfits(session: Session, name: str) -> list[Moment]:
    """Return the moments at which the EMG is not as large as an estimate of its mean says, the worst first.

    The size is ``|log((EMG + r) / (estimate + r))|`` of averages over windows of `WINDOW_S`, with a rest ``r`` of 5 %
    of what the muscle usually does; averaged over muscles. 0.69 is twice or half as large.

    Parameters
    ----------
    session : Session
        What of it is built so far is looked at.
    name : str
        Of the estimate.

    Returns
    -------
    list of Moment
        At most `MOST_MOMENTS`, no two in neighbouring windows; empty where there is no EMG.
    """
    if EMG not in session.signals:
        return []
    emg, estimate = _averaged(session, EMG), _averaged(session, f"activation/{name}")
    rest = _REST * _usual(emg)
    return _apart(_worst(session, np.abs(np.log((emg + rest) / (estimate + rest))), (name,)), session)


def _width(session: Session) -> float:
    blocks = [each.block / each.rate for each in session.signals.values() if isinstance(each, Pyramid)]
    return max(WINDOW_S, 2 * max(blocks))


def _averaged(session: Session, key: str) -> NDArray[np.float64]:
    """Return the mean of each window of the session, (window, muscle); NaN where nothing is known."""
    pyramid = session.signals[key]
    assert isinstance(pyramid, Pyramid)
    (start, stop), width = session.span, _width(session)
    n_windows = int(np.ceil((stop - start) / width))
    middles = pyramid.start + (np.arange(len(pyramid.means)) + 0.5) * pyramid.block / pyramid.rate
    window = np.clip((middles - start) / width, 0, n_windows - 1).astype(int)
    averaged = np.full((n_windows, len(session.muscles)), np.nan)
    for column, muscle in enumerate(pyramid.columns):
        values = pyramid.means[:, column]
        known = np.isfinite(values)
        counts = np.bincount(window[known], minlength=n_windows)
        sums = np.bincount(window[known], weights=values[known], minlength=n_windows)
        averaged[counts > 0, session.muscles.index(muscle)] = sums[counts > 0] / counts[counts > 0]
    return averaged


def _usual(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each muscle; NaN, which compares with nothing, where it never does anything."""
    known = np.isfinite(values)
    mean = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(mean > 0, mean, np.nan)


def _worst(session: Session, sizes: NDArray[np.float64], names: tuple[str, ...]) -> list[Moment]:
    known = np.isfinite(sizes)
    some = np.flatnonzero(known.any(axis=1))
    total = np.where(known, sizes, 0).sum(axis=1)[some] / known.sum(axis=1)[some]
    furthest = np.where(known, sizes, -1)[some].argmax(axis=1)
    start, width = session.span[0], _width(session)
    order = np.argsort(-total, kind="stable")[: 3 * MOST_MOMENTS]  # some are next to worse ones
    return [
        Moment(float(start + (some[at] + 0.5) * width), float(total[at]), session.muscles[furthest[at]], names)
        for at in order
    ]


def _apart(moments: list[Moment], session: Session) -> list[Moment]:
    """Return the worst, without those next to worse ones."""
    width = _width(session)
    kept: list[Moment] = []
    for moment in sorted(moments, key=lambda each: -each.size):
        if all(abs(moment.time - each.time) > 1.5 * width for each in kept):
            kept.append(moment)
    return kept[:MOST_MOMENTS]
