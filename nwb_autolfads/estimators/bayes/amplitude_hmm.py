"""The hidden Markov model of EMG amplitude: grid, transition kernel, observation.

A hidden amplitude sigma on a grid diffuses and jumps, and the rectified EMG x is drawn around it:

    dp/dt = a d2p/du2 + b (uniform - p),     p(x | sigma) ~ exp(-x / sigma) / sigma          (Laplace)
                                             p(x | sigma) ~ exp(-x^2 / 2 sigma^2) / sigma    (Gauss)

In Sanger 2007 (J Neurophysiol 97:1839) and Hofmann et al. 2016 (IEEE TNSRE 24:1341) u is sigma itself. Here u may
also be the logarithm of the muscle's part s of it, sigma^2 = floor^2 + s^2: then activation changes in proportion to
itself, and what the electrode picks up at rest does not have to be explained by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.estimators.bayes.settings import Amplitudes, Observation, Transition

Float32 = NDArray[np.float32]

_BELOW_FLOOR = 5.0  # the muscle's least part is the floor over this, 2 % more amplitude than none: no need to go lower
_LEAST_UNIFORM = 1e-12  # chance per bin of going anywhere: no outlier may have probability zero, not even with b = 0
_LEAST_LIKELIHOOD = np.float32(1e-22)  # relative to the best amplitude's: less would meet the slow denormal numbers


@dataclass(frozen=True)
class AmplitudeModel:
    """Grid, dynamics and observation of every muscle.

    Attributes
    ----------
    grid : array, (muscle, G)
        Amplitudes sigma, rising, in units of the scaled EMG; see `amplitude_grid`.
    kernel : array, (muscle, G, G)
        Probability of going from one amplitude to another within one bin; symmetric.
    observation : {"laplace", "gauss"}
        What the rectified EMG is drawn from.
    temper : array, (muscle,)
        Power of the likelihood of a bin: 1 where the noise of each bin is its own, less where it lasts.
    """

    grid: NDArray[np.float64]
    kernel: Float32
    observation: Observation
    temper: NDArray[np.float64]

    def of_muscles(self, muscles: slice) -> AmplitudeModel:
        """Return the model of some of the muscles."""
        return AmplitudeModel(self.grid[muscles], self.kernel[muscles], self.observation, self.temper[muscles])

    def features(self, x: NDArray[np.float64], seen: NDArray[np.bool_]) -> tuple[Float32, NDArray[np.float64]]:
        """Return what the log-likelihood of `likelihood` is linear in, and the offset that it leaves out.

        The offset is the largest log-likelihood over the grid's range, so that the exponential neither overflows
        nor vanishes for every amplitude. Where unseen both are zero: likelihood one whatever the amplitude.

        Parameters
        ----------
        x : array, (muscle, ...)
            Rectified EMG.
        seen : array of bool, broadcastable to ``x``

        Returns
        -------
        features : array, (muscle, ..., 3)
        offset : array, (muscle, ...)
            log p(x | sigma) = log(likelihood) + offset, up to the observation's constant.
        """
        edge = (-1,) + (1,) * (x.ndim - 1)
        best = np.clip(x, self.grid[:, 0].reshape(edge), self.grid[:, -1].reshape(edge))
        if self.observation == "laplace":
            power, offset = x, -x / best - np.log(best)
        else:
            power, offset = x**2, -0.5 * (x / best) ** 2 - np.log(best)
        features = np.stack([power, np.ones_like(x), -offset], axis=-1) * np.asarray(seen)[..., None]
        return features.astype(np.float32), self.temper.reshape(edge) * offset * seen

    def terms(self) -> Float32:
        """Return ``(muscle, 3, G)``, the factors of `features` in the log-likelihood of each amplitude."""
        slope = -1 / self.grid if self.observation == "laplace" else -0.5 / self.grid**2
        terms = np.stack([slope, -np.log(self.grid), np.ones_like(slope)], axis=1)
        return (self.temper[:, None, None] * terms).astype(np.float32)


def amplitude_grid(
    n_grid: int, floor: NDArray[np.float64], top: NDArray[np.float64], amplitudes: Amplitudes
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the amplitudes of each muscle and the spacing of what diffuses.

    Parameters
    ----------
    n_grid : int
        G, number of amplitudes.
    floor, top : array, (muscle,)
        Amplitude at rest, used by the logarithmic grid only, and the largest amplitude.
    amplitudes : {"logarithmic", "linear"}
        Logarithmic: ``sigma = sqrt(floor^2 + s^2)``, log s equally spaced from floor / 5 up. Linear: sigma equally
        spaced from one spacing above zero.

    Returns
    -------
    grid : array, (muscle, G)
    spacing : array, (muscle,)
        Of log s, or of sigma.
    """
    if amplitudes == "linear":
        spacing = top / n_grid
        return spacing[:, None] * np.arange(1, n_grid + 1), spacing
    lowest = floor / _BELOW_FLOOR
    spacing = np.log(top / lowest) / (n_grid - 1)
    muscle_part = lowest[:, None] * np.exp(spacing[:, None] * np.arange(n_grid))
    return np.hypot(floor[:, None], muscle_part), spacing


def likelihood(features: Float32, terms: Float32, out: Float32) -> Float32:
    """Compute ``(muscle, window, G)`` likelihoods, one for the best amplitude, into ``out``."""
    np.matmul(features, terms, out=out)
    np.exp(out, out=out)
    return np.add(out, _LEAST_LIKELIHOOD, out=out)


def transition_kernel(
    n_grid: int, spacing: float, bin_s: float, diffusion: float, jump: float, method: Transition = "exact"
) -> NDArray[np.float64]:
    """Return the probabilities of going from amplitude to amplitude within one bin.

    The generator is ``Q = a L + b (U - I)``: L the second difference of equally spaced values, over their squared
    spacing and with reflecting walls, U the matrix of all 1/G. L and U commute and the cosines of the DCT-II
    diagonalise L, so the exact ``expm(Q dt)`` costs one product. The published filter's Euler step is ``I + Q dt``.

    Parameters
    ----------
    n_grid : int
        G, number of amplitudes.
    spacing : float
        Between neighbouring values of what diffuses, from `amplitude_grid`.
    bin_s : float
        Length of a bin (s).
    diffusion, jump : float
        a (squared units of the spacing per s) and b (per s).
    method : {"exact", "euler"}

    Returns
    -------
    array, (G, G)
        Symmetric, rows sum to one.

    Raises
    ------
    ConfigError
        When an Euler step would give negative probabilities.
    """
    strength, leave = diffusion * bin_s / spacing**2, jump * bin_s
    if method == "euler":
        if 2 * strength > 1 or leave > 1:
            raise ConfigError(
                f"diffusion={diffusion:g}, jump={jump:g} make an Euler step unstable; on this grid at {1 / bin_s:g} Hz "
                f"diffusion is limited to {spacing**2 / (2 * bin_s):.3g} and jump to {1 / bin_s:g}",
                way_out="Lower them or take transition='exact'",
            )
        kernel = np.diag(np.full(n_grid, 1 - 2 * strength)) + strength * (np.eye(n_grid, k=1) + np.eye(n_grid, k=-1))
        kernel[0, 0] = kernel[-1, -1] = 1 - strength
    else:
        cosines = dct(np.eye(n_grid), type=2, norm="ortho", axis=0)
        decay = np.exp(-2 * strength * (1 - np.cos(np.pi * np.arange(n_grid) / n_grid)))
        kernel = np.maximum(cosines.T @ (decay[:, None] * cosines), 0)
        leave = -np.expm1(-leave)
    leave = max(leave, _LEAST_UNIFORM)
    return (1 - leave) * kernel + leave / n_grid
