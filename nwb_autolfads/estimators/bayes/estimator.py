"""Bayesian filter and smoother of EMG amplitude (Sanger 2007; Hofmann et al. 2016), with settings found in the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.estimators.base import Estimator, Making
from nwb_autolfads.estimators.bayes.amplitude_hmm import AmplitudeModel, amplitude_grid, transition_kernel
from nwb_autolfads.estimators.bayes.settings import Amplitudes, BayesianFilterSettings, Observation, Transition
from nwb_autolfads.estimators.bayes.side_by_side import infer
from nwb_autolfads.estimators.noise_density import noise_density
from nwb_autolfads.estimators.observed import ObservedEmg, moving_average, observe
from nwb_autolfads.segments import Segments
from nwb_autolfads.validation import checked

MEAN_OF_RECTIFIED = {"laplace": 1.0, "gauss": math.sqrt(2 / math.pi)}
"""Expected rectified EMG at amplitude sigma = 1."""
POWER_OF_RECTIFIED = {"laplace": 1, "gauss": 2}
"""Power of the rectified EMG in the likelihood."""
DIFFUSION_BOUNDS, JUMP_BOUNDS = (1e-4, 1e3), (1e-4, 1e2)
_START: dict[Amplitudes, tuple[float, float]] = {"logarithmic": (8.0, 0.5), "linear": (0.2, 0.5)}
_RANGE_WINDOW_S = 0.05
_REACH_S = 0.1
_AT_REST = 0.02  # share of the recording in which every muscle is taken to be at rest
_FIT_CHUNKS, _FIT_CHUNK_BINS = 16, 1024


class BayesianFilter(Estimator):
    """Posterior of a hidden amplitude that diffuses and jumps, on a grid, muscle by muscle.

    The amplitude sigma is the scale of the EMG's distribution: with Laplace observations the mean rectified EMG is
    sigma, with Gauss observations sigma * sqrt(2 / pi). ``activation`` is always the mean rectified EMG, so that all
    estimators are on one scale, and ``activation_std`` its posterior standard deviation.

    The grid of each muscle reaches up to the largest 50 ms average of its rectified EMG. By default it is
    ``sigma = sqrt(floor^2 + s^2)``, log s equally spaced, and log s is what diffuses: activation changes in proportion
    to itself, above what the electrode picks up at rest. The floor is the 2 % quantile of the 50 ms averages.

    Parameters
    ----------
    observation : {"laplace", "gauss"}
        Distribution of the EMG around zero.
    diffusion : float, optional
        a, in squared units of log s (or of sigma, the scaled EMG) per second. When None, `fit` chooses it.
    jump : float, optional
        b, jumps to anywhere per second. When None, `fit` chooses it.
    temper : float, optional
        Power of the likelihood of each bin. 1 takes every bin for news, as published. When None, it is what makes the
        information of a bin that of this recording, whose noise lasts longer than a bin: see Notes.
    grid : int
        Number of amplitudes.
    smooth : bool
        False: the causal filter; each bin knows the past only. True: forward-backward, each bin knows its segment.
    estimate : {"mean", "mode"}
        What of the posterior is the activation; the mode is the likeliest amplitude of the grid.
    amplitudes : {"logarithmic", "linear"}
        What is equally spaced, diffuses, and is uniform after a jump: log s, or sigma itself as published.
    transition : {"exact", "euler"}
        The matrix exponential, or the explicit Euler step of the published filter, stable for small diffusion only.

    Raises
    ------
    ConfigError
        When a parameter is out of its range.

    Notes
    -----
    `fit` maximises the predictive likelihood, the product of p(x_t | earlier x), per muscle, on at most
    16 chunks of 1024 bins spread over the recording. It never sees a truth.

    Neighbouring bins of rectified EMG share their noise, so that n of them tell less of log sigma than n times one. The
    likelihood of a bin is raised to the power that gives many bins the information they have: n bins of a noise with
    the spectral density S (`noise_density` of x, or of x^2 with Gauss observations) tell n q^2 / S, and the likelihood
    says n q, with q the power of x in it; so the power is q / S.
    """

    name = "BayesianFilter"

    def __init__(
        self,
        observation: Observation = "laplace",
        diffusion: float | None = None,
        jump: float | None = None,
        *,
        temper: float | None = None,
        grid: int = 100,
        smooth: bool = False,
        estimate: Literal["mean", "mode"] = "mean",
        amplitudes: Amplitudes = "logarithmic",
        transition: Transition = "exact",
    ) -> None:
        given = {"observation": observation, "diffusion": diffusion, "jump": jump, "temper": temper, "grid": grid}
        more = {"smooth": smooth, "estimate": estimate, "amplitudes": amplitudes, "transition": transition}
        settings = checked(BayesianFilterSettings, given | more)
        self.observation, self.diffusion, self.jump = settings.observation, settings.diffusion, settings.jump
        self.temper = settings.temper
        self.grid, self.smooth, self.point = settings.grid, settings.smooth, settings.estimate
        self.amplitudes, self.transition = settings.amplitudes, settings.transition
        self.fitted_: dict[str, tuple[float, float]] | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], making: Making) -> Self:
        """Make the smoother, unless ``smooth`` is set: it sees both sides of a bin, as the other estimators do."""
        return super().from_settings({"smooth": True, **settings}, making)

    @property
    def config(self) -> dict[str, Any]:
        """The settings, with diffusion and jump rate per muscle after `fit`."""
        fitted = {} if self.fitted_ is None else {"fitted_diffusion_and_jump": self.fitted_}
        return {
            "observation": self.observation,
            "diffusion": self.diffusion,
            "jump": self.jump,
            "temper": self.temper,
            "grid": self.grid,
            "smooth": self.smooth,
            "estimate": self.point,
            "amplitudes": self.amplitudes,
            "transition": self.transition,
            **fitted,
        }

    def fit(self, emg: xr.DataArray) -> Self:
        """Choose diffusion and jump rate of each muscle, those that are None, by maximum predictive likelihood."""
        observed = observe(emg)
        if self.diffusion is not None and self.jump is not None:
            return self
        grid, spacing = self._grid(observed, None)
        temper = self._temper(observed, observed.seen)
        chunks = _fit_chunks(observed.segments)

        def log_predictive(diffusion: NDArray[np.float64], jump: NDArray[np.float64]) -> NDArray[np.float64]:
            model = self._model(observed, grid, spacing, diffusion, jump, temper)
            found = infer(model, observed.filled, chunks, visible=observed.seen).log_predictive
            return sum((found[rows].sum(axis=0) for rows in chunks.slices), np.zeros(len(grid)))

        limit = np.full(len(grid), DIFFUSION_BOUNDS[1])
        if self.transition == "euler":
            limit = np.minimum(limit, 0.999 * spacing**2 * observed.rate / 2)
        best = _compass_search(log_predictive, _START[self.amplitudes], (self.diffusion, self.jump), limit)
        self.fitted_ = {m: (float(a), float(b)) for m, a, b in zip(observed.muscles, *best, strict=True)}
        return self

    def estimate(self, emg: xr.DataArray) -> xr.Dataset:
        """Return ``activation`` and ``activation_std``, both in units of mean rectified EMG.

        Where EMG is missing they say what the bins around it do, and NaN where there are none at most 100 ms away (for
        the filter, before): the belief is nearly the uniform one there.
        """
        observed = observe(emg)
        activation, std = self._infer(observed, None)
        return self._dataset(emg, {"activation": observed.spread(activation), "activation_std": observed.spread(std)})

    def predict_hidden(self, emg: xr.DataArray, hidden: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Predict activation from the visible bins alone; the filter from the visible past alone."""
        observed = observe(emg)
        return observed.spread(self._infer(observed, ~hidden)[0])

    def _infer(
        self, observed: ObservedEmg, visible: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        diffusion, jump = self._settings(observed)
        mode = self.point == "mode"
        seen = observed.seen if visible is None else observed.seen & visible[:, None]
        model = self._model(observed, *self._grid(observed, visible), diffusion, jump, self._temper(observed, seen))
        beliefs = infer(model, observed.filled, observed.segments, visible=seen, smooth=self.smooth, mode=mode)
        scale = np.where(_within_reach(observed, smooth=self.smooth), MEAN_OF_RECTIFIED[self.observation], np.nan)
        return scale * (beliefs.mode if mode else beliefs.mean), scale * beliefs.std

    def _settings(self, observed: ObservedEmg) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.diffusion is not None and self.jump is not None:
            n_muscles = len(observed.muscles)
            return np.full(n_muscles, float(self.diffusion)), np.full(n_muscles, float(self.jump))
        if self.fitted_ is None:
            raise ConfigError(
                "diffusion and jump have not been chosen yet", way_out="Call fit(emg) first, or give both"
            )
        observed.require_fitted(self.name, self.fitted_)
        diffusion, jump = np.array([self.fitted_[muscle] for muscle in observed.muscles]).T
        return diffusion, jump

    def _temper(self, observed: ObservedEmg, seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the power of each muscle's likelihood, (muscle,)."""
        if self.temper is not None:
            return np.full(observed.values.shape[1], float(self.temper))
        power = POWER_OF_RECTIFIED[self.observation]
        return power / noise_density(observed.filled**power, seen, observed.segments, observed.rate)

    def _grid(
        self, observed: ObservedEmg, visible: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return `amplitude_grid` over the range of the visible bins."""
        shown = np.ones(len(observed.values)) if visible is None else visible.astype(np.float64)
        width = max(1, round(_RANGE_WINDOW_S * observed.rate))
        floor, top = [], []
        for x, seen in zip(observed.filled.T, observed.seen.T, strict=True):
            known = shown * seen
            averages = [moving_average(x[rows, None], known[rows], width) for rows in observed.segments.slices]
            levels = np.concatenate(averages) / MEAN_OF_RECTIFIED[self.observation]
            floor.append(np.quantile(levels, _AT_REST))
            top.append(levels.max())
        return amplitude_grid(self.grid, np.array(floor), np.array(top), self.amplitudes)

    def _model(
        self,
        observed: ObservedEmg,
        grid: NDArray[np.float64],
        spacing: NDArray[np.float64],
        diffusion: NDArray[np.float64],
        jump: NDArray[np.float64],
        temper: NDArray[np.float64],
    ) -> AmplitudeModel:
        kernels = [
            transition_kernel(self.grid, d, 1 / observed.rate, a, b, self.transition)
            for d, a, b in zip(spacing, diffusion, jump, strict=True)
        ]
        return AmplitudeModel(grid, np.stack(kernels).astype(np.float32), self.observation, temper)


def _within_reach(observed: ObservedEmg, *, smooth: bool) -> NDArray[np.bool_]:
    """Return where the muscle is known at most `_REACH_S` away, for the filter at most that much before."""
    near = np.empty_like(observed.seen)
    for rows in observed.segments.slices:
        seen = observed.seen[rows]
        away = _since_known(seen)
        away = np.minimum(away, _since_known(seen[::-1])[::-1]) if smooth else away
        near[rows] = away <= _REACH_S * observed.rate
    return near


def _since_known(seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how many bins ago each muscle was last known; infinity where it never was, (time, muscle)."""
    at = np.arange(len(seen), dtype=np.float64)[:, None]
    return at - np.maximum.accumulate(np.where(seen, at, -np.inf), axis=0)


def _fit_chunks(segments: Segments) -> Segments:
    """Return chunks of the segments, spread evenly, that `fit` can go through many times."""
    chunks = segments.chunks(_FIT_CHUNK_BINS)
    step = max(1.0, chunks.n_samples / (_FIT_CHUNKS * _FIT_CHUNK_BINS))
    return Segments(tuple(chunks[int(i)] for i in np.arange(0, len(chunks), step)), chunks.rate)


def _compass_search(
    score: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    start: tuple[float, float],
    given: tuple[float | None, float | None],
    diffusion_limit: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Maximise ``score`` over those of diffusion and jump that are not given, for all muscles at once.

    17 scores in all. ``benchmarks/bayes_search.py`` lets methods of `scipy.optimize` do it muscle by muscle: they need
    55 to 63 scores of each and six to seven times the processor time, for at most 2e-4 nats per bin of likelihood.
    """
    n_muscles = len(diffusion_limit)
    at = np.array([np.full(n_muscles, s if g is None else g) for s, g in zip(start, given, strict=True)])
    lower = np.array([np.full(n_muscles, DIFFUSION_BOUNDS[0]), np.full(n_muscles, JUMP_BOUNDS[0])])
    upper = np.array([diffusion_limit, np.full(n_muscles, JUMP_BOUNDS[1])])
    free = [axis for axis, value in enumerate(given) if value is None]
    at[free] = np.clip(at, lower, upper)[free]
    best = score(*at)
    for factor in (8.0, 8.0, 3.0, 1.5):
        for axis in free:
            for f in (factor, 1 / factor):
                trial = at.copy()
                trial[axis] = np.clip(trial[axis] * f, lower[axis], upper[axis])
                value = score(*trial)
                better = value > best
                at[:, better], best[better] = trial[:, better], value[better]
    return at[0], at[1]
