"""The amplitude model as plain loops in float64, and data drawn from it, for the tests of the Bayesian estimators."""

import numpy as np
from emg_examples import RATE
from scipy.linalg import expm

from nwb_autolfads.estimators.bayes.amplitude_hmm import AmplitudeModel, transition_kernel


def generator(n_grid, spacing, diffusion, jump):
    """The equation's right-hand side as a matrix: reflecting diffusion and jumps to anywhere."""
    laplacian = -2 * np.eye(n_grid) + np.eye(n_grid, k=1) + np.eye(n_grid, k=-1)
    laplacian[0, 0] = laplacian[-1, -1] = -1
    return diffusion * laplacian / spacing**2 + jump * (np.ones((n_grid, n_grid)) / n_grid - np.eye(n_grid))


def plain_loop(x, sigma, kernel, observation, hidden=(), temper=1.0):
    """Filter and smooth one muscle bin by bin; densities in closed form, no shortcuts."""
    alpha, alphas, evidence = np.full(len(sigma), 1 / len(sigma)), [], []
    densities = []
    for t, value in enumerate(x):
        if observation == "laplace":
            density = np.exp(-value / sigma) / sigma
        else:
            density = np.exp(-(value**2) / (2 * sigma**2)) / sigma
        densities.append(np.ones_like(sigma) if t in hidden else density**temper)
        alpha = kernel.T @ alpha * densities[-1]
        evidence.append(np.log(alpha.sum()))
        alpha = alpha / alpha.sum()
        alphas.append(alpha)
    beta, smoothed = np.ones_like(sigma), []
    for t in reversed(range(len(x))):
        smoothed.append(alphas[t] * beta / (alphas[t] @ beta))
        beta = kernel @ (densities[t] * beta)
        beta /= beta.sum()
    return np.array(alphas), np.array(smoothed[::-1]), np.array(evidence)


def draw_from_the_model(n_bins, n_grid, top, diffusion, jump, observation, seed):
    random = np.random.default_rng(seed)
    kernel = expm(generator(n_grid, top / n_grid, diffusion, jump) / RATE)
    thresholds = kernel.cumsum(axis=1)
    state, states = n_grid // 2, []
    for uniform in random.uniform(size=n_bins):
        state = min(int(np.searchsorted(thresholds[state], uniform)), n_grid - 1)
        states.append(state)
    sigma = (np.array(states) + 1) * top / n_grid
    noise = random.exponential(size=n_bins) if observation == "laplace" else np.abs(random.standard_normal(n_bins))
    return sigma * noise, sigma


def model_of(n_muscles, n_grid, top, diffusion, jump, observation):
    kernel = transition_kernel(n_grid, top / n_grid, 1 / RATE, diffusion, jump)
    grid = np.tile(np.arange(1, n_grid + 1) * top / n_grid, (n_muscles, 1))
    return AmplitudeModel(grid, np.tile(kernel.astype(np.float32), (n_muscles, 1, 1)), observation, np.ones(n_muscles))
