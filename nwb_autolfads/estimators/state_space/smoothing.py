"""The state-space smoother: amplitude around what is expected of it, its logarithm a process that comes back.

Rectified EMG x is drawn around the mean ``m_t g exp(d_t)``: m what is expected (a network's prediction, or the same
everywhere), g a gain for each muscle, and d the part that nobody expected, which lasts: stationary, Gaussian, of first
order,

    d_t = phi d_(t-1) + e_t,     Var d = v,     phi = exp(-dt r / 2 v)
    x_t ~ Gamma(concentration k, mean m_t g exp(d_t))

so that d moves away with r per s while it is small, and its variance ends at v. The noise of neighbouring bins is
alike; so k is not that of single bins but ``1 / noise_density``: many bins then tell what they tell. The posterior is
Laplace's approximation around the most likely path, which Newton's method finds by tridiagonal systems (Fahrmeir &
Kaufmann 1991, Metrika 38:37; Rue, Martino & Chopin 2009, J R Stat Soc B 71:319); v and r of each muscle are those with
the largest evidence, by the same approximation.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky_banded, solveh_banded

from nwb_autolfads.segments import Segments

Floats = NDArray[np.float64]

VARIANCES = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0)
"""v to choose from, squared natural logarithms: from 3 %, of a muscle whose EMG is mostly noise, to a factor of 2.7."""
RATES = (0.12, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""r to choose from, squared natural logarithms per s."""
UNRESOLVED = 0.12
"""Variance of log amplitude that is too fast to be told from noise, so that no evidence speaks for it. Set on the
development worlds and sessions, where 90 % intervals then hold about 90 % of the truth in the mean."""
AVERAGED_MS = 8.0
"""The evidence is that of averages over so long: what is faster decides nothing, and there are fewer of them."""
EVIDENCE_S = 60.0
"""Length of data that v and r are chosen by, spread over the recording."""
CHUNK_S = 4.0
NEWTON_STEPS = 20
LARGEST_STEP = 2.0
TOLERANCE = 1e-7


@dataclass(frozen=True)
class Process:
    """What lasts of the difference between a muscle's amplitude and what is expected of it.

    Attributes
    ----------
    gain : float
        g.
    variance : float
        v, squared natural logarithms.
    rate : float
        r, squared natural logarithms per s.
    concentration : float
        k, what a bin tells.
    evidence : float
        Log density of the averages it was chosen by, per average.
    """

    gain: float
    variance: float
    rate: float
    concentration: float
    evidence: float

    def numbers(self) -> dict[str, float]:
        """Return them by name, to four digits."""
        return {name: float(f"{value:.4g}") for name, value in asdict(self).items()}

    def persistence(self, bin_s: float) -> float:
        """Return phi for bins of a length (s)."""
        return float(np.exp(-bin_s * self.rate / (2 * self.variance)))


def choose(x: Floats, expected: Floats, segments: Segments, concentration: float) -> Process:
    """Choose the process of one muscle by its evidence.

    Parameters
    ----------
    x, expected : array, (time,)
        Rectified EMG, NaN where it is not known, and what is expected of it; positive.
    segments : Segments
        Those without gaps.
    concentration : float
        What a bin tells.

    Returns
    -------
    Process
    """
    known = np.isfinite(x) & np.isfinite(expected)
    gain = float(np.sum(x[known]) / max(np.sum(expected[known]), np.finfo(float).tiny)) if known.any() else 1.0
    bins = max(1, round(AVERAGED_MS * segments.rate / 1000))
    averages = [_averaged(x[rows], gain * expected[rows], bins) for rows in _some(segments).slices]
    averages = [ratio for ratio in averages if np.isfinite(ratio).any()]
    count = sum(int(np.isfinite(ratio).sum()) for ratio in averages)
    best = Process(gain, 0.1, 4.0, concentration, -np.inf)
    for variance in VARIANCES:
        for rate in RATES:
            trial = Process(gain, variance, rate, concentration, 0.0)
            phi = trial.persistence(bins / segments.rate)
            found = sum(path(ratio, bins * concentration, variance, phi).evidence for ratio in averages)
            if found / max(count, 1) > best.evidence and count:
                best = Process(gain, variance, rate, concentration, found / count)
    return best


def smooth(
    x: Floats, expected: Floats, segments: Segments, process: Process, *, unresolved: float = 0.0
) -> tuple[Floats, Floats]:
    """Return posterior mean and standard deviation of a muscle's amplitude, both (time,); NaN outside the segments.

    Parameters
    ----------
    x, expected, segments
        As in `choose`.
    process : Process
    unresolved : float
        Variance of log amplitude that the process does not know of; it widens the standard deviation.
    """
    mean, std = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    phi = process.persistence(1 / segments.rate)
    for rows in segments.slices:
        level = process.gain * expected[rows]
        found = path(x[rows] / level, process.concentration, process.variance, phi)
        mean[rows] = level * np.exp(found.mode + found.variance / 2)
        std[rows] = mean[rows] * np.sqrt(np.expm1(found.variance + unresolved))
    return mean, std


@dataclass(frozen=True)
class Path:
    """The posterior of d along a gap-free segment: mode and variance, both (time,), and its log evidence."""

    mode: Floats
    variance: Floats
    evidence: float


def path(ratio: Floats, concentration: float, variance: float, phi: float) -> Path:
    """Find the posterior of d from ratios of data to what is expected.

    Parameters
    ----------
    ratio : array, (time,)
        Positive; NaN where the data is not known.
    concentration, variance, phi : float
        k, v and phi of the process.

    Returns
    -------
    Path
        The evidence is log p(ratio), without what does not depend on v and phi.
    """
    if len(ratio) == 1:  # LAPACK wants two at least; a bin without data changes nothing
        both = path(np.append(ratio, np.nan), concentration, variance, phi)
        return Path(both.mode[:1], both.variance[:1], both.evidence)
    k = np.where(np.isfinite(ratio), concentration, 0.0)
    y = k * np.where(np.isfinite(ratio), ratio, 1.0)
    inner = 1 / (variance * (1 - phi**2))
    diagonal = np.full(len(ratio), inner * (1 + phi**2))
    diagonal[[0, -1]] = inner
    beside = -inner * phi
    banded = np.zeros((2, len(ratio)))
    banded[0, 1:] = beside

    def objective(d: Floats) -> float:
        prior = 0.5 * (diagonal @ d**2) + beside * (d[1:] @ d[:-1])
        return float(k @ d + y @ np.exp(-d) + prior)

    d = np.zeros(len(ratio))
    value = objective(d)
    for _ in range(NEWTON_STEPS):
        pull = y * np.exp(-d)
        slope = k - pull + diagonal * d
        slope[1:] += beside * d[:-1]
        slope[:-1] += beside * d[1:]
        banded[1] = diagonal + pull
        step = solveh_banded(banded, slope, check_finite=False)
        step *= min(1.0, LARGEST_STEP / max(float(np.abs(step).max()), LARGEST_STEP))
        lower = objective(d - step)
        while lower > value and np.abs(step).max() > TOLERANCE:
            step /= 2
            lower = objective(d - step)
        if lower > value:
            break
        d, gained, value = d - step, value - lower, lower
        if gained < TOLERANCE * len(d):
            break
    banded[1] = diagonal + y * np.exp(-d)
    root = cholesky_banded(banded, check_finite=False)[1]
    prior_root = np.log(variance) + (len(d) - 1) * np.log(variance * (1 - phi**2))
    return Path(d, _inverse_diagonal(banded, root), -value - 0.5 * prior_root - float(np.log(root).sum()))


def _inverse_diagonal(banded: Floats, root: Floats) -> Floats:
    """Return the diagonal of the inverse of a symmetric tridiagonal matrix with the same value beside everywhere.

    The pivots of elimination from the top, those from the bottom, and the entry itself: 1 / (D + E - a). Pivots are the
    squares of the diagonal of Cholesky's factor; ``root`` is that of the matrix as it is.
    """
    from_below = cholesky_banded(np.stack([banded[0], banded[1, ::-1]]), check_finite=False)[1, ::-1]
    return 1 / (root**2 + from_below**2 - banded[1])


def _some(segments: Segments) -> Segments:
    """Return chunks spread evenly over the segments, about `EVIDENCE_S` of them."""
    chunks = segments.chunks(max(1, round(CHUNK_S * segments.rate)))
    step = max(1.0, chunks.n_samples / (EVIDENCE_S * segments.rate))
    return Segments(tuple(chunks[int(i)] for i in np.arange(0, len(chunks), step)), chunks.rate)


def _averaged(x: Floats, expected: Floats, bins: int) -> Floats:
    """Return ratios of data to what is expected, averaged over bins; NaN where less than half of them is known."""
    whole = len(x) // bins * bins
    ratio = (x[:whole] / expected[:whole]).reshape(-1, bins)
    known = np.isfinite(ratio)
    enough = known.sum(axis=1) * 2 >= bins
    sums = np.where(known, ratio, 0).sum(axis=1)
    return np.divide(sums, known.sum(axis=1), out=np.full(len(ratio), np.nan), where=enough)
