"""Which estimate is nearest to the truth, told from the EMG alone, in blocks that no model was trained on.

An estimate that is closer to rectified EMG is not closer to activation: it may follow the noise. What counts is its
covariance with activation, ``cov(estimate, EMG) - cov(estimate, noise)`` (a covariance penalty, as in Mallows 1973 and
Efron 2004). The second part is not seen, but follows from what is: how an estimate answers to the EMG of all muscles
at each frequency (its best linear description), and how strong noise is there and how alike between muscles
(`nwb_autolfads.estimators.spectra`), as

    cov(estimate_i, noise_i) = sum over frequencies of Re (C P^-1 N)_ii

with C the cross-spectra of estimate and EMG, P those of the EMG and N those of its noise. Electrodes over one muscle
have each other's noise at other times, which N does not show: each is described by its own EMG alone. The score of a
muscle is the squared covariance with activation over the variances of estimate and activation.

How strong noise is, is known only about, and an estimate may answer to noise otherwise than to activation of the same
frequency. So a difference counts where Student's t over paired blocks finds it with each of the strengths `NOISE`, at
the level `CHANCE`, and where it is no less than `LEAST`. They were chosen on other worlds than those they are measured
on (docs/verdict.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.stats import t as student

from nwb_autolfads.errors import SignalError
from nwb_autolfads.estimators.observed import ObservedEmg, file_of, observe
from nwb_autolfads.estimators.spectra import hann, noise_spectra, shared_noise, spectra, together, windows
from nwb_autolfads.evaluation.decoding.binning import Bins, bin_activation
from nwb_autolfads.evaluation.score import Score
from nwb_autolfads.evaluation.scores.common import as_json
from nwb_autolfads.evaluation.scores.statistics import pair_of
from nwb_autolfads.evaluation.tables import Row, number
from nwb_autolfads.evaluation.unseen import FEWEST, blocks_of

Floats = NDArray[np.float64]

NOISE = (0.85, 1.15, 1.3)
"""Factors on the strength of noise with each of which a difference must hold; scores are given for the middle one."""
CHANCE = 0.01
LEAST = 0.02
"""Smaller differences of the score say nothing: two estimates that are nearly the same differ by so much, and hardly
vary over blocks, because one of them is not linear."""
GUARD_S = 0.05
"""Beside what was trained on, longer than the noise of EMG lasts."""
WINDOW_MS = 512.0
_RIDGE, _LEAST_SIGNAL = 1e-3, 0.05


def score_on_unseen(estimates: Mapping[str, xr.Dataset], emg: xr.DataArray) -> xr.Dataset:
    """Score estimates by how near they are to the activation that the EMG does not show, where none was trained.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        ``activation`` ``(time, muscle)`` by the name of its estimate, as they are. The blocks are those that the
        configuration of a trained one names (`nwb_autolfads.evaluation.unseen.blocks_of`).
    emg : DataArray, (time, muscle)
        Rectified EMG that they were made from.

    Returns
    -------
    Dataset
        ``score`` ``(estimator, muscle)``: share of the activation's variance that an estimate explains, estimated in
        the blocks; ``standard_error`` ``(estimator,)`` of its mean over muscles, over blocks. Along ``pair`` with
        ``first`` and ``second``: ``difference`` of the means, first minus second, ``difference_error``, its standard
        error over paired blocks, and ``better``: 1 where the first is nearer to the activation, -1 where the second
        is, 0 where they cannot be told apart. attrs: ``config`` (JSON), ``notes`` (JSON), ``n_blocks``, and
        ``trained_there``, JSON list of the estimates whose models may have been trained on these blocks too.

    Raises
    ------
    SignalError
        If there is no time or muscle in common, the EMG is too short or too slow to tell noise, or there are fewer than
        four blocks.
    """
    bins = bin_activation({**estimates, "\0emg": emg.to_dataset(name="activation")}, 0.0)
    blocks = blocks_of(estimates, bins.time, bins.segments)
    rows = _rows_of(blocks.number, bins)
    n_blocks = len(np.unique(blocks.number[rows]))
    if n_blocks < FEWEST:
        raise SignalError(
            f"the estimates share {n_blocks} blocks that no model was trained on, too few to compare them",
            file=file_of(emg),
            way_out="Take a longer recording",
        )
    observed = _observed(bins)
    parts = _Parts.of(bins.values[:-1], observed, blocks.number, rows)
    versions = [parts.scores(factor) for factor in NOISE]
    usual = versions[len(NOISE) // 2]
    pairs = list(combinations(range(len(estimates)), 2))
    found = [[_difference(each, *pair) for pair in pairs] for each in versions]  # (factor, pair, 2)
    middle = np.array(found[len(NOISE) // 2]).reshape(-1, 2)
    names = list(estimates)
    notes = [f"{name} may have been trained on what it is judged on: no block was held out" for name in blocks.trained]
    return xr.Dataset(
        {
            "score": (("estimator", "muscle"), usual.whole),
            "standard_error": (("estimator",), [_error(usual.left_out[:, e]) for e in range(len(names))]),
            "difference": ("pair", middle[:, 0]),
            "difference_error": ("pair", middle[:, 1]),
            "better": ("pair", [_claim([each[p] for each in found], n_blocks) for p in range(len(pairs))]),
        },
        coords={
            "estimator": names,
            "muscle": list(bins.muscles),
            "first": ("pair", np.array([names[a] for a, _ in pairs], dtype=str)),
            "second": ("pair", np.array([names[b] for _, b in pairs], dtype=str)),
        },
        attrs={
            "n_blocks": n_blocks,
            "seen": f", on which {' and '.join(blocks.trained)} may have been trained" if blocks.trained else "",
            **as_json(
                config={
                    "compared_with": "emg",
                    "noise": list(NOISE),
                    "chance": CHANCE,
                    "least": LEAST,
                    "guard_s": GUARD_S,
                },
                notes=notes,
                trained_there=list(blocks.trained),
                excluded_muscles=bins.left_out,
            ),
        },
    )


def _rows_of(block: NDArray[np.intp], bins: Bins) -> NDArray[np.bool_]:
    """Return the bins that are scored: those of blocks, without a guard beside what is in none."""
    inside, guard = block >= 0, round(GUARD_S / bins.width)
    for each in bins.segments.slices:
        if guard and not inside[each].all():
            inside[each] = binary_erosion(inside[each], iterations=guard, border_value=1)
    return inside


def _observed(bins: Bins) -> ObservedEmg:
    values = xr.DataArray(
        bins.values[-1],
        dims=("time", "muscle"),
        coords={"time": bins.time, "muscle": list(bins.muscles), "segment": ("time", bins.segments.numbers)},
        attrs={"rate": round(1 / bins.width, 6)},
    )
    return observe(values)


@dataclass(frozen=True)
class _Scores:
    """Scores ``(estimator, muscle)``, and their means over muscles without one block each, ``(block, estimator)``."""

    whole: Floats
    left_out: Floats


@dataclass(frozen=True)
class _Parts:
    """What scores are made of.

    ``sums`` are those over each block, ``(block, estimator, muscle)``, of 1, f, f^2, x and f x; ``with_noise``
    ``(estimator, muscle)`` is the covariance with noise; ``signal``, ``noise`` ``(muscle,)`` are variances.
    """

    sums: tuple[Floats, ...]
    with_noise: Floats
    total: Floats
    noise: Floats

    @classmethod
    def of(cls, activation: Floats, observed: ObservedEmg, block: NDArray[np.intp], rows: NDArray[np.bool_]) -> _Parts:
        known = observed.seen & np.isfinite(activation).all(axis=0)
        count = np.maximum(known.sum(axis=0), 1)
        x = _deviations(observed.filled, known, count)
        f = np.stack([_deviations(np.where(known, each, 0.0), known, count) for each in activation])
        at = np.searchsorted(np.unique(block[rows]), block[rows])
        sums = tuple(
            _by_block(np.broadcast_to(each, f.shape)[:, rows], at)
            for each in (known.astype(np.float64), f, f * f, x, f * x)
        )
        with_noise, noise = covariance_with_noise(f, x, observed)
        return cls(sums, with_noise, (x**2).sum(axis=0) / count, noise)

    def scores(self, factor: float) -> _Scores:
        """Return the scores where noise is so much stronger than was measured."""
        signal = np.maximum(self.total - factor * self.noise, _LEAST_SIGNAL * self.total)
        every = [each.sum(axis=0) for each in self.sums]

        def score(parts: list[Floats]) -> Floats:
            n = np.maximum(parts[0], 1.0)
            f, ff, x, fx = (each / n for each in parts[1:])
            covariance = fx - f * x - factor * self.with_noise
            variance = np.maximum(ff - f * f, np.finfo(float).tiny)
            return np.asarray(np.sign(covariance) * covariance**2 / variance / signal)

        left = [
            score([total - each[b] for total, each in zip(every, self.sums, strict=True)]).mean(axis=-1)
            for b in range(len(self.sums[0]))
        ]
        return _Scores(score(every), np.array(left))


def _deviations(values: Floats, known: NDArray[np.bool_], count: NDArray[np.intp]) -> Floats:
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    return np.where(known, values - mean, 0.0)


def _by_block(values: Floats, at: NDArray[np.intp]) -> Floats:
    """Sum ``(estimator, row, muscle)`` over the rows of each block, (block, estimator, muscle)."""
    sums = np.zeros((at.max() + 1, len(values), values.shape[2]))
    np.add.at(sums, at, values.transpose(1, 0, 2))
    return sums


def covariance_with_noise(f: Floats, x: Floats, observed: ObservedEmg) -> tuple[Floats, Floats]:
    """Return the covariance of estimates with noise, (estimator, muscle), and the variance of noise, (muscle,)."""
    found = spectra(observed, WINDOW_MS)
    noise = noise_spectra(found)
    window, n_muscles = found.window, x.shape[1]
    taper = hann(window)[:, None]
    own = np.zeros((window // 2 + 1, n_muscles, n_muscles), complex)
    cross = np.zeros((len(f), *own.shape), complex)
    for rows in windows(observed.segments, window):
        transform = np.fft.rfft(x[rows] * taper, axis=1)  # (window, frequency, muscle)
        seen = transform.transpose(1, 0, 2).conj()
        own += transform.transpose(1, 2, 0) @ seen
        for each, series in zip(cross, f, strict=True):
            each += np.fft.rfft(series[rows] * taper, axis=1).transpose(1, 2, 0) @ seen
    usable = together(found)  # noise at another time is not that of the same frequency: its electrodes are taken alone
    own, cross = own * usable, cross * usable
    level = np.einsum("fii->f", own).real / n_muscles
    inverse = np.linalg.inv(own + (_RIDGE * level[:, None, None] + np.finfo(float).tiny) * np.eye(n_muscles))
    amplitude = np.sqrt(noise)
    of_noise = usable * shared_noise(found) * amplitude[:, :, None] * amplitude[:, None, :]
    sides = found.sides[:, None]
    with_noise = np.stack([np.einsum("fij,fji->fi", each @ inverse, of_noise).real for each in cross])
    return (sides * with_noise).sum(axis=1) / window, (sides * noise).sum(axis=0) / window


def _error(left_out: Floats) -> float:
    """Return the standard error of a mean over blocks, from what it is without each (jackknife, Tukey 1958)."""
    n = len(left_out)
    return float(np.sqrt((n - 1) / n * np.sum((left_out - left_out.mean()) ** 2)))


def _difference(scores: _Scores, first: int, second: int) -> tuple[float, float]:
    means = scores.whole.mean(axis=1)
    return float(means[first] - means[second]), _error(scores.left_out[:, first] - scores.left_out[:, second])


def _claim(found: list[tuple[float, float]], n_blocks: int) -> int:
    """Return the sign of a difference that counts and is certain with every strength of noise, else 0."""
    if abs(found[len(found) // 2][0]) < LEAST:
        return 0
    sure = float(student.ppf(1 - CHANCE / 2, n_blocks - 1))
    signs = {int(np.sign(difference)) if abs(difference) > sure * error else 0 for difference, error in found}
    return signs.pop() if len(signs) == 1 else 0


def against(scores: xr.Dataset, one: str, other: str) -> tuple[float, float, int]:
    """Return difference, standard error and claim of one estimate against another."""
    pair, sign = pair_of(scores, one, other)
    return sign * float(pair["difference"]), float(pair["difference_error"]), sign * int(pair["better"])


def _rows(scores: xr.Dataset) -> list[Row]:
    """Return one row per estimate, each against the best of the others."""
    means = scores["score"].mean("muscle")
    rows: list[Row] = []
    for name in [str(each) for each in scores["estimator"].values]:
        others = [str(each) for each in scores["estimator"].values if str(each) != name]
        row: Row = (name, number(means.sel(estimator=name)), number(scores["standard_error"].sel(estimator=name)))
        if others:
            best = max(others, key=lambda other: float(means.sel(estimator=other)))
            difference, error, claim = against(scores, name, best)
            said = {1: "nearer to activation", -1: "further from it", 0: "not told apart"}[claim]
            row += (best, f"{difference:+.3f}", number(error), said)
        else:
            row += ("-",) * 4
        rows.append(row)
    return rows


SCORE = Score(
    key="emg",
    compare=lambda session: score_on_unseen(session.estimates, session.rectified()),
    title="EMG that no model was trained on: share of activation's variance explained, less what noise explains",
    columns=("estimate", "score", "its error", "beside", "difference", "error of it", "that is"),
    rows=_rows,
    description="How near estimates of muscle activation are to what EMG shows, less its noise, in blocks held out.",
    contents="Held-out EMG",
    heading="How near to activation, told from the EMG",
    explanation=(
        "{n_blocks} blocks{seen}. How much of activation's variance an estimate explains, by the EMG: its covariance "
        "with the EMG, less the part that is noise and would reward an estimate for following it. Only differences "
        'count, not the numbers themselves. "Not told apart" is no proof that two estimates are alike.'
    ),
)


def trained_there(scores: xr.Dataset) -> list[str]:
    """Return the estimates whose models may have been trained on the blocks."""
    return [str(name) for name in json.loads(scores.attrs["trained_there"])]
