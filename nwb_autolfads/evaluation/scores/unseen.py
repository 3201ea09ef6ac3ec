"""Which estimate is nearest to the truth, told from the EMG alone, in blocks that no model was trained on.

An estimate that is closer to rectified EMG is not closer to activation: it may follow the noise. What counts is its
covariance with activation (`nwb_autolfads.evaluation.scores.penalty`).

How strong noise is, is known only about, and an estimate may answer to noise otherwise than to activation of the same
frequency. So a difference counts where Student's t over paired blocks finds it with each of the strengths `NOISE`, at
the level `CHANCE`, and where it is no less than `LEAST`. They were chosen on other worlds than those they are measured
on (docs/verdict.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.stats import t as student

from nwb_autolfads.errors import SignalError
from nwb_autolfads.estimators.observed import ObservedEmg, file_of, observe
from nwb_autolfads.evaluation.decoding.binning import Bins, bin_activation
from nwb_autolfads.evaluation.score import Score
from nwb_autolfads.evaluation.scores.common import as_json
from nwb_autolfads.evaluation.scores.penalty import Parts, Scores
from nwb_autolfads.evaluation.scores.statistics import pair_of
from nwb_autolfads.evaluation.tables import Row, number
from nwb_autolfads.evaluation.unseen import FEWEST, blocks_of

Floats = NDArray[np.float64]

NOISE = (0.85, 1.15, 1.3)
"""Factors on the strength of noise with each of which a difference must hold; scores are given for the middle one."""
CHANCE = 0.01
LEAST = 0.02
"""Smaller differences of the score do not count: the linear description of an estimate that is not linear is wrong by
so much, and in all blocks alike."""
GUARD_S = 0.05
"""Beside what was trained on, longer than the noise of EMG lasts."""


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
    parts = Parts.of(bins.values[:-1], observed, blocks.number, rows)
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


def _error(left_out: Floats) -> float:
    """Return the standard error of a mean over blocks, from what it is without each (jackknife, Tukey 1958)."""
    n = len(left_out)
    return float(np.sqrt((n - 1) / n * np.sum((left_out - left_out.mean()) ** 2)))


def _difference(scores: Scores, first: int, second: int) -> tuple[float, float]:
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
