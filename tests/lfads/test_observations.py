"""Likelihoods and KL terms against torch.distributions."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, MultivariateNormal, Normal, kl_divergence
from torch.distributions import Gamma as TorchGamma
from torch.distributions import LogNormal as TorchLogNormal
from torch.distributions import Poisson as TorchPoisson

from nwb_autolfads.lfads.kernels import recurrence
from nwb_autolfads.lfads.kernels.gamma import gamma_nll
from nwb_autolfads.lfads.observations import OBSERVATIONS, Gamma, LogNormal, Poisson, ZeroInflatedGamma
from nwb_autolfads.lfads.priors import kl_initial_condition, kl_inputs


def grid(dtype):
    x = torch.logspace(-4, 0.7, 9, dtype=dtype)
    log_mean = torch.linspace(-8, 2, 7, dtype=dtype)
    log_concentration = torch.linspace(-3.9, 6.9, 41, dtype=dtype)
    return torch.meshgrid(x, log_mean, log_concentration, indexing="ij")


def reference(x, log_mean, log_concentration):
    return -TorchGamma(log_concentration.exp(), (log_concentration - log_mean).exp()).log_prob(x)


def test_gamma_likelihood_equals_torch_distributions():
    x, log_mean, log_concentration = grid(torch.float64)
    nll = gamma_nll(x, log_mean, log_concentration)
    torch.testing.assert_close(nll, reference(x, log_mean, log_concentration), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("path", ["plain", "compiled"])
def test_gamma_likelihood_and_gradient_in_float32_keep_their_digits_at_large_concentration(path):
    x, log_mean, log_concentration = (v.clone() for v in grid(torch.float64))
    log_mean = x.log() + 0.1 * log_mean  # near the data, where the terms cancel
    exact = [v.clone().requires_grad_() for v in (log_mean, log_concentration)]
    single = [v.float().requires_grad_() for v in (log_mean, log_concentration)]
    reference(x, *exact).sum().backward()
    with recurrence.using(path):
        nll = Gamma().nll(x.float(), torch.cat(single, -1))
    nll.sum().backward()
    torch.testing.assert_close(nll.double(), reference(x, *exact).detach(), rtol=1e-4, atol=1e-4)
    for mine, theirs in zip(single, exact, strict=True):
        torch.testing.assert_close(mine.grad.double(), theirs.grad, rtol=1e-3, atol=2e-3)


def test_gamma_stays_finite_at_the_floor_of_the_data_and_at_extreme_readouts():
    x = torch.tensor([[1e-4, 3.0]])
    readout = torch.tensor([[-1e3, 1e3, 1e3, -1e3]], requires_grad=True)
    Gamma().nll(x, readout).sum().backward()
    assert Gamma().nll(x, readout).isfinite().all()
    assert readout.grad.isfinite().all()


def test_gamma_read_out_starts_at_the_moments_of_the_data():
    torch.manual_seed(0)
    x = TorchGamma(torch.tensor([0.7, 3.0]), torch.tensor([1.0, 9.0])).sample((200_000,))
    bias = Gamma().initial_bias(x)
    expected = [math.log(0.7), math.log(1 / 3), math.log(0.7), math.log(3.0)]
    torch.testing.assert_close(bias, torch.tensor(expected), atol=0.03, rtol=0)
    torch.testing.assert_close(Gamma().mean(bias), x.mean(0))
    torch.testing.assert_close(Gamma().concentration(bias), torch.tensor([0.7, 3.0]), atol=0.08, rtol=0)


def test_kl_of_the_initial_condition_equals_torch_distributions():
    torch.manual_seed(0)
    mean, sd, prior = torch.randn(2, 5, 3), torch.rand(2, 5, 3) + 0.1, torch.randn(2, 1, 3)
    expected = kl_divergence(Normal(mean, sd), Normal(prior, math.sqrt(0.1))).sum(-1).mean(-1)
    torch.testing.assert_close(kl_initial_condition(mean, sd, prior), expected)


def test_kl_of_the_inputs_equals_a_multivariate_normal_with_the_covariance_of_an_ar1_process():
    torch.manual_seed(0)
    T, P, B, U = 6, 2, 4, 2
    mean, sd = (torch.randn(P, T, B, U, dtype=torch.float64) for _ in range(2))
    sd = sd.abs() + 0.1
    sample = mean + sd * torch.randn_like(mean)
    log_tau, log_variance = torch.randn(P, 1, U, dtype=torch.float64), torch.randn(P, 1, U, dtype=torch.float64)
    got = kl_inputs(sample, mean, sd, log_tau, log_variance)
    lag = (torch.arange(T).unsqueeze(0) - torch.arange(T).unsqueeze(1)).abs()
    for p in range(P):
        expected = 0.0
        for u in range(U):
            a = math.exp(-1 / math.exp(log_tau[p, 0, u]))
            covariance = math.exp(log_variance[p, 0, u]) / (1 - a * a) * a ** lag.double()
            prior = MultivariateNormal(torch.zeros(T, dtype=torch.float64), covariance)
            for b in range(B):
                q = Normal(mean[p, :, b, u], sd[p, :, b, u]).log_prob(sample[p, :, b, u]).sum()
                expected += (q - prior.log_prob(sample[p, :, b, u])) / B
        torch.testing.assert_close(got[p], expected)


def readout_of(observation, channels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(50, observation.parameters * channels, generator=generator, dtype=torch.float64)


def test_lognormal_likelihood_and_moments_equal_torch_distributions():
    readout = readout_of(LogNormal(), 3).clamp(-1.4, 1.4)
    reference = TorchLogNormal(readout[:, :3], readout[:, 3:].exp())
    x = reference.sample()
    torch.testing.assert_close(LogNormal().nll(x, readout), -reference.log_prob(x))
    torch.testing.assert_close(LogNormal().mean(readout), reference.mean)
    torch.testing.assert_close(LogNormal().concentration(readout), reference.mean**2 / reference.variance)


@pytest.mark.parametrize(("asked", "kept"), [(-9.0, -4.0), (-3.9, -3.9), (1.4, 1.4), (9.0, 1.5)])
def test_lognormal_spread_is_kept_within_the_bounds_that_it_states(asked, kept):
    x, readout = torch.full((1, 1), 1.01, dtype=torch.float64), torch.tensor([[0.0, asked]], dtype=torch.float64)
    reference = TorchLogNormal(
        torch.zeros(1, 1, dtype=torch.float64), torch.tensor([[kept]], dtype=torch.float64).exp()
    )
    torch.testing.assert_close(LogNormal().nll(x, readout), -reference.log_prob(x))
    torch.testing.assert_close(LogNormal().mean(readout), reference.mean)


def test_poisson_likelihood_equals_torch_distributions():
    readout = readout_of(Poisson(), 3)
    reference = TorchPoisson(readout.exp())
    x = reference.sample()
    torch.testing.assert_close(Poisson().nll(x, readout), -reference.log_prob(x))
    torch.testing.assert_close(Poisson().mean(readout), reference.mean)
    torch.testing.assert_close(Poisson().concentration(readout), reference.mean**2 / reference.variance)
    torch.testing.assert_close(Poisson().mean(Poisson().initial_bias(x)), x.mean(0))


def test_zero_inflated_gamma_is_a_mixture_of_a_point_and_torch_s_gamma():
    readout = readout_of(ZeroInflatedGamma(), 3)
    zero, log_mean, log_concentration = readout.chunk(3, dim=-1)
    gamma = TorchGamma(log_concentration.exp(), (log_concentration - log_mean).exp())
    share = Bernoulli(logits=zero)
    at_zero = share.sample()
    x = torch.where(at_zero > 0, torch.zeros_like(log_mean), gamma.sample())
    expected = -share.log_prob(at_zero) - torch.where(at_zero > 0, 0.0, gamma.log_prob(x.clamp_min(1e-9)))
    torch.testing.assert_close(ZeroInflatedGamma().nll(x, readout), expected)
    mean = (1 - share.probs) * gamma.mean
    variance = (1 - share.probs) * (gamma.variance + gamma.mean**2) - mean**2
    torch.testing.assert_close(ZeroInflatedGamma().mean(readout), mean)
    torch.testing.assert_close(ZeroInflatedGamma().concentration(readout), mean**2 / variance)


def test_zero_inflated_read_out_starts_at_the_moments_of_the_data():
    torch.manual_seed(1)
    x = TorchGamma(torch.tensor([0.7, 3.0]), torch.tensor([1.0, 9.0])).sample((100_000,))
    x[torch.rand(x.shape) < torch.tensor([0.1, 0.6])] = 0
    bias = ZeroInflatedGamma().initial_bias(x)
    torch.testing.assert_close(bias[:2].sigmoid(), torch.tensor([0.1, 0.6]), atol=0.01, rtol=0)
    torch.testing.assert_close(ZeroInflatedGamma().mean(bias), x.mean(0), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["gamma", "zero_inflated_gamma", "lognormal"])
def test_training_starts_within_bounds_however_small_or_large_the_data_are(name):
    random = torch.Generator().manual_seed(0)
    scale = torch.tensor([1e-2, 1.0, 1e6], dtype=torch.float64)
    data = scale * torch.exp(1e-3 * torch.randn(200, 3, generator=random, dtype=torch.float64))
    bias = OBSERVATIONS[name]().initial_bias(data).view(-1, 3)[-2:]
    spread = 4.0 if "gamma" in name else -4.0  # log concentration, or log of the standard deviation
    expected = torch.tensor([[-4.0, 0.0, 4.0], [spread] * 3], dtype=torch.float64)
    torch.testing.assert_close(bias, expected, atol=1e-3, rtol=0)
